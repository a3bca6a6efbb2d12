//! The joint path that keeps the tool on its path between the waypoints.

use dreamitate_kinematics::{IkSettings, InverseKinematics, Joints, MAX_JOINTS};

use crate::arm::Arm;
use crate::cubic_spline::CubicSpline;
use crate::layers::largest_jump;
use crate::plan_error::PlanError;
use crate::plan_settings::PlanSettings;
use crate::tool_path::{ToolPath, Waypoint};

/// A joint path whose knots are at least as dense as the settings' rate and include each waypoint's time.
///
/// Each knot starts from a spline through the waypoints' postures and is moved onto the tool's path by the shortest
/// joint step. That is a smooth function of time, passes exactly through the chosen postures, and does not drift in
/// the redundant direction as following knot by knot would.
pub(crate) fn track(
    arm: &Arm,
    path: &ToolPath,
    waypoints: &[Waypoint],
    postures: &[Joints],
    settings: &PlanSettings,
) -> Result<CubicSpline<MAX_JOINTS>, PlanError> {
    // Differences of knots 10 ms apart are accelerations, so the knots must be much better than the tool needs.
    let ik = InverseKinematics::with_settings(
        &arm.chain,
        IkSettings {
            position_tolerance_m: 1e-9,
            rotation_tolerance_rad: 1e-9,
            max_restarts: 0,
            ..IkSettings::default()
        },
    );
    let too_few = || PlanError::TooFewWaypoints { found: waypoints.len() };
    let times_s: Vec<f64> = waypoints.iter().map(|w| w.time_s).collect();
    let guess = CubicSpline::at_rest(times_s, postures.iter().map(row).collect()).ok_or_else(too_few)?;

    let mut knots_s = Vec::new();
    let mut rows = Vec::new();
    let mut before: Option<Joints> = None;
    for (index, pair) in waypoints.windows(2).enumerate() {
        let width_s = pair[1].time_s - pair[0].time_s;
        let pieces = (width_s * settings.rate_hz).ceil().max(1.0) as usize;
        let first = usize::from(index > 0);
        for piece in first..=pieces {
            let time_s = if piece == pieces {
                pair[1].time_s
            } else {
                pair[0].time_s + width_s * piece as f64 / pieces as f64
            };
            let start = guess.at(time_s).value.iter().take(arm.chain.dof()).copied().collect();
            let pose = arm.base_from_flange(&path.world_from_tool(time_s));
            let answer = ik.follow(&pose, &start).map_err(|source| PlanError::UnreachableBetween {
                waypoint: index,
                time_s,
                source,
            })?;
            if let Some(before) = &before {
                let jump_rad = largest_jump(before, &answer.joints);
                if jump_rad > settings.largest_jump_rad {
                    let limit_rad = settings.largest_jump_rad;
                    return Err(PlanError::BranchJump { waypoint: index + 1, jump_rad, limit_rad });
                }
            }
            before = Some(answer.joints);
            knots_s.push(time_s);
            rows.push(row(&answer.joints));
        }
    }
    CubicSpline::at_rest(knots_s, rows).ok_or_else(too_few)
}

/// The joints as a row of the spline; places beyond the arm's joints stay 0.
fn row(joints: &Joints) -> [f64; MAX_JOINTS] {
    let mut row = [0.0; MAX_JOINTS];
    for (place, value) in row.iter_mut().zip(joints) {
        *place = *value;
    }
    row
}

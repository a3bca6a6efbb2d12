//! Postures in a row as one motion from rest to rest within the arm's limits.

use dreamitate_kinematics::{Joints, MAX_JOINTS};

use crate::arm::Arm;
use crate::cubic_spline::CubicSpline;
use crate::trajectory::{JointTrajectory, TrajectoryPoint};

/// The trajectory through postures that are near one another, at rest at both ends, as fast as the given parts of the
/// arm's velocity and acceleration limits allow for its shape.
///
/// Progress along the way follows the quintic from rest to rest, so that the ends are gentle; joints are cubic splines
/// over time. Postures that repeat the one before are left out; `None` where fewer than two are left.
pub fn timed_way(
    arm: &Arm,
    postures: &[Joints],
    velocity_fraction: f64,
    acceleration_fraction: f64,
) -> Option<JointTrajectory> {
    let mut lengths = Vec::with_capacity(postures.len());
    let mut rows: Vec<[f64; MAX_JOINTS]> = Vec::with_capacity(postures.len());
    let mut length = 0.0;
    for posture in postures {
        let mut row = [0.0; MAX_JOINTS];
        row.iter_mut().zip(posture).for_each(|(place, value)| *place = *value);
        if let Some(before) = rows.last() {
            let step = row.iter().zip(before).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            if step < 1e-9 {
                continue;
            }
            length += step;
        }
        lengths.push(length);
        rows.push(row);
    }
    let unit_times: Vec<f64> = lengths.iter().map(|l| time_of_progress(l / length)).collect();
    let at_one_second = CubicSpline::at_rest(unit_times.clone(), rows.clone())?;
    let (velocity, acceleration) = at_one_second.peaks();
    // Stretching time by k divides velocities by k and accelerations by k².
    let limits = arm.limits.velocity_rad_s.iter().zip(&arm.limits.acceleration_rad_s2);
    let duration_s = limits
        .zip(velocity.iter().zip(&acceleration))
        .map(|((v_limit, a_limit), (v, a))| {
            (v / (velocity_fraction * v_limit)).max((a / (acceleration_fraction * a_limit)).sqrt())
        })
        .fold(0.0, f64::max);
    let times_s: Vec<f64> = unit_times.iter().map(|t| t * duration_s).collect();
    let spline = CubicSpline::at_rest(times_s, rows)?;
    let dof = arm.chain.dof();
    let points = spline.times_s().iter().map(|&time_s| {
        let state = spline.at(time_s);
        let joints = |values: &[f64]| values.iter().take(dof).copied().collect::<Joints>();
        TrajectoryPoint {
            time_s,
            positions: joints(&state.value),
            velocities: joints(&state.velocity),
            accelerations: joints(&state.acceleration),
        }
    });
    Some(JointTrajectory {
        joint_names: arm.joint_names(),
        points: points.collect(),
        waypoint_times_s: Vec::new(),
        time_scale: 1.0,
    })
}

/// The time, 0 to 1, at which the quintic from rest to rest, 10t³ − 15t⁴ + 6t⁵, has gone a share of its way.
fn time_of_progress(progress: f64) -> f64 {
    let (mut lower, mut upper) = (0.0, 1.0);
    if progress >= 1.0 {
        return 1.0;
    }
    while upper - lower > 1e-12 {
        let t: f64 = 0.5 * (lower + upper);
        if t.powi(3) * (10.0 - 15.0 * t + 6.0 * t * t) < progress { lower = t } else { upper = t }
    }
    lower
}

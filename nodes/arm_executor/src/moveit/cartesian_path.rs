use dreamitate_kinematics::{InverseKinematics, Joints};
use dreamitate_motion::{JointTrajectory, timed_way};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    moveit_msgs::{GetCartesianPathRequest, GetCartesianPathResponse, MoveItErrorCodes, RobotTrajectory},
};
use nalgebra::Isometry3;

use super::{
    Cell, CellArm, Refusal,
    cell::{Link, without},
    refusal::success,
};
use crate::trajectory_message::to_message;

/// MoveIt turns this much for each metre of `max_step`: 2° for 10 mm.
const RAD_PER_M: f64 = 3.5;
/// A path of more steps than this is a mistake in `max_step`.
const MOST_STEPS: f64 = 100_000.0;

/// The straight way of the flange or the tool of a group through waypoints, as far as the arm can go it.
///
/// Where a step needs a jump of the joints, or meets a limit or an obstacle, the path ends; `fraction` is the share of the
/// steps before. Less than the whole is an error unless `accept_partial`; the solution up to there is given all the same.
pub(crate) fn compute_cartesian_path(
    cell: &Cell,
    request: &GetCartesianPathRequest,
    accept_partial: bool,
) -> GetCartesianPathResponse {
    match path(cell, request) {
        Err(refusal) => GetCartesianPathResponse { error_code: refusal.into(), ..Default::default() },
        Ok(found) => GetCartesianPathResponse {
            error_code: match found.ended {
                Some(why) if !accept_partial => Refusal::new(MoveItErrorCodes::PLANNING_FAILED, why).into(),
                _ => success(),
            },
            ..found.response
        },
    }
}

struct Found {
    response: GetCartesianPathResponse,
    /// Why the path ended early.
    ended: Option<String>,
}

fn path(cell: &Cell, request: &GetCartesianPathRequest) -> Result<Found, Refusal> {
    without(&request.path_constraints)?;
    if !request.cartesian_speed_limited_link.is_empty() {
        let message = format!("the speed of {:?} is not limited", request.cartesian_speed_limited_link);
        return Err(Refusal::new(MoveItErrorCodes::INVALID_MOTION_PLAN, message));
    }
    let cell = &cell.as_said(&request.start_state)?;
    let arm = cell.group(&request.group_name)?;
    let tip = cell.tip_of(arm, &request.link_name)?;
    let start = cell.posture(arm, &request.start_state)?;
    let invalid = |message: String| Refusal::new(MoveItErrorCodes::INVALID_MOTION_PLAN, message);
    let step_m = request.max_step;
    if !(step_m.is_finite() && step_m > 0.0) {
        return Err(invalid(format!("max_step is {step_m} m, it must be greater than 0")));
    }
    for (name, value) in [
        ("max_cartesian_speed", request.max_cartesian_speed),
        ("jump_threshold", request.jump_threshold),
        ("revolute_jump_threshold", request.revolute_jump_threshold),
        ("prismatic_jump_threshold", request.prismatic_jump_threshold),
    ] {
        if !value.is_finite() {
            return Err(invalid(format!("{name} is {value}, it must be finite")));
        }
    }
    let mut corners = vec![arm.world_from(tip, &start)];
    for waypoint in &request.waypoints {
        corners.push(cell.in_world(&request.header.frame_id, waypoint)?);
    }
    let poses = straight_ways(&corners, step_m).map_err(invalid)?;

    let jumps = Jumps::of(request);
    let ik = InverseKinematics::new(&arm.arm.chain);
    let mut postures = vec![start];
    let mut ended = None;
    for world_from_tip in &poses {
        let before = postures.last().unwrap_or(&start);
        let next = ik
            .follow(&arm.base_from_flange(tip, world_from_tip), before)
            .map_err(|error| error.to_string())
            .and_then(|answer| {
                jumps.check_step(arm, before, &answer.joints)?;
                if request.avoid_collisions {
                    cell.check_clear(arm, &answer.joints)?;
                }
                Ok(answer.joints)
            });
        match next {
            Ok(joints) => postures.push(joints),
            Err(why) => {
                ended = Some(why);
                break;
            }
        }
    }
    if let Some((kept, why)) = jumps.longest_without_relative_jump(&postures) {
        postures.truncate(kept);
        ended = Some(why);
    }
    let fraction = if poses.is_empty() { 1.0 } else { (postures.len() - 1) as f64 / poses.len() as f64 };
    let ended = ended.map(|why| format!("{:.1} % of the path: {why}", 100.0 * fraction));

    let mut solution = RobotTrajectory::default();
    if let Some(trajectory) = timed(arm, tip, &postures, request)? {
        solution.joint_trajectory = to_message(&trajectory, Time::default());
    }
    let start_state = cell.state_with(arm, &start);
    Ok(Found {
        response: GetCartesianPathResponse { start_state, solution, fraction, ..Default::default() },
        ended,
    })
}

/// Poses at most a step apart, on straight ways from corner to corner with even turning; the first corner is left out.
fn straight_ways(corners: &[Isometry3<f64>], step_m: f64) -> Result<Vec<Isometry3<f64>>, String> {
    let mut poses = Vec::new();
    for pair in corners.windows(2) {
        let [from, to] = pair else { continue };
        let length_m = (to.translation.vector - from.translation.vector).norm();
        let steps: f64 =
            (length_m / step_m).max(from.rotation.angle_to(&to.rotation) / (RAD_PER_M * step_m)).ceil();
        let all = poses.len() as f64 + steps.max(1.0);
        if all > MOST_STEPS {
            return Err(format!("max_step {step_m} m gives {all} steps or more, limit {MOST_STEPS}"));
        }
        for step in 1..=steps.max(1.0) as usize {
            let share = step as f64 / steps.max(1.0);
            let position = from.translation.vector.lerp(&to.translation.vector, share);
            // Opposite rotations have no one way between them: any is right.
            let rotation = from
                .rotation
                .try_slerp(&to.rotation, share, 1e-9)
                .unwrap_or_else(|| from.rotation.nlerp(&to.rotation, share));
            poses.push(Isometry3::from_parts(position.into(), rotation));
        }
    }
    Ok(poses)
}

/// The thresholds of a request; 0 is none, as in MoveIt.
struct Jumps {
    revolute_rad: f64,
    prismatic_m: f64,
    over_mean: f64,
}

impl Jumps {
    fn of(request: &GetCartesianPathRequest) -> Self {
        let or_none = |value: f64| if value > 0.0 { value } else { f64::INFINITY };
        Self {
            revolute_rad: or_none(request.revolute_jump_threshold),
            prismatic_m: or_none(request.prismatic_jump_threshold),
            over_mean: or_none(request.jump_threshold),
        }
    }

    fn check_step(&self, arm: &CellArm, before: &Joints, after: &Joints) -> Result<(), String> {
        use dreamitate_kinematics::JointKind;
        for (joint, (a, b)) in arm.arm.chain.moving_joints().iter().zip(before.iter().zip(after)) {
            let (limit, unit) = match joint.kind {
                JointKind::Turning => (self.revolute_rad, "rad"),
                JointKind::Sliding => (self.prismatic_m, "m"),
            };
            let jump = (b - a).abs();
            if jump > limit {
                return Err(format!(
                    "joint {:?} jumps by {jump:.4} {unit}, limit {limit:.4} {unit}",
                    joint.name
                ));
            }
        }
        Ok(())
    }

    /// MoveIt's older test: a step of the joints longer than so many mean steps. How many postures are before the first.
    fn longest_without_relative_jump(&self, postures: &[Joints]) -> Option<(usize, String)> {
        if self.over_mean.is_infinite() || postures.len() < 3 {
            return None;
        }
        let steps: Vec<f64> = postures
            .windows(2)
            .map(|pair| pair[0].iter().zip(&pair[1]).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt())
            .collect();
        let limit = self.over_mean * steps.iter().sum::<f64>() / steps.len() as f64;
        let first = steps.iter().position(|step| *step > limit)?;
        Some((first + 1, format!("the joints jump by {:.4} rad, limit {limit:.4} rad", steps[first])))
    }
}

/// The postures on the clock, within the request's shares of the limits and its speed.
fn timed(
    arm: &CellArm,
    tip: Link,
    postures: &[Joints],
    request: &GetCartesianPathRequest,
) -> Result<Option<JointTrajectory>, Refusal> {
    let share = |value: f64, name: &str| match value {
        // MoveIt's "as fast as allowed".
        0.0 => Ok(1.0),
        value if value > 0.0 && value <= 1.0 => Ok(value),
        value => Err(Refusal::new(
            MoveItErrorCodes::INVALID_MOTION_PLAN,
            format!("{name} is {value}, it must be above 0 and at most 1"),
        )),
    };
    let velocity = share(request.max_velocity_scaling_factor, "max_velocity_scaling_factor")?;
    let acceleration = share(request.max_acceleration_scaling_factor, "max_acceleration_scaling_factor")?;
    let Some(mut trajectory) = timed_way(&arm.arm, postures, velocity, acceleration) else { return Ok(None) };
    /// Longer is a mistake in the request, s.
    const LONGEST_S: f64 = 600.0;
    let too_long = |duration_s: f64| {
        let message =
            format!("the path takes {duration_s:.0} s at the speeds asked for, limit {LONGEST_S:.0} s");
        Refusal::new(MoveItErrorCodes::INVALID_MOTION_PLAN, message)
    };
    if trajectory.duration_s() > LONGEST_S {
        return Err(too_long(trajectory.duration_s()));
    }
    if request.max_cartesian_speed > 0.0 {
        /// Between samples the speed changes by less than a thousandth of what limits it.
        const RATE_HZ: f64 = 1000.0;
        let places: Vec<_> = trajectory
            .sampled(RATE_HZ)
            .map(|point| (point.time_s, arm.world_from(tip, &point.positions).translation.vector))
            .collect();
        let fastest_mps = places
            .windows(2)
            .filter(|pair| pair[1].0 > pair[0].0)
            .map(|pair| (pair[1].1 - pair[0].1).norm() / (pair[1].0 - pair[0].0))
            .fold(0.0, f64::max);
        trajectory.stretch((fastest_mps / request.max_cartesian_speed).max(1.0));
        if trajectory.duration_s() > LONGEST_S {
            return Err(too_long(trajectory.duration_s()));
        }
    }
    Ok(Some(trajectory))
}

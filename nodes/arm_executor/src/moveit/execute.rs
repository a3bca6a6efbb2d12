use dreamitate_motion::{Arm, JointTrajectory, check_clearance};
use dreamitate_msgs::moveit_msgs::{MoveItErrorCodes, RobotTrajectory};
use dreamitate_msgs::trajectory_msgs;

use super::{Cell, Refusal};
use crate::trajectory_message::from_message;

/// What an arm does while a trajectory is executed.
#[derive(Debug)]
pub(crate) enum Way {
    Goes(JointTrajectory),
    /// It is left out, and stands where it is in the way of the others.
    Stands(JointTrajectory),
}

/// What each arm of the cell does by a message that may speak of several.
///
/// # Errors
/// Joints that no arm has, an arm with some of its joints only, points without velocities or accelerations or out of
/// order, motion at an end, positions or speeds beyond the limits, or a way too near to something, be it an arm that is
/// left out.
pub(crate) fn trajectories(cell: &Cell, message: &RobotTrajectory) -> Result<Vec<Way>, Refusal> {
    let invalid = |message: String| Refusal::new(MoveItErrorCodes::INVALID_MOTION_PLAN, message);
    let joints = &message.joint_trajectory;
    if !message.multi_dof_joint_trajectory.joint_names.is_empty() {
        return Err(invalid(format!(
            "{:?} are no joints of an arm",
            message.multi_dof_joint_trajectory.joint_names
        )));
    }
    let mut unclaimed: Vec<&String> = joints.joint_names.iter().collect();
    let mut found: Vec<Option<JointTrajectory>> = Vec::with_capacity(cell.arms.len());
    for arm in &cell.arms {
        let names = arm.arm.joint_names();
        let places: Vec<Option<usize>> =
            names.iter().map(|name| joints.joint_names.iter().position(|n| n == name)).collect();
        if places.iter().all(Option::is_none) {
            found.push(None);
            continue;
        }
        let missing = names.iter().zip(&places).find(|(_, place)| place.is_none());
        let Some(places) = places.iter().copied().collect::<Option<Vec<usize>>>() else {
            let joint = missing.map(|(name, _)| name.as_str()).unwrap_or_default();
            return Err(invalid(format!(
                "arm {:?}: the trajectory says nothing of joint {joint:?}",
                arm.arm.name
            )));
        };
        unclaimed.retain(|name| !names.contains(name));
        let trajectory = from_message(&part(joints, &names, &places))
            .map_err(|error| invalid(format!("arm {:?}: {error}", arm.arm.name)))?;
        check_order(&arm.arm, &trajectory).map_err(invalid)?;
        check_limits(&arm.arm, &trajectory).map_err(invalid)?;
        found.push(Some(trajectory));
    }
    if let Some(name) = unclaimed.first() {
        return Err(invalid(format!("no arm has a joint {name:?}")));
    }
    if found.iter().all(Option::is_none) {
        return Err(invalid("the trajectory names no joints".to_owned()));
    }
    let ways: Vec<Way> = cell
        .arms
        .iter()
        .zip(found)
        .map(|(arm, way)| way.map_or_else(|| arm.standing().map(Way::Stands), |way| Ok(Way::Goes(way))))
        .collect::<Result<_, String>>()
        .map_err(invalid)?;
    let of_arms: Vec<(&Arm, &JointTrajectory)> = cell
        .arms
        .iter()
        .zip(&ways)
        .map(|(arm, Way::Goes(way) | Way::Stands(way))| (&*arm.arm, way))
        .collect();
    check_clearance(&of_arms, &cell.limits).map_err(|error| invalid(error.to_string()))?;
    Ok(ways)
}

/// The columns of some joints.
fn part(
    all: &trajectory_msgs::JointTrajectory,
    names: &[String],
    places: &[usize],
) -> trajectory_msgs::JointTrajectory {
    // A row of another length stays short, and is refused by who reads it.
    let chosen = |row: &[f64]| -> Vec<f64> { places.iter().filter_map(|at| row.get(*at).copied()).collect() };
    trajectory_msgs::JointTrajectory {
        header: all.header.clone(),
        joint_names: names.to_vec(),
        points: all
            .points
            .iter()
            .map(|point| trajectory_msgs::JointTrajectoryPoint {
                positions: chosen(&point.positions),
                velocities: chosen(&point.velocities),
                accelerations: chosen(&point.accelerations),
                effort: Vec::new(),
                time_from_start: point.time_from_start.clone(),
            })
            .collect(),
    }
}

/// Whether the points make a motion from rest to rest.
fn check_order(arm: &Arm, trajectory: &JointTrajectory) -> Result<(), String> {
    /// Slower is at rest, rad/s.
    const REST_RAD_S: f64 = 1e-3;
    /// Longer is a mistake in the times, s; and so are points that are nearer.
    const LONGEST_S: f64 = 600.0;
    const SHORTEST_S: f64 = 1e-3;
    let of_arm = |text: String| Err(format!("arm {:?}: {text}", arm.name));
    let (Some(first), Some(last)) = (trajectory.points.first(), trajectory.points.last()) else {
        return of_arm("the trajectory has no points".to_owned());
    };
    for (index, point) in trajectory.points.iter().enumerate() {
        let values = point.positions.iter().chain(&point.velocities).chain(&point.accelerations);
        if let Some(value) = values.chain([&point.time_s]).find(|value| !value.is_finite()) {
            return of_arm(format!("point {index} holds {value}"));
        }
        let Some(before_s) = index.checked_sub(1).map(|before| trajectory.points[before].time_s) else {
            if point.time_s < 0.0 {
                return of_arm(format!("point 0 is at {:.6} s, before the start", point.time_s));
            }
            continue;
        };
        let after_s = point.time_s - before_s;
        // Times are whole nanoseconds.
        if after_s < SHORTEST_S - 1e-9 {
            return of_arm(format!(
                "point {index} is at {:.6} s, {after_s:.6} s after the one before, at least {SHORTEST_S} s are needed",
                point.time_s
            ));
        }
    }
    for (which, point) in [("first", first), ("last", last)] {
        let speed_rad_s = point.velocities.iter().map(|v| v.abs()).fold(0.0, f64::max);
        if speed_rad_s > REST_RAD_S {
            return of_arm(format!(
                "the {which} point moves at {speed_rad_s:.4} rad/s, limit {REST_RAD_S:.4} rad/s"
            ));
        }
    }
    if last.time_s > LONGEST_S {
        return of_arm(format!("the trajectory takes {:.0} s, limit {LONGEST_S:.0} s", last.time_s));
    }
    Ok(())
}

fn check_limits(arm: &Arm, trajectory: &JointTrajectory) -> Result<(), String> {
    /// Rounding of who timed the trajectory exactly at the limits.
    const SLACK: f64 = 1.001;
    // A quintic between points may be anywhere.
    for point in trajectory.sampled_between(200.0, 10) {
        let at = |joint: &str| format!("arm {:?}, joint {joint:?} at {:.3} s", arm.name, point.time_s);
        let moving = arm.chain.moving_joints();
        for (index, joint) in moving.iter().enumerate() {
            let (q, v, a) = (point.positions[index], point.velocities[index], point.accelerations[index]);
            let limits = &joint.limits;
            if !(limits.lower..=limits.upper).contains(&q) {
                return Err(format!(
                    "{}: position {q:.4}, limits {:.4} to {:.4}",
                    at(&joint.name),
                    limits.lower,
                    limits.upper
                ));
            }
            for (what, value, limit) in [
                ("velocity", v, arm.limits.velocity_rad_s[index]),
                ("acceleration", a, arm.limits.acceleration_rad_s2[index]),
            ] {
                if value.abs() > SLACK * limit || value.is_nan() {
                    return Err(format!("{}: {what} {value:.4}, limit {limit:.4}", at(&joint.name)));
                }
            }
        }
    }
    Ok(())
}

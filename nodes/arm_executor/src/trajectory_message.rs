//! Joint trajectories as ROS's messages carry them.

use dreamitate_kinematics::{Joints, MAX_JOINTS};
use dreamitate_msgs::builtin_interfaces::{Duration, Time};
use dreamitate_msgs::trajectory_msgs;

use dreamitate_motion::{JointTrajectory, TrajectoryPoint};

/// A point whose numbers cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "point {point} has {positions} positions, {velocities} velocities and {accelerations} accelerations for {joints} \
     joints (at most {MAX_JOINTS}); all three are needed"
)]
pub struct PointError {
    /// Which one, from 0.
    pub point: usize,
    /// Positions that it has.
    pub positions: usize,
    /// Velocities that it has.
    pub velocities: usize,
    /// Accelerations that it has.
    pub accelerations: usize,
    /// Joints that the message names.
    pub joints: usize,
}

/// The message that starts at a time; at once where that is zero.
pub(crate) fn to_message(trajectory: &JointTrajectory, start: Time) -> trajectory_msgs::JointTrajectory {
    let mut message = trajectory_msgs::JointTrajectory::default();
    message.header.stamp = start;
    message.joint_names = trajectory.joint_names.clone();
    message.points = trajectory.points.iter().map(point_message).collect();
    message
}

/// One point of a message.
pub(crate) fn point_message(point: &TrajectoryPoint) -> trajectory_msgs::JointTrajectoryPoint {
    trajectory_msgs::JointTrajectoryPoint {
        positions: point.positions.to_vec(),
        velocities: point.velocities.to_vec(),
        accelerations: point.accelerations.to_vec(),
        effort: Vec::new(),
        time_from_start: Duration::from_s(point.time_s),
    }
}

/// The trajectory in a message, without waypoints and with a time scale of 1, which no message tells.
pub(crate) fn from_message(
    message: &trajectory_msgs::JointTrajectory,
) -> Result<JointTrajectory, PointError> {
    let joints = message.joint_names.len();
    let points = message.points.iter().enumerate().map(|(index, point)| {
        let rows = [&point.positions, &point.velocities, &point.accelerations];
        if joints > MAX_JOINTS || rows.iter().any(|row| row.len() != joints) {
            let [positions, velocities, accelerations] = rows.map(Vec::len);
            return Err(PointError { point: index, positions, velocities, accelerations, joints });
        }
        let [positions, velocities, accelerations] = rows.map(|row| row.iter().copied().collect::<Joints>());
        Ok(TrajectoryPoint { time_s: point.time_from_start.to_s(), positions, velocities, accelerations })
    });
    Ok(JointTrajectory {
        joint_names: message.joint_names.clone(),
        points: points.collect::<Result<_, _>>()?,
        waypoint_times_s: Vec::new(),
        time_scale: 1.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trajectory() -> JointTrajectory {
        let row = |value: f64| [value, -value].into_iter().collect::<Joints>();
        let point = |time_s: f64| TrajectoryPoint {
            time_s,
            positions: row(time_s),
            velocities: row(1.0),
            accelerations: row(0.0),
        };
        JointTrajectory {
            joint_names: vec!["a".into(), "b".into()],
            points: vec![point(0.0), point(0.5)],
            waypoint_times_s: vec![],
            time_scale: 1.0,
        }
    }

    #[test]
    fn a_trajectory_survives_its_message() {
        let message = to_message(&trajectory(), Time::from_ns(7));
        assert_eq!((message.header.stamp.to_ns(), from_message(&message).unwrap()), (7, trajectory()));
    }

    #[test]
    fn a_point_without_accelerations_or_with_too_many_joints_is_named() {
        let mut message = to_message(&trajectory(), Time::default());
        message.points[1].accelerations.clear();
        let text = from_message(&message).unwrap_err().to_string();
        assert!(text.contains("point 1") && text.contains("0 accelerations for 2 joints"), "{text}");
        let mut message = to_message(&trajectory(), Time::default());
        message.joint_names = vec!["j".into(); 9];
        for point in &mut message.points {
            (point.positions, point.velocities, point.accelerations) =
                (vec![0.0; 9], vec![0.0; 9], vec![0.0; 9]);
        }
        assert!(from_message(&message).unwrap_err().to_string().contains("at most 8"));
    }
}

//! What is asked of an arm before it moves and while it does: where it starts, how far it is from its trajectory, and
//! how fast its tool is.

use dreamitate_kinematics::Joints;
use dreamitate_motion::{Arm, JointTrajectory, RobotConfig, highest_tool_speed, tool_speed_m_s};
use dreamitate_msgs::moveit_msgs::MoveItErrorCodes;

use crate::joint_monitor::Stamped;

/// An arm's limits in execution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MotionLimits {
    /// The farthest that a joint may be from a trajectory's first point when it is to start, rad.
    pub start_tolerance_rad: f64,
    /// The farthest that a joint may be from its trajectory under way, rad.
    pub tracking_tolerance_rad: f64,
    /// The farthest that a joint may be from a trajectory's last point when it is over, rad.
    pub goal_tolerance_rad: f64,
    /// The highest speed of the tool's working point, m/s.
    pub tcp_speed_m_s: f64,
    /// The highest jerk while the arm is brought to rest, rad/s³.
    pub stop_jerk_rad_s3: f64,
    /// How late the driver's controller lets the end be, s.
    pub goal_time_tolerance_s: f64,
}

impl MotionLimits {
    /// Those of a robot with its driver. Where `tracking_tolerance_rad` is 0 it is the driver's path tolerance, but at
    /// most 0.2 rad: a driver that lets an arm stray farther is not a reason to look away.
    pub fn new(robot: &RobotConfig, tracking_tolerance_rad: f64) -> Self {
        let driver = &robot.driver;
        let asked = Some(tracking_tolerance_rad).filter(|rad| *rad > 0.0);
        Self {
            start_tolerance_rad: driver.start_tolerance_rad,
            tracking_tolerance_rad: asked.unwrap_or(driver.path_tolerance_rad.min(0.2)),
            goal_tolerance_rad: driver.goal_tolerance_rad,
            tcp_speed_m_s: robot.max_tcp_speed_m_s,
            stop_jerk_rad_s3: robot.max_jerk_rad_s3,
            goal_time_tolerance_s: driver.goal_time_tolerance_s,
        }
    }
}

/// A limit that is passed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum LimitPassed {
    #[error(
        "{arm}: joint '{joint}' is at {position_rad:.4} rad, {distance_rad:.4} rad from the trajectory's start, limit \
         {limit_rad:.4} rad"
    )]
    Start { arm: String, joint: String, position_rad: f64, distance_rad: f64, limit_rad: f64 },
    #[error(
        "{arm}: the trajectory moves the tool at {speed_m_s:.3} m/s at {time_s:.3} s, limit {limit_m_s:.3} m/s"
    )]
    PlannedSpeed { arm: String, time_s: f64, speed_m_s: f64, limit_m_s: f64 },
    #[error("{arm}: the tool moves at {speed_m_s:.3} m/s at {time_s:.3} s, limit {limit_m_s:.3} m/s")]
    Speed { arm: String, time_s: f64, speed_m_s: f64, limit_m_s: f64 },
    #[error(
        "{arm}: joint '{joint}' is {error_rad:.4} rad from its trajectory at {time_s:.3} s, limit {limit_rad:.4} rad"
    )]
    Tracking { arm: String, joint: String, time_s: f64, error_rad: f64, limit_rad: f64 },
    #[error(
        "{arm}: the driver says that the trajectory is over, but joint '{joint}' is {distance_rad:.4} rad from its end, \
         limit {limit_rad:.4} rad"
    )]
    End { arm: String, joint: String, distance_rad: f64, limit_rad: f64 },
}

impl LimitPassed {
    /// MoveIt's code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Start { .. } => MoveItErrorCodes::START_STATE_INVALID,
            Self::PlannedSpeed { .. } => MoveItErrorCodes::INVALID_MOTION_PLAN,
            Self::Speed { .. } | Self::Tracking { .. } | Self::End { .. } => MoveItErrorCodes::CONTROL_FAILED,
        }
    }
}

/// Whether the plan keeps the tool below its speed limit.
pub(crate) fn check_plan(
    arm: &Arm,
    limits: &MotionLimits,
    trajectory: &JointTrajectory,
) -> Result<(), LimitPassed> {
    let limit_m_s = limits.tcp_speed_m_s;
    match highest_tool_speed(arm, trajectory) {
        Some((time_s, speed_m_s)) if !within(speed_m_s, limit_m_s) => {
            Err(LimitPassed::PlannedSpeed { arm: arm.name.clone(), time_s, speed_m_s, limit_m_s })
        }
        _ => Ok(()),
    }
}

/// Whether an arm is where its trajectory ends.
pub(crate) fn check_end(
    arm: &Arm,
    limits: &MotionLimits,
    trajectory: &JointTrajectory,
    here: &Stamped,
) -> Result<(), LimitPassed> {
    let Some(end) = trajectory.points.last() else { return Ok(()) };
    let limit_rad = limits.goal_tolerance_rad;
    match farthest(arm, &here.positions, &end.positions) {
        Some((joint, _, distance_rad)) if !within(distance_rad, limit_rad) => {
            Err(LimitPassed::End { arm: arm.name.clone(), joint, distance_rad, limit_rad })
        }
        _ => Ok(()),
    }
}

/// Whether an arm is where its trajectory starts.
pub(crate) fn check_start(
    arm: &Arm,
    limits: &MotionLimits,
    trajectory: &JointTrajectory,
    here: &Stamped,
) -> Result<(), LimitPassed> {
    let Some(start) = trajectory.points.first() else { return Ok(()) };
    let limit_rad = limits.start_tolerance_rad;
    match farthest(arm, &here.positions, &start.positions) {
        Some((joint, position_rad, distance_rad)) if !within(distance_rad, limit_rad) => {
            Err(LimitPassed::Start { arm: arm.name.clone(), joint, position_rad, distance_rad, limit_rad })
        }
        _ => Ok(()),
    }
}

/// A plan may use the whole of a tool's speed limit; an arm that follows it is at times somewhat faster than told.
const OVERSHOOT: f64 = 1.25;

/// Whether an arm follows its trajectory `since_s` after the start, with its tool below the speed limit.
pub(crate) fn check_motion(
    arm: &Arm,
    limits: &MotionLimits,
    trajectory: &JointTrajectory,
    here: &Stamped,
    since_s: f64,
) -> Result<(), LimitPassed> {
    let (limit_rad, limit_m_s) = (limits.tracking_tolerance_rad, OVERSHOOT * limits.tcp_speed_m_s);
    let name = || arm.name.clone();
    let wanted = trajectory.at(since_s);
    if let Some((joint, _, error_rad)) = wanted.and_then(|w| farthest(arm, &here.positions, &w.positions))
        && !within(error_rad, limit_rad)
    {
        return Err(LimitPassed::Tracking { arm: name(), joint, time_s: since_s, error_rad, limit_rad });
    }
    let speed_m_s = tool_speed_m_s(arm, &here.positions, &here.velocities);
    if !within(speed_m_s, limit_m_s) {
        return Err(LimitPassed::Speed { arm: name(), time_s: since_s, speed_m_s, limit_m_s });
    }
    Ok(())
}

/// Whether a value keeps its limit; what is no number does not.
fn within(value: f64, limit: f64) -> bool {
    value <= limit
}

/// The joint that is farthest from where it is wanted: its name, where it is, how far that is.
fn farthest(arm: &Arm, here: &Joints, wanted: &Joints) -> Option<(String, f64, f64)> {
    let distances = here.iter().zip(wanted).map(|(here, wanted)| (*here, (here - wanted).abs()));
    arm.joint_names()
        .into_iter()
        .zip(distances)
        .max_by(|a, b| a.1.1.total_cmp(&b.1.1))
        .map(|(joint, (position_rad, distance_rad))| (joint, position_rad, distance_rad))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_config::{ConfigFolder, Task};
    use dreamitate_motion::TrajectoryPoint;
    use nalgebra::Point3;

    const LIMITS: MotionLimits = MotionLimits {
        start_tolerance_rad: 0.01,
        tracking_tolerance_rad: 0.1,
        goal_tolerance_rad: 0.01,
        tcp_speed_m_s: 1.0,
        stop_jerk_rad_s3: 200.0,
        goal_time_tolerance_s: 0.5,
    };

    fn arm() -> Arm {
        arm_of("rotation")
    }

    fn arm_of(task: &str) -> Arm {
        let folder = ConfigFolder::find(None);
        let task = Task::read(&folder, task).unwrap();
        crate::arms_of_task(&folder, &task).unwrap().swap_remove(0).arm
    }

    /// The first joint turns by 1 rad in `duration_s`, at most 15/8 of that a second.
    fn turn(arm: &Arm, duration_s: f64) -> JointTrajectory {
        let still: Joints = arm.home.iter().map(|_| 0.0).collect();
        let point = |time_s: f64, rad: f64| {
            let mut positions = arm.home;
            positions[0] += rad;
            TrajectoryPoint { time_s, positions, velocities: still, accelerations: still }
        };
        JointTrajectory {
            joint_names: arm.joint_names(),
            points: vec![point(0.0, 0.0), point(duration_s, 1.0)],
            waypoint_times_s: vec![],
            time_scale: 1.0,
        }
    }

    fn seen(positions: Joints, velocity_rad_s: f64) -> Stamped {
        let mut velocities: Joints = positions.iter().map(|_| 0.0).collect();
        velocities[0] = velocity_rad_s;
        Stamped { stamp_ns: 0, positions, velocities }
    }

    #[test]
    fn the_tools_speed_is_the_joints_times_the_radius_of_its_working_point() {
        for (task, tcp_in_tool) in [("rotation", [0.0; 3]), ("scooping", [0.073, 0.0, -0.014])] {
            let arm = arm_of(task);
            let base_from_tool = arm.world_from_base.inverse() * arm.world_from_tool(&arm.home);
            let radius_m = (base_from_tool * Point3::from(tcp_in_tool)).coords.xy().norm();
            let found = tool_speed_m_s(&arm, &arm.home, &seen(arm.home, 2.0).velocities);
            assert!((found - 2.0 * radius_m).abs() < 1e-6, "{task}: {found} m/s at {radius_m} m");
        }
    }

    #[test]
    fn a_plan_that_is_too_fast_is_named_with_time_speed_and_limit() {
        let arm = arm();
        let way = turn(&arm, 0.5);
        let text = check_plan(&arm, &LIMITS, &way).unwrap_err().to_string();
        assert!(
            text.starts_with("left: the trajectory moves the tool at 1.") && text.contains("at 0.250 s"),
            "{text}"
        );
        assert!(text.ends_with("limit 1.000 m/s"), "{text}");
        assert_eq!(check_plan(&arm, &LIMITS, &turn(&arm, 4.0)), Ok(()));
    }

    #[test]
    fn an_end_elsewhere_is_named_with_the_joint_and_the_limit() {
        let arm = arm();
        let way = turn(&arm, 2.0);
        let mut here = seen(way.points[1].positions, 0.0);
        assert_eq!(check_end(&arm, &LIMITS, &way, &here), Ok(()));
        here.positions[5] -= 0.02;
        let text = check_end(&arm, &LIMITS, &way, &here).unwrap_err().to_string();
        assert!(text.contains("'L_joint6' is 0.0200 rad from its end, limit 0.0100 rad"), "{text}");
    }

    #[test]
    fn a_start_elsewhere_is_named_with_the_joint_and_the_limit() {
        let arm = arm();
        let mut here = seen(arm.home, 0.0);
        here.positions[3] += 0.009;
        assert_eq!(check_start(&arm, &LIMITS, &turn(&arm, 2.0), &here), Ok(()));
        here.positions[3] += 0.002;
        let passed = check_start(&arm, &LIMITS, &turn(&arm, 2.0), &here).unwrap_err();
        let text = passed.to_string();
        assert!(
            text.contains("'L_joint4' is at 0.6290 rad, 0.0110 rad from")
                && text.ends_with("limit 0.0100 rad")
        );
        assert_eq!(passed.code(), MoveItErrorCodes::START_STATE_INVALID);
        here.positions[3] = f64::NAN;
        assert!(check_start(&arm, &LIMITS, &turn(&arm, 2.0), &here).is_err());
    }

    #[test]
    fn an_arm_that_lags_or_is_too_fast_is_named_with_value_and_limit() {
        let arm = arm();
        let way = turn(&arm, 2.0);
        let at = |since_s: f64, off_rad: f64, velocity_rad_s: f64| {
            let mut here = seen(way.at(since_s).unwrap().positions, velocity_rad_s);
            here.positions[0] -= off_rad;
            check_motion(&arm, &LIMITS, &way, &here, since_s).map_err(|passed| passed.to_string())
        };
        assert_eq!(at(1.0, 0.09, 0.9), Ok(()));
        let text = at(1.0, 0.12, 0.9).unwrap_err();
        assert!(
            text.contains("'L_joint1' is 0.1200 rad from its trajectory at 1.000 s, limit 0.1000 rad"),
            "{text}"
        );
        let text = at(1.5, 0.0, 4.0).unwrap_err();
        assert!(
            text.starts_with("left: the tool moves at 1.") && text.ends_with("at 1.500 s, limit 1.250 m/s"),
            "{text}"
        );
    }
}

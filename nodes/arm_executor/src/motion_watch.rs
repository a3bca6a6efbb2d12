//! What is asked of an arm before it moves and while it does: where it starts, how far it is from its trajectory, and
//! how fast its tool is.

use dreamitate_kinematics::Joints;
use dreamitate_motion::{Arm, JointTrajectory, RobotConfig};
use dreamitate_msgs::moveit_msgs::MoveItErrorCodes;

use crate::joint_monitor::Stamped;

/// An arm's limits in execution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MotionLimits {
    /// The farthest that a joint may be from a trajectory's first point when it is to start, rad.
    pub start_tolerance_rad: f64,
    /// The farthest that a joint may be from its trajectory under way, rad.
    pub tracking_tolerance_rad: f64,
    /// The highest speed of the tool's frame, m/s.
    pub tcp_speed_m_s: f64,
    /// The highest jerk while the arm is brought to rest, rad/s³.
    pub stop_jerk_rad_s3: f64,
    /// How late the driver's controller lets the end be, s.
    pub goal_time_tolerance_s: f64,
}

impl MotionLimits {
    /// Those of a robot with its driver; its path tolerance where `tracking_tolerance_rad` is 0.
    pub fn new(robot: &RobotConfig, tracking_tolerance_rad: f64) -> Self {
        let driver = &robot.driver;
        let asked = Some(tracking_tolerance_rad).filter(|rad| *rad > 0.0);
        Self {
            start_tolerance_rad: driver.start_tolerance_rad,
            tracking_tolerance_rad: asked.unwrap_or(driver.path_tolerance_rad),
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
}

impl LimitPassed {
    /// MoveIt's code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Start { .. } => MoveItErrorCodes::START_STATE_INVALID,
            Self::PlannedSpeed { .. } => MoveItErrorCodes::INVALID_MOTION_PLAN,
            Self::Speed { .. } | Self::Tracking { .. } => MoveItErrorCodes::CONTROL_FAILED,
        }
    }
}

/// Whether the plan keeps the tool below its speed limit, at 200 Hz.
pub(crate) fn check_plan(
    arm: &Arm,
    limits: &MotionLimits,
    trajectory: &JointTrajectory,
) -> Result<(), LimitPassed> {
    const RATE_HZ: f64 = 200.0;
    let limit_m_s = limits.tcp_speed_m_s;
    let speeds = trajectory.sampled(RATE_HZ).map(|p| (p.time_s, tool_speed_m_s(arm, &p.positions, &p.velocities)));
    match speeds.max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((time_s, speed_m_s)) if !(speed_m_s <= limit_m_s) => {
            Err(LimitPassed::PlannedSpeed { arm: arm.name.clone(), time_s, speed_m_s, limit_m_s })
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
        Some((joint, position_rad, distance_rad)) if !(distance_rad <= limit_rad) => {
            Err(LimitPassed::Start { arm: arm.name.clone(), joint, position_rad, distance_rad, limit_rad })
        }
        _ => Ok(()),
    }
}

/// Whether an arm follows its trajectory `since_s` after the start, with its tool below the speed limit.
pub(crate) fn check_motion(
    arm: &Arm,
    limits: &MotionLimits,
    trajectory: &JointTrajectory,
    here: &Stamped,
    since_s: f64,
) -> Result<(), LimitPassed> {
    let (limit_rad, limit_m_s) = (limits.tracking_tolerance_rad, limits.tcp_speed_m_s);
    let name = || arm.name.clone();
    let wanted = trajectory.at(since_s);
    if let Some((joint, _, error_rad)) = wanted.and_then(|w| farthest(arm, &here.positions, &w.positions))
        && !(error_rad <= limit_rad)
    {
        return Err(LimitPassed::Tracking { arm: name(), joint, time_s: since_s, error_rad, limit_rad });
    }
    let speed_m_s = tool_speed_m_s(arm, &here.positions, &here.velocities);
    if !(speed_m_s <= limit_m_s) {
        return Err(LimitPassed::Speed { arm: name(), time_s: since_s, speed_m_s, limit_m_s });
    }
    Ok(())
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

/// The speed of the tool's frame, m/s.
fn tool_speed_m_s(arm: &Arm, positions: &Joints, velocities: &Joints) -> f64 {
    /// Short for a chain of joints below 10 rad/s, long for the digits of a position.
    const STEP_S: f64 = 1e-5;
    let at = |time_s: f64| {
        let moved = positions.iter().zip(velocities).map(|(p, v)| p + v * time_s).collect::<Joints>();
        arm.world_from_tool(&moved).translation.vector
    };
    (at(STEP_S) - at(-STEP_S)).norm() / (2.0 * STEP_S)
}

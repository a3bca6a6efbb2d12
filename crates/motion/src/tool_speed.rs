//! How fast an arm moves its tool.

use dreamitate_kinematics::Joints;

use crate::arm::Arm;
use crate::trajectory::JointTrajectory;

/// The speed of the tool's working point at a posture and joint velocities (rad/s), m/s.
pub fn tool_speed_m_s(arm: &Arm, positions: &Joints, velocities: &Joints) -> f64 {
    /// Short for a chain of joints below 10 rad/s, long for the digits of a position.
    const STEP_S: f64 = 1e-5;
    let at = |time_s: f64| {
        let moved = positions.iter().zip(velocities).map(|(p, v)| p + v * time_s).collect::<Joints>();
        arm.world_from_tool(&moved) * arm.tcp_in_tool
    };
    (at(STEP_S) - at(-STEP_S)).norm() / (2.0 * STEP_S)
}

/// When a trajectory moves the tool fastest, s, and how fast that is, m/s; looked at 200 times a second, and four times between
/// any two points. `None` for a trajectory without points.
pub fn highest_tool_speed(arm: &Arm, trajectory: &JointTrajectory) -> Option<(f64, f64)> {
    const RATE_HZ: f64 = 200.0;
    const BETWEEN_POINTS: usize = 4;
    let states = trajectory.sampled_between(RATE_HZ, BETWEEN_POINTS);
    let speeds = states.map(|p| (p.time_s, tool_speed_m_s(arm, &p.positions, &p.velocities)));
    speeds.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// How much slower a trajectory has to be for its tool to stay below the arm's limit, with 2 % to spare for whoever
/// watches it; 1 if it does already.
pub(crate) fn slowing(arm: &Arm, trajectory: &JointTrajectory) -> f64 {
    const SPARE: f64 = 1.02;
    let speed_m_s = highest_tool_speed(arm, trajectory).map_or(0.0, |(_, speed_m_s)| speed_m_s);
    (SPARE * speed_m_s / arm.limits.tool_speed_m_s).max(1.0)
}

//! How far the executed tool is from the waypoints it was to pass.

use crate::arm::Arm;
use crate::quintic;
use crate::simulated_arm::JointSample;
use crate::tool_path::Waypoint;

/// The tool at one waypoint against where it should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// Distance, mm.
    pub position_mm: f64,
    /// Angle, degrees.
    pub rotation_deg: f64,
}

/// The deviation at each waypoint: `at_s` says when, on the samples' clock, each was to be passed.
///
/// Between samples the joints are interpolated by the quintic that agrees with their positions and velocities and
/// with accelerations from the velocities' differences. `None` for a waypoint outside the samples.
pub fn deviations(
    arm: &Arm,
    executed: &[JointSample],
    waypoints: &[Waypoint],
    at_s: &[f64],
) -> Vec<Option<Deviation>> {
    waypoints
        .iter()
        .zip(at_s)
        .map(|(waypoint, &at_s)| {
            let after = executed.partition_point(|s| s.time_s < at_s);
            let end = executed.get(after)?;
            let start = executed.get(after.saturating_sub(1))?;
            let width_s = end.time_s - start.time_s;
            if after == 0 && end.time_s > at_s {
                return None;
            }
            let mut joints = end.positions;
            if width_s > 0.0 {
                for (joint, value) in joints.iter_mut().enumerate() {
                    let acceleration = (end.velocities[joint] - start.velocities[joint]) / width_s;
                    let pva = |s: &JointSample| [s.positions[joint], s.velocities[joint], acceleration];
                    [*value, ..] = quintic::between(pva(start), pva(end), width_s, at_s - start.time_s);
                }
            }
            let found = arm.world_from_tool(&joints);
            let wanted = waypoint.world_from_tool;
            Some(Deviation {
                position_mm: 1e3 * (found.translation.vector - wanted.translation.vector).norm(),
                rotation_deg: found.rotation.angle_to(&wanted.rotation).to_degrees(),
            })
        })
        .collect()
}

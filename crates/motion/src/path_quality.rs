//! What a report tells of a planned path, over time.

use dreamitate_kinematics::Joints;

use crate::arm::Arm;
use crate::arm_plan::{ArmPlan, Schedule};
use crate::clearance::nearest_of_all_m;
use crate::trajectory::JointTrajectory;

/// One arm on its dreamed path at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathSample {
    /// Seconds of the trajectory.
    pub time_s: f64,
    /// Smallest singular value of the flange's Jacobian, metres and radians mixed: 0 where a motion is lost.
    pub smallest_singular_value: f64,
    /// The smallest distance of a joint to its position limits, rad; infinite without limits.
    pub limit_margin_rad: f64,
    /// The smallest distance of all: links and tool over the table, within the arm, to obstacles and to other arms, m.
    pub clearance_m: f64,
    /// From where the tool is to where the interpolated tool path is, m.
    pub deviation_m: f64,
    /// The angle between the two, rad.
    pub deviation_rad: f64,
}

/// The quality of the first arm's path on a schedule, at `rate_hz` or more, from the rest before the dream's motion to
/// the rest after it. Any further arms are only kept clear of. Empty without arms.
pub fn path_quality(arms: &[(&Arm, &ArmPlan)], schedule: &Schedule, rate_hz: f64) -> Vec<PathSample> {
    let Some(&(arm, plan)) = arms.first() else { return Vec::new() };
    let ways: Vec<(&Arm, JointTrajectory)> =
        arms.iter().map(|(arm, plan)| (*arm, plan.trajectory(schedule))).collect();
    let (first_s, last_s) = plan.dream_span_s();
    let width_s = schedule.time_scale * (last_s - first_s);
    let pieces = (width_s * rate_hz).ceil().max(1.0) as usize;
    let sample = |piece: usize| {
        let dream_s = first_s + (last_s - first_s) * piece as f64 / pieces as f64;
        let time_s = schedule.trajectory_s(dream_s);
        let postures: Vec<(&Arm, Joints)> = ways
            .iter()
            .filter_map(|(arm, way)| way.at(time_s).map(|point| (*arm, point.positions)))
            .collect();
        let (_, joints) = postures.first()?;
        let (found, wanted) = (arm.world_from_tool(joints), plan.world_from_tool(dream_s));
        let margins = arm.chain.moving_joints().iter().zip(joints);
        Some(PathSample {
            time_s,
            smallest_singular_value: arm.chain.smallest_singular_value(joints),
            limit_margin_rad: margins
                .map(|(joint, q)| (q - joint.limits.lower).min(joint.limits.upper - q))
                .fold(f64::INFINITY, f64::min),
            clearance_m: nearest_of_all_m(&postures),
            deviation_m: (found.translation.vector - wanted.translation.vector).norm(),
            deviation_rad: found.rotation.angle_to(&wanted.rotation),
        })
    };
    (0..=pieces).filter_map(sample).collect()
}

//! The summary of a plan and of what the joint states told of its execution.

use crate::summary::{
    ArmSummary, ClearanceSummary, DeviationSummary, ExecutedSample, ExecutionOutcome, ExecutionSummary,
    JointSummary, PathSummary, PlannedPoint,
};
use dreamitate_motion::Arm;
use dreamitate_motion::JointSample;
use dreamitate_motion::PathSample;
use dreamitate_motion::deviations;
use dreamitate_motion::{ArmTask, ArmsPlan};
use dreamitate_msgs::moveit_msgs::MoveItErrorCodes;

/// The densest that a summary tells of.
const RATE_HZ: f64 = 50.0;

/// The summary of a plan that is not executed: `executed` is where the arms would be.
///
/// `tools` are the tools' names in the order of the tasks.
pub fn plan_summary(clip_id: &str, tasks: &[ArmTask], tools: &[&str], plan: &ArmsPlan) -> ExecutionSummary {
    let parts = tasks.iter().zip(tools).zip(&plan.trajectories).enumerate();
    let message = format!("planned {:.3} s of motion", plan.duration_s());
    let mut summary = ExecutionSummary::without_plan(
        clip_id,
        ExecutionOutcome::Planned,
        MoveItErrorCodes::SUCCESS,
        message,
    );
    summary.clearance = Some(clearance(plan));
    summary.arms = parts
        .map(|(index, ((task, tool), trajectory))| {
            let mut arm = planned(tasks, index, tool, plan);
            let samples: Vec<JointSample> = trajectory
                .sampled(RATE_HZ)
                .map(|point| JointSample {
                    time_s: point.time_s,
                    positions: point.positions,
                    velocities: point.velocities,
                })
                .collect();
            add_execution(&mut arm, task, &samples);
            arm
        })
        .collect();
    summary
}

pub(crate) fn clearance(plan: &ArmsPlan) -> ClearanceSummary {
    ClearanceSummary {
        link_table_m: finite(plan.clearance.link_table_m),
        tool_table_m: finite(plan.clearance.tool_table_m),
        arms_m: finite(plan.clearance.arms_m),
        self_m: finite(plan.clearance.self_m),
        obstacles_m: finite(plan.clearance.obstacles_m),
    }
}

/// One arm's part of the plan, without an execution; `index` is the arm's.
pub(crate) fn planned(tasks: &[ArmTask], index: usize, tool: &str, plan: &ArmsPlan) -> ArmSummary {
    let (task, trajectory) = (&tasks[index], &plan.trajectories[index]);
    let arm = &task.arm;
    let limits = arm.limits.velocity_rad_s.iter().zip(&arm.limits.acceleration_rad_s2);
    let joints = arm.joint_names().into_iter().zip(arm.chain.moving_joints()).zip(limits);
    let demand = trajectory.demand(arm);
    ArmSummary {
        arm: arm.name.clone(),
        tool: tool.to_owned(),
        joints: joints
            .map(|((name, joint), (&velocity_rad_s, &acceleration_rad_s2))| JointSummary {
                name,
                lower_rad: finite(joint.limits.lower),
                upper_rad: finite(joint.limits.upper),
                velocity_rad_s,
                acceleration_rad_s2,
            })
            .collect(),
        planned: trajectory
            .sampled(RATE_HZ)
            .map(|point| PlannedPoint {
                time_s: rounded(point.time_s),
                positions: point.positions.iter().copied().map(rounded).collect(),
                velocities: point.velocities.iter().copied().map(rounded).collect(),
            })
            .collect(),
        waypoint_times_s: trajectory.waypoint_times_s.clone(),
        waypoint_frames: task.frames.clone(),
        time_scale: trajectory.time_scale,
        largest_jump_rad: demand.largest_jump_rad,
        velocity_fraction: demand.velocity_fraction,
        acceleration_fraction: demand.acceleration_fraction,
        limit_margin: demand.limit_margin,
        plan_seconds: plan.plan_seconds[index],
        lift_m: plan.plans[index].lift().map_or(0.0, |lift| lift.largest_m),
        retreat_m: plan.plans[index].retreat_m(),
        not_kept_apart: arm.parts_not_kept_apart().iter().map(|(a, b)| [a.clone(), b.clone()]).collect(),
        path: path_summary(&plan.path_quality(tasks, index, RATE_HZ)),
        executed: Vec::new(),
        deviations: Vec::new(),
    }
}

fn path_summary(samples: &[PathSample]) -> PathSummary {
    let column = |of: &dyn Fn(&PathSample) -> f64| samples.iter().map(|sample| rounded(of(sample))).collect();
    PathSummary {
        time_s: column(&|s| s.time_s),
        smallest_singular_value: column(&|s| s.smallest_singular_value),
        limit_margin_rad: column(&|s| s.limit_margin_rad.min(std::f64::consts::TAU)),
        clearance_mm: column(&|s| 1e3 * s.clearance_m.min(10.0)),
        deviation_mm: column(&|s| 1e3 * s.deviation_m),
        deviation_deg: column(&|s| s.deviation_rad.to_degrees()),
    }
}

/// Adds what the joint states told.
pub(crate) fn add_execution(summary: &mut ArmSummary, task: &ArmTask, samples: &[JointSample]) {
    let found = deviations(&task.arm, samples, &task.waypoints, &summary.waypoint_times_s);
    summary.deviations = found
        .into_iter()
        .map(|d| d.map(|d| DeviationSummary { position_mm: d.position_mm, rotation_deg: d.rotation_deg }))
        .collect();
    let mut next_s = f64::NEG_INFINITY;
    let last = samples.len().saturating_sub(1);
    for (index, sample) in samples.iter().enumerate() {
        // Half a period of a 1 kHz controller: samples on the grid must not miss it by rounding.
        if sample.time_s + 5e-4 >= next_s || index == last {
            next_s = sample.time_s + 1.0 / RATE_HZ;
            summary.executed.push(executed(&task.arm, sample));
        }
    }
}

fn executed(arm: &Arm, sample: &JointSample) -> ExecutedSample {
    let frames = arm.chain.joint_frames(&sample.positions);
    let world_from_tool = arm.world_from_tool(&sample.positions);
    let origins = arm.chain.link_poses(&frames).map(|base_from_link| arm.world_from_base * base_from_link);
    let q = world_from_tool.rotation.coords;
    ExecutedSample {
        time_s: rounded(sample.time_s),
        positions: sample.positions.iter().copied().map(rounded).collect(),
        links_in_world: origins
            .chain([world_from_tool])
            .map(|pose| pose.translation.vector.map(rounded).into())
            .collect(),
        tool_rotation_xyzw: [q.x, q.y, q.z, q.w].map(rounded),
    }
}

/// What JSON can hold.
fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// To six places: a micrometre, a microradian, a microsecond. The whole would be three times as long.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

//! `summary.json`: a run in numbers.

use crate::observe::{Observed, TaskScore};
use arm_executor::DeviationSummary;
use dreamitate_geometry::{Pose, View, median, rotation_angle_rad};
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedTrack, Outcome, Status};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use tool_tracker::reprojection_px;

/// A run in numbers.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    clip_id: String,
    task: String,
    source: String,
    outcome: String,
    message: String,
    stage_seconds: BTreeMap<&'static str, f64>,
    pub tools: BTreeMap<String, ToolSummary>,
    arms: BTreeMap<String, ArmFigures>,
    clearance_between_arms_m: Option<f64>,
    clearance_tool_table_m: Option<f64>,
    /// In a world with physics: whether the task was done, and what was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    world: Option<TaskScore>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ToolSummary {
    outcome: String,
    reason: String,
    accepted_frames: Vec<usize>,
    rejected_frames: BTreeMap<usize, String>,
    /// Against the truth, where it is known: mean over the accepted frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_mean: Option<DeviationSummary>,
    /// For each view how far edges of the tool are drawn from where the picture shows them: medians over accepted frames.
    pub reprojection: BTreeMap<&'static str, Reprojection>,
}

/// Distances across edges, px; absent where no edge was seen.
#[derive(Debug, Serialize)]
pub(crate) struct Reprojection {
    /// Drawn at the pose that the view itself found.
    pub view_px: Option<f64>,
    /// Drawn at the pose that was fused from all views.
    pub fused_px: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ArmFigures {
    waypoints: usize,
    largest_joint_jump_rad: f64,
    path_deviation_mm: Option<f64>,
    path_deviation_deg: Option<f64>,
    velocity_fraction: f64,
    acceleration_fraction: f64,
    limit_margin: f64,
    time_scale: f64,
    plan_seconds: f64,
}

/// The difference between a tool's fused and true pose at each accepted frame.
pub(crate) fn truth_errors(observed: &Observed, tool: &str) -> Vec<(usize, DeviationSummary)> {
    match (observed.fused.get(tool), observed.truth.get(tool)) {
        (Some(fused), Some(truth)) => deviations(fused, truth),
        _ => Vec::new(),
    }
}

/// How far a track's accepted poses are from a reference's, frame by frame, where both are accepted.
pub(crate) fn deviations(track: &FusedTrack, reference: &FusedTrack) -> Vec<(usize, DeviationSummary)> {
    let accepted = track.poses.iter().filter(|pose| pose.accepted);
    accepted
        .filter_map(|pose| {
            let other = reference.poses.iter().find(|other| other.frame == pose.frame && other.accepted)?;
            let (here, there) = (pose.world_from_tool_mean()?, other.world_from_tool_mean()?);
            let deviation = DeviationSummary {
                position_mm: 1e3 * (here.translation.vector - there.translation.vector).norm(),
                rotation_deg: rotation_angle_rad(&here, &there).to_degrees(),
            };
            Some((pose.frame, deviation))
        })
        .collect()
}

impl Reprojection {
    fn of(observed: &Observed, tool: &str, model: &ToolModel, view: View) -> Self {
        let seen = observed.clip.view(view);
        let camera_from_world = seen.world_from_camera.inverse();
        let median_px = |poses: Vec<(usize, Pose)>| {
            let distance_px = |(frame, camera_from_tool): &(usize, Pose)| {
                let (photo, picture) = (&seen.frames[0], seen.frames.get(*frame)?);
                reprojection_px(model, &seen.camera, camera_from_tool, photo, picture)
            };
            let distances: Vec<f64> = poses.par_iter().filter_map(distance_px).collect();
            median(distances)
        };
        let own = observed.view_tracks.get(tool).map(|views| views[view.index()].poses.as_slice());
        let own = own.unwrap_or_default().iter().filter(|pose| pose.status == Status::Accepted);
        let fused = observed.fused.get(tool).map(|track| track.poses.as_slice());
        let fused = fused.unwrap_or_default().iter().filter(|pose| pose.accepted);
        let fused =
            fused.filter_map(|pose| Some((pose.frame, camera_from_world * pose.world_from_tool_mean()?)));
        Self {
            view_px: median_px(own.map(|pose| (pose.frame, pose.camera_from_tool)).collect()),
            fused_px: median_px(fused.collect()),
        }
    }
}

impl Summary {
    pub fn of(observed: &Observed, models: &[(String, ToolModel)]) -> Self {
        let execution = observed.execution.as_ref();
        let rejected = observed.fused.values().any(|track| track.outcome == Outcome::Rejected);
        let tracked = if rejected { "rejected" } else { "tracked" };
        let clearance = execution.and_then(|e| e.clearance);
        Self {
            clip_id: observed.clip.id.clone(),
            task: observed.clip.task.clone(),
            source: observed.clip.source.clone(),
            outcome: execution.map_or(tracked.to_owned(), |e| format!("{:?}", e.outcome).to_lowercase()),
            message: execution.map_or_else(String::new, |e| e.message.clone()),
            stage_seconds: observed.stages.iter().copied().collect(),
            tools: models
                .iter()
                .filter(|(tool, _)| observed.fused.contains_key(tool))
                .map(|(tool, model)| (tool.clone(), ToolSummary::of(observed, tool, model)))
                .collect(),
            arms: execution
                .iter()
                .flat_map(|e| &e.arms)
                .map(|arm| {
                    let largest = |value: fn(&DeviationSummary) -> f64| {
                        arm.deviations.iter().flatten().map(value).reduce(f64::max)
                    };
                    let figures = ArmFigures {
                        waypoints: arm.waypoint_times_s.len(),
                        largest_joint_jump_rad: arm.largest_jump_rad,
                        path_deviation_mm: largest(|d| d.position_mm),
                        path_deviation_deg: largest(|d| d.rotation_deg),
                        velocity_fraction: arm.velocity_fraction,
                        acceleration_fraction: arm.acceleration_fraction,
                        limit_margin: arm.limit_margin,
                        time_scale: arm.time_scale,
                        plan_seconds: arm.plan_seconds,
                    };
                    (arm.arm.clone(), figures)
                })
                .collect(),
            clearance_between_arms_m: clearance.and_then(|c| c.arms_m),
            clearance_tool_table_m: clearance.and_then(|c| c.tool_table_m),
            world: observed.world.clone(),
        }
    }
}

impl ToolSummary {
    fn of(observed: &Observed, tool: &str, model: &ToolModel) -> Self {
        let track = &observed.fused[tool];
        let errors = truth_errors(observed, tool);
        let mean = |value: fn(&DeviationSummary) -> f64| {
            errors.iter().map(|(_, e)| value(e)).sum::<f64>() / errors.len() as f64
        };
        Self {
            outcome: format!("{:?}", track.outcome).to_lowercase(),
            reason: track.reason.clone(),
            accepted_frames: track.poses.iter().filter(|p| p.accepted).map(|p| p.frame).collect(),
            rejected_frames: track
                .poses
                .iter()
                .filter(|p| !p.accepted)
                .map(|p| (p.frame, p.reason.clone()))
                .collect(),
            error_mean: (!errors.is_empty()).then(|| DeviationSummary {
                position_mm: mean(|e| e.position_mm),
                rotation_deg: mean(|e| e.rotation_deg),
            }),
            reprojection: View::ALL
                .map(|view| (view.name(), Reprojection::of(observed, tool, model, view)))
                .into(),
        }
    }
}

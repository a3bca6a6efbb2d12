//! `tracks.json`: the fused poses in the top camera's frame, a list a tool.

use crate::observe::Observed;
use dreamitate_geometry::pose_to_rows;
use serde::Serialize;
use std::collections::BTreeMap;

/// One frame of a tool.
#[derive(Debug, Serialize)]
pub(crate) struct TrackEntry {
    frame: usize,
    accepted: bool,
    /// Levels; absent where the view has no pose.
    residual_top: Option<f64>,
    residual_side: Option<f64>,
    /// Rows of `[R | t]`, metres; absent where no view has a pose.
    topcam_from_tool: Option<[[f64; 4]; 3]>,
}

/// Returns the contents of `tracks.json`.
pub(crate) fn entries(observed: &Observed) -> BTreeMap<String, Vec<TrackEntry>> {
    let topcam_from_world = observed.clip.top.world_from_camera.inverse();
    let entry = |pose: &dreamitate_track::FusedPose| {
        let residual = |view: usize| pose.residuals.get(view).copied().filter(|r| r.is_finite());
        TrackEntry {
            frame: pose.frame,
            accepted: pose.accepted,
            residual_top: residual(0),
            residual_side: residual(1),
            topcam_from_tool: pose
                .world_from_tool
                .as_ref()
                .map(|gaussian| pose_to_rows(&(topcam_from_world * gaussian.mean))),
        }
    };
    observed
        .fused
        .iter()
        .map(|(tool, track)| (tool.clone(), track.poses.iter().map(entry).collect()))
        .collect()
}

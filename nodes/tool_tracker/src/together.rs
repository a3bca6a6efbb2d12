use crate::{TrackError, tracker::ViewTracker, view_model::ViewModel};
use dreamitate_clip::ClipView;
use dreamitate_track::{FusedTrack, PRIOR_ROUNDS, ToolTrack};
use rayon::prelude::*;
use std::sync::Arc;

/// A tool's way through a clip.
#[derive(Clone, Debug)]
pub struct ToolTracks {
    /// As each view saw it.
    pub views: Vec<ToolTrack>,
    /// As all views together saw it.
    pub fused: FusedTrack,
}

/// Tracks all tools through any number of views of a clip, as the nodes do: each view alone, fused, each view once more with
/// the fused poses, fused again, and so on. A tool each, in the models' order.
///
/// `views` are pictures with the model of their camera; `fuse` makes one track of a tool's (by its number) in all views.
///
/// # Errors
/// Those of [`ViewTracker::with_model`].
pub fn track_together(
    views: &[(Arc<ViewModel>, &ClipView)],
    fuse: impl Fn(usize, &[ToolTrack]) -> FusedTrack + Sync,
) -> Result<Vec<ToolTracks>, TrackError> {
    let tools = views.first().map_or(0, |(model, _)| model.tools.len());
    let alone = |(model, view): &(Arc<ViewModel>, &ClipView)| {
        let tracker = ViewTracker::with_model(model.clone(), view)?;
        let tracks = tracker.track();
        Ok((tracker, tracks))
    };
    let alone: Vec<(ViewTracker, Vec<ToolTrack>)> =
        views.par_iter().map(alone).collect::<Result<_, TrackError>>()?;
    let together = |tool: usize| {
        let mut views: Vec<ToolTrack> = alone.iter().map(|(_, tracks)| tracks[tool].clone()).collect();
        let (mut fused, mut earlier) = (fuse(tool, &views), Vec::new());
        for _ in 0..PRIOR_ROUNDS {
            let again = |((tracker, alone), track): (&(ViewTracker, Vec<ToolTrack>), &ToolTrack)| {
                tracker.track_with_fused(tool, track, alone, &fused, &earlier)
            };
            views = alone.par_iter().zip(&views).map(again).collect();
            earlier.push(std::mem::replace(&mut fused, fuse(tool, &views)));
        }
        ToolTracks { views, fused }
    };
    Ok((0..tools).into_par_iter().map(together).collect())
}

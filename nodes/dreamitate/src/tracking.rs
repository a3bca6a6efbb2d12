//! Tracking and fusion without nodes, for commands that work on many clips.

use dreamitate_clip::StereoClip;
use dreamitate_geometry::View;
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedTrack, ToolTrack};
use pose_fusion::Fusion;
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};
use tool_tracker::{TrackerSettings, ViewModel, ViewTracker};

/// A task's tools, with what of their tracking does not change from clip to clip.
pub(crate) struct ClipTracker {
    /// Names and models.
    pub tools: Vec<(String, ToolModel)>,
    models: OnceLock<[Arc<ViewModel>; 2]>,
}

/// What tracking made of a clip, a tool each.
pub(crate) struct Tracked {
    pub view_tracks: Vec<[ToolTrack; 2]>,
    pub fused: Vec<FusedTrack>,
    pub seconds: f64,
}

impl ClipTracker {
    pub fn new(tools: Vec<(String, ToolModel)>) -> Self {
        Self { tools, models: OnceLock::new() }
    }

    /// Tracks a clip as the nodes do: each view alone, fused, each view with the fused poses, fused again. All clips
    /// have the cameras of the first.
    pub fn track(&self, clip: &StereoClip) -> anyhow::Result<Tracked> {
        let models = self.models(clip)?;
        let begin = Instant::now();
        let each = |view: View| {
            let seen = clip.view(view);
            let tracker = ViewTracker::with_model(models[view.index()].clone(), seen);
            let nothing = || vec![ToolTrack::default(); self.tools.len()];
            let tracks = tracker.track().unwrap_or_else(|_| nothing());
            (tracker, tracks)
        };
        let ((top, top_tracks), (side, side_tracks)) = rayon::join(|| each(View::Top), || each(View::Side));
        let fuse = |tool: usize, tracks: [&ToolTrack; 2]| {
            let views: Vec<_> = View::ALL
                .into_iter()
                .zip(tracks)
                .map(|(view, track)| (view.name(), clip.view(view).world_from_camera, track))
                .collect();
            Fusion { symmetry: self.tools[tool].1.config.symmetry, ..Fusion::default() }.fuse_tracks(&views)
        };
        let mut result = Tracked { view_tracks: Vec::new(), fused: Vec::new(), seconds: 0.0 };
        for (tool, (first, second)) in top_tracks.iter().zip(&side_tracks).enumerate() {
            let fused = fuse(tool, [first, second]);
            let (first, second) = rayon::join(
                || top.track_with_fused(tool, first, &fused),
                || side.track_with_fused(tool, second, &fused),
            );
            result.fused.push(fuse(tool, [&first, &second]));
            result.view_tracks.push([first, second]);
        }
        result.seconds = begin.elapsed().as_secs_f64();
        Ok(result)
    }

    fn models(&self, clip: &StereoClip) -> anyhow::Result<&[Arc<ViewModel>; 2]> {
        if let Some(models) = self.models.get() {
            return Ok(models);
        }
        let tools: Arc<[ToolModel]> = self.tools.iter().map(|(_, model)| model.clone()).collect();
        let model = |view: View| {
            let seen = clip.view(view);
            let settings = TrackerSettings::default();
            ViewModel::new(seen.camera, &seen.world_from_camera, tools.clone(), settings).map(Arc::new)
        };
        let models = [model(View::Top)?, model(View::Side)?];
        // The drawings from which a search starts are made once for all clips.
        rayon::join(|| models[0].prepare(), || models[1].prepare());
        Ok(self.models.get_or_init(|| models))
    }
}

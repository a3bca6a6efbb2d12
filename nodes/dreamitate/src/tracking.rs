//! Tracking and fusion without nodes, for commands that work on many clips.

use dreamitate_clip::StereoClip;
use dreamitate_geometry::View;
use dreamitate_render::ToolModel;
use dreamitate_track::ToolTrack;
use pose_fusion::Fusion;
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};
use tool_tracker::{ToolTracks, TrackerSettings, ViewModel, track_together};

/// A task's tools, with what of their tracking does not change from clip to clip.
pub(crate) struct ClipTracker {
    /// Names and models.
    pub tools: Vec<(String, ToolModel)>,
    models: OnceLock<[Arc<ViewModel>; 2]>,
}

/// What tracking made of a clip, a tool each.
pub(crate) struct Tracked {
    pub tools: Vec<ToolTracks>,
    pub seconds: f64,
}

impl ClipTracker {
    pub fn new(tools: Vec<(String, ToolModel)>) -> Self {
        Self { tools, models: OnceLock::new() }
    }

    /// Tracks a clip as the nodes do. All clips have the cameras of the first.
    pub fn track(&self, clip: &StereoClip) -> anyhow::Result<Tracked> {
        let models = self.models(clip)?;
        let begin = Instant::now();
        let views = View::ALL.map(|view| (models[view.index()].clone(), clip.view(view)));
        let fuse = |tool: usize, tracks: &[ToolTrack]| {
            let fusion = Fusion { symmetry: self.tools[tool].1.config.symmetry, ..Fusion::default() };
            fusion.fuse_stereo(|view| clip.view(view).world_from_camera, tracks)
        };
        let tools = track_together(&views, fuse)?;
        Ok(Tracked { tools, seconds: begin.elapsed().as_secs_f64() })
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

use crate::{
    assign::assign,
    detect::regions,
    follow::Follower,
    levels::Levels,
    refine::{COARSE, FINE, MIDDLE, Refined, Scratch, refine},
    settings::TrackerSettings,
    view_model::ViewModel,
};
use dreamitate_clip::ClipView;
use dreamitate_geometry::Gaussian6;
use dreamitate_render::ToolModel;
use dreamitate_track::{Status, ToolTrack, TrackedPose};
use rayon::prelude::*;
use std::sync::Arc;

/// Follows the tools of a task through one view of a clip.
pub struct ViewTracker {
    model: Arc<ViewModel>,
    frames: Vec<Levels>,
}

/// Why a view cannot be tracked at all.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum TrackError {
    /// The camera does not look at the table.
    #[error("the camera does not look at the table: its axis meets z = 0 at {0:.3} m along")]
    NoTable(f64),
    /// Nothing in the clip looks like the tool.
    #[error(
        "no tool in the dream: of {frames} frames none shows {tools} region(s) in the tools' colours that changed against the photo"
    )]
    NoTool {
        /// Frames looked at.
        frames: usize,
        /// Tools sought.
        tools: usize,
    },
    /// A picture that is not the camera's.
    #[error("the picture is {}×{}, but the camera's are {}×{}", .found.0, .found.1, .expected.0, .expected.1)]
    Size {
        /// Columns and rows of the picture.
        found: (u32, u32),
        /// Those of the camera.
        expected: (u32, u32),
    },
}

/// Tools found in one frame, a pose a tool.
struct Start {
    frame: usize,
    poses: Vec<Refined>,
}

impl ViewTracker {
    /// Prepares the pictures of a view.
    ///
    /// # Errors
    /// The camera does not look at the table.
    pub fn new(
        view: &ClipView,
        tools: Arc<[ToolModel]>,
        settings: TrackerSettings,
    ) -> Result<Self, TrackError> {
        let model = ViewModel::new(view.camera, &view.world_from_camera, tools, settings)?;
        Ok(Self::with_model(Arc::new(model), view))
    }

    /// The same with a model that is there already; `view` must be of its camera.
    pub fn with_model(model: Arc<ViewModel>, view: &ClipView) -> Self {
        Self { model, frames: view.frames.par_iter().map(Levels::of).collect() }
    }

    /// Frames of the clip, the photo included.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Follows all tools from nothing, in pictures down to half size: a track a tool, in the order of the tools.
    /// [`Self::track_with_prior`] goes on in full size.
    ///
    /// # Errors
    /// No frame shows as many candidate regions as there are tools.
    pub fn track(&self) -> Result<Vec<ToolTrack>, TrackError> {
        let model = &*self.model;
        let regions: Vec<Vec<[f32; 2]>> = self.frames[1..]
            .par_iter()
            .map(|frame| regions(&model.tools, &model.camera, model.table_distance_m, frame, &self.frames[0]))
            .collect();
        let start = self.start(&regions)?;
        Ok((0..model.tools.len()).into_par_iter().map(|tool| self.follow(tool, &regions, &start)).collect())
    }

    /// Refines a tool's track once more, each pose softly tied to the fused one: `priors[frame]` is the fused
    /// pose in this camera's frame with its covariance.
    pub fn track_with_prior(
        &self,
        tool: usize,
        track: &ToolTrack,
        priors: &[Option<Gaussian6>],
    ) -> ToolTrack {
        let poses = (1..self.frames.len())
            .into_par_iter()
            .map_init(Scratch::default, |scratch, frame| {
                let before = track.at(frame);
                let Some(prior) = priors.get(frame).and_then(Option::as_ref) else {
                    return before
                        .cloned()
                        .unwrap_or_else(|| TrackedPose::lost(frame, "no pose in any view"));
                };
                let prior = self.model.prior(prior);
                let scene = self.model.scene(tool, &self.frames[frame], &self.frames[0]);
                let own = before
                    .filter(|b| b.status == Status::Accepted)
                    .and_then(|b| refine(&scene, &b.camera_from_tool, &FINE, Some(&prior), scratch));
                let trusted = own.as_ref().is_some_and(|own| self.model.is_trusted(own));
                let anew = (!trusted).then(|| {
                    let stages = [COARSE, MIDDLE, FINE[0], FINE[1]];
                    refine(&scene, &prior.camera_from_tool, &stages, Some(&prior), scratch)
                });
                let best = own.into_iter().chain(anew.flatten()).min_by(|a, b| a.energy.total_cmp(&b.energy));
                self.model.judged(frame, best)
            })
            .collect();
        ToolTrack { poses }
    }

    /// Finds all tools in one frame: from the last frame backwards, the first in which every tool is
    /// found, or else the best.
    fn start(&self, regions: &[Vec<[f32; 2]>]) -> Result<Start, TrackError> {
        let mut best: Option<(f64, Start)> = None;
        for frame in (1..self.frames.len()).rev().step_by(2) {
            let found = assign(&self.model, &self.frames[frame], &self.frames[0], &regions[frame - 1]);
            let Some((energy, poses)) = found else { continue };
            let trusted = poses.iter().all(|found| self.model.is_trusted(found));
            if best.as_ref().is_none_or(|(least, _)| energy < *least) {
                best = Some((energy, Start { frame, poses }));
            }
            if trusted {
                break;
            }
        }
        let (frames, tools) = (self.frames.len() - 1, self.model.tools.len());
        best.map(|(_, start)| start).ok_or(TrackError::NoTool { frames, tools })
    }

    /// Follows one tool from the start frame in both directions.
    fn follow(&self, tool: usize, regions: &[Vec<[f32; 2]>], start: &Start) -> ToolTrack {
        let mut scratch = Scratch::default();
        let found = &start.poses[tool];
        let mut poses = vec![self.model.judged(start.frame, Some(found.clone()))];
        let forward: Vec<usize> = (start.frame + 1..self.frames.len()).collect();
        let backward: Vec<usize> = (1..start.frame).rev().collect();
        for numbers in [forward, backward] {
            let mut follower = Follower::new(tool, found.pose);
            poses.extend(numbers.into_iter().map(|number| {
                let (frame, near) = (&self.frames[number], &regions[number - 1]);
                follower.step(&self.model, (number, frame), &self.frames[0], near, &mut scratch)
            }));
        }
        poses.sort_by_key(|pose| pose.frame);
        ToolTrack { poses }
    }
}

use crate::{
    assign::{APART_M, assign},
    detect::regions,
    follow::Follower,
    levels::{Levels, Photo},
    refine::{COARSE, FINE, MIDDLE, Refined, Scratch, refine},
    settings::TrackerSettings,
    view_model::ViewModel,
};
use dreamitate_clip::ClipView;
use dreamitate_geometry::{Gaussian6, Pose, relative_twist};
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedTrack, Status, ToolTrack, TrackedPose};
use rayon::prelude::*;
use std::sync::Arc;

/// Follows the tools of a task through one view of a clip.
pub struct ViewTracker {
    model: Arc<ViewModel>,
    photo: Photo,
    /// Frames 1 and on.
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

/// A pose this far from the fused one, in squared standard deviations, is sought anew from there as well.
const DOUBTFUL_STRAIN: f64 = 16.0;
/// A view whose pose is turned this far from the fused one is asked whether it might see what the others do.
const DISAGREEING_RAD: f64 = 0.05;

/// Of two tools that are found in one place the one that fits worse is not there.
fn reject_doubles(tracks: &mut [ToolTrack]) {
    for later in 1..tracks.len() {
        let (earlier, rest) = tracks.split_at_mut(later);
        for other in &mut rest[0].poses {
            let frame = other.frame;
            let same_frame =
                earlier.iter_mut().flat_map(|track| &mut track.poses).filter(|p| p.frame == frame);
            for pose in same_frame {
                let [a, b] = [&pose, &other].map(|p| p.camera_from_tool.translation.vector);
                let both = pose.status != Status::Lost && other.status != Status::Lost;
                if both && (a - b).norm() < APART_M {
                    let worse = if pose.residual > other.residual { pose } else { &mut *other };
                    worse.status = Status::Rejected;
                    worse.reason = "another tool is there".to_owned();
                }
            }
        }
    }
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
        let photo = Photo::of(&view.frames[0]);
        let levels = |frame| Levels::of(frame, &photo, &model.palette);
        Self { frames: view.frames[1..].par_iter().map(levels).collect(), photo, model }
    }

    /// Frames of the clip, the photo included.
    pub fn frame_count(&self) -> usize {
        self.frames.len() + 1
    }

    /// Follows all tools from nothing, in pictures down to half size: a track a tool, in the order of the tools.
    /// [`Self::track_with_prior`] goes on in full size.
    ///
    /// # Errors
    /// No frame shows as many candidate regions as there are tools.
    pub fn track(&self) -> Result<Vec<ToolTrack>, TrackError> {
        let model = &*self.model;
        let regions: Vec<Vec<[f32; 2]>> =
            self.frames.par_iter().map(|frame| regions(model, frame, &self.photo)).collect();
        let start = self.start(&regions)?;
        let follow = |tool| self.follow(tool, &regions, &start);
        let mut tracks: Vec<ToolTrack> = (0..model.tools.len()).into_par_iter().map(follow).collect();
        reject_doubles(&mut tracks);
        Ok(tracks)
    }

    /// Refines a tool's track once more, each pose softly tied to the one fused over all views.
    pub fn track_with_fused(&self, tool: usize, track: &ToolTrack, fused: &FusedTrack) -> ToolTrack {
        let camera_from_world = self.model.world_from_camera.inverse();
        let mut priors = vec![None; self.frame_count()];
        for pose in &fused.poses {
            // A frame beyond the clip's is nobody's prior.
            if let Some(prior) = priors.get_mut(pose.frame) {
                *prior = pose.world_from_tool.as_ref().map(|pose| pose.moved(&camera_from_world));
            }
        }
        self.track_with_prior(tool, track, &priors)
    }

    /// Refines a tool's track once more, each pose softly tied to the fused one: `priors[frame]` is the fused
    /// pose in this camera's frame with its covariance.
    pub fn track_with_prior(
        &self,
        tool: usize,
        track: &ToolTrack,
        priors: &[Option<Gaussian6>],
    ) -> ToolTrack {
        let poses = (1..self.frame_count())
            .into_par_iter()
            .map_init(Scratch::default, |scratch, frame| {
                let before = track.at(frame);
                let Some(prior) = priors.get(frame).and_then(Option::as_ref) else {
                    return before
                        .cloned()
                        .unwrap_or_else(|| TrackedPose::lost(frame, "no pose in any view"));
                };
                let prior = self.model.prior(prior);
                let scene = self.model.scene(tool, &self.frames[frame - 1], &self.photo);
                let strain = |pose: &Refined| {
                    let pull = relative_twist(&pose.pose, &prior.camera_from_tool);
                    pull.dot(&(prior.information * pull))
                };
                let own = before
                    .filter(|b| b.status == Status::Accepted)
                    .and_then(|b| refine(&scene, &b.camera_from_tool, &FINE, Some(&prior), scratch));
                let trusted = own
                    .as_ref()
                    .is_some_and(|own| self.model.is_trusted(own) && strain(own) <= DOUBTFUL_STRAIN);
                let anew = (!trusted).then(|| {
                    let stages = [COARSE, MIDDLE, FINE[0], FINE[1]];
                    refine(&scene, &prior.camera_from_tool, &stages, Some(&prior), scratch)
                });
                // The fused pose lies between the views': beyond it is what another view sees.
                let doubted = own.as_ref().filter(|own| {
                    own.pose.rotation.angle_to(&prior.camera_from_tool.rotation) > DISAGREEING_RAD
                });
                let as_others = doubted.and_then(|own| {
                    let to_fused = own.pose.rotation.inverse() * prior.camera_from_tool.rotation;
                    let rotation = prior.camera_from_tool.rotation * to_fused;
                    let start = Pose::from_parts(own.pose.translation, rotation);
                    refine(&scene, &start, &FINE, Some(&prior), scratch)
                });
                let found = own.into_iter().chain(anew.flatten()).chain(as_others);
                let best = found.max_by(|a, b| a.gain.total_cmp(&b.gain));
                self.model.judged(frame, best)
            })
            .collect();
        ToolTrack { poses }
    }

    /// Finds all tools in one frame: from the last frame backwards, the first in which every tool is
    /// found, or else the best.
    fn start(&self, regions: &[Vec<[f32; 2]>]) -> Result<Start, TrackError> {
        let mut best: Option<(f64, Start)> = None;
        for frame in (1..self.frame_count()).rev().step_by(2) {
            let found = assign(&self.model, &self.frames[frame - 1], &self.photo, &regions[frame - 1]);
            let Some(poses) = found else { continue };
            let explained = poses.iter().map(|found| found.explained).fold(f64::INFINITY, f64::min);
            let trusted = poses.iter().all(|found| self.model.is_trusted(found));
            if best.as_ref().is_none_or(|(most, _)| explained > *most) {
                best = Some((explained, Start { frame, poses }));
            }
            if trusted {
                break;
            }
        }
        let (frames, tools) = (self.frames.len(), self.model.tools.len());
        best.map(|(_, start)| start).ok_or(TrackError::NoTool { frames, tools })
    }

    /// Follows one tool from the start frame in both directions.
    fn follow(&self, tool: usize, regions: &[Vec<[f32; 2]>], start: &Start) -> ToolTrack {
        let mut scratch = Scratch::default();
        let found = &start.poses[tool];
        let mut poses = vec![self.model.judged(start.frame, Some(found.clone()))];
        let forward: Vec<usize> = (start.frame + 1..self.frame_count()).collect();
        let backward: Vec<usize> = (1..start.frame).rev().collect();
        for numbers in [forward, backward] {
            let mut follower = Follower::new(tool, found.pose);
            poses.extend(numbers.into_iter().map(|number| {
                let (frame, near) = (&self.frames[number - 1], &regions[number - 1]);
                follower.step(&self.model, (number, frame), &self.photo, near, &mut scratch)
            }));
        }
        poses.sort_by_key(|pose| pose.frame);
        ToolTrack { poses }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_tools_in_one_place_the_worse_is_not_there() {
        let track = |x_m: [f64; 2], residual: f64| ToolTrack {
            poses: [1, 2]
                .map(|frame| TrackedPose {
                    camera_from_tool: Pose::translation(x_m[frame - 1], 0.0, 0.8),
                    residual,
                    status: Status::Accepted,
                    ..TrackedPose::lost(frame, "")
                })
                .into(),
        };
        // Apart in frame 1, in one place in frame 2.
        let mut tracks = [track([0.0, 0.1], 20.0), track([0.3, 0.11], 30.0)];
        reject_doubles(&mut tracks);
        let statuses = tracks.map(|track| track.poses.iter().map(|pose| pose.status).collect::<Vec<_>>());
        assert_eq!(statuses[0], [Status::Accepted; 2]);
        assert_eq!(statuses[1], [Status::Accepted, Status::Rejected]);
    }
}

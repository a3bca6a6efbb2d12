use crate::{
    assign::APART_M,
    expected::{Expected, expected},
    follow::Follower,
    refine::{COARSE, FINE, MIDDLE, Prior, Refined, Scene, Scratch, is_nearly, refine},
    settings::TrackerSettings,
    sight::{Sight, Start},
    view_model::ViewModel,
};
use dreamitate_clip::ClipView;
use dreamitate_geometry::{Gaussian6, Pose, median};
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedTrack, Status, ToolTrack, TrackedPose};
use rayon::prelude::*;
use std::sync::Arc;

/// Follows the tools of a task through one view of a clip.
pub struct ViewTracker {
    model: Arc<ViewModel>,
    sight: Sight,
}

/// Why a view cannot be tracked at all.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum TrackError {
    /// The camera does not look at the table.
    #[error("the camera does not look at the table: its axis meets z = 0 at {0:.3} m along")]
    NoTable(f64),
    /// A camera whose pictures hold no tool at quarter size.
    #[error("pictures of {0}×{1} px are too small, at least {SMALLEST_PX} are needed each way")]
    Small(u32, u32),
    /// No frame to track.
    #[error("{0} frame(s); a photo and at least one frame after it are needed")]
    Frames(usize),
    /// A picture that is not the camera's.
    #[error("the picture is {}×{}, but the camera's are {}×{}", .found.0, .found.1, .expected.0, .expected.1)]
    Size {
        /// Columns and rows of the picture.
        found: (u32, u32),
        /// Those of the camera.
        expected: (u32, u32),
    },
}

/// The least columns and rows of a picture.
pub(crate) const SMALLEST_PX: u32 = 64;

/// A pose this far from the fused one, in squared standard deviations, is sought anew from there as well.
const DOUBTFUL_STRAIN: f64 = 16.0;
/// A pose this near to the fused one is confirmed by it: 95 % of right ones that were found without knowing of it are.
const CONFIRMING_STRAIN: f64 = 12.6;
/// A pose this far from the fused one contradicts it.
const CONTRADICTING_STRAIN: f64 = 49.0;
/// A view whose pose is turned this far from the fused one is asked whether it might see what the others do.
const DISAGREEING_RAD: f64 = 0.05;

/// A pose needs no other start that shows so much of the tool and has at most such a residual, of the clip's medians.
const USUALLY_SEEN: f64 = 0.97;
const USUAL_RESIDUAL: f64 = 1.2;

/// Of a pose that strays from its neighbours: the pose that these expect is taken if it explains so large a part of what
/// the best one does.
const NEARLY: f64 = 0.75;

/// The pose that explains a picture best, of those that starts lead to. Where the tool hardly differs from the table the
/// smallest picture leads astray, so that starts are also refined without it.
fn sought(scene: &Scene<'_>, starts: &[Pose], prior: &Prior, scratch: &mut Scratch) -> Option<Refined> {
    let found = starts.iter().flat_map(|start| {
        [&[COARSE, MIDDLE][..], &[MIDDLE]].map(|stages| refine(scene, start, stages, Some(prior), scratch))
    });
    let best = found.flatten().max_by(|a, b| a.gain.total_cmp(&b.gain))?;
    refine(scene, &best.pose, &FINE, Some(prior), scratch)
}

/// A pose whose residual is this many times the clip's, and as large in levels, is another than it seems.
const ODD_RESIDUAL: (f64, f64) = (2.5, 30.0);

/// The median over a track's accepted poses.
fn usual(track: &ToolTrack, value: impl Fn(&TrackedPose) -> f64) -> Option<f64> {
    let accepted = track.poses.iter().filter(|pose| pose.status == Status::Accepted);
    median(accepted.map(value))
}

/// Rejects accepted poses that fit much worse than the track's others.
fn reject_odd(track: &mut ToolTrack) {
    let Some(usual) = usual(track, |pose| pose.residual) else { return };
    let limit = (ODD_RESIDUAL.0 * usual).max(ODD_RESIDUAL.1);
    for pose in track.poses.iter_mut().filter(|pose| pose.status == Status::Accepted && pose.residual > limit)
    {
        pose.status = Status::Rejected;
        pose.reason = format!("residual {:.1} exceeds {limit:.1}, the clip's is {usual:.1}", pose.residual);
    }
}

/// Of two tools that are accepted in one place of one frame the one that fits worse is not there.
pub(crate) fn reject_doubles(tracks: &mut [&mut [TrackedPose]]) {
    for later in 1..tracks.len() {
        let (earlier, rest) = tracks.split_at_mut(later);
        for other in rest[0].iter_mut() {
            let frame = other.frame;
            let same_frame =
                earlier.iter_mut().flat_map(|track| track.iter_mut()).filter(|p| p.frame == frame);
            for pose in same_frame {
                let [a, b] = [&pose, &other].map(|p| p.camera_from_tool.translation.vector);
                let both = pose.status == Status::Accepted && other.status == Status::Accepted;
                if both && (a - b).norm() < APART_M {
                    let worse = if pose.residual > other.residual { pose } else { &mut *other };
                    reject_double(worse);
                }
            }
        }
    }
}

fn reject_double(pose: &mut TrackedPose) {
    pose.status = Status::Rejected;
    pose.reason = "another tool is there".to_owned();
}

impl ViewTracker {
    /// Prepares the pictures of a view.
    ///
    /// # Errors
    /// [`TrackError`]: the camera does not look at the table, or the pictures are not its.
    pub fn new(
        view: &ClipView,
        tools: Arc<[ToolModel]>,
        settings: TrackerSettings,
    ) -> Result<Self, TrackError> {
        let model = ViewModel::new(view.camera, &view.world_from_camera, tools, settings)?;
        Self::with_model(Arc::new(model), view)
    }

    /// The same with a model that is there already; `view` must be of its camera.
    ///
    /// # Errors
    /// [`TrackError::Frames`] or [`TrackError::Size`].
    pub fn with_model(model: Arc<ViewModel>, view: &ClipView) -> Result<Self, TrackError> {
        if view.frames.len() < 2 {
            return Err(TrackError::Frames(view.frames.len()));
        }
        view.frames.iter().try_for_each(|frame| model.check_size(frame))?;
        let sight = Sight::of(&model, view);
        Ok(Self { model, sight })
    }

    /// Frames of the clip, the photo included.
    pub fn frame_count(&self) -> usize {
        self.sight.frames.len() + 1
    }

    /// Follows all tools from nothing, in pictures down to half size: a track a tool, in the order of the tools.
    /// [`Self::track_with_fused`] goes on in full size. Where no frame shows all tools, all are lost in all frames.
    pub fn track(&self) -> Vec<ToolTrack> {
        let model = &*self.model;
        let Some(start) = &self.sight.start else { return self.nothing() };
        let follow = |tool| self.follow(tool, start);
        let mut tracks: Vec<ToolTrack> = (0..model.tools.len()).into_par_iter().map(follow).collect();
        reject_doubles(&mut tracks.iter_mut().map(|track| track.poses.as_mut_slice()).collect::<Vec<_>>());
        tracks.iter_mut().for_each(reject_odd);
        tracks
    }

    /// Tracks of tools that are not there.
    fn nothing(&self) -> Vec<ToolTrack> {
        let (frames, tools) = (self.frame_count() - 1, self.model.tools.len());
        let reason = format!(
            "no tool in the dream: of {frames} frames none shows {tools} region(s) in the tools' colours that changed \
             against the photo"
        );
        vec![ToolTrack::lost(self.frame_count(), &reason); tools]
    }

    /// Refines a tool's track once more, each pose softly tied to the one fused over all views. `earlier` are those of the
    /// times that this was done before: from the second time on what is seen well, and what nothing new is known of, stays
    /// as it is. `alone` are all tools' tracks as [`Self::track`] found them: where one of another tool is accepted this one
    /// is not.
    pub fn track_with_fused(
        &self,
        tool: usize,
        track: &ToolTrack,
        alone: &[ToolTrack],
        fused: &FusedTrack,
        earlier: &[FusedTrack],
    ) -> ToolTrack {
        let camera_from_world = self.model.world_from_camera.inverse();
        let expect =
            |fused, rounds: usize| expected(fused, &camera_from_world, self.frame_count(), rounds > 0);
        let expected = expect(fused, earlier.len());
        let last = earlier.last().map(|last| expect(last, earlier.len() - 1));
        let usually_seen = usual(track, |pose| pose.visible_fraction).unwrap_or(1.0);
        let usual_residual = usual(track, |pose| pose.residual).unwrap_or(f64::INFINITY);
        let taken = |frame: usize| {
            let others = alone.iter().enumerate().filter(move |(other, _)| *other != tool);
            let poses = others.filter_map(move |(_, track)| track.at(frame));
            let accepted = poses.filter(|pose| pose.status == Status::Accepted);
            accepted.map(|pose| pose.camera_from_tool.translation.vector).collect()
        };
        let at = |frame: usize, scratch: &mut Scratch| {
            let before = track.at(frame);
            let mut expected = Expected { taken: taken(frame), ..expected[frame].clone() };
            let is_old = last.as_ref().is_some_and(|last| expected.is_nearly(&last[frame]));
            if let Some(before) = before.filter(|_| is_old) {
                return before.clone();
            }
            let Some(fused) = &expected.fused else {
                return before.cloned().unwrap_or_else(|| TrackedPose::lost(frame, "no pose in any view"));
            };
            let prior = self.prior(tool, fused, before);
            let is_good = |before: &&TrackedPose| {
                before.status == Status::Accepted
                    && before.visible_fraction >= USUALLY_SEEN * usually_seen
                    && before.residual <= USUAL_RESIDUAL * usual_residual
                    && prior.strain(&before.camera_from_tool) <= CONFIRMING_STRAIN
            };
            if let Some(good) = before.filter(|_| !expected.strays).filter(is_good) {
                if last.is_some() {
                    return good.clone();
                }
                expected.starts.clear();
            }
            if let Some(symmetry) = self.model.tools[tool].config.symmetry {
                let as_prior = |start: &mut Pose| *start = symmetry.nearest(start, &prior.camera_from_tool);
                expected.starts.iter_mut().for_each(as_prior);
            }
            self.pose_with_prior(tool, frame, before, &prior, &expected, scratch)
        };
        let poses = (1..self.frame_count()).into_par_iter();
        let mut refined = ToolTrack {
            poses: poses.map_init(Scratch::default, |scratch, frame| at(frame, scratch)).collect(),
        };
        reject_odd(&mut refined);
        refined
    }

    /// The fused pose as this view expects it, of those that look alike the one nearest to the pose so far.
    fn prior(&self, tool: usize, fused: &Gaussian6, before: Option<&TrackedPose>) -> Prior {
        let mut prior = self.model.prior(fused);
        if let Some((symmetry, before)) = self.model.tools[tool].config.symmetry.zip(before) {
            prior.camera_from_tool = symmetry.nearest(&prior.camera_from_tool, &before.camera_from_tool);
        }
        prior
    }

    /// The pose in one frame: from the one before, from the fused one, from where another view might see what this one
    /// does, and from those of the frames beside. Of a pose that strays from its neighbours the fused one is what these
    /// expect.
    fn pose_with_prior(
        &self,
        tool: usize,
        frame: usize,
        before: Option<&TrackedPose>,
        prior: &Prior,
        expected: &Expected,
        scratch: &mut Scratch,
    ) -> TrackedPose {
        let model = &*self.model;
        let scene = model.scene(tool, &self.sight.frames[frame - 1], &self.sight.shot);
        let is_confirmed = before.is_some_and(|before| {
            before.status != Status::Lost && prior.strain(&before.camera_from_tool) <= CONFIRMING_STRAIN
        });
        let settings = if is_confirmed { model.settings.of_confirmed() } else { model.settings.clone() };
        let own = before
            .filter(|before| before.status == Status::Accepted)
            .and_then(|before| refine(&scene, &before.camera_from_tool, &FINE, Some(prior), scratch));
        let is_trusted = |own: &Refined| model.is_trusted(own) && prior.strain(&own.pose) <= DOUBTFUL_STRAIN;
        let anew = if !expected.strays && own.as_ref().is_some_and(is_trusted) {
            None
        } else {
            sought(&scene, &expected.near(prior), prior, scratch)
        };
        // The fused pose lies between the views': beyond it is what another view sees.
        let doubted = own
            .as_ref()
            .filter(|own| own.pose.rotation.angle_to(&prior.camera_from_tool.rotation) > DISAGREEING_RAD);
        let as_others = doubted.and_then(|own| {
            let to_fused = own.pose.rotation.inverse() * prior.camera_from_tool.rotation;
            let rotation = prior.camera_from_tool.rotation * to_fused;
            let start = Pose::from_parts(own.pose.translation, rotation);
            refine(&scene, &start, &FINE, Some(prior), scratch)
        });
        let as_beside = sought(&scene, &expected.starts, prior, scratch);
        let of_neighbours = anew.clone().filter(|_| expected.strays);
        let found = own.into_iter().chain(anew).chain(as_others).chain(as_beside);
        let is_taken =
            |at: &Pose| expected.taken.iter().any(|other| (at.translation.vector - other).norm() < APART_M);
        let agrees = |found: &Refined| {
            prior.strain(&found.pose) <= CONTRADICTING_STRAIN
                && model.accepts(found, &settings)
                && !is_taken(&found.pose)
        };
        // What agrees with the others and is good enough is taken before what fits better and contradicts them.
        let best = found.max_by(|a, b| agrees(a).cmp(&agrees(b)).then(a.gain.total_cmp(&b.gain)));
        let nearly = |expected: &Refined| {
            agrees(expected) && best.as_ref().is_none_or(|best| is_nearly(expected.gain, best.gain, NEARLY))
        };
        let mut pose = model.judged(frame, of_neighbours.filter(nearly).or(best), &settings);
        if pose.status == Status::Accepted && is_taken(&pose.camera_from_tool) {
            reject_double(&mut pose);
        }
        pose
    }

    /// Follows one tool from the start frame in both directions.
    fn follow(&self, tool: usize, start: &Start) -> ToolTrack {
        let Sight { shot, frames, regions, .. } = &self.sight;
        let mut scratch = Scratch::default();
        let found = &start.poses[tool];
        let mut poses = vec![self.model.judged(start.frame, Some(found.clone()), &self.model.settings)];
        let forward: Vec<usize> = (start.frame + 1..self.frame_count()).collect();
        let backward: Vec<usize> = (1..start.frame).rev().collect();
        for numbers in [forward, backward] {
            let mut follower = Follower::new(tool, found.pose);
            poses.extend(numbers.into_iter().map(|number| {
                let (frame, near) = (&frames[number - 1], &regions[number - 1]);
                let pose = follower.step(&self.model, (number, frame), shot, near, &mut scratch);
                follower.go_on(&pose);
                pose
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
        reject_doubles(&mut tracks.each_mut().map(|track| track.poses.as_mut_slice()));
        let statuses = tracks.map(|track| track.poses.iter().map(|pose| pose.status).collect::<Vec<_>>());
        assert_eq!(statuses[0], [Status::Accepted; 2]);
        assert_eq!(statuses[1], [Status::Accepted, Status::Rejected]);
    }

    #[test]
    fn a_pose_that_fits_much_worse_than_the_others_is_rejected_with_the_limit() {
        let pose = |frame: usize, residual: f64| TrackedPose {
            residual,
            status: Status::Accepted,
            ..TrackedPose::lost(frame, "")
        };
        let mut track = ToolTrack {
            poses: vec![pose(1, 12.0), pose(2, 29.0), pose(3, 10.0), pose(4, 42.0), pose(6, 9.0)],
        };
        track.poses.push(TrackedPose::lost(5, "elsewhere"));
        reject_odd(&mut track);
        let rejected: Vec<_> = track.poses.iter().filter(|pose| pose.status == Status::Rejected).collect();
        assert_eq!(rejected.len(), 1);
        assert_eq!(rejected[0].reason, "residual 42.0 exceeds 30.0, the clip's is 12.0");
    }
}

use crate::{
    detect::{descend_all, detect},
    levels::Levels,
    look::Shot,
    refine::Scratch,
    view_model::ViewModel,
};
use dreamitate_geometry::Pose;
use dreamitate_track::{Status, TrackedPose};
use nalgebra::Vector3;

/// Guesses from the frame before that are looked at more closely.
const GUESSES: usize = 2;
/// How far a tool may move between frames, metres, and how many regions within that are looked at.
const REACH_M: f64 = 0.35;
const NEAR_REGIONS: usize = 2;

/// Follows one tool from frame to frame, in either direction of time.
pub(crate) struct Follower {
    tool: usize,
    /// The last accepted poses, newest first, two at most.
    last: Vec<Pose>,
}

impl Follower {
    pub fn new(tool: usize, start: Pose) -> Self {
        Self { tool, last: vec![start] }
    }

    /// The tool's pose in the next frame, whose number is `number`.
    pub fn step(
        &self,
        model: &ViewModel,
        (number, frame): (usize, &Levels),
        shot: &Shot,
        regions: &[[f32; 2]],
        scratch: &mut Scratch,
    ) -> TrackedPose {
        let scene = model.scene(self.tool, frame, shot);
        let near = nearest_regions(model, &self.last[0], regions);
        let mut found = descend_all(&scene, &self.guesses(model, &near), GUESSES, scratch);
        if !found.as_ref().is_some_and(|found| model.is_trusted(found)) {
            let again = near.iter().filter_map(|at| detect(&scene, model.bank(self.tool), *at, scratch));
            found = found.into_iter().chain(again).max_by(|a, b| a.gain.total_cmp(&b.gain));
        }
        let mut pose = model.judged(number, found, &model.settings);
        if let Some(symmetry) = scene.tool.config.symmetry.filter(|_| pose.status != Status::Lost) {
            pose.camera_from_tool = symmetry.nearest(&pose.camera_from_tool, &self.last[0]);
        }
        pose
    }

    /// Goes on from a frame's pose if it is accepted.
    pub fn go_on(&mut self, pose: &TrackedPose) {
        if pose.status == Status::Accepted {
            self.last.insert(0, pose.camera_from_tool);
            self.last.truncate(2);
        }
    }

    /// Where the tool was seen last.
    pub fn last_m(&self) -> Vector3<f64> {
        self.last[0].translation.vector
    }

    /// Where the tool may be next: where it was, where it was heading, and on each near region.
    fn guesses(&self, model: &ViewModel, regions: &[[f32; 2]]) -> Vec<Pose> {
        let now = self.last[0];
        let mut guesses = vec![now];
        if let [_, before] = self.last.as_slice() {
            guesses.push(now * before.inverse() * now);
        }
        for region in regions {
            let position = model.position_at(*region, now.translation.z);
            guesses.push(Pose::from_parts(position.into(), now.rotation));
        }
        guesses
    }
}

/// The regions within reach of a pose, nearest first.
fn nearest_regions(model: &ViewModel, now: &Pose, regions: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let distance_m =
        |region: [f32; 2]| (model.position_at(region, now.translation.z) - now.translation.vector).norm();
    let mut near: Vec<(f64, [f32; 2])> = regions
        .iter()
        .map(|region| (distance_m(*region), *region))
        .filter(|(distance_m, _)| *distance_m < REACH_M)
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    near.into_iter().take(NEAR_REGIONS).map(|(_, region)| region).collect()
}

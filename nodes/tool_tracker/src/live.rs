use crate::{
    assign::{APART_M, assign},
    detect::regions,
    follow::Follower,
    levels::{Levels, Photo},
    look::{Look, Shot},
    refine::{Refined, Scratch},
    tracker::{TrackError, reject_doubles},
    view_model::ViewModel,
};
use dreamitate_track::{Status, TrackedPose};
use image::RgbImage;
use nalgebra::Vector3;
use rayon::prelude::*;
use std::sync::Arc;

/// Frames without a tool after which it is sought anew.
const PATIENCE: usize = 3;

/// Follows the tools through one view frame by frame, as they come, for as long as they come.
pub struct LiveTracker {
    model: Arc<ViewModel>,
    shot: Shot,
    /// A tool each; none while it is sought.
    followers: Vec<Option<Follower>>,
    /// Since how many frames each has not been seen.
    missed: Vec<usize>,
    scratch: Vec<Scratch>,
    next: usize,
}

impl LiveTracker {
    /// A tracker whose frames follow a photo of the scene without tools.
    ///
    /// # Errors
    /// The photo has another size than the camera's pictures.
    pub fn new(model: Arc<ViewModel>, photo: &RgbImage) -> Result<Self, TrackError> {
        model.check_size(photo)?;
        let tools = model.tools.len();
        let shot = Shot { photo: Arc::new(Photo::of(photo)), look: Look::plain(&model.tools) };
        Ok(Self {
            model,
            shot,
            followers: (0..tools).map(|_| None).collect(),
            missed: vec![0; tools],
            scratch: (0..tools).map(|_| Scratch::default()).collect(),
            next: 1,
        })
    }

    /// The tools' poses in the next frame, in the order of the tools; lost ones say why. Frames count from 1.
    ///
    /// # Errors
    /// The frame has another size than the camera's pictures; it is not counted.
    pub fn push(&mut self, frame: &RgbImage) -> Result<Vec<TrackedPose>, TrackError> {
        self.model.check_size(frame)?;
        let number = self.next;
        self.next += 1;
        let frame = Levels::of(frame, &self.shot.photo, &self.shot.look);
        let near = regions(&self.model, &frame, &self.shot);
        let sought: Vec<usize> =
            (0..self.followers.len()).filter(|tool| self.followers[*tool].is_none()).collect();
        let (model, shot) = (&self.model, &self.shot);
        let step = |(follower, scratch): (&Option<Follower>, &mut Scratch)| match follower {
            Some(follower) => follower.step(model, (number, &frame), shot, &near, scratch),
            None => TrackedPose::lost(number, "not found yet"),
        };
        let mut poses: Vec<TrackedPose> =
            self.followers.par_iter().zip(&mut self.scratch).map(step).collect();
        reject_doubles(&mut poses.chunks_mut(1).collect::<Vec<_>>());
        for ((follower, missed), pose) in self.followers.iter_mut().zip(&mut self.missed).zip(&poses) {
            *missed = if pose.status == Status::Accepted { 0 } else { *missed + 1 };
            follower.iter_mut().for_each(|follower| follower.go_on(pose));
            if *missed >= PATIENCE {
                *follower = None;
            }
        }
        // Tools that look alike are told apart if they are found together.
        if sought.len() == poses.len() {
            if let Some(found) = self.found(&sought, &frame, &near) {
                self.shot.look = Look::seen(&self.model, &frame, &self.shot.photo, &found);
                for (tool, found) in found.into_iter().enumerate() {
                    poses[tool] = self.begin(tool, number, found);
                }
            }
            return Ok(poses);
        }
        for tool in sought {
            let followed: Vec<Vector3<f64>> = self.followers.iter().flatten().map(Follower::last_m).collect();
            let is_free = |at: &&[f32; 2]| {
                followed.iter().all(|tool| (self.model.position_at(**at, tool.z) - tool).norm() > APART_M)
            };
            let free: Vec<[f32; 2]> = near.iter().filter(is_free).copied().collect();
            let found = self.found(&[tool], &frame, &free).and_then(|mut found| found.pop());
            if let Some(found) = found {
                poses[tool] = self.begin(tool, number, found);
            }
        }
        Ok(poses)
    }

    /// Tools that are not followed, where all of them are surely seen.
    fn found(&self, sought: &[usize], frame: &Levels, regions: &[[f32; 2]]) -> Option<Vec<Refined>> {
        assign(&self.model, sought, frame, &self.shot, regions).filter(|poses| self.model.is_start(poses))
    }

    /// Follows a tool from where it was found.
    fn begin(&mut self, tool: usize, number: usize, found: Refined) -> TrackedPose {
        self.followers[tool] = Some(Follower::new(tool, found.pose));
        self.missed[tool] = 0;
        self.model.judged(number, Some(found), &self.model.settings)
    }
}

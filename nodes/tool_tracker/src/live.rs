use crate::{
    assign::assign,
    detect::regions,
    follow::Follower,
    levels::{Levels, Photo},
    look::{Look, Shot},
    refine::Scratch,
    tracker::TrackError,
    view_model::ViewModel,
};
use dreamitate_track::{Status, TrackedPose};
use image::RgbImage;
use rayon::prelude::*;
use std::sync::Arc;

/// Frames without a tool after which it is sought anew.
const PATIENCE: usize = 3;

/// Follows the tools through one view frame by frame, as they come, for as long as they come.
pub struct LiveTracker {
    model: Arc<ViewModel>,
    shot: Shot,
    /// A follower a tool, and since how many frames it has not seen it; empty until all tools are found.
    followers: Vec<(Follower, usize)>,
    scratch: Vec<Scratch>,
    next: usize,
}

impl LiveTracker {
    /// A tracker whose frames follow a photo of the scene without tools.
    ///
    /// # Errors
    /// The photo has another size than the camera's pictures.
    pub fn new(model: Arc<ViewModel>, photo: &RgbImage) -> Result<Self, TrackError> {
        check_size(&model, photo)?;
        let scratch = model.tools.iter().map(|_| Scratch::default()).collect();
        let shot = Shot { photo: Arc::new(Photo::of(photo)), look: Look::plain(&model.tools) };
        Ok(Self { model, shot, followers: Vec::new(), scratch, next: 1 })
    }

    /// The tools' poses in the next frame, in the order of the tools; lost ones say why. Frames count from 1.
    ///
    /// # Errors
    /// The frame has another size than the camera's pictures; it is not counted.
    pub fn push(&mut self, frame: &RgbImage) -> Result<Vec<TrackedPose>, TrackError> {
        let model = &*self.model;
        check_size(model, frame)?;
        let number = self.next;
        self.next += 1;
        let frame = Levels::of(frame, &self.shot.photo, &self.shot.look);
        let near = regions(model, &frame, &self.shot);
        if self.followers.iter().any(|(_, missed)| *missed >= PATIENCE) {
            self.followers.clear();
        }
        if self.followers.is_empty() {
            let found = assign(model, &frame, &self.shot, &near)
                .filter(|poses| poses.iter().all(|pose| model.is_trusted(pose)));
            let Some(poses) = found else {
                let lost = || TrackedPose::lost(number, "not all tools are found yet");
                return Ok(model.tools.iter().map(|_| lost()).collect());
            };
            self.shot.look = Look::seen(model, &frame, &self.shot.photo, &poses);
            let followers = poses.iter().enumerate();
            self.followers = followers.map(|(tool, found)| (Follower::new(tool, found.pose), 0)).collect();
            return Ok(poses
                .into_iter()
                .map(|found| model.judged(number, Some(found), &model.settings))
                .collect());
        }
        let shot = &self.shot;
        Ok(self
            .followers
            .par_iter_mut()
            .zip(&mut self.scratch)
            .map(|((follower, missed), scratch)| {
                let pose = follower.step(model, (number, &frame), shot, &near, scratch);
                *missed = if pose.status == Status::Accepted { 0 } else { *missed + 1 };
                pose
            })
            .collect())
    }
}

fn check_size(model: &ViewModel, image: &RgbImage) -> Result<(), TrackError> {
    let (expected, found) = ((model.camera.width, model.camera.height), image.dimensions());
    if expected == found { Ok(()) } else { Err(TrackError::Size { found, expected }) }
}

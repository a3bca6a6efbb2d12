//! Single steps of the tracker, for benchmarks.

use crate::{
    levels::{Levels, Photo},
    look::{Look, Shot},
    refine::{FINE, MIDDLE, Scratch, Stage, refine},
    view_model::ViewModel,
};
use dreamitate_geometry::Pose;
use image::RgbImage;
use std::sync::Arc;

/// A frame of a clip, ready to be compared with drawings of the first tool.
pub struct Probe {
    model: Arc<ViewModel>,
    shot: Shot,
    frame: Levels,
    scratch: Scratch,
}

impl Probe {
    /// Takes a frame and the photo before it.
    pub fn new(model: Arc<ViewModel>, photo: &RgbImage, frame: &RgbImage) -> Self {
        let photo = Arc::new(Photo::of(photo));
        let look = Look::plain(&model.tools);
        let frame = Levels::of(frame, &photo, &look);
        Self { model, shot: Shot { photo, look }, frame, scratch: Scratch::default() }
    }

    /// Draws the tool at a pose in a picture reduced by `factor` (1, 2), blurs it, and sets up the normal equations: the
    /// mean colour difference inside the outline.
    pub fn compare(&mut self, factor: u32, camera_from_tool: &Pose) -> Option<f64> {
        let stage = FINE.into_iter().find(|stage| stage.scale.factor() == factor)?;
        self.refined(&[Stage { drawings: 0, moves: 0, ..stage }], camera_from_tool)
    }

    /// Refines a pose as a frame that follows another does: in the half-size picture, twice.
    pub fn refine(&mut self, camera_from_tool: &Pose) -> Option<f64> {
        self.refined(&[MIDDLE, FINE[0]], camera_from_tool)
    }

    fn refined(&mut self, stages: &[Stage], camera_from_tool: &Pose) -> Option<f64> {
        let scene = self.model.scene(0, &self.frame, &self.shot);
        refine(&scene, camera_from_tool, stages, None, &mut self.scratch).map(|found| found.residual)
    }
}

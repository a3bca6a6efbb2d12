use crate::{
    assign::assign,
    detect::regions,
    levels::{Levels, Photo},
    look::{Look, Shot},
    refine::Refined,
    tracker::TrackError,
    view_model::ViewModel,
};
use dreamitate_clip::ClipView;
use rayon::prelude::*;
use std::sync::Arc;

/// Lights that are tried where the tools are not found in the usual one, factors.
const OTHER_LIGHTS: [f32; 2] = [0.85, 1.15];

/// A view's pictures as one look of the clip explains them, and where the tools were found in them first.
pub(crate) struct Sight {
    pub shot: Shot,
    /// Frames 1 and on.
    pub frames: Vec<Levels>,
    /// For each of them the regions that may show a tool, pixels of the quarter picture.
    pub regions: Vec<Vec<[f32; 2]>>,
    pub start: Result<Start, TrackError>,
}

/// Tools found in one frame, a pose a tool.
pub(crate) struct Start {
    pub frame: usize,
    pub poses: Vec<Refined>,
}

impl Start {
    fn is_trusted(&self, model: &ViewModel) -> bool {
        self.poses.iter().all(|found| model.is_trusted(found))
    }

    /// What the tool that explains the least explains.
    fn explained(&self) -> f64 {
        self.poses.iter().map(|found| found.explained).fold(f64::INFINITY, f64::min)
    }
}

impl Sight {
    /// The sight of a clip of which nothing is known yet: the tools are found in one frame, and what is seen there of the
    /// light and the hands helps to see all frames.
    pub fn of(model: &ViewModel, view: &ClipView) -> Self {
        let photo = Arc::new(Photo::of(&view.frames[0]));
        let seek = |look| Self::sought(model, view, Shot { photo: photo.clone(), look });
        let mut best = seek(Look::plain(&model.tools));
        // In a light far from the usual one the tools may not be found at once.
        for factor in OTHER_LIGHTS {
            if best.is_trusted(model) {
                break;
            }
            best = best.or(seek(Look::in_light(&model.tools, factor)));
        }
        let Ok(found) = &best.start else { return best };
        let look = Look::seen(model, &best.frames[found.frame - 1], &photo, &found.poses);
        if best.is_trusted(model) { best.with_look(model, view, look) } else { best.or(seek(look)) }
    }

    fn sought(model: &ViewModel, view: &ClipView, shot: Shot) -> Self {
        let levels = |frame| Levels::of(frame, &shot.photo, &shot.look);
        let frames: Vec<Levels> = view.frames[1..].par_iter().map(levels).collect();
        let regions = all_regions(model, &frames, &shot);
        let start = find(model, &shot, &frames, &regions);
        Self { shot, frames, regions, start }
    }

    /// The same start in the same pictures, which another look explains.
    fn with_look(self, model: &ViewModel, view: &ClipView, look: Look) -> Self {
        let shot = Shot { look, ..self.shot };
        let images = view.frames[1..].par_iter();
        let anew = |(levels, image): (Levels, _)| levels.with_look(image, &shot.photo, &shot.look);
        let frames: Vec<Levels> = self.frames.into_par_iter().zip(images).map(anew).collect();
        Self { regions: all_regions(model, &frames, &shot), frames, shot, start: self.start }
    }

    fn is_trusted(&self, model: &ViewModel) -> bool {
        self.start.as_ref().is_ok_and(|start| start.is_trusted(model))
    }

    /// The one whose start explains more; the other if both do as much.
    fn or(self, other: Self) -> Self {
        let explained = |sight: &Self| sight.start.as_ref().map_or(f64::NEG_INFINITY, Start::explained);
        if explained(&other) >= explained(&self) { other } else { self }
    }
}

fn all_regions(model: &ViewModel, frames: &[Levels], shot: &Shot) -> Vec<Vec<[f32; 2]>> {
    frames.par_iter().map(|frame| regions(model, frame, shot)).collect()
}

/// Finds all tools in one frame: from the last frame backwards, the first in which every tool is found, or else the
/// best.
fn find(
    model: &ViewModel,
    shot: &Shot,
    frames: &[Levels],
    regions: &[Vec<[f32; 2]>],
) -> Result<Start, TrackError> {
    let mut best: Option<Start> = None;
    for frame in (1..=frames.len()).rev().step_by(2) {
        let Some(poses) = assign(model, &frames[frame - 1], shot, &regions[frame - 1]) else { continue };
        let start = Start { frame, poses };
        let trusted = start.is_trusted(model);
        if best.as_ref().is_none_or(|best| start.explained() > best.explained()) {
            best = Some(start);
        }
        if trusted {
            break;
        }
    }
    best.ok_or(TrackError::NoTool { frames: frames.len(), tools: model.tools.len() })
}

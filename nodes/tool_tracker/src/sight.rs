use crate::{
    assign::assign,
    detect::regions,
    levels::{Levels, Photo},
    look::{Look, Shot},
    refine::Refined,
    view_model::ViewModel,
};
use dreamitate_clip::ClipView;
use image::RgbImage;
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
    /// None where no frame shows all tools.
    pub start: Option<Start>,
}

/// Tools found in one frame, a pose a tool.
pub(crate) struct Start {
    pub frame: usize,
    pub poses: Vec<Refined>,
}

impl Start {
    /// What the tool that explains the least explains, of what changed and of what is not of one colour; nothing if it would
    /// not be accepted.
    fn explained(&self, model: &ViewModel) -> f64 {
        let explained = |found: &Refined| {
            found.explained.min(found.structured)
                - if model.accepts(found, &model.settings) { 0.0 } else { 1.0 }
        };
        self.poses.iter().map(explained).fold(f64::INFINITY, f64::min)
    }
}

/// A start as one look of the clip shows it.
struct Search {
    look: Look,
    /// With the frame in which the tools were found.
    found: Option<(Start, Levels)>,
}

impl Search {
    /// Finds all tools in one frame: from the last frame backwards, the first in which every tool is found, or else the
    /// best.
    fn new(model: &ViewModel, view: &ClipView, photo: &Arc<Photo>, look: Look) -> Self {
        let shot = Shot { photo: photo.clone(), look };
        let mut best: Option<(Start, Levels)> = None;
        let all: Vec<usize> = (0..model.tools.len()).collect();
        for frame in (1..view.frames.len()).rev().step_by(2) {
            let levels = Levels::of(&view.frames[frame], photo, &shot.look);
            let regions = regions(model, &levels, &shot);
            let Some(poses) = assign(model, &all, &levels, &shot, &regions) else { continue };
            let start = Start { frame, poses };
            let trusted = model.is_start(&start.poses);
            if best.as_ref().is_none_or(|(best, _)| start.explained(model) > best.explained(model)) {
                best = Some((start, levels));
            }
            if trusted {
                break;
            }
        }
        Self { look: shot.look, found: best }
    }

    fn is_trusted(&self, model: &ViewModel) -> bool {
        self.found.as_ref().is_some_and(|(start, _)| model.is_start(&start.poses))
    }

    /// The one whose start explains more; the other if both do as much.
    fn or(self, other: Self, model: &ViewModel) -> Self {
        let explained = |search: &Self| {
            search.found.as_ref().map_or(f64::NEG_INFINITY, |(start, _)| start.explained(model))
        };
        if explained(&other) >= explained(&self) { other } else { self }
    }
}

impl Sight {
    /// The sight of a clip of which nothing is known yet: the tools are found in one frame, and what is seen there of the
    /// light and the hands helps to see all frames.
    pub fn of(model: &ViewModel, view: &ClipView) -> Self {
        let photo = Arc::new(Photo::of(&view.frames[0]));
        let seek = |look| Search::new(model, view, &photo, look);
        let mut best = seek(Look::plain(&model.tools));
        // In a light far from the usual one the tools may not be found at once.
        for factor in OTHER_LIGHTS {
            if best.is_trusted(model) {
                break;
            }
            best = best.or(seek(Look::in_light(&model.tools, factor)), model);
        }
        let learnt = best.found.as_ref().map(|(start, frame)| Look::seen(model, frame, &photo, &start.poses));
        let Search { look, found } = match learnt {
            Some(look) if best.is_trusted(model) => Search { look, ..best },
            Some(look) => best.or(seek(look), model),
            None => best,
        };
        let shot = Shot { photo, look };
        let seen = |frame: &RgbImage| {
            let frame = Levels::of(frame, &shot.photo, &shot.look);
            let regions = regions(model, &frame, &shot);
            (frame, regions)
        };
        let (frames, regions) = view.frames[1..].par_iter().map(seen).unzip();
        Self { shot, frames, regions, start: found.map(|(start, _)| start) }
    }
}

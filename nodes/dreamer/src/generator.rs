use crate::{
    onnx::{Manifest, ModelFolder, ModelSettings, OnnxError, Video, VideoModel},
    photo_pairs::PhotoPair,
};
use dreamitate_clip::{ClipError, ClipView, StereoClip};
use dreamitate_config::Task;
use dreamitate_geometry::View;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A video model and the dreams that it has ready.
pub struct Generator {
    model: VideoModel,
    /// Dreams made in one go for seeds that follow one another.
    candidates: u32,
    /// The seeds asked for next, if the scene stays the same.
    ready: BTreeMap<u64, StereoClip>,
    /// The photos that they were dreamt from.
    photos: Option<PhotoPair>,
}

/// Why a model gives no dream of a task.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The model fails.
    #[error(transparent)]
    Model(#[from] OnnxError),
    /// The model was made for something else.
    #[error("the model {model:?} was made for the task {made_for:?}, the dream is asked for {asked:?}")]
    Task {
        /// The model's name.
        model: String,
        /// Its task.
        made_for: String,
        /// The task asked for.
        asked: String,
    },
    /// The frames are no clip.
    #[error(transparent)]
    Clip(#[from] ClipError),
}

impl Generator {
    /// Loads a model.
    ///
    /// # Errors
    /// As [`VideoModel::load`].
    pub fn load(folder: ModelFolder, settings: ModelSettings, candidates: u32) -> Result<Self, OnnxError> {
        let model = VideoModel::load(folder, settings)?;
        Ok(Self { model, candidates: candidates.max(1), ready: BTreeMap::new(), photos: None })
    }

    /// What the model says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.model.manifest()
    }

    /// The dream of a seed. With several candidates the next seeds are dreamt along, and are at hand as long as the
    /// photos show the same scene.
    ///
    /// # Errors
    /// The task is not the model's, or the model fails or is told to stop by `proceed`.
    pub fn dream(
        &mut self,
        task: &Task,
        pair: &PhotoPair,
        seed: u64,
        proceed: impl Fn(u32, u32) -> bool,
    ) -> Result<StereoClip, GenerateError> {
        let Manifest { name, task: made_for, .. } = self.model.manifest();
        if *made_for != task.name {
            let (model, made_for, asked) = (name.clone(), made_for.clone(), task.name.clone());
            return Err(GenerateError::Task { model, made_for, asked });
        }
        if let Some(clip) = self.ready.remove(&seed)
            && self.photos.as_ref().is_some_and(|before| before.shows_the_same(pair))
        {
            return Ok(clip);
        }
        self.ready.clear();
        self.photos = Some(pair.clone());
        let seeds: Vec<_> = (seed..=u64::MAX).take(self.candidates as usize).collect();
        let videos = self.model.dream(&pair.photos, &seeds, proceed)?;
        for (seed, video) in seeds.into_iter().zip(videos) {
            self.ready.insert(seed, clip(task, pair, seed, video).checked()?);
        }
        // Just inserted, since there is at least one candidate.
        self.ready.remove(&seed).ok_or_else(|| ClipError::FrameCount { top: 0, side: 0, least: 2 }.into())
    }
}

fn clip(task: &Task, pair: &PhotoPair, seed: u64, video: Video) -> StereoClip {
    let Video { top, side } = video;
    let [top, side] = [(View::Top, top), (View::Side, side)].map(|(view, frames)| {
        let world_from_camera = task.rig.camera(view).world_from_camera;
        ClipView::cropped(&pair.cameras[view as usize], world_from_camera, frames)
    });
    StereoClip {
        id: format!("{}-onnx-{seed}-{}", task.name, pair.mark()),
        task: task.name.clone(),
        seed,
        source: "onnx".to_owned(),
        frame_period_s: task.frame_period_s,
        top,
        side,
    }
}

/// Share of pixels that may change by more than [`NOISE`] while a scene counts as the same: shadows and reflections
/// flicker, but a thing that was moved covers more.
const CHANGED_SHARE: f64 = 1e-3;
/// Change of a pixel's level that a sensor's noise makes at most.
const NOISE: u8 = 30;

impl PhotoPair {
    /// Tells these photos from others: of one seed there is a dream for each scene.
    fn mark(&self) -> String {
        let mut hash = Sha256::new();
        View::ALL.iter().for_each(|view| hash.update(self.photos.view(*view).as_raw()));
        hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether both photos show what this pair's do, but for noise.
    pub fn shows_the_same(&self, other: &Self) -> bool {
        self.cameras == other.cameras
            && View::ALL.into_iter().all(|view| {
                let [before, now] = [self, other].map(|pair| pair.photos.view(view));
                let changed = before
                    .pixels()
                    .zip(now.pixels())
                    .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > NOISE))
                    .count();
                changed as f64 <= CHANGED_SHARE * f64::from(now.width() * now.height())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::Photos;
    use dreamitate_geometry::PinholeCamera;
    use image::RgbImage;

    #[test]
    fn noise_is_the_same_scene_and_a_moved_thing_is_not() {
        let camera = PinholeCamera::new((90.0, 90.0), (49.5, 49.5), (100, 100)).unwrap();
        let pair = |side_px: u32, noise: u8| {
            let photo = RgbImage::from_fn(100, 100, |x, y| {
                image::Rgb(
                    [if x < side_px && y < side_px { 200 } else { 40 + noise * ((x + y) % 2) as u8 }; 3],
                )
            });
            let photos = Photos { top: photo.clone(), side: photo };
            PhotoPair { photos, cameras: [camera; 2] }
        };
        assert!(pair(5, 0).shows_the_same(&pair(5, 20)));
        assert!(!pair(5, 0).shows_the_same(&pair(7, 0)));
    }
}

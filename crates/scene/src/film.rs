use crate::{Body, Cloth, Flaws, Shade, picture, picture::Exposure, table::Table};
use dreamitate_clip::{CLIP_SIZE, ClipView, FRAMES_PER_VIEW};
use dreamitate_geometry::{CropResize, PinholeCamera, Pose, Rig, RigCamera, View};
use image::RgbImage;
use nalgebra::Point3;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// How long the shutter is open while hands rush in (frames 1 to 3), in frames; and in how many parts it is drawn.
const SHUTTER: f64 = 0.05;
const SHUTTER_PARTS: u32 = 4;
/// An open shutter is drawn in more parts beyond this, in frames: else a moving tool would be seen several times.
const LONG_SHUTTER: f64 = 0.05;

/// Somebody asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dream was cancelled after {done} of {steps} frames")]
pub struct Cancelled {
    /// Frames drawn.
    pub done: u32,
    /// Frames in all.
    pub steps: u32,
}

/// Films and photographs what is on a table.
pub struct Film<'a> {
    rig: &'a Rig,
    cloth: Cloth,
    flaws: Flaws,
    /// Draws the noise.
    seed: u64,
    /// The cameras' centres in the world.
    eyes: [Point3<f64>; 2],
    /// What was seen of the table so far, by the view and the picture's width.
    tables: Mutex<BTreeMap<(View, u32), Arc<Table>>>,
}

impl<'a> Film<'a> {
    /// A film of a rig's cameras.
    pub fn new(rig: &'a Rig, cloth: Cloth, flaws: Flaws, seed: u64) -> Self {
        let eyes = View::ALL.map(|view| rig.camera(view).world_from_camera.translation.vector.into());
        Self { rig, cloth, flaws, seed, eyes, tables: Mutex::default() }
    }

    /// Where a view dreams a tool that truly is at a pose, at a time in frames of the clip.
    pub fn seen(&self, tool: usize, view: View, time: f64, world_from_tool: Pose) -> Pose {
        let pose = self.flaws.leaving(tool, time, world_from_tool);
        let index = view.index();
        self.flaws.seen(&pose, tool, view, [self.eyes[index], self.eyes[1 - index]], time)
    }

    /// Whether fingers lie across the tools in a frame.
    pub fn covered(&self, frame: usize) -> bool {
        self.flaws.covered.contains(&frame)
    }

    /// Pictures of what is there before anybody comes, in the cameras' own sizes: top, side.
    pub fn photograph(&self, bodies: &[Body], shades: &[Shade]) -> [RgbImage; 2] {
        View::ALL.map(|view| {
            let RigCamera { camera, world_from_camera, .. } = self.rig.camera(view);
            self.still(view, camera, world_from_camera, bodies, shades)
        })
    }

    /// A small picture of a view, `factor` times smaller than the camera's.
    pub fn thumbnail(&self, view: View, factor: u32, bodies: &[Body], shades: &[Shade]) -> RgbImage {
        let RigCamera { camera, world_from_camera, .. } = self.rig.camera(view);
        self.still(view, &camera.reduced(factor), world_from_camera, bodies, shades)
    }

    fn still(
        &self,
        view: View,
        camera: &PinholeCamera,
        world_from_camera: &Pose,
        bodies: &[Body],
        shades: &[Shade],
    ) -> RgbImage {
        let ground = self.table(view, camera, world_from_camera).under(shades);
        let exposure = picture::draw(bodies, camera, world_from_camera, ground);
        let mut random = self.noise(view, 0);
        self.develop(exposure, camera, &mut random)
    }

    fn table(&self, view: View, camera: &PinholeCamera, world_from_camera: &Pose) -> Arc<Table> {
        let mut tables = self.tables.lock();
        let seen = || Arc::new(Table::seen(&self.cloth, camera, world_from_camera));
        tables.entry((view, camera.width)).or_insert_with(seen).clone()
    }

    /// A clip's views: 13 frames of 768×448 px each. `at` says what a view sees at a time in frames of the clip, of
    /// which the second argument is the nearest.
    ///
    /// `proceed` is told the number of frames done and of all, from any thread and before each frame; it answers
    /// whether to go on.
    ///
    /// # Errors
    /// `proceed` answered no.
    pub fn shoot(
        &self,
        at: impl Fn(View, usize, f64) -> (Vec<Body>, Vec<Shade>) + Sync,
        proceed: impl Fn(u32, u32) -> bool + Sync,
    ) -> Result<[ClipView; 2], Cancelled> {
        let cameras = View::ALL.map(|view| {
            let RigCamera { camera, world_from_camera, .. } = self.rig.camera(view);
            let crop = CropResize::centred((camera.width, camera.height), CLIP_SIZE);
            (crop.camera(camera), *world_from_camera)
        });
        let tables = View::ALL.map(|view| {
            let (camera, world_from_camera) = &cameras[view.index()];
            self.table(view, camera, world_from_camera)
        });
        let steps = (2 * FRAMES_PER_VIEW) as u32;
        let done = AtomicU32::new(0);
        let draw = |index: usize| -> Result<RgbImage, Cancelled> {
            let before = done.load(Ordering::Relaxed);
            if !proceed(before, steps) {
                return Err(Cancelled { done: before, steps });
            }
            let (view, frame) = (View::ALL[index / FRAMES_PER_VIEW], index % FRAMES_PER_VIEW);
            let (camera, world_from_camera) = &cameras[view.index()];
            let (bodies, shades) = at(view, frame, frame as f64);
            let ground = tables[view.index()].under(&shades);
            let expose = |bodies: &[_]| picture::draw(bodies, camera, world_from_camera, ground.clone());
            let shutter = self.flaws.shutter.or((frame <= 3).then_some(SHUTTER)).filter(|_| frame > 0);
            let mut exposure = match shutter {
                Some(shutter) => {
                    let parts = if shutter > LONG_SHUTTER { 2 * SHUTTER_PARTS } else { SHUTTER_PARTS };
                    picture::mean((0..parts).map(|part| {
                        let middle = (f64::from(part) + 0.5) / f64::from(parts) - 0.5;
                        expose(&at(view, frame, frame as f64 + shutter * middle).0)
                    }))
                }
                None => expose(&bodies),
            };
            let mut random = self.noise(view, frame);
            if frame > 0 && self.flaws.wobble_px > 0.0 {
                exposure =
                    picture::wobbled(&exposure, camera.width as usize, self.flaws.wobble_px, &mut random);
            }
            let image = self.develop(exposure, camera, &mut random);
            done.fetch_add(1, Ordering::Relaxed);
            Ok(image)
        };
        let mut top: Vec<_> = (0..2 * FRAMES_PER_VIEW).into_par_iter().map(draw).collect::<Result<_, _>>()?;
        proceed(steps, steps);
        let side = top.split_off(FRAMES_PER_VIEW);
        let view = |(camera, world_from_camera), frames| ClipView { camera, world_from_camera, frames };
        Ok([view(cameras[0], top), view(cameras[1], side)])
    }

    fn develop(&self, mut exposure: Exposure, camera: &PinholeCamera, random: &mut ChaCha8Rng) -> RgbImage {
        let light = self.flaws.light_at(random);
        for pixel in &mut exposure {
            *pixel = std::array::from_fn(|c| pixel[c] * light[c]);
        }
        picture::develop(&exposure, camera, self.flaws.blur_px, self.flaws.noise, random)
    }

    /// Each frame has a random stream of its own, so that threads cannot change the result.
    fn noise(&self, view: View, frame: usize) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(1 + (view.index() * FRAMES_PER_VIEW + frame) as u64);
        random
    }
}

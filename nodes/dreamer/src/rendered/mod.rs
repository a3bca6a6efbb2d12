//! A dream drawn by the project's own renderer, whose tool poses are therefore known.

mod flaws;
mod motion;
mod picture;
mod scene;
mod shapes;
mod table;

use crate::{
    onnx::Photos,
    recorded::{CLIP_SIZE, FRAMES_PER_VIEW},
};
use dreamitate_clip::{ClipError, ClipView, StereoClip};
use dreamitate_config::{Task, TaskTool};
use dreamitate_geometry::{CropResize, Pose, RigCamera, View};
use dreamitate_render::{TexturedMesh, ToolError, ToolModel};
use flaws::Flaws;
use image::RgbImage;
use motion::{Hand, Motion, Stroke, Turn};
use nalgebra::Point3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use scene::{Moment, Scene};
use std::collections::BTreeMap;
use table::{Cloth, Table};

pub use flaws::Level;

/// For each tool `world_from_tool` in every frame.
type Truth = BTreeMap<String, Vec<Option<Pose>>>;

/// A dream and where its tools really are.
#[derive(Clone, Debug)]
pub struct RenderedDream {
    /// The dream.
    pub clip: StereoClip,
    /// For each tool `world_from_tool` in every frame; `None` in frame 0, the photo without hands.
    pub truth: Truth,
}

/// Why no dream is drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderedError {
    /// The task is done with other tools than those that are drawn.
    #[error("a rendered dream shows one tool or the tools left and right, the task {task:?} has {tools:?}")]
    Tools {
        /// The task.
        task: String,
        /// Its tools.
        tools: Vec<String>,
    },
    /// A tool is refused.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The frames are no clip.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// Somebody asked to stop.
    #[error("the dream was cancelled after {done} of {steps} frames")]
    Cancelled {
        /// Frames drawn.
        done: u32,
        /// Frames in all.
        steps: u32,
    },
}

/// How long the shutter is open while hands rush in (frames 1 to 3), in frames; and in how many parts it is drawn.
const SHUTTER: f64 = 0.05;
const SHUTTER_PARTS: u32 = 4;
/// An open shutter is drawn in more parts beyond this, in frames: else a moving tool would be seen several times.
const LONG_SHUTTER: f64 = 0.05;
/// The random stream of what a level adds: no frame has it.
const FLAWS_STREAM: u64 = 1000;

/// Draws the dream of a task, [`Level::Clean`]. With the tools `left` and `right` two hands bring them to an object on
/// a dark table and turn it counter-clockwise; with one tool a hand draws it over the table. 13 frames a view,
/// 768×448 px, with soft shadows, blur and noise; the same seed gives the same pixels.
///
/// `proceed` is told the number of frames done and of all, from any thread and before each frame; it answers whether
/// to go on.
///
/// # Errors
/// The task has other tools, a tool cannot be read, or `proceed` answered no.
pub fn render(
    task: &Task,
    seed: u64,
    proceed: impl Fn(u32, u32) -> bool + Sync,
) -> Result<RenderedDream, RenderedError> {
    render_at(task, seed, Level::Clean, proceed)
}

/// The same at a level.
///
/// # Errors
/// As [`render`].
pub fn render_at(
    task: &Task,
    seed: u64,
    level: Level,
    proceed: impl Fn(u32, u32) -> bool + Sync,
) -> Result<RenderedDream, RenderedError> {
    let Stage { scene, cloth, flaws, truth } = Stage::new(task, seed, level)?;
    let cameras = View::ALL.map(|view| {
        let camera = task.rig.camera(view);
        let crop = CropResize::centred((camera.camera.width, camera.camera.height), CLIP_SIZE);
        (crop.camera(&camera.camera), camera.world_from_camera)
    });
    let tables = cameras.map(|(camera, world_from_camera)| Table::seen(&cloth, &camera, &world_from_camera));
    let eyes = cameras.map(|(_, world_from_camera)| Point3::from(world_from_camera.translation.vector));

    let steps = (2 * FRAMES_PER_VIEW) as u32;
    let done = std::sync::atomic::AtomicU32::new(0);
    let draw = |index: usize| -> Result<RgbImage, RenderedError> {
        let before = done.load(std::sync::atomic::Ordering::Relaxed);
        if !proceed(before, steps) {
            return Err(RenderedError::Cancelled { done: before, steps });
        }
        let (view, frame) = (index / FRAMES_PER_VIEW, index % FRAMES_PER_VIEW);
        let ((camera, world_from_camera), table) = (&cameras[view], &tables[view]);
        let at = |time: f64| {
            let covered = flaws.covered.contains(&frame);
            let seen = |tool: usize, pose: Pose| {
                let pose = flaws.leaving(tool, time, pose);
                flaws.seen(&pose, tool, View::ALL[view], [eyes[view], eyes[1 - view]], time)
            };
            scene.at(&Moment { time, covered, seen: &seen })
        };
        let (bodies, shades) = if frame == 0 { scene.photo() } else { at(frame as f64) };
        let ground = table.under(&shades);
        let expose = |bodies: &[_]| picture::draw(bodies, camera, world_from_camera, ground.clone());
        let shutter = flaws.shutter.or((frame <= 3).then_some(SHUTTER)).filter(|_| frame > 0);
        let mut exposure = match shutter {
            Some(shutter) => {
                let parts = if shutter > LONG_SHUTTER { 2 * SHUTTER_PARTS } else { SHUTTER_PARTS };
                picture::mean((0..parts).map(|part| {
                    let middle = (f64::from(part) + 0.5) / f64::from(parts) - 0.5;
                    expose(&at(frame as f64 + shutter * middle).0)
                }))
            }
            None => expose(&bodies),
        };
        // Each frame has a random stream of its own, so that threads cannot change the result.
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(1 + index as u64);
        if frame > 0 && flaws.wobble_px > 0.0 {
            exposure = picture::wobbled(&exposure, camera.width as usize, flaws.wobble_px, &mut random);
        }
        if level > Level::Clean {
            let light = flaws.light_at(&mut random);
            for pixel in &mut exposure {
                *pixel = std::array::from_fn(|c| pixel[c] * light[c]);
            }
        }
        let image = picture::develop(&exposure, camera, flaws.blur_px, flaws.noise, &mut random);
        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(image)
    };
    let mut top: Vec<_> = (0..2 * FRAMES_PER_VIEW).into_par_iter().map(draw).collect::<Result<_, _>>()?;
    proceed(steps, steps);
    let side = top.split_off(FRAMES_PER_VIEW);
    let view = |(camera, world_from_camera), frames| ClipView { camera, world_from_camera, frames };
    let id = match level {
        Level::Clean => format!("{}-rendered-{seed}", task.name),
        _ => format!("{}-{}-{seed}", task.name, level.name()),
    };
    let clip = StereoClip {
        id,
        task: task.name.clone(),
        seed,
        source: "rendered".to_owned(),
        frame_period_s: task.frame_period_s,
        top: view(cameras[0], top),
        side: view(cameras[1], side),
    };
    Ok(RenderedDream { clip: clip.checked()?, truth })
}

/// Photographs the scene of a seed as the rig's cameras see it before anybody comes, in their own sizes: what a video
/// model is given to dream the task from.
///
/// # Errors
/// The task has other tools, or a tool cannot be read.
pub fn photograph(task: &Task, seed: u64) -> Result<Photos, RenderedError> {
    let Stage { scene, cloth, flaws, .. } = Stage::new(task, seed, Level::Clean)?;
    let (bodies, shades) = scene.photo();
    let [top, side] = View::ALL.map(|view| {
        let RigCamera { camera, world_from_camera, .. } = task.rig.camera(view);
        let ground = Table::seen(&cloth, camera, world_from_camera).under(&shades);
        let mut noise = ChaCha8Rng::seed_from_u64(seed);
        noise.set_stream(1 + (view as usize * FRAMES_PER_VIEW) as u64);
        let picture = picture::draw(&bodies, camera, world_from_camera, ground);
        picture::develop(&picture, camera, flaws.blur_px, flaws.noise, &mut noise)
    });
    Ok(Photos { top, side })
}

/// The tools' poses in the dream of a seed, without drawing it: the same as [`RenderedDream::truth`].
///
/// # Errors
/// As [`render`].
pub fn true_poses(task: &Task, seed: u64) -> Result<Truth, RenderedError> {
    Ok(Stage::new(task, seed, Level::Clean)?.truth)
}

/// What a seed puts on the table, how the tools move, and what is wrong with the dream.
struct Stage {
    scene: Scene,
    cloth: Cloth,
    flaws: Flaws,
    truth: Truth,
}

impl Stage {
    fn new(task: &Task, seed: u64, level: Level) -> Result<Self, RenderedError> {
        let named = read_tools(task)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut more = ChaCha8Rng::seed_from_u64(seed);
        more.set_stream(FLAWS_STREAM);
        let motion = match named.as_slice() {
            [(_, _, tool)] => Motion::Stroke(Stroke::new(tool, &mut random)),
            _ => Motion::Turn(Turn::new(&mut random)),
        };
        let flaws = Flaws::new(level, &mut more);
        let mut cloth = Cloth::new(&mut random);
        cloth.colour = flaws.table.unwrap_or(cloth.colour);
        let pose = |tool: usize, hand: Hand, frame: usize| {
            let time = frame as f64;
            (frame > 0).then(|| flaws.leaving(tool, time, motion.world_from_tool(hand, time)))
        };
        let truth = named
            .iter()
            .enumerate()
            .map(|(tool, (name, hand, _))| {
                (name.clone(), (0..FRAMES_PER_VIEW).map(|frame| pose(tool, *hand, frame)).collect())
            })
            .collect();
        let tools = named.into_iter().map(|(_, hand, tool)| (hand, tool)).collect();
        let scene = Scene::new(motion, tools, &flaws, &mut random, &mut more);
        Ok(Self { scene, cloth, flaws, truth })
    }
}

/// The task's tools: names, hands and meshes.
fn read_tools(task: &Task) -> Result<Vec<(String, Hand, TexturedMesh)>, RenderedError> {
    let names: Vec<&str> = task.tools.iter().map(|tool| tool.name.as_str()).collect();
    let hands: &[Hand] = match names.as_slice() {
        [_] => &[Hand::Right],
        ["left", "right"] => &[Hand::Left, Hand::Right],
        _ => {
            let tools = names.into_iter().map(str::to_owned).collect();
            return Err(RenderedError::Tools { task: task.name.clone(), tools });
        }
    };
    let read =
        |(tool, hand): (&TaskTool, &Hand)| Ok((tool.name.clone(), *hand, ToolModel::read(&tool.file)?.mesh));
    task.tools.iter().zip(hands).map(read).collect()
}

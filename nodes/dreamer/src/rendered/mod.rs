//! A dream drawn by the project's own renderer, whose tool poses are therefore known.

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
use dreamitate_config::Task;
use dreamitate_geometry::{CropResize, Pose, RigCamera, View};
use dreamitate_render::{ToolError, ToolModel};
use image::RgbImage;
use motion::{Hand, Motion};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use scene::Scene;
use std::collections::BTreeMap;
use table::{Cloth, Table};

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
    #[error("the rendered dream shows the tools [\"left\", \"right\"], the task {task:?} has {tools:?}")]
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

/// Draws the dream of a task with the tools `left` and `right`: two hands bring them to an object on a dark table and
/// turn it counter-clockwise. 13 frames a view, 768×448 px, with soft shadows, blur and noise; the same seed gives the
/// same pixels.
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
    let (scene, cloth, truth) = stage(task, seed)?;
    let cameras = View::ALL.map(|view| {
        let camera = task.rig.camera(view);
        let crop = CropResize::centred((camera.camera.width, camera.camera.height), CLIP_SIZE);
        (crop.camera(&camera.camera), camera.world_from_camera)
    });
    let tables = cameras.map(|(camera, world_from_camera)| Table::seen(&cloth, &camera, &world_from_camera));

    let steps = (2 * FRAMES_PER_VIEW) as u32;
    let done = std::sync::atomic::AtomicU32::new(0);
    let draw = |index: usize| -> Result<RgbImage, RenderedError> {
        let before = done.load(std::sync::atomic::Ordering::Relaxed);
        if !proceed(before, steps) {
            return Err(RenderedError::Cancelled { done: before, steps });
        }
        let (view, frame) = (index / FRAMES_PER_VIEW, index % FRAMES_PER_VIEW);
        let ((camera, world_from_camera), table) = (&cameras[view], &tables[view]);
        let (bodies, shades) = if frame == 0 { scene.photo() } else { scene.at(frame as f64) };
        let ground = table.under(&shades);
        let expose = |bodies: &[_]| picture::draw(bodies, camera, world_from_camera, ground.clone());
        let exposure = if (1..=3).contains(&frame) {
            picture::mean((0..SHUTTER_PARTS).map(|part| {
                let middle = (f64::from(part) + 0.5) / f64::from(SHUTTER_PARTS) - 0.5;
                expose(&scene.at(frame as f64 + SHUTTER * middle).0)
            }))
        } else {
            expose(&bodies)
        };
        // Each frame has a random stream of its own, so that threads cannot change the result.
        let mut noise = ChaCha8Rng::seed_from_u64(seed);
        noise.set_stream(1 + index as u64);
        let image = picture::develop(&exposure, camera, &mut noise);
        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(image)
    };
    let mut top: Vec<_> = (0..2 * FRAMES_PER_VIEW).into_par_iter().map(draw).collect::<Result<_, _>>()?;
    proceed(steps, steps);
    let side = top.split_off(FRAMES_PER_VIEW);
    let view = |(camera, world_from_camera), frames| ClipView { camera, world_from_camera, frames };
    let clip = StereoClip {
        id: format!("{}-rendered-{seed}", task.name),
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
    let (scene, cloth, _) = stage(task, seed)?;
    let (bodies, shades) = scene.photo();
    let [top, side] = View::ALL.map(|view| {
        let RigCamera { camera, world_from_camera, .. } = task.rig.camera(view);
        let ground = Table::seen(&cloth, camera, world_from_camera).under(&shades);
        let mut noise = ChaCha8Rng::seed_from_u64(seed);
        noise.set_stream(1 + (view as usize * FRAMES_PER_VIEW) as u64);
        picture::develop(&picture::draw(&bodies, camera, world_from_camera, ground), camera, &mut noise)
    });
    Ok(Photos { top, side })
}

/// What a seed puts on the table, and how the tools move.
fn stage(task: &Task, seed: u64) -> Result<(Scene, Cloth, Truth), RenderedError> {
    let tools = read_tools(task)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let motion = Motion::new(&mut random);
    let truth = truth(&motion);
    let cloth = Cloth::new(&mut random);
    Ok((Scene::new(motion, tools, &mut random), cloth, truth))
}

/// The tools' poses in the dream of a seed, without drawing it: the same as [`RenderedDream::truth`].
pub fn true_poses(seed: u64) -> Truth {
    truth(&Motion::new(&mut ChaCha8Rng::seed_from_u64(seed)))
}

fn truth(motion: &Motion) -> Truth {
    [("left", Hand::Left), ("right", Hand::Right)]
        .map(|(name, hand)| {
            let pose = |frame: usize| (frame > 0).then(|| motion.world_from_tool(hand, frame as f64));
            (name.to_owned(), (0..FRAMES_PER_VIEW).map(pose).collect())
        })
        .into()
}

fn read_tools(task: &Task) -> Result<[(Hand, dreamitate_render::TexturedMesh); 2], RenderedError> {
    let mesh =
        |name: &str| task.tools.iter().find(|tool| tool.name == name).map(|tool| ToolModel::read(&tool.file));
    match (task.tools.len(), mesh("left"), mesh("right")) {
        (2, Some(left), Some(right)) => Ok([(Hand::Left, left?.mesh), (Hand::Right, right?.mesh)]),
        _ => {
            let tools = task.tools.iter().map(|tool| tool.name.clone()).collect();
            Err(RenderedError::Tools { task: task.name.clone(), tools })
        }
    }
}

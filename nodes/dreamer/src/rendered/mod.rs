//! A dream drawn by the project's own renderer, whose tool poses are therefore known.

mod motion;
mod scene;

use crate::onnx::Photos;
use dreamitate_clip::{ClipError, FRAMES_PER_VIEW, StereoClip};
use dreamitate_config::{Task, TaskTool};
use dreamitate_geometry::{Pose, View};
use dreamitate_render::{TexturedMesh, ToolError, ToolModel};
use dreamitate_scene::{Cancelled, Cloth, Film, Flaws, Hand};
use motion::{Motion, Stroke, Turn};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use scene::{Moment, Scene};
use std::collections::BTreeMap;

pub use dreamitate_scene::Level;

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
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

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
    let Stage { scene, film, truth } = Stage::new(task, seed, level)?;
    let at = |view: View, frame: usize, time: f64| {
        let seen = |tool: usize, pose: Pose| film.seen(tool, view, time, pose);
        match frame {
            0 => scene.photo(),
            _ => scene.at(&Moment { time, covered: film.covered(frame), seen: &seen }),
        }
    };
    let [top, side] = film.shoot(at, proceed)?;
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
        top,
        side,
    };
    Ok(RenderedDream { clip: clip.checked()?, truth })
}

/// Photographs the scene of a seed as the rig's cameras see it before anybody comes, in their own sizes: what a video
/// model is given to dream the task from.
///
/// # Errors
/// The task has other tools, or a tool cannot be read.
pub fn photograph(task: &Task, seed: u64) -> Result<Photos, RenderedError> {
    let Stage { scene, film, .. } = Stage::new(task, seed, Level::Clean)?;
    let (bodies, shades) = scene.photo();
    let [top, side] = film.photograph(&bodies, &shades);
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
struct Stage<'a> {
    scene: Scene,
    film: Film<'a>,
    truth: Truth,
}

impl<'a> Stage<'a> {
    fn new(task: &'a Task, seed: u64, level: Level) -> Result<Self, RenderedError> {
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
        Ok(Self { scene, film: Film::new(&task.rig, cloth, flaws, seed), truth })
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

//! A physics world for the four tasks: scenes drawn from seeds, tools in hands or on arms, a scripted expert who knows
//! everything, scores, and what the cameras see of it.
//!
//! MuJoCo decides what happens: nothing holds a tool to what it works on but contact and friction. A [`Scene`] is drawn
//! from `config/worlds/*.yaml`; a [`World`] is that scene under way; [`Scene::demonstrate`] is the expert.
//!
//! Without the feature `mujoco` there is nothing here.
#![cfg(feature = "mujoco")]

mod act;
mod arm;
mod draw;
mod film;
mod lists;
pub mod node;
mod options;
mod physics;
mod push_shape;
mod rotation;
mod scene;
mod scooping;
mod sweeping;
mod thing;
mod tool;
mod world;

use std::path::{Path, PathBuf};

pub use act::{Act, Judge, ToolPath};
pub use arm::WorldArm;
pub use film::{Cinema, Footage, Stage};
pub use options::PhysicsOptions;
pub use physics::{BodyId, Physics, SavedState, Touch};
pub use scene::{Demonstration, Hands, Mark, Scene, Score, Split};
pub use thing::{Kind, Mobility, Piece, Shape, Surface, Thing};
pub use tool::ToolPieces;
pub use world::{Moment, World};

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is not as a world's file is")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// A task without a world.
    #[error("the task {0:?} has no world; rotation, scooping, sweeping and push_shape have")]
    Task(String),
    /// A tool of which no pieces are known.
    #[error("{path} has no tool {name:?}; it has {known:?}")]
    NoTool {
        /// The file.
        path: PathBuf,
        /// The tool.
        name: String,
        /// The tools there are.
        known: Vec<String>,
    },
    /// Nothing to choose from.
    #[error("the world's file of the task has an empty list {0}")]
    Empty(&'static str),
    /// A tool's piece that is not one shape.
    #[error("{path}: each piece of {name:?} needs either box_half_m or cylinder_m")]
    Piece {
        /// The file.
        path: PathBuf,
        /// The tool.
        name: String,
    },
    /// A robot's URDF cannot be used.
    #[error("the robot {path}: {why}")]
    Robot {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// MuJoCo refuses a model.
    #[error("MuJoCo refuses the model: {0}")]
    Model(String),
    /// A state of another model.
    #[error("this is no state of the model: {0}")]
    State(String),
    /// A body that is not there.
    #[error("the model has no body {0:?}")]
    NoBody(String),
    /// A seed whose scene leaves no room.
    #[error("seed {0} gives no scene in which everything has room")]
    NoRoom(u64),
    /// The expert has no idea.
    #[error("nothing that the expert could try in the scene of seed {0}")]
    NoWay(u64),
    /// An arm's files cannot be used.
    #[error(transparent)]
    Arms(#[from] arm_executor::ArmFilesError),
    /// A tool cannot be read.
    #[error(transparent)]
    Tool(#[from] dreamitate_render::ToolError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Cancelled(#[from] dreamitate_scene::Cancelled),
    /// The frames are no clip.
    #[error(transparent)]
    Clip(#[from] dreamitate_clip::ClipError),
}

fn read_yaml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, WorldError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| WorldError::Read { path: path.to_owned(), source })?;
    serde_yaml_ng::from_str(&text).map_err(|source| WorldError::Parse { path: path.to_owned(), source })
}

//! The command line: the nodes composed in one process, and the offline commands.

mod bench;
mod calibrate;
mod commands;
#[cfg(feature = "world")]
mod demos;
#[cfg(feature = "world")]
mod eval;
mod expectations;
mod graph;
mod ik_command;
mod live_view;
mod model_command;
mod mount_command;
mod observe;
mod outcome;
mod picture;
mod plan_command;
mod recorder;
mod report;
mod scene_picture;
mod summary;
mod taps;
mod tracking;
mod tracks;

pub use commands::{Cli, execute};
pub use outcome::Ending;

//! Where the configuration lies: a task names its rig and its tools, a rig its arms.
//!
//! The folder holds `tasks/`, `rigs/`, `tools/`, `robots/`, `boards/` and `worlds/`, one YAML a thing.

mod folder;
mod task;

pub use folder::ConfigFolder;
pub use task::{ConfigError, Task, TaskMotion, TaskTool};

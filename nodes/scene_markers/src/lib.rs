//! Shows a dream's tools, their trajectories and the arms' plans as markers ([`Scene`]), for rviz and other viewers.

pub mod node;
mod scene;

pub use scene::{Scene, SceneTool, line_strip};

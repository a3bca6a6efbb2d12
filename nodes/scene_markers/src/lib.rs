//! Shows a dream's tools, their trajectories and the arms' plans as markers ([`Scene`]), and in the dream's own pictures
//! ([`draw_pose`]), for rviz and other viewers.

pub mod node;
mod overlay;
mod scene;

pub use overlay::{TOOL_COLOURS, axes_px, draw_pose};
pub use scene::{Scene, SceneTool, line_strip};

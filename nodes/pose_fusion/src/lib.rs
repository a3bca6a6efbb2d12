//! Fuses the per-view tracks of a tool into one trajectory in the world.
//!
//! Two generated views of one tool disagree by a few degrees and, along the line of sight, by a few centimetres: a
//! property of the dream. So each view's pose is weighed by what the view knows and by how far the views of this clip
//! disagree ([`Fusion`]); the paper's midpoint and mean rotation stay available ([`FusionMethod::Midpoint`]).

mod agreement;
mod doubt;
mod fusion;
mod jumps;
pub mod node;
mod view_pose;

pub use agreement::FusionLimits;
pub use fusion::{Fusion, FusionMethod};
pub use view_pose::ViewPose;

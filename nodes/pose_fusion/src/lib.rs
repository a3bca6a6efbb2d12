//! Fuses the per-view tracks of a tool into one trajectory in the world.
//!
//! Two generated views of one tool disagree by a few degrees and, along the line of sight, by a few
//! centimetres: a property of the dream. So each view's pose is weighed by what the view knows ([`fuse`]);
//! the paper's midpoint and mean rotation stay available ([`FusionMethod::Midpoint`]).

mod fusion;
pub mod node;

pub use fusion::{FusionLimits, FusionMethod, ViewPose, fuse, fuse_tracks};

//! Tracks of tools, per view and fused, and the messages that carry them.

mod fused_message;
mod fused_track;
mod matrix;
mod view_message;
mod view_track;

pub use fused_message::{FusedHeader, fused_from_message, fused_to_message};
pub use fused_track::{FusedPose, FusedTrack, Outcome, STEADY_RAD, strays};
pub use matrix::TrackMessageError;
pub use view_message::{TrackHeader, track_from_message, track_to_message};
pub use view_track::{Status, ToolTrack, TrackedPose};

/// How often fused poses go back to the views, which are then fused again. What one frame's neighbours tell about it comes from
/// farther with each.
pub const PRIOR_ROUNDS: u8 = 5;

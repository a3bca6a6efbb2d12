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

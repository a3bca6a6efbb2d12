//! Stereo clips: frames of both views with their cameras, and the messages that carry them.
//!
//! A clip is the unit that is dreamt, tracked, accepted or rejected. Frame 0 of each view is the photo that
//! the dream began with.

mod camera_message;
mod clip;
mod image_message;
mod message;

pub use camera_message::{
    CalibrationMessageError, camera_from_message, camera_to_message, pose_from_message, pose_to_message,
};
pub use clip::{CLIP_SIZE, ClipError, ClipView, FRAMES_PER_VIEW, StereoClip};
pub use image_message::{ImageMessageError, image_from_message, image_to_message};
pub use message::{ClipMessageError, clip_from_message, clip_to_message};

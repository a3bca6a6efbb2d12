//! Stereo clips: frames of both views with their cameras.
//!
//! A clip is the unit that is dreamt, tracked, accepted or rejected. Frame 0 of each view is the photo that
//! the dream began with.

mod clip;

pub use clip::{ClipError, ClipView, StereoClip};

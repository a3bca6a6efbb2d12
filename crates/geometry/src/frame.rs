//! The names of all tf frames, in one place.

use crate::View;

/// The fixed frame: z up, origin on the table between the cameras.
pub const WORLD_FRAME: &str = "world";

/// The optical frame of a view's camera.
pub fn camera_frame(view: View) -> String {
    format!("camera_{view}_optical_frame")
}

/// The frame of a tool as its arm holds it.
pub fn tool_frame(arm: &str) -> String {
    prefixed_frame(arm, "tool")
}

/// `arm/frame`, or `frame` alone for a task with one unnamed arm.
pub fn prefixed_frame(arm: &str, frame: &str) -> String {
    if arm.is_empty() { frame.to_owned() } else { format!("{arm}/{frame}") }
}

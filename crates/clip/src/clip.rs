use dreamitate_geometry::{CropResize, PinholeCamera, Pose, View};
use image::RgbImage;

/// Width and height of a clip's frames, px.
pub const CLIP_SIZE: (u32, u32) = (768, 448);
/// Frames of each view of a clip; frame 0 is the photo.
pub const FRAMES_PER_VIEW: usize = 13;

/// One view of a clip.
#[derive(Clone, Debug)]
pub struct ClipView {
    /// The camera of these frames (after crop and resize).
    pub camera: PinholeCamera,
    /// Where its optical frame stands.
    pub world_from_camera: Pose,
    /// RGB frames of the camera's size; frame 0 is the photo.
    pub frames: Vec<RgbImage>,
}

impl ClipView {
    /// A view whose frames were cropped and resized from pictures of the camera `photographed`, which stands at
    /// `world_from_camera`.
    pub fn cropped(photographed: &PinholeCamera, world_from_camera: Pose, frames: Vec<RgbImage>) -> Self {
        let size = frames.first().map_or((0, 0), RgbImage::dimensions);
        let crop = CropResize::centred((photographed.width, photographed.height), size);
        Self { camera: crop.camera(photographed), world_from_camera, frames }
    }
}

/// A stereo dream.
#[derive(Clone, Debug)]
pub struct StereoClip {
    /// Names this dream in all that is made of it.
    pub id: String,
    /// The task dreamt.
    pub task: String,
    /// The seed of the dream.
    pub seed: u64,
    /// Where it came from: `recorded`, `rendered` or `onnx`.
    pub source: String,
    /// Time between frames, seconds.
    pub frame_period_s: f64,
    /// The top view.
    pub top: ClipView,
    /// The side view.
    pub side: ClipView,
}

/// Why frames are not a stereo clip.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ClipError {
    /// The views have different numbers of frames, or too few.
    #[error(
        "the clip has {top} top and {side} side frames; both views need the same number, at least {least}"
    )]
    FrameCount {
        /// Frames of the top view.
        top: usize,
        /// Frames of the side view.
        side: usize,
        /// Smallest accepted.
        least: usize,
    },
    /// A frame's size is not its camera's.
    #[error(
        "frame {frame} of the {view} view is {width}×{height} px, its camera {camera_width}×{camera_height} px"
    )]
    FrameSize {
        /// The view.
        view: View,
        /// The frame, from 0.
        frame: usize,
        /// The frame's width, px.
        width: u32,
        /// The frame's height, px.
        height: u32,
        /// The camera's width, px.
        camera_width: u32,
        /// The camera's height, px.
        camera_height: u32,
    },
    /// The time between frames is not a duration.
    #[error("the time between frames is {0} s; it must be positive and at most 10 s")]
    FramePeriod(f64),
}

impl StereoClip {
    /// Returns the clip if its views belong together.
    ///
    /// # Errors
    /// Frame counts differ or are below two, a frame's size is not its camera's, or the period is no duration.
    pub fn checked(self) -> Result<Self, ClipError> {
        let (top, side) = (self.top.frames.len(), self.side.frames.len());
        if top != side || top < 2 {
            return Err(ClipError::FrameCount { top, side, least: 2 });
        }
        if !(self.frame_period_s > 0.0 && self.frame_period_s <= 10.0) {
            return Err(ClipError::FramePeriod(self.frame_period_s));
        }
        for view in View::ALL {
            let ClipView { camera, frames, .. } = self.view(view);
            if let Some((frame, image)) =
                frames.iter().enumerate().find(|(_, f)| f.dimensions() != (camera.width, camera.height))
            {
                return Err(ClipError::FrameSize {
                    view,
                    frame,
                    width: image.width(),
                    height: image.height(),
                    camera_width: camera.width,
                    camera_height: camera.height,
                });
            }
        }
        Ok(self)
    }

    /// One view of the clip.
    pub fn view(&self, view: View) -> &ClipView {
        match view {
            View::Top => &self.top,
            View::Side => &self.side,
        }
    }

    /// Frames a view.
    pub fn frame_count(&self) -> usize {
        self.top.frames.len()
    }

    /// The time of a frame from the clip's start, seconds.
    pub fn time_s(&self, frame: usize) -> f64 {
        frame as f64 * self.frame_period_s
    }
}

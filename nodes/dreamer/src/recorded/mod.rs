//! A dream that somebody's model made before: two photos and the 25 frames generated from them.

mod layout;
mod photo;
mod resemblance;
mod video;

use dreamitate_clip::{CLIP_SIZE, ClipError, ClipView, FRAMES_PER_VIEW, StereoClip};
use dreamitate_geometry::{Rig, View};
use image::RgbImage;
use layout::{Generated, Layout};
use std::path::{Path, PathBuf};

/// Frames that the model generates: all of the top view, and the side view's without its frame 0.
pub const GENERATED_FRAMES: usize = 2 * FRAMES_PER_VIEW - 1;

/// Why a folder is not a recorded dream.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The folder cannot be listed.
    #[error("cannot read the dream folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something is not there.
    #[error("the dream folder {folder} has no {missing}")]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// What was looked for.
        missing: &'static str,
    },
    /// Several files could be meant.
    #[error("the dream folder {folder} has {count} files that could be the {wanted}, expected 1")]
    Ambiguous {
        /// The folder.
        folder: PathBuf,
        /// How many.
        count: usize,
        /// What was looked for.
        wanted: &'static str,
    },
    /// An image cannot be read.
    #[error("cannot read the image {path}")]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// The wrong number of frames.
    #[error("{path} has {count} frames, expected {expected}")]
    FrameCount {
        /// The video or folder.
        path: PathBuf,
        /// How many frames it has; one more than expected means "at least".
        count: String,
        /// How many it should have.
        expected: usize,
    },
    /// A frame of the wrong size.
    #[error("frame {frame} of {path} is {width}×{height} px, expected {}×{} px", CLIP_SIZE.0, CLIP_SIZE.1)]
    FrameSize {
        /// The video or folder.
        path: PathBuf,
        /// The frame, from 0.
        frame: usize,
        /// Its width, px.
        width: u32,
        /// Its height, px.
        height: u32,
    },
    /// A photo of the wrong size.
    #[error(
        "the {view} photo is {width}×{height} px, expected {camera_width}×{camera_height} px (the rig's camera) or {}×{} px (the clip)", CLIP_SIZE.0, CLIP_SIZE.1
    )]
    PhotoSize {
        /// The view.
        view: View,
        /// Its width, px.
        width: u32,
        /// Its height, px.
        height: u32,
        /// The rig's camera's width, px.
        camera_width: u32,
        /// The rig's camera's height, px.
        camera_height: u32,
    },
    /// ffmpeg cannot be started.
    #[error(
        "cannot start {program} to read {path}: {source}; install ffmpeg or name it in DREAMITATE_FFMPEG, or give the {GENERATED_FRAMES} frames as numbered PNG files in a folder `frames`"
    )]
    NoFfmpeg {
        /// What was called.
        program: String,
        /// The video.
        path: PathBuf,
        /// Why it did not start.
        #[source]
        source: std::io::Error,
    },
    /// ffmpeg cannot read the video.
    #[error("ffmpeg cannot read {path}: {said}")]
    Video {
        /// The video.
        path: PathBuf,
        /// The end of what it said.
        said: String,
    },
    /// A view's generated frames resemble the other view's photo.
    #[error(
        "the generated frame {generated} should continue the {view} photo, but differs from it by {own:.1} grey levels on average and from the other photo by {other:.1}; are the photos swapped?"
    )]
    SwappedViews {
        /// The view.
        view: View,
        /// The frame of the 25, from 0.
        generated: usize,
        /// Mean absolute difference from the view's own photo.
        own: f64,
        /// Mean absolute difference from the other view's photo.
        other: f64,
    },
    /// The views do not belong together.
    #[error(transparent)]
    Clip(#[from] ClipError),
}

/// Reads a recorded dream from a folder.
///
/// The photos are `top.png` and `side.png`, or the only `*_top.png` and `*_side.png` (JPEG also); either of the rig's
/// camera's size, or cropped to the clip's already. The 25 generated frames, 768×448 px, are `dream.mp4` (through
/// ffmpeg: `$DREAMITATE_FFMPEG`, or the one on the path), a folder `frames` of 25 PNG files, or the only `*.mp4`: 0 to 12 are the top view,
/// 13 to 24 the side view from its frame 1 on. Or else the folders `top` and `side` hold 13 PNG files each, the photo first.
///
/// # Errors
/// Something is missing, unreadable, of the wrong size or number, or the views are swapped.
pub fn read_clip(
    dir: &Path,
    rig: &Rig,
    task: &str,
    frame_period_s: f64,
) -> Result<StereoClip, RecordedError> {
    let layout = Layout::find(dir)?;
    let [top, side] = match layout {
        Layout::Photos { photos, generated } => {
            let [top_photo, side_photo] =
                [photo::read(&photos[0], View::Top, rig)?, photo::read(&photos[1], View::Side, rig)?];
            let mut top = match &generated {
                Generated::Video(path) => video::read(path, GENERATED_FRAMES, CLIP_SIZE)?,
                Generated::Images(folder) => photo::read_sequence(folder, GENERATED_FRAMES)?,
            };
            let mut side = top.split_off(FRAMES_PER_VIEW);
            resemblance::check(&top[0], &side[0], &top_photo, &side_photo)?;
            top[0] = top_photo;
            side.insert(0, side_photo);
            [top, side]
        }
        Layout::Sequences { top, side } => {
            [photo::read_sequence(&top, FRAMES_PER_VIEW)?, photo::read_sequence(&side, FRAMES_PER_VIEW)?]
        }
    };
    let view = |view: View, frames: Vec<RgbImage>| {
        let camera = rig.camera(view);
        ClipView::cropped(&camera.camera, camera.world_from_camera, frames)
    };
    // `.` and `..` have a name only once resolved.
    let folder = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = folder.file_name().map_or_else(|| "dream".into(), |name| name.to_string_lossy());
    let clip = StereoClip {
        id: format!("{task}-recorded-{name}"),
        task: task.to_owned(),
        seed: 0,
        source: "recorded".to_owned(),
        frame_period_s,
        top: view(View::Top, top),
        side: view(View::Side, side),
    };
    Ok(clip.checked()?)
}

use crate::{
    CalibrationMessageError, ClipError, ClipView, ImageMessageError, StereoClip, camera_from_message,
    camera_to_message, image_from_message, image_to_message, pose_from_message, pose_to_message,
};
use dreamitate_geometry::{View, WORLD_FRAME, camera_frame};
use dreamitate_msgs::{builtin_interfaces::Time, dreamitate_msgs as msgs, std_msgs::Header};

/// Why a `dreamitate_msgs/StereoClip` is not a stereo clip.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ClipMessageError {
    /// Not the two views, top first.
    #[error("the clip's views are {0:?}, expected [\"top\", \"side\"]")]
    Views(Vec<String>),
    /// A view's calibration is refused.
    #[error("the {view} view's calibration is refused: {why}")]
    Calibration {
        /// The view.
        view: View,
        /// Why.
        why: CalibrationMessageError,
    },
    /// A frame is no picture.
    #[error("frame {frame} of the {view} view is refused: {why}")]
    Image {
        /// The view.
        view: View,
        /// The frame, from 0.
        frame: usize,
        /// Why.
        why: ImageMessageError,
    },
    /// A frame is not where even spacing puts it.
    #[error(
        "frame {frame} of the {view} view is at {time_s:.6} s, even spacing puts it at {expected_s:.6} s within {tolerance_s} s"
    )]
    FrameTime {
        /// The view.
        view: View,
        /// The frame, from 0.
        frame: usize,
        /// Its time from the clip's start, seconds.
        time_s: f64,
        /// Where it should be, seconds.
        expected_s: f64,
        /// How far it may be from there, seconds.
        tolerance_s: f64,
    },
    /// The views do not belong together.
    #[error(transparent)]
    Clip(#[from] ClipError),
}

/// Rounding to milliseconds by others is accepted.
const TIME_TOLERANCE_S: f64 = 0.001;

/// Returns the message of a clip. `stamp` is when the photos were taken; each frame's own stamp is its time
/// from the clip's start.
pub fn clip_to_message(clip: &StereoClip, stamp: Time) -> msgs::StereoClip {
    let view = |view: View| {
        let ClipView { camera, world_from_camera, frames } = clip.view(view);
        let frame_id = camera_frame(view);
        msgs::ClipView {
            name: view.name().to_owned(),
            camera_info: camera_to_message(camera, &frame_id),
            world_from_camera: pose_to_message(world_from_camera),
            frames: frames
                .iter()
                .enumerate()
                .map(|(k, image)| {
                    let time = Time::from_ns((clip.time_s(k) * 1e9).round() as i64);
                    image_to_message(image, &frame_id, time)
                })
                .collect(),
        }
    };
    msgs::StereoClip {
        header: Header { stamp, frame_id: WORLD_FRAME.to_owned() },
        clip_id: clip.id.clone(),
        task: clip.task.clone(),
        seed: clip.seed,
        source: clip.source.clone(),
        views: View::ALL.map(view).into(),
    }
}

/// Returns the clip of a message. The time between frames is that of the last frame divided by their number.
///
/// # Errors
/// The message comes from outside, so all is checked: views, calibration, pictures, and even spacing in time.
pub fn clip_from_message(message: msgs::StereoClip) -> Result<StereoClip, ClipMessageError> {
    let names: Vec<_> = message.views.iter().map(|view| view.name.clone()).collect();
    let [top, side] = <[msgs::ClipView; 2]>::try_from(message.views)
        .ok()
        .filter(|_| names == View::ALL.map(View::name))
        .ok_or(ClipMessageError::Views(names))?;
    let frame_period_s = match top.frames.len() {
        count if count < 2 => {
            let (top, side) = (count, side.frames.len());
            return Err(ClipError::FrameCount { top, side, least: 2 }.into());
        }
        count => top.frames.last().map_or(0.0, |frame| seconds(&frame.header.stamp)) / (count - 1) as f64,
    };
    Ok(StereoClip {
        id: message.clip_id,
        task: message.task,
        seed: message.seed,
        source: message.source,
        frame_period_s,
        top: view_from_message(View::Top, top, frame_period_s)?,
        side: view_from_message(View::Side, side, frame_period_s)?,
    }
    .checked()?)
}

fn view_from_message(
    view: View,
    message: msgs::ClipView,
    period_s: f64,
) -> Result<ClipView, ClipMessageError> {
    let refused = |why| ClipMessageError::Calibration { view, why };
    let camera = camera_from_message(&message.camera_info).map_err(refused)?;
    let world_from_camera = pose_from_message(&message.world_from_camera).map_err(refused)?;
    let mut frames = Vec::with_capacity(message.frames.len());
    for (frame, image) in message.frames.into_iter().enumerate() {
        let (time_s, expected_s) = (seconds(&image.header.stamp), frame as f64 * period_s);
        if (time_s - expected_s).abs() > TIME_TOLERANCE_S {
            let tolerance_s = TIME_TOLERANCE_S;
            return Err(ClipMessageError::FrameTime { view, frame, time_s, expected_s, tolerance_s });
        }
        frames.push(image_from_message(image).map_err(|why| ClipMessageError::Image { view, frame, why })?);
    }
    Ok(ClipView { camera, world_from_camera, frames })
}

fn seconds(time: &Time) -> f64 {
    time.to_ns() as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_geometry::{PinholeCamera, Pose};
    use dreamitate_msgs::Message;
    use image::RgbImage;
    use nalgebra::Vector3;

    fn clip() -> StereoClip {
        let view = |cx_px: f64, tone: u8| ClipView {
            camera: PinholeCamera::new((30.0, 31.0), (cx_px, 10.0), (32, 20)).unwrap(),
            world_from_camera: Pose::new(Vector3::new(0.1, cx_px, 0.76), Vector3::new(-2.7, 0.0, 0.1)),
            frames: (0..13)
                .map(|k| RgbImage::from_fn(32, 20, |x, y| image::Rgb([x as u8, y as u8 + k, tone])))
                .collect(),
        };
        StereoClip {
            id: "a-dream".into(),
            task: "rotation".into(),
            seed: u64::MAX,
            source: "rendered".into(),
            frame_period_s: 1.0 / 6.0,
            top: view(16.0, 40),
            side: view(15.0, 90),
        }
    }

    #[test]
    fn a_clip_survives_its_bytes() {
        let sent = clip_to_message(&clip(), Time::from_ns(77));
        let received = msgs::StereoClip::from_cdr(&sent.to_cdr().unwrap()).unwrap();
        assert_eq!(received.header.stamp.to_ns(), 77);
        assert_eq!(received.views[1].frames[3].header.frame_id, "camera_side_optical_frame");
        assert_eq!(received.views[1].frames[3].header.stamp.to_ns(), 500_000_000);
        let (expected, back) = (clip(), clip_from_message(received).unwrap());
        assert_eq!((back.id, back.task, back.seed), (expected.id, expected.task, expected.seed));
        assert_eq!((back.source, back.frame_period_s), (expected.source, expected.frame_period_s));
        for (back, expected) in [(back.top, expected.top), (back.side, expected.side)] {
            assert_eq!((back.camera, &back.frames), (expected.camera, &expected.frames));
            let gap = back.world_from_camera.inverse() * expected.world_from_camera;
            assert!(gap.rotation.angle() < 1e-7 && gap.translation.vector.norm() < 1e-12);
        }
    }

    #[test]
    fn a_damaged_clip_is_refused_with_value_and_limit() {
        let refused = |edit: fn(&mut msgs::StereoClip)| {
            let mut damaged = clip_to_message(&clip(), Time::default());
            edit(&mut damaged);
            clip_from_message(damaged).unwrap_err().to_string()
        };
        let has = |message: String, parts: &[&str]| {
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        };
        has(refused(|m| m.views.swap(0, 1)), &["[\"side\", \"top\"]"]);
        has(refused(|m| m.views.truncate(1)), &["[\"top\"]"]);
        has(refused(|m| m.views[0].frames.clear()), &["0 top and 13 side"]);
        has(refused(|m| drop(m.views[1].frames.pop())), &["13 top and 12 side"]);
        has(
            refused(|m| m.views[1].frames[4].header.stamp.nanosec += 2_000_000),
            &["frame 4 of the side view", "0.668667", "0.666667"],
        );
        has(
            refused(|m| m.views[0].frames[2].data.truncate(9)),
            &["frame 2 of the top view", "9 bytes", "1920"],
        );
        has(refused(|m| m.views[0].camera_info.k[0] = 1e9), &["top view", "fx = 1000000000", "320 px"]);
        has(refused(|m| m.views[1].world_from_camera.orientation.w += 1.0), &["side view", "norm", "0.001"]);
        has(
            refused(|m| {
                let info = &mut m.views[0].camera_info;
                (info.width, info.height) = (36, 20);
            }),
            &["frame 0 of the top view is 32×20 px", "36×20"],
        );
        has(
            refused(|m| {
                m.views.iter_mut().flat_map(|v| &mut v.frames).for_each(|f| f.header.stamp = Time::default())
            }),
            &["the time between frames is 0 s"],
        );
    }
}

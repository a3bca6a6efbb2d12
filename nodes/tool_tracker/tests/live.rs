//! Pictures that come one by one, more of them than a dream has.

#![allow(clippy::unwrap_used)]

use dreamer::rendered::{RenderedDream, render};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{View, rotation_angle_rad};
use dreamitate_render::ToolModel;
use dreamitate_track::Status;
use image::{RgbImage, imageops};
use std::{path::Path, sync::Arc};
use tool_tracker::{LiveTracker, TrackError, TrackerSettings, ViewModel};

/// A dream, its task, and a tracker of its top view.
fn dream() -> (RenderedDream, Task, LiveTracker) {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let task = Task::read(&ConfigFolder::find(Some(Path::new(config))), "rotation").unwrap();
    let tools: Arc<[ToolModel]> =
        task.tools.iter().map(|tool| ToolModel::read(&tool.file).unwrap()).collect();
    let dream = render(&task, 5, |_, _| true).unwrap();
    let view = dream.clip.view(View::Top);
    let model =
        ViewModel::new(view.camera, &view.world_from_camera, tools, TrackerSettings::default()).unwrap();
    let live = LiveTracker::new(Arc::new(model), &view.frames[0]).unwrap();
    (dream, task, live)
}

/// Which tools a frame shows.
fn seen(live: &mut LiveTracker, frame: &RgbImage) -> Vec<bool> {
    live.push(frame).unwrap().iter().map(|pose| pose.status == Status::Accepted).collect()
}

#[test]
fn a_tool_that_leaves_alone_is_found_again_and_the_other_is_followed_meanwhile() {
    let (dream, _, mut live) = dream();
    let frames = &dream.clip.view(View::Top).frames;
    // The right tool is in the right half of the picture.
    let without_right = |frame: usize| {
        let mut picture = frames[frame].clone();
        let middle = picture.width() / 2;
        let table = imageops::crop_imm(&frames[0], middle, 0, middle, picture.height()).to_image();
        imageops::replace(&mut picture, &table, i64::from(middle), 0);
        picture
    };
    assert_eq!(seen(&mut live, &frames[6]), [true, true]);
    for frame in [7, 8, 9, 10, 9, 8, 7] {
        assert_eq!(seen(&mut live, &without_right(frame)), [true, false], "frame {frame}");
    }
    assert_eq!(seen(&mut live, &frames[6]), [true, true]);
    assert_eq!(seen(&mut live, &frames[5]), [true, true]);
}

#[test]
fn tools_are_followed_there_and_back_and_found_again() {
    let (dream, task, mut live) = dream();
    let view = dream.clip.view(View::Top);

    let small = RgbImage::new(64, 48);
    let size = TrackError::Size { found: (64, 48), expected: (view.camera.width, view.camera.height) };
    assert_eq!(live.push(&small).unwrap_err(), size);

    // Nobody there; then the dream forwards and backwards; the tools leave; and come again.
    let dreamt = (5..13).chain((5..12).rev());
    let shown: Vec<usize> = [0, 0].into_iter().chain(dreamt).chain([0; 4]).chain(5..13).collect();
    let mut seen_again = 0;
    for (index, &frame) in shown.iter().enumerate() {
        let poses = live.push(&view.frames[frame]).unwrap();
        assert!(poses.iter().all(|pose| pose.frame == index + 1));
        if frame == 0 {
            assert!(poses.iter().all(|pose| pose.status != Status::Accepted), "frame {index}");
            continue;
        }
        for (pose, tool) in poses.iter().zip(&task.tools).filter(|(pose, _)| pose.status == Status::Accepted)
        {
            let truth = view.world_from_camera.inverse() * dream.truth[&tool.name][frame].unwrap();
            let off = pose.camera_from_tool.translation.vector - truth.translation.vector;
            let turn_rad = rotation_angle_rad(&pose.camera_from_tool, &truth);
            assert!(off.norm() < 0.015 && turn_rad < 0.06, "{index}: {} m, {turn_rad} rad", off.norm());
        }
        let all = poses.iter().all(|pose| pose.status == Status::Accepted);
        assert!(
            all || index > 20,
            "frame {index}: {:?}",
            poses.iter().map(|p| &p.reason).collect::<Vec<_>>()
        );
        seen_again += usize::from(all && index > 20);
    }
    assert!(seen_again >= 6, "{seen_again} of 8");
}

//! Pictures that come one by one, more of them than a dream has.

#![allow(clippy::unwrap_used)]

use dreamer::rendered::render;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{View, rotation_angle_rad};
use dreamitate_render::ToolModel;
use dreamitate_track::Status;
use image::RgbImage;
use std::{path::Path, sync::Arc};
use tool_tracker::{LiveTracker, TrackError, TrackerSettings, ViewModel};

#[test]
fn tools_are_followed_there_and_back_and_found_again() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let task = Task::read(&ConfigFolder::find(Some(Path::new(config))), "rotation").unwrap();
    let tools: Arc<[ToolModel]> =
        task.tools.iter().map(|tool| ToolModel::read(&tool.file).unwrap()).collect();
    let dream = render(&task, 5, |_, _| true).unwrap();
    let view = dream.clip.view(View::Top);
    let model =
        ViewModel::new(view.camera, &view.world_from_camera, tools, TrackerSettings::default()).unwrap();
    let mut live = LiveTracker::new(Arc::new(model), &view.frames[0]).unwrap();

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

//! One view of rendered dreams, against the truth.

#![allow(clippy::unwrap_used)]

#[path = "rendered/plain.rs"]
mod plain;

use dreamer::rendered::{Level, RenderedDream, render, render_at};
use dreamitate_clip::ClipView;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Gaussian6, Pose, View, ViewTie, rotation_angle_rad};
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedPose, FusedTrack, Status, ToolTrack};
use image::RgbImage;
use nalgebra::{Matrix6, UnitQuaternion};
use std::{path::Path, sync::Arc};
use tool_tracker::{TrackError, TrackerSettings, ViewTracker};

fn task() -> Task {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    Task::read(&ConfigFolder::find(Some(Path::new(config))), "rotation").unwrap()
}

fn tools(task: &Task) -> Arc<[ToolModel]> {
    task.tools.iter().map(|tool| ToolModel::read(&tool.file).unwrap()).collect()
}

fn truth(dream: &RenderedDream, view: &ClipView, tool: &str, frame: usize) -> Pose {
    view.world_from_camera.inverse() * dream.truth[tool][frame].unwrap()
}

/// How far a pose is off: across the line of sight, along it (both metres), and in rotation (radians).
fn error(found: &Pose, truth: &Pose) -> [f64; 3] {
    let off = found.translation.vector - truth.translation.vector;
    let ray = truth.translation.vector.normalize();
    let along = off.dot(&ray);
    [(off - along * ray).norm(), along.abs(), rotation_angle_rad(found, truth)]
}

fn assert_near_truth(
    track: &ToolTrack,
    dream: &RenderedDream,
    view: View,
    tool: &str,
    [most_across_m, most_along_m, most_turn_rad]: [f64; 3],
) {
    for frame in 4..13 {
        let pose = track.at(frame).unwrap();
        assert_eq!(pose.status, Status::Accepted, "{view} {tool} {frame}: {}", pose.reason);
        let [across_m, along_m, turn_rad] =
            error(&pose.camera_from_tool, &truth(dream, dream.clip.view(view), tool, frame));
        assert!(
            across_m < most_across_m && along_m < most_along_m && turn_rad < most_turn_rad,
            "{view} {tool} {frame}: {across_m} m across, {along_m} m along, {turn_rad} rad"
        );
    }
}

/// Each view alone finds both tools, each in the right hand, and a prior from a fusion keeps them there.
/// A fused track that is accepted in all frames, each pose made of the true one.
fn fused(dream: &RenderedDream, tool: &str, made: impl Fn(Pose) -> Gaussian6) -> FusedTrack {
    let pose = |(frame, truth): (usize, &Option<Pose>)| FusedPose {
        world_from_tool: truth.map(&made),
        accepted: truth.is_some(),
        ..FusedPose::lost(frame)
    };
    FusedTrack::judged(dream.truth[tool].iter().enumerate().map(pose).collect(), 2)
}

#[test]
fn each_view_finds_both_tools_from_nothing() {
    let task = task();
    let dream = render(&task, 5, |_, _| true).unwrap();
    for view in View::ALL {
        let clip_view = dream.clip.view(view);
        let tracker = ViewTracker::new(clip_view, tools(&task), TrackerSettings::default()).unwrap();
        let tracks = tracker.track();
        for (index, (track, tool)) in tracks.iter().zip(&task.tools).enumerate() {
            // One view alone, in the half-size picture.
            assert_near_truth(track, &dream, view, &tool.name, [0.002, 0.012, 0.06]);
            // Fused poses that are 5 mm and 2° off in the camera, and known as loosely as they often are.
            let fused = fused(&dream, &tool.name, |world_from_tool| {
                let mut mean = clip_view.world_from_camera.inverse() * world_from_tool;
                mean.translation.vector.x += 0.005;
                mean.rotation *= UnitQuaternion::from_euler_angles(0.0, 0.035, 0.0);
                Gaussian6 { mean, covariance: Matrix6::identity() * 1e-5 }.moved(&clip_view.world_from_camera)
            });
            let refined = tracker.track_with_fused(index, track, &tracks, &fused, &[]);
            assert_near_truth(&refined, &dream, view, &tool.name, [0.001, 0.008, 0.03]);
            // What nothing new is known of stays.
            let again =
                tracker.track_with_fused(index, &refined, &tracks, &fused, std::slice::from_ref(&fused));
            assert_eq!(again, refined);
        }
        // Where nothing was fused a track stays as it was.
        let nothing = FusedTrack::judged(Vec::new(), 2);
        assert_eq!(tracker.track_with_fused(0, &tracks[0], &tracks, &nothing, &[]), tracks[0]);
        // Where the one tool is the other is not.
        let at_other = fused(&dream, &task.tools[1].name, |world_from_tool| Gaussian6 {
            mean: world_from_tool,
            covariance: Matrix6::identity() * 1e-5,
        });
        let doubles = tracker.track_with_fused(0, &ToolTrack::default(), &tracks, &at_other, &[]);
        assert!(doubles.poses.iter().skip(3).all(|pose| pose.status != Status::Accepted));
    }
}

/// A view that is held near fused poses which are off says where its own picture has the tool, not what it was told.
#[test]
fn what_a_view_tells_is_not_what_it_has_heard() {
    const OFF_RAD: f64 = 0.05;
    let task = task();
    let dream = render(&task, 5, |_, _| true).unwrap();
    let tight = ViewTie { rotation_rad: 0.003, ..ViewTie::DREAMED };
    let settings = TrackerSettings { view_tie: tight, ..Default::default() };
    let tracker = ViewTracker::new(&dream.clip.top, tools(&task), settings).unwrap();
    let tracks = tracker.track();
    let fused = fused(&dream, &task.tools[0].name, |mut mean| {
        mean.rotation *= UnitQuaternion::from_euler_angles(0.0, OFF_RAD, 0.0);
        Gaussian6 { mean, covariance: Matrix6::identity() * 1e-8 }
    });
    let refined = tracker.track_with_fused(0, &tracks[0], &tracks, &fused, &[]);
    assert_near_truth(&refined, &dream, View::Top, &task.tools[0].name, [0.002, 0.012, 0.3 * OFF_RAD]);
}

/// Where the other view alone has seen the tool, its depth there is vague: it is found along that view's line of sight.
#[test]
fn what_another_view_has_seen_is_found_along_its_line_of_sight() {
    let task = task();
    let dream = render(&task, 5, |_, _| true).unwrap();
    let (top, side) = (&dream.clip.top, &dream.clip.side);
    let tool = &task.tools[0].name;
    let fused = fused(&dream, tool, |world_from_tool| {
        let mut seen = top.world_from_camera.inverse() * world_from_tool;
        seen.translation.vector *= 1.06;
        let covariance = Matrix6::from_diagonal(&[1e-4, 1e-4, 1e-4, 1e-6, 1e-6, 9e-4].into());
        Gaussian6 { mean: seen, covariance }.moved(&top.world_from_camera)
    });
    let tracker = ViewTracker::new(side, tools(&task), TrackerSettings::default()).unwrap();
    let found = tracker.track_with_fused(0, &ToolTrack::default(), &[], &fused, &[]);
    assert_near_truth(&found, &dream, View::Side, tool, [0.01, 0.03, 0.05]);
}

#[test]
fn the_same_clip_gives_the_same_track() {
    let task = task();
    let dream = render(&task, 2, |_, _| true).unwrap();
    let track =
        || ViewTracker::new(&dream.clip.top, tools(&task), TrackerSettings::default()).unwrap().track();
    assert_eq!(track(), track());
}

/// The left tool is gone when the clip ends, and an arm is as long and bright as a tool.
#[test]
fn no_arm_is_taken_for_a_tool_that_has_left() {
    let task = task();
    let dream = render_at(&task, 1038, Level::Hard, |_, _| true).unwrap();
    let tracker = ViewTracker::new(&dream.clip.top, tools(&task), TrackerSettings::default()).unwrap();
    let left = &tracker.track()[0];
    for frame in 4..8 {
        let pose = left.at(frame).unwrap();
        let [across_m, ..] = error(&pose.camera_from_tool, &truth(&dream, &dream.clip.top, "left", frame));
        assert!(pose.status == Status::Accepted && across_m < 0.02, "{frame}: {across_m} m {}", pose.reason);
    }
}

/// Fingers in white gloves lie over white plates with dark print, and white arms are as large as plates.
#[test]
fn a_glove_in_the_plates_colour_hides_no_plate_and_is_none() {
    let task = task();
    let dream = render_at(&task, 1158, Level::Hard, |_, _| true).unwrap();
    for view in View::ALL {
        let clip_view = dream.clip.view(view);
        let tracker = ViewTracker::new(clip_view, tools(&task), TrackerSettings::default()).unwrap();
        let right = &tracker.track()[1];
        let accepted = right.poses.iter().filter(|pose| pose.frame >= 4 && pose.status == Status::Accepted);
        let errors: Vec<[f64; 3]> = accepted
            .map(|pose| error(&pose.camera_from_tool, &truth(&dream, clip_view, "right", pose.frame)))
            .collect();
        // The views disagree in depth and rotation, as those of a real dream.
        let is_right = |[across_m, along_m, turn_rad]: &[f64; 3]| {
            *across_m < 0.01 && *along_m < 0.05 && *turn_rad < 0.15
        };
        assert!(errors.len() >= 7 && errors.iter().all(is_right), "{view}: {errors:.3?}");
    }
}

/// A tool that leaves: frames after it are not accepted, whatever they show.
#[test]
fn frames_without_the_tool_are_not_accepted() {
    let task = task();
    let mut dream = render(&task, 5, |_, _| true).unwrap();
    for frame in 9..13 {
        dream.clip.top.frames[frame] = dream.clip.top.frames[0].clone();
    }
    let tracker = ViewTracker::new(&dream.clip.top, tools(&task), TrackerSettings::default()).unwrap();
    for track in tracker.track() {
        for frame in 1..13 {
            let pose = track.at(frame).unwrap();
            assert!(frame < 9 || pose.status != Status::Accepted, "{frame}: {pose:?}");
            assert!(pose.status == Status::Accepted || !pose.reason.is_empty(), "{frame}: no reason");
        }
        assert_eq!(track.at(8).unwrap().status, Status::Accepted);
    }
}

#[test]
fn a_view_of_one_colour_shows_no_tool_and_what_is_no_view_is_an_error() {
    let task = task();
    let mut dream = render(&task, 1, |_, _| true).unwrap();
    let view = &mut dream.clip.top;
    for frame in &mut view.frames {
        *frame = RgbImage::new(frame.width(), frame.height());
    }
    let tracker = ViewTracker::new(view, tools(&task), TrackerSettings::default()).unwrap();
    let poses: Vec<_> = tracker.track().into_iter().flat_map(|track| track.poses).collect();
    assert_eq!(poses.len(), 24);
    for pose in poses {
        assert!(pose.status == Status::Lost && pose.reason.contains("of 12 frames none shows 2"), "{pose:?}");
    }
    view.frames[3] = RgbImage::new(64, 64);
    let error = ViewTracker::new(view, tools(&task), TrackerSettings::default()).err().unwrap();
    assert!(matches!(error, TrackError::Size { found: (64, 64), .. }), "{error}");
    view.frames.truncate(1);
    let error = ViewTracker::new(view, tools(&task), TrackerSettings::default()).err().unwrap();
    assert_eq!(error, TrackError::Frames(1));

    view.world_from_camera.rotation = UnitQuaternion::identity();
    let error = ViewTracker::new(view, tools(&task), TrackerSettings::default()).err().unwrap();
    assert!(error.to_string().contains("does not look at the table"), "{error}");
}

#[test]
fn a_stricter_limit_rejects_and_says_so() {
    let task = task();
    let dream = render(&task, 5, |_, _| true).unwrap();
    let settings = TrackerSettings { max_residual: 2.0, view_tie: ViewTie::DREAMED, ..Default::default() };
    let tracker = ViewTracker::new(&dream.clip.top, tools(&task), settings).unwrap();
    for pose in tracker.track().iter().flat_map(|track| &track.poses) {
        assert_ne!(pose.status, Status::Accepted);
        assert!(pose.status == Status::Lost || pose.reason.contains("exceeds 2.0"), "{}", pose.reason);
    }
}

//! One view of rendered dreams, against the truth.

#![allow(clippy::unwrap_used)]

#[path = "rendered/plain.rs"]
mod plain;

use dreamer::rendered::{RenderedDream, render};
use dreamitate_clip::ClipView;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Gaussian6, Pose, View, ViewTie, rotation_angle_rad};
use dreamitate_render::ToolModel;
use dreamitate_track::{Status, ToolTrack};
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
#[test]
fn each_view_finds_both_tools_from_nothing() {
    let task = task();
    let dream = render(&task, 5, |_, _| true).unwrap();
    for view in View::ALL {
        let clip_view = dream.clip.view(view);
        let tracker = ViewTracker::new(clip_view, tools(&task), TrackerSettings::default()).unwrap();
        let tracks = tracker.track().unwrap();
        for (index, (track, tool)) in tracks.iter().zip(&task.tools).enumerate() {
            // One view alone, in the half-size picture.
            assert_near_truth(track, &dream, view, &tool.name, [0.002, 0.012, 0.06]);
            // A prior that is 5 mm and 2° off, as loosely known as a fused pose is.
            let priors: Vec<Option<Gaussian6>> = (0..13)
                .map(|frame| {
                    let mut mean =
                        dream.truth[&tool.name][frame].map(|p| clip_view.world_from_camera.inverse() * p)?;
                    mean.translation.vector.x += 0.005;
                    mean.rotation *= UnitQuaternion::from_euler_angles(0.0, 0.035, 0.0);
                    Some(Gaussian6 { mean, covariance: Matrix6::identity() * 1e-5 })
                })
                .collect();
            let refined = tracker.track_with_prior(index, track, &priors);
            assert_near_truth(&refined, &dream, view, &tool.name, [0.001, 0.008, 0.03]);
        }
        // Nobody's prior leaves a track as it was.
        assert_eq!(tracker.track_with_prior(0, &tracks[0], &[]), tracks[0]);
    }
}

/// Where the other view alone has seen the tool, its depth there is vague: it is found along that view's line of sight.
#[test]
fn what_another_view_has_seen_is_found_along_its_line_of_sight() {
    let task = task();
    let dream = render(&task, 5, |_, _| true).unwrap();
    let (top, side) = (&dream.clip.top, &dream.clip.side);
    let tool = &task.tools[0].name;
    let priors: Vec<Option<Gaussian6>> = (0..13)
        .map(|frame| {
            let mut seen = dream.truth[tool][frame].map(|pose| top.world_from_camera.inverse() * pose)?;
            seen.translation.vector *= 1.06;
            let covariance = Matrix6::from_diagonal(&[1e-4, 1e-4, 1e-4, 1e-6, 1e-6, 9e-4].into());
            let in_world = Gaussian6 { mean: seen, covariance }.moved(&top.world_from_camera);
            Some(in_world.moved(&side.world_from_camera.inverse()))
        })
        .collect();
    let tracker = ViewTracker::new(side, tools(&task), TrackerSettings::default()).unwrap();
    let found = tracker.track_with_prior(0, &ToolTrack::default(), &priors);
    assert_near_truth(&found, &dream, View::Side, tool, [0.01, 0.03, 0.05]);
}

#[test]
fn the_same_clip_gives_the_same_track() {
    let task = task();
    let dream = render(&task, 2, |_, _| true).unwrap();
    let track = || {
        ViewTracker::new(&dream.clip.top, tools(&task), TrackerSettings::default()).unwrap().track().unwrap()
    };
    assert_eq!(track(), track());
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
    for track in tracker.track().unwrap() {
        for frame in 1..13 {
            let pose = track.at(frame).unwrap();
            assert!(frame < 9 || pose.status != Status::Accepted, "{frame}: {pose:?}");
            assert!(pose.status == Status::Accepted || !pose.reason.is_empty(), "{frame}: no reason");
        }
        assert_eq!(track.at(8).unwrap().status, Status::Accepted);
    }
}

#[test]
fn a_view_of_one_colour_and_a_camera_that_looks_up_are_errors() {
    let task = task();
    let mut dream = render(&task, 1, |_, _| true).unwrap();
    let view = &mut dream.clip.top;
    for frame in &mut view.frames {
        *frame = RgbImage::new(frame.width(), frame.height());
    }
    let tracker = ViewTracker::new(view, tools(&task), TrackerSettings::default()).unwrap();
    assert_eq!(tracker.track(), Err(TrackError::NoTool { frames: 12, tools: 2 }));

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
    for pose in tracker.track().unwrap().iter().flat_map(|track| &track.poses) {
        assert_ne!(pose.status, Status::Accepted);
        assert!(pose.status == Status::Lost || pose.reason.contains("exceeds 2.0"), "{}", pose.reason);
    }
}

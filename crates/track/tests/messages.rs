//! Tracks survive their messages, and damaged messages are refused by value and limit.

#![allow(clippy::unwrap_used)]

use dreamitate_geometry::{Gaussian6, Pose, View};
use dreamitate_msgs::dreamitate_msgs as msgs;
use dreamitate_track::{
    FusedHeader, FusedPose, FusedTrack, Outcome, Status, ToolTrack, TrackHeader, TrackedPose,
    fused_from_message, fused_to_message, track_from_message, track_to_message,
};
use nalgebra::{Matrix6, Vector3, Vector6};

fn pose() -> Pose {
    Pose::new(Vector3::new(0.1, -0.2, 0.7), Vector3::new(0.3, 0.2, -1.0))
}

fn matrix() -> Matrix6<f64> {
    let skew = Matrix6::from_fn(|i, j| 0.01 * (i * 6 + j) as f64);
    Matrix6::from_diagonal(&Vector6::new(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)) + skew + skew.transpose()
}

fn view_track() -> ToolTrack {
    let found = TrackedPose {
        frame: 1,
        camera_from_tool: pose(),
        information: matrix(),
        residual: 21.5,
        visible_fraction: 0.8,
        status: Status::Accepted,
        reason: String::new(),
    };
    let doubted = TrackedPose {
        frame: 2,
        status: Status::Rejected,
        reason: "residual 50.0 exceeds 45.0".to_owned(),
        residual: 50.0,
        ..found.clone()
    };
    ToolTrack { poses: vec![found, doubted, TrackedPose::lost(3, "outside the image")] }
}

fn view_header() -> TrackHeader {
    TrackHeader {
        clip_id: "clip".to_owned(),
        view: View::Side,
        tool: "left".to_owned(),
        round: 1,
        world_from_camera: pose(),
        frame_period_s: 0.2,
    }
}

fn fused_pose(frame: usize, accepted: bool) -> FusedPose {
    FusedPose {
        frame,
        world_from_tool: Some(Gaussian6 { mean: pose(), covariance: matrix() }),
        confidence: 0.5,
        ray_gap_m: 0.004,
        rotation_gap_rad: 0.05,
        residuals: vec![20.0, 30.0],
        accepted,
        reason: if accepted { String::new() } else { "ray gap 20.0 mm exceeds 15.0 mm".to_owned() },
    }
}

fn fused_header() -> FusedHeader {
    FusedHeader { clip_id: "clip".to_owned(), tool: "left".to_owned(), round: 1, frame_period_s: 0.2 }
}

fn near(a: &Pose, b: &Pose) -> bool {
    (a.to_homogeneous() - b.to_homogeneous()).amax() < 1e-12
}

#[test]
fn a_view_track_survives_its_message() {
    let track = view_track();
    let message = track_to_message(&view_header(), &track);
    assert_eq!(
        (message.header.frame_id.as_str(), message.view.as_str()),
        ("camera_side_optical_frame", "side")
    );
    let (header, back) = track_from_message(&message).unwrap();
    assert!(near(&header.world_from_camera, &pose()));
    assert_eq!(TrackHeader { world_from_camera: pose(), ..header }, view_header());
    for (before, after) in track.poses.iter().zip(&back.poses) {
        assert!(near(&before.camera_from_tool, &after.camera_from_tool));
        let same = TrackedPose { camera_from_tool: before.camera_from_tool, ..after.clone() };
        assert_eq!(before, &same);
    }
}

#[test]
fn a_fused_track_survives_its_message() {
    let lost = FusedPose { world_from_tool: None, ..fused_pose(2, false) };
    let track = FusedTrack::judged(vec![fused_pose(1, true), lost, fused_pose(3, true)], 2);
    let message = fused_to_message(&fused_header(), &track);
    assert_eq!(message.header.frame_id, "world");
    assert_eq!(
        (message.poses[2].time_from_start.sec, message.poses[2].time_from_start.nanosec),
        (0, 600_000_000)
    );
    let back = fused_from_message(&message).unwrap();
    assert_eq!((back.outcome, &back.reason), (track.outcome, &track.reason));
    for (before, after) in track.poses.iter().zip(&back.poses) {
        match (&before.world_from_tool, &after.world_from_tool) {
            (Some(b), Some(a)) => assert!(near(&b.mean, &a.mean) && b.covariance == a.covariance),
            (None, None) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!((before.accepted, &before.reason), (after.accepted, &after.reason));
    }
}

#[test]
fn damaged_messages_are_refused_by_value() {
    let mut message = track_to_message(&view_header(), &view_track());
    message.poses[1].information[7] = f64::NAN;
    let error = track_from_message(&message).unwrap_err().to_string();
    assert_eq!(error, "element 7 of the 6×6 matrix of frame 2 is NaN");

    let mut message = track_to_message(&view_header(), &view_track());
    message.poses[0].status = 9;
    let error = track_from_message(&message).unwrap_err().to_string();
    assert_eq!(error, "status 9 is not known; the largest is 2");

    for (damage, expected) in [
        (
            (|message| message.poses[0].residual = f64::NAN) as fn(&mut msgs::ToolTrack),
            "residual of frame 1 is NaN",
        ),
        (|message| message.frame_period_s = 0.0, "the time between frames is 0 s"),
        (|message| message.view = "left".to_owned(), "no view is named \"left\""),
        (|message| message.world_from_camera.orientation.w = 3.0, "the place of the camera is refused"),
    ] {
        let mut message = track_to_message(&view_header(), &view_track());
        damage(&mut message);
        let error = track_from_message(&message).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    let track = FusedTrack::judged(vec![fused_pose(1, true)], 1);
    let mut message = fused_to_message(&fused_header(), &track);
    message.poses[0].world_from_tool.orientation.w = f64::INFINITY;
    let error = fused_from_message(&message).unwrap_err().to_string();
    assert!(error.contains("frame 1"), "{error}");
    let mut message = fused_to_message(&fused_header(), &track);
    message.outcome = 7;
    assert!(fused_from_message(&message).unwrap_err().to_string().contains("outcome 7"));
}

#[test]
fn verdicts_say_why() {
    let judged = |accepted: &[bool], min| {
        let poses = accepted.iter().enumerate().map(|(k, a)| fused_pose(k + 1, *a)).collect();
        let track = FusedTrack::judged(poses, min);
        (track.outcome, track.reason)
    };
    assert_eq!(judged(&[false, true, true], 2), (Outcome::Accepted, String::new()));
    let (outcome, reason) = judged(&[true, false, true], 2);
    assert_eq!(
        (outcome, reason.as_str()),
        (Outcome::Partial, "1 frame(s) rejected after the first accepted one")
    );
    let (outcome, reason) = judged(&[false, false, true], 2);
    assert_eq!(outcome, Outcome::Rejected);
    assert!(
        reason.contains("1 of 3") && reason.contains("at least 2") && reason.contains("ray gap"),
        "{reason}"
    );
}

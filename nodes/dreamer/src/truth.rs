use dreamitate_clip::{StereoClip, pose_to_message};
use dreamitate_geometry::{Pose, View, WORLD_FRAME};
use dreamitate_msgs::{
    builtin_interfaces::{Duration, Time},
    dreamitate_msgs::{FusedPose, ToolTrajectory},
    std_msgs::Header,
};

/// Returns a tool's true way through a clip as a message; frames without the tool are absent.
pub fn truth_message(clip: &StereoClip, tool: &str, truth: &[Option<Pose>], stamp: Time) -> ToolTrajectory {
    let poses = truth.iter().enumerate().filter_map(|(frame, pose)| {
        Some(FusedPose {
            frame: frame as u32,
            time_from_start: Duration::from_s(clip.time_s(frame)),
            world_from_tool: pose_to_message(pose.as_ref()?),
            confidence: 1.0,
            accepted: true,
            residuals: vec![0.0; View::ALL.len()],
            ..FusedPose::default()
        })
    });
    ToolTrajectory {
        header: Header { stamp, frame_id: WORLD_FRAME.to_owned() },
        clip_id: clip.id.clone(),
        tool: tool.to_owned(),
        round: 0,
        outcome: ToolTrajectory::ACCEPTED,
        reason: String::new(),
        views: View::ALL.map(|view| view.name().to_owned()).into(),
        poses: poses.collect(),
    }
}

use crate::{
    Status, ToolTrack, TrackMessageError, TrackedPose,
    matrix::{matrix_from_message, matrix_to_message},
};
use dreamitate_clip::{pose_from_message, pose_to_message};
use dreamitate_geometry::{Pose, View, camera_frame};
use dreamitate_msgs::{dreamitate_msgs as msgs, std_msgs::Header};

/// What a track belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackHeader {
    /// The clip.
    pub clip_id: String,
    /// The view.
    pub view: View,
    /// The tool.
    pub tool: String,
    /// 0 for the first pass; one more for each pass with a prior.
    pub round: u8,
    /// Where the view's camera stands, as the clip says.
    pub world_from_camera: Pose,
    /// Time between frames, seconds.
    pub frame_period_s: f64,
}

/// Returns the message of a track.
pub fn track_to_message(header: &TrackHeader, track: &ToolTrack) -> msgs::ToolTrack {
    msgs::ToolTrack {
        header: Header { frame_id: camera_frame(header.view), ..Default::default() },
        clip_id: header.clip_id.clone(),
        view: header.view.name().to_owned(),
        tool: header.tool.clone(),
        round: header.round,
        world_from_camera: pose_to_message(&header.world_from_camera),
        frame_period_s: header.frame_period_s,
        poses: track
            .poses
            .iter()
            .map(|pose| msgs::TrackedPose {
                frame: pose.frame as u32,
                camera_from_tool: pose_to_message(&pose.camera_from_tool),
                information: matrix_to_message(&pose.information),
                residual: pose.residual,
                visible_fraction: pose.visible_fraction,
                status: match pose.status {
                    Status::Accepted => msgs::TrackedPose::ACCEPTED,
                    Status::Rejected => msgs::TrackedPose::REJECTED,
                    Status::Lost => msgs::TrackedPose::LOST,
                },
                reason: pose.reason.clone(),
            })
            .collect(),
    }
}

/// Returns the track of a message, and what it belongs to.
///
/// # Errors
/// The view, the camera's place, the period, a pose, matrix, residual or status is not one.
pub fn track_from_message(message: &msgs::ToolTrack) -> Result<(TrackHeader, ToolTrack), TrackMessageError> {
    let period_s = message.frame_period_s;
    if !(period_s.is_finite() && period_s > 0.0) {
        return Err(TrackMessageError::Period(period_s));
    }
    let header = TrackHeader {
        clip_id: message.clip_id.clone(),
        view: message.view.parse().map_err(TrackMessageError::View)?,
        tool: message.tool.clone(),
        round: message.round,
        world_from_camera: pose_from_message(&message.world_from_camera)
            .map_err(TrackMessageError::Camera)?,
        frame_period_s: period_s,
    };
    let poses = message
        .poses
        .iter()
        .map(|pose| {
            if pose.status == msgs::TrackedPose::ACCEPTED && !pose.residual.is_finite() {
                return Err(TrackMessageError::Residual { frame: pose.frame, value: pose.residual });
            }
            Ok(TrackedPose {
                frame: pose.frame as usize,
                camera_from_tool: pose_from_message(&pose.camera_from_tool)
                    .map_err(|why| TrackMessageError::Pose { frame: pose.frame, why })?,
                information: matrix_from_message(&pose.information, pose.frame)?,
                residual: pose.residual,
                visible_fraction: pose.visible_fraction,
                status: match pose.status {
                    msgs::TrackedPose::ACCEPTED => Status::Accepted,
                    msgs::TrackedPose::REJECTED => Status::Rejected,
                    msgs::TrackedPose::LOST => Status::Lost,
                    value => {
                        let limit = msgs::TrackedPose::LOST;
                        return Err(TrackMessageError::Unknown { what: "status", value, limit });
                    }
                },
                reason: pose.reason.clone(),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok((header, ToolTrack { poses }))
}

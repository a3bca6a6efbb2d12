use crate::{
    Status, ToolTrack, TrackMessageError, TrackedPose,
    matrix::{matrix_from_message, matrix_to_message},
};
use dreamitate_clip::{pose_from_message, pose_to_message};
use dreamitate_geometry::{View, camera_frame};
use dreamitate_msgs::{dreamitate_msgs as msgs, std_msgs::Header};

/// What a track belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackHeader {
    /// The clip.
    pub clip_id: String,
    /// The view.
    pub view: View,
    /// The tool.
    pub tool: String,
    /// 0 for the first pass; one more for each pass with a prior.
    pub round: u8,
}

/// Returns the message of a track.
pub fn track_to_message(header: &TrackHeader, track: &ToolTrack) -> msgs::ToolTrack {
    msgs::ToolTrack {
        header: Header { frame_id: camera_frame(header.view), ..Default::default() },
        clip_id: header.clip_id.clone(),
        view: header.view.name().to_owned(),
        tool: header.tool.clone(),
        round: header.round,
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

/// Returns the track of a message.
///
/// # Errors
/// A pose, matrix or status is not one.
pub fn track_from_message(message: &msgs::ToolTrack) -> Result<ToolTrack, TrackMessageError> {
    let poses = message
        .poses
        .iter()
        .map(|pose| {
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
    Ok(ToolTrack { poses })
}

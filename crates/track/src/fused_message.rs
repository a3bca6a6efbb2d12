use crate::{
    FusedPose, FusedTrack, Outcome, TrackMessageError,
    matrix::{matrix_from_message, matrix_to_message},
};
use dreamitate_clip::{pose_from_message, pose_to_message};
use dreamitate_geometry::{Gaussian6, Pose, View, WORLD_FRAME};
use dreamitate_msgs::{builtin_interfaces::Duration, dreamitate_msgs as msgs, std_msgs::Header};
use nalgebra::Matrix6;

/// What a fused track belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedHeader {
    /// The clip.
    pub clip_id: String,
    /// The tool.
    pub tool: String,
    /// The round of the tracks that were fused.
    pub round: u8,
    /// Time between frames, seconds.
    pub frame_period_s: f64,
}

/// Returns the message of a fused track. A frame without a pose has a covariance of zeros.
pub fn fused_to_message(header: &FusedHeader, track: &FusedTrack) -> msgs::ToolTrajectory {
    msgs::ToolTrajectory {
        header: Header { frame_id: WORLD_FRAME.to_owned(), ..Default::default() },
        clip_id: header.clip_id.clone(),
        tool: header.tool.clone(),
        round: header.round,
        outcome: match track.outcome {
            Outcome::Accepted => msgs::ToolTrajectory::ACCEPTED,
            Outcome::Partial => msgs::ToolTrajectory::PARTIAL,
            Outcome::Rejected => msgs::ToolTrajectory::REJECTED,
        },
        reason: track.reason.clone(),
        views: View::ALL.map(|view| view.name().to_owned()).to_vec(),
        poses: track
            .poses
            .iter()
            .map(|pose| {
                let (mean, covariance) = match &pose.world_from_tool {
                    Some(gaussian) => (gaussian.mean, gaussian.covariance),
                    None => (Pose::identity(), Matrix6::zeros()),
                };
                msgs::FusedPose {
                    frame: pose.frame as u32,
                    time_from_start: Duration::from_s(pose.frame as f64 * header.frame_period_s),
                    world_from_tool: pose_to_message(&mean),
                    covariance: matrix_to_message(&covariance),
                    confidence: pose.confidence,
                    ray_gap_m: pose.ray_gap_m,
                    rotation_gap_rad: pose.rotation_gap_rad,
                    residuals: pose.residuals.clone(),
                    accepted: pose.accepted,
                    reason: pose.reason.clone(),
                }
            })
            .collect(),
    }
}

/// Returns the fused track of a message.
///
/// # Errors
/// A pose, matrix or outcome is not one.
pub fn fused_from_message(message: &msgs::ToolTrajectory) -> Result<FusedTrack, TrackMessageError> {
    let poses = message
        .poses
        .iter()
        .map(|pose| {
            let covariance = matrix_from_message(&pose.covariance, pose.frame)?;
            let mean = pose_from_message(&pose.world_from_tool)
                .map_err(|why| TrackMessageError::Pose { frame: pose.frame, why })?;
            Ok(FusedPose {
                frame: pose.frame as usize,
                world_from_tool: (pose.accepted || covariance.trace() > 0.0)
                    .then_some(Gaussian6 { mean, covariance }),
                confidence: pose.confidence,
                ray_gap_m: pose.ray_gap_m,
                rotation_gap_rad: pose.rotation_gap_rad,
                residuals: pose.residuals.clone(),
                accepted: pose.accepted,
                reason: pose.reason.clone(),
            })
        })
        .collect::<Result<_, _>>()?;
    let outcome = match message.outcome {
        msgs::ToolTrajectory::ACCEPTED => Outcome::Accepted,
        msgs::ToolTrajectory::PARTIAL => Outcome::Partial,
        msgs::ToolTrajectory::REJECTED => Outcome::Rejected,
        value => {
            let limit = msgs::ToolTrajectory::REJECTED;
            return Err(TrackMessageError::Unknown { what: "outcome", value, limit });
        }
    };
    Ok(FusedTrack { poses, outcome, reason: message.reason.clone() })
}

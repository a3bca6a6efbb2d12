use dreamitate_clip::pose_to_message;
use dreamitate_msgs::{
    geometry_msgs::PoseStamped,
    moveit_msgs::{GetPositionFKRequest, GetPositionFKResponse},
};

use super::{Cell, Refusal, refusal::success};

/// The poses of links in the frame that the request's header names.
pub(crate) fn compute_fk(cell: &Cell, request: &GetPositionFKRequest) -> GetPositionFKResponse {
    match poses(cell, request) {
        Ok(pose_stamped) => GetPositionFKResponse {
            pose_stamped,
            fk_link_names: request.fk_link_names.clone(),
            error_code: success(),
        },
        Err(refusal) => GetPositionFKResponse { error_code: refusal.into(), ..Default::default() },
    }
}

fn poses(cell: &Cell, request: &GetPositionFKRequest) -> Result<Vec<PoseStamped>, Refusal> {
    let world_from_frame = cell.world_from_frame(&request.header.frame_id)?;
    request
        .fk_link_names
        .iter()
        .map(|name| {
            let (arm, link) = cell.link(name)?;
            let posture = cell.posture(arm, &request.robot_state)?;
            let frame_from_link = world_from_frame.inv_mul(&arm.world_from(link, &posture));
            Ok(PoseStamped { header: request.header.clone(), pose: pose_to_message(&frame_from_link) })
        })
        .collect()
}

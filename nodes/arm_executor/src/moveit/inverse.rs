use std::time::{Duration, Instant};

use dreamitate_kinematics::{IkError, InverseKinematics, Joints};
use dreamitate_msgs::moveit_msgs::{
    GetPositionIKRequest, GetPositionIKResponse, MoveItErrorCodes, RobotState,
};

use super::{Cell, Refusal, cell::without, refusal::success};

/// Time for the search where a request gives none, as in MoveIt's usual configuration of kinematics.
const USUAL_TIMEOUT: Duration = Duration::from_millis(50);
/// The most postures that are tried for one clear of collisions.
const MOST_TRIES: u64 = 64;

/// A posture that puts the flange or the tool of a group at a pose, near the given state.
pub(crate) fn compute_ik(cell: &Cell, request: &GetPositionIKRequest) -> GetPositionIKResponse {
    match posture(cell, request) {
        Ok(solution) => GetPositionIKResponse { solution, error_code: success() },
        Err(refusal) => GetPositionIKResponse { error_code: refusal.into(), ..Default::default() },
    }
}

fn posture(cell: &Cell, request: &GetPositionIKRequest) -> Result<RobotState, Refusal> {
    let asked = &request.ik_request;
    if !asked.pose_stamped_vector.is_empty() || !asked.ik_link_names.is_empty() {
        let message = format!("{} poses at once; one is supported", asked.pose_stamped_vector.len());
        return Err(Refusal::new(MoveItErrorCodes::INVALID_GOAL_CONSTRAINTS, message));
    }
    without(&asked.constraints)?;
    let cell = &cell.as_said(&asked.robot_state)?;
    let arm = cell.group(&asked.group_name)?;
    let tip = cell.tip_of(arm, &asked.ik_link_name)?;
    let world_from_tip = cell.in_world(&asked.pose_stamped.header.frame_id, &asked.pose_stamped.pose)?;
    let base_from_flange = arm.base_from_flange(tip, &world_from_tip);
    // A start is only a wish: without any joint states it is the arm's home.
    let nothing_said = asked.robot_state.joint_state.name.is_empty();
    let start = match cell.posture(arm, &asked.robot_state) {
        Err(_) if nothing_said && arm.now.is_none() => arm.arm.home,
        start => start?,
    };

    let asked_s = asked.timeout.to_s();
    let timeout = if asked_s > 0.0 { Duration::from_secs_f64(asked_s.min(60.0)) } else { USUAL_TIMEOUT };
    let begun = Instant::now();
    let ik = InverseKinematics::new(&arm.arm.chain);
    let middle = arm.arm.chain.middle();
    let mut in_the_way = None;
    for attempt in 0..MOST_TRIES {
        if attempt > 0 && begun.elapsed() > timeout {
            break;
        }
        // The first try is the posture near the start; the others come from all over.
        let from = if attempt == 0 { start } else { away(&start, &middle, attempt) };
        let answer = ik.solve(&base_from_flange, &from, attempt).map_err(|error| {
            let code = match error {
                IkError::NotFinite => MoveItErrorCodes::INVALID_GOAL_CONSTRAINTS,
                IkError::OutOfReach { .. } => MoveItErrorCodes::NO_IK_SOLUTION,
            };
            Refusal::new(code, format!("arm {:?}: {error}", arm.arm.name))
        })?;
        if !asked.avoid_collisions {
            return Ok(cell.state_with(arm, &answer.joints));
        }
        match cell.check_clear(arm, &answer.joints) {
            Ok(()) => return Ok(cell.state_with(arm, &answer.joints)),
            Err(why) => in_the_way = in_the_way.or(Some(why)),
        }
    }
    let message = format!(
        "every posture found is too near something; the nearest one: {}",
        in_the_way.unwrap_or_default()
    );
    Err(Refusal::new(MoveItErrorCodes::GOAL_IN_COLLISION, message))
}

/// A start for another posture: the same numbers for the same attempt.
fn away(start: &Joints, middle: &Joints, attempt: u64) -> Joints {
    /// Irrational steps fill the ranges evenly (Weyl).
    const STEP: f64 = 0.618_033_988_749_895;
    start
        .iter()
        .zip(middle)
        .enumerate()
        .map(|(joint, (start, middle))| {
            let share = ((attempt as f64 + 1.0) * STEP * (joint as f64 + 1.0)).fract();
            start + (2.0 * share - 1.0) * std::f64::consts::PI + 0.1 * (middle - start)
        })
        .collect()
}

//! Brings arms that move to rest: by a trajectory that takes the running one's place, and by a cancel where a driver
//! does not take it.
//!
//! A cancelled joint trajectory controller holds the position that it measures at that moment, at once, whatever the
//! speed. A trajectory that goes on where the running one is and then slows down has no such jump.

use std::time::Duration;

use dreamitate_carrier::{ActionClient, CarrierError, Client, GoalHandle, Outcome};
use dreamitate_motion::{JointTrajectory, TrajectoryPoint};
use dreamitate_msgs::action_msgs::{CancelGoal, CancelGoalRequest};
use dreamitate_msgs::builtin_interfaces::Time;
use dreamitate_msgs::control_msgs::{FollowJointTrajectory, FollowJointTrajectoryGoal};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::execution::{ArmMotion, Patience};
use crate::joint_monitor::Stamped;
use crate::stop_profile::{StopProfileError, stop_points};
use crate::summary::{StopKind, StopSummary};
use crate::trajectory_message::to_message;

/// Below it a joint is at rest, rad/s.
pub(crate) const REST_RAD_S: f64 = 0.01;
/// An arm that is no farther from its trajectory follows it: a lag of 50 ms at 2 rad/s.
const FOLLOWS_RAD: f64 = 0.1;

/// An arm's goal, as far as it is known.
pub(crate) enum SentGoal {
    /// Rejected, or ended.
    Over,
    /// Sent, and never answered.
    Unknown,
    /// Accepted, and not known to be over.
    Running(GoalHandle<FollowJointTrajectory>),
}

impl SentGoal {
    /// Whether nothing moves for its sake.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }
}

/// An arm's stop that is under way.
pub(crate) type Stopping = JoinHandle<StopKind>;

/// Stops all arms together whose goals are not over; the stops, in the order of the arms, go on by themselves.
pub(crate) fn begin_stop(
    arms: &[ArmMotion<'_>],
    goals: Vec<SentGoal>,
    start_ns: i64,
    patience: Patience,
) -> Vec<Option<Stopping>> {
    // Without a runtime the program is ending, and nothing can be sent any more.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return Vec::new() };
    let begin = |(arm, goal): (&ArmMotion<'_>, SentGoal)| match goal {
        SentGoal::Over => None,
        SentGoal::Unknown => Some(runtime.spawn(cancel_unknown(arm.cancel_all.clone(), patience.driver))),
        SentGoal::Running(goal) => {
            let name = arm.arm.name.clone();
            let way = stop_trajectory(arm, start_ns, patience.stop_lead)
                .inspect_err(|error| tracing::warn!(arm = name, %error, "no stop profile"))
                .ok()
                .flatten();
            let driver = arm.driver.clone();
            let cancel_all = arm.cancel_all.clone();
            Some(runtime.spawn(stop_arm(name, driver, cancel_all, goal, way, start_ns, patience)))
        }
    };
    arms.iter().zip(goals).map(begin).collect()
}

/// Waits for the stops; what was done, and whether the arms were then seen at rest.
pub(crate) async fn see_rest(
    arms: &[ArmMotion<'_>],
    stopping: Vec<Option<Stopping>>,
    patience: Patience,
) -> Vec<StopSummary> {
    let mut kinds = Vec::with_capacity(arms.len());
    for stop in stopping {
        kinds.push(match stop {
            Some(stop) => stop.await.unwrap_or(StopKind::NoAnswer),
            None => StopKind::ByDriver,
        });
    }
    let mut summaries = Vec::with_capacity(arms.len());
    for (arm, kind) in arms.iter().zip(kinds) {
        let seen = arm.joints.wait_at_rest(REST_RAD_S, patience.driver, patience.joint_state).await;
        let at_rest = seen.as_ref().ok().map(|state| state.is_at_rest(REST_RAD_S));
        if at_rest != Some(true) {
            tracing::error!(arm = arm.arm.name, ?kind, ?at_rest, "the arm was not seen at rest");
        }
        summaries.push(StopSummary { arm: arm.arm.name.clone(), kind, at_rest });
    }
    summaries
}

/// Cancels whatever an action does, also if it begins only within the `limit`: the goal may still be on its way.
async fn cancel_unknown(cancel_all: Client<CancelGoal>, limit: Duration) -> StopKind {
    const ASK_EVERY: Duration = Duration::from_millis(50);
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        // Neither a goal nor a time: all goals of the action.
        match cancel_all.call(&CancelGoalRequest::default(), limit).await {
            Ok(response) if !response.goals_canceling.is_empty() => return StopKind::Cancelled,
            Ok(_) => tokio::time::sleep(ASK_EVERY).await,
            Err(_) => return StopKind::NoAnswer,
        }
    }
    StopKind::ByDriver
}

/// Brings one arm to rest: by the way to rest, if there is one and its driver takes it, else by a cancel.
async fn stop_arm(
    name: String,
    driver: ActionClient<FollowJointTrajectory>,
    cancel_all: Client<CancelGoal>,
    goal: GoalHandle<FollowJointTrajectory>,
    way: Option<JointTrajectory>,
    start_ns: i64,
    patience: Patience,
) -> StopKind {
    let limit = patience.driver;
    let mut is_way_lost = false;
    if let Some(way) = way {
        // The way begins after the lead: a driver that has not answered soon after goes on as if nobody had stopped it.
        let answer = limit.min(2 * patience.stop_lead + ANSWER);
        match follow_to_rest(&driver, &way, start_ns, answer, limit).await {
            Ok(()) => return StopKind::Profile,
            Err((reason, is_lost)) => {
                is_way_lost = is_lost;
                tracing::warn!(arm = name, reason, "stop profile not taken, cancelling");
            }
        }
    }
    match goal.cancel(limit).await {
        // Over already: the stop profile took its place, or the driver ended it.
        Ok(()) | Err(CarrierError::CancelRefused { .. }) => {}
        Err(error) => {
            tracing::warn!(arm = name, %error, "a goal was not cancelled");
            return StopKind::NoAnswer;
        }
    }
    let ended = tokio::time::timeout(limit, goal.result()).await;
    if is_way_lost {
        // It may still come into force, late: nothing is to move then.
        cancel_unknown(cancel_all, limit).await;
    }
    match ended {
        Ok(Ok(_)) => StopKind::Cancelled,
        Ok(Err(_)) | Err(_) => StopKind::NoAnswer,
    }
}

/// How long a driver has to take the way to rest, beside twice the stop's lead.
const ANSWER: Duration = Duration::from_millis(100);

/// The goal to rest, until it is over; `answer` is how long its driver has to take it. An error says whether it may be taken
/// yet.
async fn follow_to_rest(
    driver: &ActionClient<FollowJointTrajectory>,
    way: &JointTrajectory,
    start_ns: i64,
    answer: Duration,
    limit: Duration,
) -> Result<(), (String, bool)> {
    let trajectory = to_message(way, Time::from_ns(start_ns));
    let goal = FollowJointTrajectoryGoal { trajectory, ..Default::default() };
    let stop = driver.send_goal(goal, answer).await.map_err(|error| {
        let is_lost = !matches!(error, CarrierError::GoalRejected(_));
        (error.to_string(), is_lost)
    })?;
    // The stop takes less than a second; the driver's patience holds for its answer after it.
    match tokio::time::timeout(limit + Duration::from_secs(1), stop.result()).await {
        Ok(Ok(Outcome::Succeeded(_))) => Ok(()),
        Ok(Ok(outcome)) => Err((format!("{:?}", outcome.result()), false)),
        Ok(Err(error)) => Err((error.to_string(), false)),
        Err(_) => {
            if let Err(error) = stop.cancel(limit).await {
                tracing::warn!(%error, "the stop's goal was not cancelled");
            }
            Err((format!("the stop was not over within {:.3} s", limit.as_secs_f64() + 1.0), false))
        }
    }
}

/// The way to rest on the running trajectory's clock; `None` for an arm that rests and need only be kept from
/// starting, or of which nothing is known.
///
/// An arm that follows its trajectory goes on along it for the `lead` that the goal takes to be in force, so that its
/// controller sees no jump whenever in that time the goal comes; another goes on as it was measured.
fn stop_trajectory(
    arm: &ArmMotion<'_>,
    start_ns: i64,
    lead: Duration,
) -> Result<Option<JointTrajectory>, StopProfileError> {
    let Some((seen, now_ns)) = arm.joints.newest_and_now() else { return Ok(None) };
    let since_s = |ns: i64| 1e-9 * (ns - start_ns) as f64;
    let now_s = since_s(now_ns);
    let points = &arm.trajectory.points;
    let lead_s = lead.as_secs_f64();
    let planned = arm.trajectory.at(since_s(seen.stamp_ns));
    let follows = planned.is_some_and(|planned| {
        let pairs = seen.positions.iter().zip(&planned.positions);
        pairs.map(|(here, planned)| (here - planned).abs()).fold(0.0, f64::max) <= FOLLOWS_RAD
    });
    if now_s + lead_s <= 0.0 && seen.is_at_rest(REST_RAD_S) {
        return Ok(None);
    }
    // At one of its points, if one comes soon: between them the controllers' quintics could differ from ours.
    let knot = points.iter().map(|p| p.time_s).find(|t| (now_s + lead_s..now_s + 2.0 * lead_s).contains(t));
    let stop_s = knot.unwrap_or_else(|| (1e9 * (now_s + lead_s)).round() * 1e-9);
    let mut way = Vec::new();
    let from = match arm.trajectory.at(stop_s).filter(|_| follows) {
        Some(from) => {
            let first = points.partition_point(|p| p.time_s <= now_s).saturating_sub(1);
            way.extend(points.iter().skip(first).take_while(|p| p.time_s < stop_s - 1e-3));
            TrajectoryPoint { time_s: stop_s, ..from }
        }
        None => measured(&seen, stop_s, stop_s - since_s(seen.stamp_ns)),
    };
    way.extend(stop_points(arm.arm, &from, arm.limits.stop_jerk_rad_s3)?);
    Ok(Some(JointTrajectory { points: way, waypoint_times_s: Vec::new(), ..arm.trajectory.clone() }))
}

/// Where an arm will be that goes on as it was seen.
fn measured(seen: &Stamped, time_s: f64, ahead_s: f64) -> TrajectoryPoint {
    let ahead_s = ahead_s.max(0.0);
    TrajectoryPoint {
        time_s,
        positions: seen.positions.iter().zip(&seen.velocities).map(|(p, v)| p + v * ahead_s).collect(),
        velocities: seen.velocities,
        accelerations: seen.positions.iter().map(|_| 0.0).collect(),
    }
}

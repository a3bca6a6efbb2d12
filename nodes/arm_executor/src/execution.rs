//! One motion of all arms: goals sent to all drivers with one start time, and watched until all are over.

use std::future::Future;
use std::time::Duration;

use dreamitate_carrier::{ActionClient, CarrierError, GoalHandle, Outcome};
use dreamitate_msgs::builtin_interfaces::Time;
use dreamitate_msgs::control_msgs::{
    FollowJointTrajectory, FollowJointTrajectoryGoal, FollowJointTrajectoryResult,
};
use dreamitate_msgs::moveit_msgs::MoveItErrorCodes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::joint_monitor::{JointMonitor, StaleJoints};
use crate::trajectory_message::to_message;
use dreamitate_motion::JointTrajectory;

type Ended = Result<Outcome<FollowJointTrajectoryResult>, CarrierError>;

/// How often the joint states' age and the progress are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One arm's driver and what it is to do.
pub(crate) struct ArmMotion<'a> {
    pub arm: &'a str,
    pub driver: &'a ActionClient<FollowJointTrajectory>,
    pub joints: &'a JointMonitor,
    pub trajectory: &'a JointTrajectory,
}

/// Times that are waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a driver to answer.
    pub driver: Duration,
    /// For the next joint state.
    pub joint_state: Duration,
    /// From the goals' sending to the arms' start, on the drivers' clock.
    pub start_delay: Duration,
}

/// Why the arms did not go the whole way. They are then stopped, as far as their drivers answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecutionError {
    #[error(transparent)]
    Stale(#[from] StaleJoints),
    #[error("{arm}: {source}")]
    Driver { arm: String, source: CarrierError },
    #[error("{arm}: the driver aborted the trajectory (code {code}): {reason}")]
    Aborted { arm: String, code: i32, reason: String },
    #[error("{arm}: the driver stopped the trajectory, and nobody here asked for it")]
    StoppedElsewhere { arm: String },
    #[error("cancelled at {time_s:.3} s of {duration_s:.3} s")]
    Cancelled { time_s: f64, duration_s: f64 },
}

impl ExecutionError {
    /// MoveIt's code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Stale(_) => MoveItErrorCodes::SENSOR_INFO_STALE,
            Self::Driver { source: CarrierError::GoalRejected(_), .. }
            | Self::Aborted { .. }
            | Self::StoppedElsewhere { .. } => MoveItErrorCodes::CONTROL_FAILED,
            Self::Driver { .. } => MoveItErrorCodes::COMMUNICATION_FAILURE,
            Self::Cancelled { .. } => MoveItErrorCodes::PREEMPTED,
        }
    }
}

/// Sends all goals and waits for their end; where the trajectories' time 0 lies on the drivers' clock, ns, as soon as
/// goals were sent, and how it ended. `progress` is told the share of the motion's time that has passed.
pub(crate) async fn execute(
    arms: &[ArmMotion<'_>],
    patience: Patience,
    progress: impl Fn(f64),
    cancelled: impl Future<Output = ()>,
) -> (Option<i64>, Result<(), ExecutionError>) {
    let start_ns = match ready(arms, patience).await {
        Ok(start_ns) => start_ns,
        Err(error) => return (None, Err(error)),
    };
    arms.iter().for_each(|arm| arm.joints.record());
    let (mut running, sent) = send(arms, start_ns, patience).await;
    let ended = match sent {
        Ok(()) => watch(arms, &mut running, start_ns, patience, progress, cancelled).await,
        Err(error) => Err(error),
    };
    if ended.is_err() {
        running.stop(patience.driver).await;
    }
    (Some(start_ns), ended)
}

/// Waits for all drivers; the start time on their clock. Drivers of one cell share a clock; their joint states' stamps
/// tell it also where this machine's differs.
async fn ready(arms: &[ArmMotion<'_>], patience: Patience) -> Result<i64, ExecutionError> {
    let mut newest_ns = 0;
    for arm in arms {
        arm.driver
            .wait_for_server(patience.driver)
            .await
            .map_err(|source| ExecutionError::Driver { arm: arm.arm.to_owned(), source })?;
        newest_ns = arm.joints.wait_fresh(patience.joint_state).await?.stamp_ns.max(newest_ns);
    }
    Ok(newest_ns.saturating_add(i64::try_from(patience.start_delay.as_nanos()).unwrap_or(i64::MAX)))
}

/// Goals that are not over. Dropping it cancels them, so that no arm moves on unwatched.
struct Running {
    /// `None` once over, in the order of the arms.
    goals: Vec<Option<GoalHandle<FollowJointTrajectory>>>,
    ended: mpsc::UnboundedReceiver<(usize, Ended)>,
    waits: JoinSet<()>,
}

impl Running {
    /// Cancels what still runs and waits for it to be over, up to a limit.
    async fn stop(&mut self, limit: Duration) {
        for goal in self.goals.iter().flatten() {
            if let Err(error) = goal.cancel(limit).await {
                tracing::warn!(%error, "a goal was not cancelled");
            }
        }
        let wait = async {
            while self.goals.iter().any(Option::is_some) {
                let Some((arm, _)) = self.ended.recv().await else { return };
                self.over(arm);
            }
        };
        if tokio::time::timeout(limit, wait).await.is_err() {
            tracing::error!(?limit, "a driver did not say that its arm stopped");
        }
    }

    fn over(&mut self, arm: usize) {
        if let Some(goal) = self.goals.get_mut(arm) {
            *goal = None;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        /// Nobody waits for the answer any more.
        const LIMIT: Duration = Duration::from_secs(1);
        for goal in self.goals.drain(..).flatten() {
            tokio::spawn(async move { goal.cancel(LIMIT).await });
        }
    }
}

/// Sends the goals together. Those that were accepted run even if another was not.
async fn send(
    arms: &[ArmMotion<'_>],
    start_ns: i64,
    patience: Patience,
) -> (Running, Result<(), ExecutionError>) {
    let (sender, ended) = mpsc::unbounded_channel();
    let mut running = Running { goals: Vec::new(), ended, waits: JoinSet::new() };
    let mut sending = JoinSet::new();
    for (index, arm) in arms.iter().enumerate() {
        let trajectory = to_message(arm.trajectory, Time::from_ns(start_ns));
        let (driver, name) = (arm.driver.clone(), arm.arm.to_owned());
        let goal = FollowJointTrajectoryGoal { trajectory, ..Default::default() };
        running.goals.push(None);
        sending.spawn(async move { (index, name, driver.send_goal(goal, patience.driver).await) });
    }
    let mut failed = Ok(());
    // A sending task neither panics nor is aborted: a join error cannot be.
    while let Some(Ok((index, arm, sent))) = sending.join_next().await {
        match sent {
            Ok(goal) => {
                let (result, sender) = (goal.result(), sender.clone());
                running.waits.spawn(async move {
                    // Fails if nobody waits any more.
                    let _ = sender.send((index, result.await));
                });
                if let Some(place) = running.goals.get_mut(index) {
                    *place = Some(goal);
                }
            }
            Err(source) if failed.is_ok() => failed = Err(ExecutionError::Driver { arm, source }),
            Err(_) => {}
        }
    }
    (running, failed)
}

/// Waits until all goals are over, or something is wrong.
async fn watch(
    arms: &[ArmMotion<'_>],
    running: &mut Running,
    start_ns: i64,
    patience: Patience,
    progress: impl Fn(f64),
    cancelled: impl Future<Output = ()>,
) -> Result<(), ExecutionError> {
    let duration_s = arms.iter().map(|arm| arm.trajectory.duration_s()).fold(0.0, f64::max);
    let passed_s = || {
        let newest_ns = arms.iter().filter_map(|arm| arm.joints.newest_stamp_ns()).min().unwrap_or(start_ns);
        (1e-9 * (newest_ns - start_ns) as f64).clamp(0.0, duration_s)
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    tokio::pin!(cancelled);
    while running.goals.iter().any(Option::is_some) {
        tokio::select! {
            // What the driver says is more than what its silence does.
            biased;
            Some((index, ended)) = running.ended.recv() => {
                running.over(index);
                let arm = arms.get(index).map(|arm| arm.arm.to_owned()).unwrap_or_default();
                match ended {
                    Ok(Outcome::Succeeded(_)) => {}
                    Ok(Outcome::Aborted(result)) => {
                        return Err(ExecutionError::Aborted { arm, code: result.error_code, reason: result.error_string });
                    }
                    Ok(Outcome::Canceled(_)) => return Err(ExecutionError::StoppedElsewhere { arm }),
                    Err(source) => return Err(ExecutionError::Driver { arm, source }),
                }
            }
            () = &mut cancelled => {
                return Err(ExecutionError::Cancelled { time_s: passed_s(), duration_s });
            }
            _ = look.tick() => {
                for arm in arms {
                    arm.joints.fresh(patience.joint_state)?;
                }
                progress(if duration_s > 0.0 { passed_s() / duration_s } else { 1.0 });
            }
        }
    }
    // The joint states may come after the result.
    for arm in arms {
        // One beyond the end, so that the last waypoint lies between two.
        let end_ns = start_ns.saturating_add((1e9 * (arm.trajectory.duration_s() + 1e-3)) as i64);
        arm.joints.wait_until(end_ns, patience.joint_state).await;
    }
    progress(1.0);
    Ok(())
}

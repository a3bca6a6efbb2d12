//! One motion of all arms: goals sent to all drivers with one start time, watched until all are over. Whatever breaks
//! it off, all arms are then brought to rest.

use std::future::Future;
use std::time::Duration;

use dreamitate_carrier::{ActionClient, CarrierError, Client, Outcome};
use dreamitate_motion::{Arm, JointTrajectory};
use dreamitate_msgs::action_msgs::CancelGoal;
use dreamitate_msgs::builtin_interfaces::Time;
use dreamitate_msgs::control_msgs::{
    FollowJointTrajectory, FollowJointTrajectoryGoal, FollowJointTrajectoryResult,
};
use dreamitate_msgs::moveit_msgs::MoveItErrorCodes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::joint_monitor::{JointMonitor, StaleJoints};
use crate::motion_watch::{LimitPassed, MotionLimits, check_end, check_motion, check_plan, check_start};
use crate::stop_switch::Halt;
use crate::stopping::{REST_RAD_S, SentGoal, begin_stop, see_rest};
use crate::summary::StopSummary;
use crate::trajectory_message::to_message;

type Ended = Result<Outcome<FollowJointTrajectoryResult>, CarrierError>;

/// How often the joint states are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One arm's driver and what it is to do.
pub(crate) struct ArmMotion<'a> {
    pub arm: &'a Arm,
    pub driver: &'a ActionClient<FollowJointTrajectory>,
    /// The same action's way to cancel a goal that did not become known.
    pub cancel_all: &'a Client<CancelGoal>,
    pub joints: &'a JointMonitor,
    pub limits: MotionLimits,
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
    /// From the decision to stop until the way to rest begins.
    pub stop_lead: Duration,
}

/// Why the arms did not go the whole way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecutionError {
    #[error(transparent)]
    Stale(#[from] StaleJoints),
    #[error(transparent)]
    Limit(#[from] LimitPassed),
    #[error("{arm}: {source}")]
    Driver { arm: String, source: CarrierError },
    #[error("{arm}: the driver aborted the trajectory (code {code}): {reason}")]
    Aborted { arm: String, code: i32, reason: String },
    #[error("{arm}: the driver stopped the trajectory, and nobody here asked for it")]
    StoppedElsewhere { arm: String },
    #[error("{arm}: the trajectory is not over {late_s:.3} s after its end, limit {limit_s:.3} s")]
    NotOver { arm: String, late_s: f64, limit_s: f64 },
    #[error(
        "{arm}: the driver says that the trajectory is over, and a joint still moves at {speed_rad_s:.4} rad/s, limit \
         {limit_rad_s:.4} rad/s"
    )]
    StillMoving { arm: String, speed_rad_s: f64, limit_rad_s: f64 },
    #[error("{by} at {time_s:.3} s of {duration_s:.3} s")]
    Halted { by: Halt, time_s: f64, duration_s: f64 },
}

impl ExecutionError {
    /// MoveIt's code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Stale(_) => MoveItErrorCodes::SENSOR_INFO_STALE,
            Self::Limit(passed) => passed.code(),
            Self::Driver { source: CarrierError::GoalRejected(_), .. }
            | Self::Aborted { .. }
            | Self::StoppedElsewhere { .. }
            | Self::StillMoving { .. } => MoveItErrorCodes::CONTROL_FAILED,
            Self::Driver { .. } => MoveItErrorCodes::COMMUNICATION_FAILURE,
            Self::NotOver { .. } => MoveItErrorCodes::TIMED_OUT,
            Self::Halted { .. } => MoveItErrorCodes::PREEMPTED,
        }
    }
}

/// What came of a motion.
#[derive(Debug)]
pub(crate) struct Executed {
    /// Where the trajectories' time 0 lies on the drivers' clock, ns; `None` if no goal was sent.
    pub start_ns: Option<i64>,
    /// How the arms came to rest if goals were sent and the motion was broken off.
    pub stops: Vec<StopSummary>,
    pub ended: Result<(), ExecutionError>,
}

/// What is refused before anything is asked of a driver.
pub(crate) fn check_before(arms: &[ArmMotion<'_>], patience: Patience) -> Result<(), ExecutionError> {
    for arm in arms {
        check_plan(arm.arm, &arm.limits, arm.trajectory)?;
        check_start(arm.arm, &arm.limits, arm.trajectory, &arm.joints.fresh(patience.joint_state)?)?;
    }
    Ok(())
}

/// Sends all goals and waits for their end, as long as the arms that are `still` stay where their trajectories have them.
/// `progress` is told the share of the motion's time that has passed.
pub(crate) async fn execute(
    arms: &[ArmMotion<'_>],
    still: &[ArmMotion<'_>],
    patience: Patience,
    progress: impl Fn(f64),
    halt: impl Future<Output = Halt>,
) -> Executed {
    tokio::pin!(halt);
    let duration_s = arms.iter().map(|arm| arm.trajectory.duration_s()).fold(0.0, f64::max);
    let ready = tokio::select! {
        biased;
        by = &mut halt => Err(ExecutionError::Halted { by, time_s: 0.0, duration_s }),
        ready = ready(arms, still, patience) => ready,
    };
    let start_ns = match ready {
        Ok(start_ns) => start_ns,
        Err(error) => return Executed { start_ns: None, stops: Vec::new(), ended: Err(error) },
    };
    arms.iter().for_each(|arm| arm.joints.record());
    let (mut running, sent) = send(arms, still, start_ns, patience).await;
    let ended = match sent {
        Ok(()) => running.watch(duration_s, progress, halt).await,
        Err(error) => Err(error),
    };
    let stops = if ended.is_err() { running.stop().await } else { Vec::new() };
    Executed { start_ns: Some(start_ns), stops, ended }
}

/// Waits for all drivers and looks where the arms are; the start time on the drivers' clock. Drivers of one cell share
/// a clock; their joint states' stamps tell it also where this machine's differs.
async fn ready(
    arms: &[ArmMotion<'_>],
    still: &[ArmMotion<'_>],
    patience: Patience,
) -> Result<i64, ExecutionError> {
    for arm in arms {
        let of_arm = |source| ExecutionError::Driver { arm: arm.arm.name.clone(), source };
        arm.driver.wait_for_server(patience.driver).await.map_err(of_arm)?;
        arm.joints.wait_fresh(patience.joint_state).await?;
    }
    // All at once, just before the goals go out: an arm may have been moved while another was waited for.
    for arm in arms.iter().chain(still) {
        check_start(arm.arm, &arm.limits, arm.trajectory, &arm.joints.fresh(patience.joint_state)?)?;
    }
    let now_ns = arms.iter().filter_map(|arm| arm.joints.newest_and_now()).map(|(_, now_ns)| now_ns).max();
    let delay_ns = i64::try_from(patience.start_delay.as_nanos()).unwrap_or(i64::MAX);
    Ok(now_ns.unwrap_or_default().saturating_add(delay_ns))
}

/// Goals that are not over. Dropping it stops them, so that no arm moves on unwatched.
struct Running<'a> {
    arms: &'a [ArmMotion<'a>],
    still: &'a [ArmMotion<'a>],
    start_ns: i64,
    patience: Patience,
    /// In the order of the arms.
    goals: Vec<SentGoal>,
    results: mpsc::UnboundedReceiver<(usize, Ended)>,
    waits: JoinSet<()>,
}

/// Sends the goals together. Those that were accepted run even if another was not.
async fn send<'a>(
    arms: &'a [ArmMotion<'a>],
    still: &'a [ArmMotion<'a>],
    start_ns: i64,
    patience: Patience,
) -> (Running<'a>, Result<(), ExecutionError>) {
    let (sender, results) = mpsc::unbounded_channel();
    // An arm whose driver answers only after the others' start would start alone. The other half of the delay is for
    // keeping those from starting that answered.
    let limit = match patience.start_delay.is_zero() {
        true => patience.driver,
        false => patience.driver.min(patience.start_delay / 2),
    };
    // Until it is known otherwise, a driver may have taken its goal.
    let goals = arms.iter().map(|_| SentGoal::Unknown).collect();
    let mut running = Running { arms, still, start_ns, patience, goals, results, waits: JoinSet::new() };
    let mut sending = JoinSet::new();
    for (index, arm) in arms.iter().enumerate() {
        let trajectory = to_message(arm.trajectory, Time::from_ns(start_ns));
        let (driver, name) = (arm.driver.clone(), arm.arm.name.clone());
        let goal = FollowJointTrajectoryGoal { trajectory, ..Default::default() };
        sending.spawn(async move { (index, name, driver.send_goal(goal, limit).await) });
    }
    let mut failed = Ok(());
    // A sending task neither panics nor is aborted: a join error cannot be.
    while let Some(Ok((index, arm, sent))) = sending.join_next().await {
        let goal = match sent {
            Ok(goal) => {
                let (result, sender) = (goal.result(), sender.clone());
                running.waits.spawn(async move {
                    // Fails if nobody waits any more.
                    let _ = sender.send((index, result.await));
                });
                SentGoal::Running(goal)
            }
            Err(source) => {
                let goal = match &source {
                    CarrierError::GoalRejected(_) => SentGoal::Over,
                    _ => SentGoal::Unknown,
                };
                if failed.is_ok() {
                    failed = Err(ExecutionError::Driver { arm, source });
                }
                goal
            }
        };
        if let Some(place) = running.goals.get_mut(index) {
            *place = goal;
        }
    }
    (running, failed)
}

impl Running<'_> {
    /// Waits until all goals are over, or something is wrong.
    async fn watch(
        &mut self,
        duration_s: f64,
        progress: impl Fn(f64),
        mut halt: impl Future<Output = Halt> + Unpin,
    ) -> Result<(), ExecutionError> {
        let (arms, start_ns) = (self.arms, self.start_ns);
        let passed_s = || {
            let newest =
                arms.iter().filter_map(|arm| arm.joints.newest_and_now()).map(|(state, _)| state.stamp_ns);
            (1e-9 * (newest.min().unwrap_or(start_ns) - start_ns) as f64).clamp(0.0, duration_s)
        };
        let mut look = tokio::time::interval(LOOK_EVERY);
        while self.goals.iter().any(|goal| !goal.is_over()) {
            tokio::select! {
                // What the driver says is more than what its silence does.
                biased;
                Some((index, ended)) = self.results.recv() => {
                    self.ended(index, &ended);
                    let arm = arms.get(index).map(|arm| arm.arm.name.clone()).unwrap_or_default();
                    match ended {
                        Ok(Outcome::Succeeded(result)) if result.error_code == 0 => {}
                        Ok(Outcome::Succeeded(result) | Outcome::Aborted(result)) => {
                            let (code, reason) = (result.error_code, result.error_string);
                            return Err(ExecutionError::Aborted { arm, code, reason });
                        }
                        Ok(Outcome::Canceled(_)) => return Err(ExecutionError::StoppedElsewhere { arm }),
                        Err(source) => return Err(ExecutionError::Driver { arm, source }),
                    }
                }
                by = &mut halt => {
                    return Err(ExecutionError::Halted { by, time_s: passed_s(), duration_s });
                }
                _ = look.tick() => {
                    self.look()?;
                    progress(if duration_s > 0.0 { passed_s() / duration_s } else { 1.0 });
                }
            }
        }
        let arrived = tokio::select! {
            biased;
            by = &mut halt => Err(ExecutionError::Halted { by, time_s: passed_s(), duration_s }),
            arrived = self.see_arrived() => arrived,
        };
        if arrived.is_err() {
            // What its driver takes for over may still move: whatever it does is cancelled.
            self.goals.iter_mut().for_each(|goal| *goal = SentGoal::Unknown);
        }
        arrived.inspect(|()| progress(1.0))
    }

    /// Waits until the joint states show all arms at rest where their trajectories end.
    async fn see_arrived(&self) -> Result<(), ExecutionError> {
        // The joint states may come after the result.
        for arm in self.arms {
            // One beyond the end, so that the last waypoint lies between two.
            let end_ns = self.start_ns.saturating_add((1e9 * (arm.trajectory.duration_s() + 1e-3)) as i64);
            arm.joints.wait_until(end_ns, self.patience.joint_state).await;
        }
        for arm in self.arms {
            let Patience { driver, joint_state, .. } = self.patience;
            let here = arm.joints.wait_at_rest(REST_RAD_S, driver, joint_state).await?;
            if !here.is_at_rest(REST_RAD_S) {
                let speed_rad_s = here.velocities.iter().map(|v| v.abs()).fold(0.0, f64::max);
                let (arm, limit_rad_s) = (arm.arm.name.clone(), REST_RAD_S);
                return Err(ExecutionError::StillMoving { arm, speed_rad_s, limit_rad_s });
            }
            check_end(arm.arm, &arm.limits, arm.trajectory, &here)?;
        }
        Ok(())
    }

    /// Whether all arms do what they are to do.
    fn look(&self) -> Result<(), ExecutionError> {
        let since_s = |ns: i64| 1e-9 * (ns - self.start_ns) as f64;
        for arm in self.still {
            let here = arm.joints.fresh(self.patience.joint_state)?;
            check_motion(arm.arm, &arm.limits, arm.trajectory, &here, since_s(here.stamp_ns))?;
        }
        for (arm, goal) in self.arms.iter().zip(&self.goals) {
            let here = arm.joints.fresh(self.patience.joint_state)?;
            check_motion(arm.arm, &arm.limits, arm.trajectory, &here, since_s(here.stamp_ns))?;
            let Some((_, now_ns)) = arm.joints.newest_and_now() else { continue };
            let late_s = since_s(now_ns) - arm.trajectory.duration_s();
            let limit_s = arm.limits.goal_time_tolerance_s + self.patience.driver.as_secs_f64();
            if !goal.is_over() && late_s > limit_s {
                return Err(ExecutionError::NotOver { arm: arm.arm.name.clone(), late_s, limit_s });
            }
        }
        Ok(())
    }

    /// Brings all arms to rest.
    async fn stop(mut self) -> Vec<StopSummary> {
        // What ended meanwhile needs no stop.
        while let Ok((index, ended)) = self.results.try_recv() {
            self.ended(index, &ended);
        }
        let stopping = begin_stop(self.arms, std::mem::take(&mut self.goals), self.start_ns, self.patience);
        see_rest(self.arms, stopping, self.patience).await
    }

    /// A driver that said how its goal ended is done with it; of one whose answer was lost nothing is known.
    fn ended(&mut self, index: usize, ended: &Ended) {
        if let Some(goal) = self.goals.get_mut(index) {
            *goal = if ended.is_ok() { SentGoal::Over } else { SentGoal::Unknown };
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if self.goals.iter().any(|goal| !goal.is_over()) {
            // Its tasks go on by themselves; nobody waits for their answer any more.
            drop(begin_stop(self.arms, std::mem::take(&mut self.goals), self.start_ns, self.patience));
        }
    }
}

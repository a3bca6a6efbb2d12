//! The arm executor's node: the tools' trajectories of a dream in; a plan, two moving arms and a summary out.

mod planning;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dreamitate_carrier::{
    ActionClient, Carrier, CarrierError, Client, Diagnostics, Goal, Health, Node, NodeArgs, Outcome,
    Publisher, Qos, Running,
};
use dreamitate_msgs::action_msgs::CancelGoal;
use dreamitate_msgs::control_msgs::FollowJointTrajectory;
use dreamitate_msgs::dreamitate_msgs::{
    Execute, ExecuteFeedback, ExecuteGoal, ExecuteResult, ToolTrajectory,
};
use dreamitate_msgs::moveit_msgs::{
    DisplayTrajectory, ExecuteTrajectory, ExecuteTrajectoryGoal, ExecuteTrajectoryResult, MoveItErrorCodes,
};
use dreamitate_msgs::sensor_msgs::JointState;
use dreamitate_msgs::std_msgs;
use dreamitate_msgs::std_srvs::{Trigger, TriggerResponse};
use parking_lot::Mutex;
use tokio::sync::{Mutex as TurnMutex, mpsc};
use tokio::task::JoinSet;

use crate::confirmation::Confirmation;
use crate::dream_waypoints::DreamTrajectories;
use crate::execution::{ArmMotion, Executed, ExecutionError, Patience, check_before, execute};
use crate::executor_parameters::{ChosenTask, Parameters, declare};
use crate::joint_monitor::JointMonitor;
use crate::motion_watch::MotionLimits;
use crate::moveit;
use crate::stop_switch::{self, Halt, StopEvents, StopSwitch};
use crate::summary::{ExecutionOutcome, ExecutionSummary};
use crate::summary_of_run;
use dreamitate_motion::{Arm, ArmTask, ArmsPlan, JointTrajectory, PlanSettings};

/// Ends what a summary says of arms that were stopped.
const HELD: &str = "; the arms are held, and the next dream is executed when the action execute asks for it";

/// An arm with its ways to the outside.
struct DrivenArm {
    tool: String,
    group: String,
    arm: Arc<Arm>,
    joints: JointMonitor,
    driver: ActionClient<FollowJointTrajectory>,
    cancel_all: Client<CancelGoal>,
    limits: MotionLimits,
    plan: Publisher<DisplayTrajectory>,
}

impl DrivenArm {
    fn motion<'a>(&'a self, trajectory: &'a JointTrajectory) -> ArmMotion<'a> {
        ArmMotion {
            arm: &self.arm,
            driver: &self.driver,
            cancel_all: &self.cancel_all,
            joints: &self.joints,
            limits: self.limits,
            trajectory,
        }
    }
}

struct Executor {
    arms: Vec<DrivenArm>,
    tools: Vec<String>,
    min_waypoints: usize,
    accept_partial_paths: bool,
    patience: Patience,
    confirmation: Confirmation,
    stops: StopSwitch,
    settings: PlanSettings,
    dreams: Mutex<DreamTrajectories>,
    diagnostics: Diagnostics,
    summary: Publisher<std_msgs::String>,
    /// All arms' plans in MoveIt's topic.
    display: Publisher<DisplayTrajectory>,
    /// Held while arms are planned for or move: one dream at a time.
    turn: TurnMutex<()>,
}

/// Runs the node until it is dropped; arms that move then are told to stop.
///
/// A dream that cannot be executed is an outcome, published on `execution/summary`; it does not end the node.
///
/// # Errors
/// Parameters or files that cannot be used, or a carrier that fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    Box::pin(work(carrier, args))
}

async fn work(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    // The arms' names are parameters' names, and the task that names the arms is a parameter too.
    let (parameters, chosen) = node.declare_parameters(declare)?;
    let ChosenTask { settings, arms } = chosen?;
    let mut driven = Vec::new();
    for (configured, action) in arms {
        let arm = configured.arm;
        let states =
            node.subscribe::<JointState>(&format!("{}/joint_states", arm.name), Qos::reliable(10))?;
        driven.push(DrivenArm {
            joints: JointMonitor::new(&arm.name, arm.joint_names(), states),
            driver: node.action_client(&action)?,
            cancel_all: node.client(&format!("{action}/_action/cancel_goal"))?,
            limits: MotionLimits::new(&configured.robot, parameters.tracking_tolerance_rad),
            plan: node.publisher(&format!("plan/{}", arm.name), Qos::latched())?,
            tool: configured.tool,
            group: configured.group,
            arm: Arc::new(arm),
        });
    }
    let executor = Arc::new(Executor {
        tools: driven.iter().map(|arm| arm.tool.clone()).collect(),
        arms: driven,
        min_waypoints: usize::try_from(parameters.min_waypoints)?,
        accept_partial_paths: parameters.accept_partial_paths,
        patience: Patience {
            driver: Duration::from_secs_f64(parameters.driver_timeout_s),
            joint_state: Duration::from_secs_f64(parameters.joint_state_timeout_s),
            start_delay: Duration::from_secs_f64(parameters.start_delay_s),
            stop_lead: Duration::from_secs_f64(parameters.stop_lead_s),
        },
        confirmation: Confirmation::new(parameters.confirm),
        stops: StopSwitch::new(),
        settings,
        dreams: Mutex::default(),
        diagnostics: node.diagnostics(),
        summary: node.publisher("execution/summary", Qos::latched())?,
        display: node.publisher("display_planned_path", Qos::latched())?,
        turn: TurnMutex::new(()),
    });
    let stop_events = node.subscribe(stop_switch::TOPIC, Qos::reliable(10))?;
    executor.clone().serve(&node)?;
    tokio::select! {
        ended = executor.clone().follow_dreams(&node, &parameters) => ended,
        () = executor.stops.listen(stop_events) => Ok(()),
    }
}

impl Executor {
    /// The action `execute` and the service `~/confirm`.
    fn serve(self: Arc<Self>, node: &Node) -> Result<(), CarrierError> {
        let executor = self.clone();
        node.serve::<Trigger, _, _>("~/confirm", move |_| {
            let success = executor.confirmation.confirm();
            let message = if success { "the arms will move" } else { "nothing waits to be confirmed" };
            std::future::ready(TriggerResponse { success, message: message.to_owned() })
        })?;
        let executor = self.clone();
        moveit::serve(node, move || executor.cell(), self.accept_partial_paths)?;
        let (executor, accept_trajectory) = (self.clone(), self.clone());
        let accept_trajectory = move |_: &ExecuteTrajectoryGoal| accept_trajectory.is_free();
        node.action_server::<ExecuteTrajectory, _, _, _>(
            "execute_trajectory",
            accept_trajectory,
            move |goal| executor.clone().on_trajectory(goal),
        )?;
        let accept = {
            let executor = self.clone();
            move |_: &ExecuteGoal| executor.is_free()
        };
        node.action_server::<Execute, _, _, _>("execute", accept, move |goal| self.clone().on_request(goal))
    }

    /// Refuses a goal while another one is worked on.
    fn is_free(&self) -> Result<(), String> {
        self.turn.try_lock().map(drop).map_err(|_| "another motion is being executed".to_owned())
    }

    /// The arms as MoveIt's services see them.
    fn cell(&self) -> moveit::Cell {
        let arm = |arm: &DrivenArm| moveit::CellArm {
            arm: arm.arm.clone(),
            group: arm.group.clone(),
            now: arm.joints.fresh(self.patience.joint_state).ok().map(|state| state.positions),
        };
        moveit::Cell { arms: self.arms.iter().map(arm).collect(), limits: self.settings.clearance }
    }

    /// Works on a goal of MoveIt's action: a trajectory that somebody else planned. From the call on, not from its turn
    /// on, a stop is one for it.
    fn on_trajectory(
        self: Arc<Self>,
        goal: Goal<ExecuteTrajectory>,
    ) -> impl Future<Output = Outcome<ExecuteTrajectoryResult>> {
        let stopped = self.stops.stopped();
        async move {
            let halt = stop_switch::halt(stopped, goal.cancelled());
            let turn = self.turn.lock().await;
            let ended = self.follow(&goal, halt).await;
            drop(turn);
            Self::outcome_of(ended)
        }
    }

    fn outcome_of(ended: Result<(), moveit::Refusal>) -> Outcome<ExecuteTrajectoryResult> {
        let result = |error_code| ExecuteTrajectoryResult { error_code };
        match ended {
            Ok(()) => Outcome::Succeeded(result(moveit::success())),
            Err(refusal) if refusal.code == MoveItErrorCodes::PREEMPTED => {
                Outcome::Canceled(result(refusal.into()))
            }
            Err(refusal) => Outcome::Aborted(result(refusal.into())),
        }
    }

    async fn follow(
        &self,
        goal: &Goal<ExecuteTrajectory>,
        halt: impl Future<Output = Halt>,
    ) -> Result<(), moveit::Refusal> {
        if let Some(controller) = goal.goal().controller_names.first() {
            let message = format!("no controller is chosen by name, nor is {controller:?}");
            return Err(moveit::Refusal::new(MoveItErrorCodes::INVALID_MOTION_PLAN, message));
        }
        let (cell, message) = (self.cell(), goal.goal().trajectory.clone());
        // A long trajectory is looked at for long.
        let looked = tokio::task::spawn_blocking(move || moveit::trajectories(&cell, &message)).await;
        let ways = looked.unwrap_or_else(|panic| {
            Err(moveit::Refusal::new(MoveItErrorCodes::CRASH, format!("the check broke off: {panic}")))
        })?;
        let (mut motions, mut still) = (Vec::new(), Vec::new());
        for (arm, way) in self.arms.iter().zip(&ways) {
            match way {
                moveit::Way::Goes(way) => motions.push(arm.motion(way)),
                moveit::Way::Stands(way) => still.push(arm.motion(way)),
            }
        }
        let executed = self.move_arms(&motions, &still, |_| {}, halt).await;
        if let Some(start_ns) = executed.start_ns {
            // Nobody asks how it went: the recordings end.
            motions.iter().for_each(|arm| drop(arm.joints.recorded(start_ns)));
        }
        executed.ended.map_err(|error| moveit::Refusal::new(error.code(), error.to_string()))
    }

    /// Executes once it is confirmed, as long as those arms stand `still` that are not to move; what was stopped is held.
    async fn move_arms(
        &self,
        motions: &[ArmMotion<'_>],
        still: &[ArmMotion<'_>],
        progress: impl Fn(f64),
        halt: impl Future<Output = Halt>,
    ) -> Executed {
        let nothing_sent = |error| Executed { start_ns: None, stops: Vec::new(), ended: Err(error) };
        if let Err(error) =
            [motions, still].into_iter().try_for_each(|arms| check_before(arms, self.patience))
        {
            return nothing_sent(error);
        }
        tokio::pin!(halt);
        if let Err(by) = self.confirmation.wait(&mut halt).await {
            // Whoever stops before the motion wants no other either.
            if by == Halt::Event {
                self.stops.hold();
            }
            let duration_s = motions.iter().map(|arm| arm.trajectory.duration_s()).fold(0.0, f64::max);
            return nothing_sent(ExecutionError::Halted { by, time_s: 0.0, duration_s });
        }
        let executed = execute(motions, still, self.patience, progress, halt).await;
        let stopped = matches!(executed.ended, Err(ExecutionError::Halted { by: Halt::Event, .. }));
        if stopped || executed.start_ns.is_some() && executed.ended.is_err() {
            self.stops.hold();
        }
        executed
    }

    /// Listens to the tools' trajectories for ever.
    async fn follow_dreams(self: Arc<Self>, node: &Node, parameters: &Parameters) -> anyhow::Result<()> {
        let (sender, mut trajectories) = mpsc::unbounded_channel();
        let mut readers = JoinSet::new();
        for tool in &self.tools {
            let mut detail =
                node.subscribe::<ToolTrajectory>(&format!("trajectory/{tool}/detail"), Qos::latched())?;
            let (sender, tool) = (sender.clone(), tool.clone());
            readers.spawn(async move {
                while let Some(message) = detail.recv().await {
                    match message {
                        // Fails if the node is being dropped.
                        Ok(message) => drop(sender.send((tool.clone(), message))),
                        Err(error) => tracing::warn!(%error, "trajectory lost"),
                    }
                }
            });
        }
        while let Some((tool, message)) = trajectories.recv().await {
            let complete = self.dreams.lock().take(&self.tools, &tool, message);
            let Some(dream) = complete else { continue };
            if parameters.autostart {
                // A stop from here on is one for this dream; one before is found when its turn comes.
                let halt = stop_switch::halt(self.stops.stopped(), std::future::pending());
                self.execute(&dream, |_| {}, halt, None).await;
            } else {
                self.plan_only(&dream).await;
            }
        }
        Ok(())
    }

    /// Works on a goal of the action. From the call on a stop is one for it; what was held by an earlier one is free once
    /// the goal has been executed.
    fn on_request(self: Arc<Self>, goal: Goal<Execute>) -> impl Future<Output = Outcome<ExecuteResult>> {
        let [stopped, since] = [self.stops.stopped(), self.stops.stopped()];
        async move { self.work_on(goal, stopped, &since).await }
    }

    async fn work_on(
        &self,
        goal: Goal<Execute>,
        stopped: StopEvents,
        since: &StopEvents,
    ) -> Outcome<ExecuteResult> {
        let clip_id = goal.goal().clip_id.clone();
        let dream = self.dreams.lock().of_clip(&self.tools, &clip_id);
        let Some(dream) = dream else {
            let message =
                format!("no clip {clip_id:?} with a trajectory of each of the tools {:?}", self.tools);
            return Outcome::Aborted(result(MoveItErrorCodes::PLANNING_FAILED, message));
        };
        let progress = |fraction| {
            if let Err(error) = goal.feedback(ExecuteFeedback { fraction }) {
                tracing::warn!(%error, "feedback not sent");
            }
        };
        let halt = stop_switch::halt(stopped, goal.cancelled());
        let summary = self.execute(&dream, progress, halt, Some(since)).await;
        let result = result(summary.error_code, summary.message);
        match summary.outcome {
            ExecutionOutcome::Executed => Outcome::Succeeded(result),
            ExecutionOutcome::Cancelled => Outcome::Canceled(result),
            _ => Outcome::Aborted(result),
        }
    }

    /// Plans and publishes; nothing moves.
    async fn plan_only(&self, dream: &[ToolTrajectory]) {
        let turn = self.turn.lock().await;
        let summary = self.planned(dream).await;
        // Before anybody is told: whoever then asks for the next thing must not find this one under way.
        drop(turn);
        self.publish(&summary);
    }

    /// The summary of a plan that nothing follows.
    async fn planned(&self, dream: &[ToolTrajectory]) -> ExecutionSummary {
        let clip_id = clip_of(dream);
        match self.plan(dream).await {
            Ok((tasks, plan)) => {
                let mut summary = self.summary_of_plan(&clip_id, &tasks, &plan);
                match check_before(&self.motions(&plan), self.patience) {
                    Err(error) => conclude(&mut summary, Err(error)),
                    Ok(()) if self.stops.holds() => summary.message += HELD,
                    Ok(()) => {}
                }
                summary
            }
            Err(summary) => summary,
        }
    }

    /// Plans, executes and publishes what came of it. Unless it was asked for (and no stop came `asked_since`), only the plan
    /// is made where arms were stopped before.
    async fn execute(
        &self,
        dream: &[ToolTrajectory],
        progress: impl Fn(f64),
        halt: impl Future<Output = Halt>,
        asked_since: Option<&StopEvents>,
    ) -> ExecutionSummary {
        let clip_id = clip_of(dream);
        let turn = self.turn.lock().await;
        let summary = if asked_since.is_some() || !self.stops.holds() {
            match self.plan(dream).await {
                Ok((tasks, plan)) => self.execute_plan(&clip_id, &tasks, &plan, progress, halt).await,
                Err(summary) => summary,
            }
        } else {
            self.planned(dream).await
        };
        if let Some(since) = asked_since.filter(|_| summary.outcome == ExecutionOutcome::Executed) {
            self.stops.release(since);
        }
        drop(turn);
        self.publish(&summary);
        summary
    }

    async fn execute_plan(
        &self,
        clip_id: &str,
        tasks: &[ArmTask],
        plan: &ArmsPlan,
        progress: impl Fn(f64),
        halt: impl Future<Output = Halt>,
    ) -> ExecutionSummary {
        let mut summary = self.summary_of_plan(clip_id, tasks, plan);
        if self.confirmation.is_wanted() {
            self.publish(&summary);
        }
        let executed = self.move_arms(&self.motions(plan), &[], progress, halt).await;
        if let Some(start_ns) = executed.start_ns {
            for ((arm, task), part) in self.arms.iter().zip(tasks).zip(&mut summary.arms) {
                summary_of_run::add_execution(part, task, &arm.joints.recorded(start_ns));
            }
        }
        summary.stops = executed.stops;
        conclude(&mut summary, executed.ended);
        if !summary.stops.is_empty() {
            summary.message += HELD;
        }
        summary
    }

    fn motions<'a>(&'a self, plan: &'a ArmsPlan) -> Vec<ArmMotion<'a>> {
        self.arms.iter().zip(&plan.trajectories).map(|(arm, way)| arm.motion(way)).collect()
    }

    fn publish(&self, summary: &ExecutionSummary) {
        let ExecutionSummary { clip_id, outcome, error_code, message, .. } = summary;
        tracing::info!(clip_id, ?outcome, error_code, message, "execution");
        let is_well = matches!(outcome, ExecutionOutcome::Executed | ExecutionOutcome::Planned);
        let health = if is_well { Health::Ok } else { Health::Error };
        self.diagnostics.set(health, format!("{clip_id}: {message}"));
        let sent = serde_json::to_string(summary)
            .map_err(anyhow::Error::from)
            .and_then(|data| Ok(self.summary.publish(&std_msgs::String { data })?));
        if let Err(error) = sent {
            tracing::error!(%error, "summary not published");
        }
    }
}

fn conclude(summary: &mut ExecutionSummary, ended: Result<(), ExecutionError>) {
    match ended {
        Ok(()) => {
            summary.outcome = ExecutionOutcome::Executed;
            summary.message = "executed".to_owned();
        }
        Err(error) => {
            summary.outcome = match &error {
                ExecutionError::Halted { .. } => ExecutionOutcome::Cancelled,
                _ => ExecutionOutcome::Failed,
            };
            summary.error_code = error.code();
            summary.message = error.to_string();
        }
    }
}

fn clip_of(dream: &[ToolTrajectory]) -> String {
    dream.first().map(|trajectory| trajectory.clip_id.clone()).unwrap_or_default()
}

fn result(code: i32, message: String) -> ExecuteResult {
    let mut result = ExecuteResult { message: message.clone(), ..ExecuteResult::default() };
    (result.error_code.val, result.error_code.message) = (code, message);
    result
}

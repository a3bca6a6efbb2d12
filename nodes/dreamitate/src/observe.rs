//! Watches a graph work on one dream, and keeps what it says.

use crate::graph::Processes;
use anyhow::{Context, bail};
use arm_executor::ExecutionSummary;
use dreamitate_carrier::{GoalHandle, Node, Outcome, Qos, Subscription};
use dreamitate_clip::{StereoClip, clip_from_message};
use dreamitate_config::Task;
use dreamitate_geometry::View;
use dreamitate_msgs::{
    Message,
    dreamitate_msgs::{self as msgs, Dream, DreamGoal},
    std_msgs,
};
use dreamitate_track::{FusedTrack, ToolTrack, fused_from_message, track_from_message};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// What a graph made of one dream.
pub(crate) struct Observed {
    pub clip: StereoClip,
    /// The last track of each tool in each view, in the order of [`View::ALL`].
    pub view_tracks: BTreeMap<String, [ToolTrack; 2]>,
    /// The fused track of each tool.
    pub fused: BTreeMap<String, FusedTrack>,
    /// Rendered dreams know the truth.
    pub truth: BTreeMap<String, FusedTrack>,
    pub execution: Option<ExecutionSummary>,
    /// How the task stands in a world with physics, where there is one.
    pub world: Option<TaskScore>,
    /// Stages and their seconds.
    pub stages: Vec<(&'static str, f64)>,
}

/// What a world says of its task on `world/score`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TaskScore {
    pub success: bool,
    /// What was measured: names with their units, and values.
    pub figures: Vec<(String, f64)>,
    /// What was missing, if the task was not done.
    pub failure: Option<String>,
}

/// The subscriptions of an observer, made before anything is published.
pub(crate) struct Observer {
    clip: Subscription<msgs::StereoClip>,
    tracks: Vec<(String, [Subscription<msgs::ToolTrack>; 2])>,
    details: Vec<(String, Subscription<msgs::ToolTrajectory>)>,
    truths: Vec<(String, Subscription<msgs::ToolTrajectory>)>,
    execution: Subscription<std_msgs::String>,
    scores: Subscription<std_msgs::String>,
}

/// The nodes that are watched; one that ends ends the watching.
pub(crate) enum Nodes {
    Here(JoinSet<anyhow::Result<()>>),
    Processes(Processes),
}

/// Nothing in a graph but a dream's step takes longer than this without a sign.
const PATIENCE: Duration = Duration::from_secs(120);
/// A video model of full size takes minutes for a step on a processor, and more to load.
const STEP_PATIENCE: Duration = Duration::from_secs(1800);

/// How long a world is watched after the arms.
const SETTLE: Duration = Duration::from_millis(1500);

impl Observer {
    pub fn new(node: &Node, task: &Task) -> anyhow::Result<Self> {
        let latched = Qos::latched();
        let mut observer = Self {
            clip: node.subscribe("dream/clip", latched)?,
            tracks: Vec::new(),
            details: Vec::new(),
            truths: Vec::new(),
            execution: node.subscribe("execution/summary", latched)?,
            scores: node.subscribe("world/score", latched)?,
        };
        for tool in task.tools.iter().map(|tool| tool.name.clone()) {
            let [top, side] = View::ALL.map(|view| node.subscribe(&format!("track/{view}/{tool}"), latched));
            observer.tracks.push((tool.clone(), [top?, side?]));
            observer
                .details
                .push((tool.clone(), node.subscribe(&format!("trajectory/{tool}/detail"), latched)?));
            observer.truths.push((tool.clone(), node.subscribe(&format!("dream/truth/{tool}"), latched)?));
        }
        Ok(observer)
    }

    /// Asks for a dream if `ask` is given, waits until it is tracked, and if `arms` until it is executed.
    pub async fn watch(
        mut self,
        node: &Node,
        nodes: &mut Nodes,
        ask: Option<DreamGoal>,
        arms: bool,
    ) -> anyhow::Result<Observed> {
        let progress = Progress::new();
        let mut stages = Vec::new();

        let clock = Instant::now();
        let mut wanted = None;
        if let Some(goal) = ask {
            progress.stage("dreaming");
            let client = node.action_client::<Dream>("dream")?;
            guarded_for(STEP_PATIENCE, nodes, client.wait_for_server(STEP_PATIENCE)).await??;
            let mut asked = Asked(Some(guarded(nodes, client.send_goal(goal, PATIENCE)).await??));
            let Some(handle) = &mut asked.0 else { bail!("the goal is gone") };
            let result = handle.result();
            tokio::pin!(result);
            let done = loop {
                // Each step is a sign, however long all of them take together.
                let sign = async {
                    tokio::select! {
                        feedback = handle.feedback() => Err(feedback),
                        done = &mut result => Ok(done),
                    }
                };
                match guarded_for(STEP_PATIENCE, nodes, sign).await? {
                    Ok(done) => break done?,
                    Err(feedback) => progress.steps(feedback.step, feedback.steps),
                }
            };
            asked.0 = None;
            let outcome = match done {
                Outcome::Succeeded(result) | Outcome::Canceled(result) | Outcome::Aborted(result) => result,
            };
            if !outcome.success {
                bail!("no dream: {}", outcome.message);
            }
            wanted = Some(outcome.clip_id);
        }
        // A dreamer that has been here for longer shows its last dream first.
        let is_wanted = |clip: &msgs::StereoClip| wanted.as_ref().is_none_or(|id| *id == clip.clip_id);
        let clip = clip_from_message(next(nodes, &mut self.clip, is_wanted).await?)?;
        stages.push(("dream", clock.elapsed().as_secs_f64()));

        let clock = Instant::now();
        progress.stage("tracking the tools");
        let mut fused = BTreeMap::new();
        for (tool, detail) in &mut self.details {
            let message = next(nodes, detail, |track| track.clip_id == clip.id).await?;
            fused.insert(tool.clone(), fused_from_message(&message)?);
        }
        let mut view_tracks = BTreeMap::new();
        for (tool, views) in &mut self.tracks {
            let mut last = [ToolTrack::default(), ToolTrack::default()];
            for (subscription, last) in views.iter_mut().zip(&mut last) {
                while let Some(message) = subscription.try_recv() {
                    let (header, track) = track_from_message(&message?)?;
                    if header.clip_id == clip.id {
                        *last = track;
                    }
                }
            }
            view_tracks.insert(tool.clone(), last);
        }
        stages.push(("track and fuse", clock.elapsed().as_secs_f64()));

        let mut execution = None;
        if arms {
            let clock = Instant::now();
            progress.stage("planning and executing");
            execution = loop {
                let message =
                    guarded(nodes, self.execution.recv()).await?.context("the carrier closed")??;
                let summary: ExecutionSummary = serde_json::from_str(&message.data)?;
                let is_planned = summary.outcome == arm_executor::ExecutionOutcome::Planned;
                if summary.clip_id == clip.id && !is_planned {
                    break Some(summary);
                }
            };
            stages.push(("plan and execute", clock.elapsed().as_secs_f64()));
        }
        // What was pushed comes to rest.
        let mut world = None;
        if self.scores.try_recv().is_some() {
            tokio::time::sleep(SETTLE).await;
            while let Some(score) = self.scores.try_recv() {
                world = Some(serde_json::from_str(&score?.data)?);
            }
        }
        let mut truth = BTreeMap::new();
        for (tool, subscription) in &mut self.truths {
            while let Some(message) = subscription.try_recv() {
                let message = message?;
                if message.clip_id == clip.id {
                    truth.insert(tool.clone(), fused_from_message(&message)?);
                }
            }
        }
        progress.done();
        Ok(Observed { clip, view_tracks, fused, truth, execution, world, stages })
    }
}

/// A goal that is cancelled if nobody waits for it any more: a dreamer elsewhere would go on.
struct Asked(Option<GoalHandle<Dream>>);

impl Drop for Asked {
    fn drop(&mut self) {
        const LIMIT: Duration = Duration::from_secs(1);
        if let Some(handle) = self.0.take() {
            tokio::spawn(async move {
                if let Err(error) = handle.cancel(LIMIT).await {
                    tracing::warn!(%error, "the dream was not cancelled");
                }
            });
        }
    }
}

/// The next message that is meant.
async fn next<M: Message>(
    nodes: &mut Nodes,
    subscription: &mut Subscription<M>,
    is_meant: impl Fn(&M) -> bool,
) -> anyhow::Result<M> {
    loop {
        let message = guarded(nodes, subscription.recv()).await?.context("the carrier closed")??;
        if is_meant(&message) {
            return Ok(message);
        }
    }
}

/// Waits for `work`, but not for ever, and not once a node has ended.
async fn guarded<T>(nodes: &mut Nodes, work: impl Future<Output = T>) -> anyhow::Result<T> {
    guarded_for(PATIENCE, nodes, work).await
}

async fn guarded_for<T>(
    patience: Duration,
    nodes: &mut Nodes,
    work: impl Future<Output = T>,
) -> anyhow::Result<T> {
    let died = async {
        match nodes {
            Nodes::Here(set) => match set.join_next().await {
                Some(Ok(Err(error))) => error,
                Some(Err(panic)) => anyhow::Error::from(panic),
                Some(Ok(Ok(()))) => anyhow::anyhow!("a node ended early"),
                None => std::future::pending().await,
            },
            Nodes::Processes(processes) => loop {
                if let Err(error) = processes.check() {
                    break error;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            },
        }
    };
    tokio::select! {
        value = work => Ok(value),
        error = died => Err(error),
        () = tokio::time::sleep(patience) => bail!("no sign from the nodes for {} s", patience.as_secs()),
    }
}

/// A line that says what is going on; nothing where standard error is no terminal.
struct Progress(ProgressBar);

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    fn stage(&self, name: &'static str) {
        self.0.set_message(name);
    }

    fn steps(&self, step: u32, steps: u32) {
        self.0.set_message(format!("dreaming, step {step} of {steps}"));
    }

    fn done(&self) {
        self.0.finish_and_clear();
    }
}

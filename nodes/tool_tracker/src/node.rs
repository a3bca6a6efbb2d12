//! The node: a clip in, a track a tool out; a prior in, the track refined out.

use crate::{TrackerSettings, ViewModel, ViewTracker};
use anyhow::Context;
use dreamitate_carrier::{Carrier, Declaration, Health, Node, NodeArgs, Publisher, Qos, Running};
use dreamitate_clip::clip_from_message;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use dreamitate_msgs::dreamitate_msgs as msgs;
use dreamitate_render::ToolModel;
use dreamitate_track::{
    FusedTrack, Status, ToolTrack, TrackHeader, TrackedPose, fused_from_message, track_to_message,
};
use std::sync::Arc;

struct Parameters {
    view: View,
    task: String,
    config_dir: String,
    rig: String,
    settings: TrackerSettings,
}

/// A clip that was tracked, kept for the rounds with priors.
struct Tracked {
    clip_id: String,
    model: Arc<ViewModel>,
    tracker: Arc<ViewTracker>,
    /// As the first round found them.
    alone: Arc<[ToolTrack]>,
    tracks: Vec<ToolTrack>,
    /// What was fused when each was refined last.
    last: Vec<Option<FusedTrack>>,
}

/// Runs the node until it is dropped.
///
/// # Errors
/// A parameter, the task or a tool is wrong, or the carrier fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    Box::pin(work(carrier, args))
}

async fn work(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let parameters = node.declare_parameters(|p| {
        let defaults = TrackerSettings::default();
        Ok(Parameters {
            view: match p
                .declare(
                    Declaration::text("view", "top").about("the view to track").choices(&["top", "side"]),
                )?
                .as_str()
            {
                "side" => View::Side,
                _ => View::Top,
            },
            task: p.declare(Declaration::text("task", "rotation").about("task whose tools are tracked"))?,
            config_dir: p
                .declare(Declaration::text("config_dir", "").about("configuration folder; empty: found"))?,
            rig: p.declare(
                Declaration::text("rig", "").about("rig, a name or a YAML file; empty: the task's"),
            )?,
            settings: TrackerSettings {
                min_explained: p.declare(
                    Declaration::new("min_explained", defaults.min_explained)
                        .about("least part of what changed inside the outline that a pose must explain")
                        .range(0.0, 1.0),
                )?,
                min_structured: p.declare(
                    Declaration::new("min_structured", defaults.min_structured)
                        .about(
                            "least part of what differs from one colour inside the outline of a tool with print that \
                             a pose must explain; below 0 it may explain less than one colour does",
                        )
                        .range(-10.0, 1.0),
                )?,
                max_residual: p.declare(
                    Declaration::new("max_residual", defaults.max_residual)
                        .unit("levels")
                        .about("a pose that explains the picture worse is rejected")
                        .range(1.0, 255.0),
                )?,
                min_visible_fraction: p.declare(
                    Declaration::new("min_visible_fraction", defaults.min_visible_fraction)
                        .about("a pose that shows less of the tool is rejected")
                        .range(0.0, 1.0),
                )?,
                view_tie: defaults.view_tie,
            },
        })
    })?;
    let config = ConfigFolder::of_parameter(&parameters.config_dir).on_rig(&parameters.rig);
    let task = Task::read(&config, &parameters.task)?;
    let tools: Arc<[ToolModel]> =
        task.tools.iter().map(|tool| ToolModel::read(&tool.file)).collect::<Result<_, _>>()?;

    let mut clips = node.subscribe::<msgs::StereoClip>("dream/clip", Qos::latched())?;
    let mut outputs = Vec::new();
    let (to_priors, mut priors) = tokio::sync::mpsc::unbounded_channel();
    for (index, tool) in task.tools.iter().enumerate() {
        let topic = format!("track/{}/{}", parameters.view, tool.name);
        outputs.push(node.publisher::<msgs::ToolTrack>(&topic, Qos::latched())?);
        let mut subscription =
            node.subscribe::<msgs::ToolTrajectory>(&format!("track/prior/{}", tool.name), Qos::latched())?;
        let to_priors = to_priors.clone();
        tokio::spawn(async move {
            while let Some(message) = subscription.recv().await {
                if to_priors.send((index, message)).is_err() {
                    break;
                }
            }
        });
    }
    let names: Vec<String> = task.tools.iter().map(|tool| tool.name.clone()).collect();

    let mut tracked: Option<Tracked> = None;
    // Priors whose clip is not here yet: to a node that was started again both come at once.
    let mut early: Vec<(usize, msgs::ToolTrajectory)> = Vec::new();
    loop {
        tokio::select! {
            Some(clip) = clips.recv() => {
                let header = |tool: &str, clip_id: &str| TrackHeader {
                    clip_id: clip_id.to_owned(), view: parameters.view, tool: tool.to_owned(), round: 0,
                };
                let message = match clip {
                    Ok(message) => message,
                    Err(error) => { tracing::error!("{error}"); continue; }
                };
                let clip_id = message.clip_id.clone();
                let frame_count = message.views.first().map_or(0, |view| view.frames.len());
                // The rig rarely changes, and the model's drawings take a while.
                let known = tracked.take().map(|tracked| tracked.model);
                let (view, settings) = (parameters.view, parameters.settings.clone());
                match first_round(message, view, known, tools.clone(), settings).await {
                    Ok(result) => {
                        publish_all(&outputs, &names, &result.tracks, |tool| header(tool, &clip_id))?;
                        let accepted = accepted(&result.tracks);
                        tracing::info!("{clip_id}: {view} view: {accepted} poses accepted");
                        node.diagnostics().set(Health::Ok, format!("{clip_id}: {accepted} poses accepted"));
                        tracked = Some(result);
                        for (tool, prior) in early.drain(..).filter(|(_, prior)| prior.clip_id == clip_id) {
                            to_priors.send((tool, Ok(prior)))?;
                        }
                    }
                    Err(error) => {
                        // An outcome, not the node's end: the fusion rejects the dream and says why.
                        tracing::warn!("{clip_id}: {error:#}");
                        node.diagnostics().set(Health::Warning, format!("{clip_id}: {error:#}"));
                        let nothing = vec![all_lost(frame_count, &format!("{error:#}")); names.len()];
                        publish_all(&outputs, &names, &nothing, |tool| header(tool, &clip_id))?;
                    }
                }
            }
            Some((tool, prior)) = priors.recv() => {
                let Ok(prior) = prior else { continue };
                let Some(tracked) = tracked.as_mut().filter(|tracked| tracked.clip_id == prior.clip_id) else {
                    early.retain(|(other, _)| *other != tool);
                    early.push((tool, prior));
                    continue;
                };
                let fused = fused_from_message(&prior)?;
                let track = next_round(tracked, tool, fused.clone()).await?;
                let header = TrackHeader {
                    clip_id: prior.clip_id.clone(),
                    view: parameters.view,
                    tool: names[tool].clone(),
                    round: prior.round.saturating_add(1),
                };
                outputs[tool].publish(&track_to_message(&header, &track))?;
                tracked.tracks[tool] = track;
                tracked.last[tool] = Some(fused);
            }
            else => return Ok(()),
        }
    }
}

async fn first_round(
    message: msgs::StereoClip,
    view: View,
    known: Option<Arc<ViewModel>>,
    tools: Arc<[ToolModel]>,
    settings: TrackerSettings,
) -> anyhow::Result<Tracked> {
    let work = move || {
        let clip = clip_from_message(message)?;
        let picture = clip.view(view);
        let (camera, world_from_camera) = (picture.camera, &picture.world_from_camera);
        let model = match known.filter(|model| model.is_of(&camera, world_from_camera)) {
            Some(model) => model,
            None => Arc::new(ViewModel::new(camera, world_from_camera, tools, settings)?),
        };
        let tracker = ViewTracker::with_model(model.clone(), picture);
        let tracks = tracker.track()?;
        let alone = tracks.clone().into();
        let last = vec![None; tracks.len()];
        Ok(Tracked { clip_id: clip.id.clone(), model, tracker: Arc::new(tracker), alone, tracks, last })
    };
    tokio::task::spawn_blocking(work).await.context("tracking stopped")?
}

fn accepted(tracks: &[ToolTrack]) -> usize {
    tracks.iter().flat_map(|track| &track.poses).filter(|pose| pose.status == Status::Accepted).count()
}

async fn next_round(tracked: &Tracked, tool: usize, fused: FusedTrack) -> anyhow::Result<ToolTrack> {
    let Tracked { tracker, alone, .. } = tracked;
    let (tracker, alone) = (tracker.clone(), alone.clone());
    let (track, last) = (tracked.tracks[tool].clone(), tracked.last[tool].clone());
    tokio::task::spawn_blocking(move || tracker.track_with_fused(tool, &track, &alone, &fused, last.as_ref()))
        .await
        .context("tracking stopped")
}

fn publish_all(
    outputs: &[Publisher<msgs::ToolTrack>],
    names: &[String],
    tracks: &[ToolTrack],
    header: impl Fn(&str) -> TrackHeader,
) -> anyhow::Result<()> {
    for ((output, name), track) in outputs.iter().zip(names).zip(tracks) {
        output.publish(&track_to_message(&header(name), track))?;
    }
    Ok(())
}

fn all_lost(frame_count: usize, reason: &str) -> ToolTrack {
    ToolTrack { poses: (1..frame_count).map(|frame| TrackedPose::lost(frame, reason)).collect() }
}

//! The node: a clip in, a track a tool out; a prior in, the track refined out.

use crate::{TrackerSettings, ViewModel, ViewTracker};
use anyhow::Context;
use dreamitate_carrier::{Carrier, Declaration, Health, Node, NodeArgs, Qos, Running};
use dreamitate_clip::clip_from_message;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, View};
use dreamitate_msgs::dreamitate_msgs as msgs;
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedTrack, Status, ToolTrack, TrackHeader, fused_from_message, track_to_message};
use std::sync::Arc;

struct Parameters {
    view: View,
    task: String,
    config_dir: String,
    rig: String,
    settings: TrackerSettings,
}

/// A clip, kept for the rounds with priors.
struct Tracked {
    /// Of its tracks, but for tool and round.
    header: TrackHeader,
    /// None for one that cannot be tracked.
    tracker: Option<Arc<ViewTracker>>,
    /// As the first round found them.
    alone: Arc<[ToolTrack]>,
    tracks: Vec<ToolTrack>,
    /// What was fused when each was refined, time by time.
    earlier: Vec<Vec<FusedTrack>>,
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

    let mut model: Option<Arc<ViewModel>> = None;
    let mut tracked: Option<Tracked> = None;
    // Priors whose clip is not here yet: to a node that was started again both come at once.
    let mut early: Vec<(usize, msgs::ToolTrajectory)> = Vec::new();
    loop {
        tokio::select! {
            Some(clip) = clips.recv() => {
                let message = match clip {
                    Ok(message) => message,
                    Err(error) => { tracing::error!("{error}"); continue; }
                };
                let mut header = TrackHeader {
                    clip_id: message.clip_id.clone(),
                    view: parameters.view,
                    tool: String::new(),
                    round: 0,
                    world_from_camera: Pose::identity(),
                    frame_period_s: task.frame_period_s,
                };
                let frame_count = message.views.first().map_or(0, |view| view.frames.len());
                let settings = parameters.settings.clone();
                let first = first_round(message, parameters.view, model.clone(), tools.clone(), settings).await;
                let clip_id = &header.clip_id;
                let (tracker, tracks) = match first {
                    Ok(First { model: of_clip, tracker, tracks, frame_period_s }) => {
                        let accepted = accepted(&tracks);
                        tracing::info!("{clip_id}: {} view: {accepted} poses accepted", parameters.view);
                        node.diagnostics().set(Health::Ok, format!("{clip_id}: {accepted} poses accepted"));
                        header.world_from_camera = of_clip.world_from_camera;
                        header.frame_period_s = frame_period_s;
                        model = Some(of_clip);
                        (Some(tracker), tracks)
                    }
                    // An outcome, not the node's end: the fusion rejects the dream and says why.
                    Err(error) => {
                        tracing::warn!("{clip_id}: {error:#}");
                        node.diagnostics().set(Health::Warning, format!("{clip_id}: {error:#}"));
                        (None, vec![ToolTrack::lost(frame_count, &format!("{error:#}")); names.len()])
                    }
                };
                for ((output, name), track) in outputs.iter().zip(&names).zip(&tracks) {
                    header.tool.clone_from(name);
                    output.publish(&track_to_message(&header, track))?;
                }
                for (tool, prior) in early.drain(..).filter(|(_, prior)| prior.clip_id == header.clip_id) {
                    to_priors.send((tool, Ok(prior)))?;
                }
                let earlier = vec![Vec::new(); tracks.len()];
                tracked = Some(Tracked { header, tracker, alone: tracks.clone().into(), tracks, earlier });
            }
            Some((tool, prior)) = priors.recv() => {
                let parsed = prior.map_err(anyhow::Error::from).and_then(|m| Ok((fused_from_message(&m)?, m)));
                let (fused, prior) = match parsed {
                    Ok(parsed) => parsed,
                    Err(error) => { tracing::error!("a prior is refused: {error:#}"); continue; }
                };
                let of_clip = |tracked: &&mut Tracked| tracked.header.clip_id == prior.clip_id;
                let Some(tracked) = tracked.as_mut().filter(of_clip) else {
                    early.retain(|(other, _)| *other != tool);
                    early.push((tool, prior));
                    continue;
                };
                let track = next_round(tracked, tool, fused.clone()).await?;
                let round = prior.round.saturating_add(1);
                let header = TrackHeader { tool: names[tool].clone(), round, ..tracked.header.clone() };
                outputs[tool].publish(&track_to_message(&header, &track))?;
                tracked.tracks[tool] = track;
                tracked.earlier[tool].push(fused);
            }
            else => return Ok(()),
        }
    }
}

/// A clip as the view alone sees it.
struct First {
    model: Arc<ViewModel>,
    tracker: Arc<ViewTracker>,
    tracks: Vec<ToolTrack>,
    frame_period_s: f64,
}

/// `known` is the last clip's model: the rig rarely changes, and the model's drawings take a while.
async fn first_round(
    message: msgs::StereoClip,
    view: View,
    known: Option<Arc<ViewModel>>,
    tools: Arc<[ToolModel]>,
    settings: TrackerSettings,
) -> anyhow::Result<First> {
    let work = move || {
        let clip = clip_from_message(message)?;
        let picture = clip.view(view);
        let (camera, world_from_camera) = (picture.camera, &picture.world_from_camera);
        let model = match known.filter(|model| model.is_of(&camera, world_from_camera)) {
            Some(model) => model,
            None => Arc::new(ViewModel::new(camera, world_from_camera, tools, settings)?),
        };
        let tracker = Arc::new(ViewTracker::with_model(model.clone(), picture)?);
        Ok(First { model, tracks: tracker.track(), tracker, frame_period_s: clip.frame_period_s })
    };
    tokio::task::spawn_blocking(work).await.context("tracking stopped")?
}

fn accepted(tracks: &[ToolTrack]) -> usize {
    tracks.iter().flat_map(|track| &track.poses).filter(|pose| pose.status == Status::Accepted).count()
}

/// What cannot be tracked stays lost: another view may go on, and waits for this one.
async fn next_round(tracked: &Tracked, tool: usize, fused: FusedTrack) -> anyhow::Result<ToolTrack> {
    let Tracked { alone, tracks, earlier, .. } = tracked;
    let (track, alone, earlier) = (tracks[tool].clone(), alone.clone(), earlier[tool].clone());
    let Some(tracker) = tracked.tracker.clone() else { return Ok(track) };
    tokio::task::spawn_blocking(move || tracker.track_with_fused(tool, &track, &alone, &fused, &earlier))
        .await
        .context("tracking stopped")
}

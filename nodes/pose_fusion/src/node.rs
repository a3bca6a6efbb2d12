//! The node: tracks of both views in, priors back for some rounds, then the trajectory out.

use crate::{Fusion, FusionLimits, FusionMethod};
use dreamitate_carrier::{Carrier, Declaration, Health, Node, NodeArgs, Publisher, Qos, Running};
use dreamitate_clip::pose_to_message;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{View, WORLD_FRAME};
use dreamitate_msgs::{dreamitate_msgs as msgs, geometry_msgs::PoseArray, std_msgs::Header};
use dreamitate_render::ToolConfig;
use dreamitate_track::{
    FusedHeader, Outcome, PRIOR_ROUNDS, ToolTrack, TrackHeader, fused_to_message, track_from_message,
};
use std::sync::Arc;
use tokio::sync::mpsc;

struct Parameters {
    task: String,
    config_dir: String,
    rig: String,
    method: FusionMethod,
    prior_rounds: u8,
    limits: FusionLimits,
}

/// The latest track of each view of one tool.
type Views = [Option<(TrackHeader, ToolTrack)>; 2];

struct Output {
    prior: Publisher<msgs::ToolTrajectory>,
    poses: Publisher<PoseArray>,
    detail: Publisher<msgs::ToolTrajectory>,
}

/// Runs the node until it is dropped.
///
/// # Errors
/// A parameter or the task is wrong, or the carrier fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    Box::pin(work(carrier, args))
}

async fn work(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let parameters = node.declare_parameters(|p| {
        let limits = FusionLimits::default();
        Ok(Parameters {
            task: p.declare(Declaration::text("task", "rotation").about("task whose tools are fused"))?,
            config_dir: p
                .declare(Declaration::text("config_dir", "").about("configuration folder; empty: found"))?,
            rig: p.declare(
                Declaration::text("rig", "").about("rig, a name or a YAML file; empty: the task's"),
            )?,
            method: match p
                .declare(
                    Declaration::text("fusion", "coupled")
                        .about("how two views become one pose; midpoint is the paper's")
                        .choices(&["coupled", "midpoint"]),
                )?
                .as_str()
            {
                "midpoint" => FusionMethod::Midpoint,
                _ => FusionMethod::Coupled,
            },
            prior_rounds: p.declare(
                Declaration::new("prior_rounds", i64::from(PRIOR_ROUNDS))
                    .about("how often the fused pose goes back to the trackers")
                    .range(0, 5),
            )? as u8,
            limits: FusionLimits {
                max_residual: p.declare(
                    Declaration::new("max_residual", limits.max_residual)
                        .unit("levels")
                        .about("largest residual of a view")
                        .range(1.0, 255.0),
                )?,
                max_ray_gap_m: p.declare(
                    Declaration::new("max_ray_gap_m", limits.max_ray_gap_m)
                        .unit("m")
                        .about("largest distance between the views' rays")
                        .range(0.0, 1.0),
                )?,
                max_rotation_gap_rad: p.declare(
                    Declaration::new("max_rotation_gap_rad", limits.max_rotation_gap_rad)
                        .unit("rad")
                        .about("largest angle between the views' rotations")
                        .range(0.0, 3.2),
                )?,
                max_step_m: p.declare(
                    Declaration::new("max_step_m", limits.max_step_m)
                        .unit("m")
                        .about("farthest that a tool is moved from frame to frame")
                        .range(0.0, 10.0),
                )?,
                max_turn_rad: p.declare(
                    Declaration::new("max_turn_rad", limits.max_turn_rad)
                        .unit("rad")
                        .about("farthest that a tool is turned from frame to frame")
                        .range(0.0, 3.2),
                )?,
                min_accepted: p.declare(
                    Declaration::new("min_accepted_frames", limits.min_accepted as i64)
                        .about("fewest accepted frames of a usable trajectory")
                        .range(2, 1000),
                )? as usize,
                min_views: p.declare(
                    Declaration::new("min_views", limits.min_views as i64)
                        .about("fewest views that must agree; with 1 a lone view is believed by half")
                        .range(1, 2),
                )? as usize,
            },
        })
    })?;
    let config = ConfigFolder::of_parameter(&parameters.config_dir).on_rig(&parameters.rig);
    let task = Task::read(&config, &parameters.task)?;

    let (sender, mut tracks) = mpsc::unbounded_channel();
    let mut outputs = Vec::new();
    let mut fusions = Vec::new();
    for (index, tool) in task.tools.iter().enumerate() {
        let name = tool.name.as_str();
        let Parameters { method, limits, .. } = parameters;
        let symmetry = ToolConfig::read(&tool.file)?.symmetry;
        fusions.push(Fusion { method, limits, symmetry, ..Fusion::default() });
        outputs.push(Output {
            prior: node.publisher(&format!("track/prior/{name}"), Qos::latched())?,
            poses: node.publisher(&format!("trajectory/{name}"), Qos::latched())?,
            detail: node.publisher(&format!("trajectory/{name}/detail"), Qos::latched())?,
        });
        for (view, view_name) in View::ALL.iter().enumerate() {
            let mut subscription =
                node.subscribe::<msgs::ToolTrack>(&format!("track/{view_name}/{name}"), Qos::latched())?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Some(message) = subscription.recv().await {
                    if sender.send((index, view, message)).is_err() {
                        break;
                    }
                }
            });
        }
    }

    let mut latest: Vec<Views> = outputs.iter().map(|_| [None, None]).collect();
    // The clip and round of the last prior of each tool.
    let mut told: Vec<Option<(String, u8)>> = vec![None; outputs.len()];
    while let Some((tool, view, message)) = tracks.recv().await {
        match message.map_err(anyhow::Error::from).and_then(|message| Ok(track_from_message(&message)?)) {
            Ok(track) => latest[tool][view] = Some(track),
            Err(error) => {
                tracing::error!("a track is refused: {error:#}");
                continue;
            }
        }
        let [Some((top, top_track)), Some((side, side_track))] = &latest[tool] else { continue };
        let round = top.round.min(side.round);
        let clip_and_round = Some((top.clip_id.clone(), round));
        // One view may be behind, until it has our prior. A tracker that was started again lacks one that nobody who
        // is still there told it.
        let is_waited_for = top.round != side.round && told[tool] == clip_and_round;
        if top.clip_id != side.clip_id || is_waited_for {
            continue;
        }
        let header = FusedHeader {
            clip_id: top.clip_id.clone(),
            tool: task.tools[tool].name.clone(),
            round,
            frame_period_s: top.frame_period_s,
        };
        let fused = fusions[tool].fuse_tracks(&[
            (View::Top.name(), top.world_from_camera, top_track),
            (View::Side.name(), side.world_from_camera, side_track),
        ]);
        let output = &outputs[tool];
        if header.round < parameters.prior_rounds && fused.poses.iter().any(|p| p.world_from_tool.is_some()) {
            output.prior.publish(&fused_to_message(&header, &fused))?;
            told[tool] = clip_and_round;
            continue;
        }
        let accepted = fused.poses.iter().filter(|p| p.accepted);
        let poses =
            accepted.filter_map(|p| p.world_from_tool.as_ref()).map(|g| pose_to_message(&g.mean)).collect();
        let health = if fused.outcome == Outcome::Accepted { Health::Ok } else { Health::Warning };
        let said = format!("{}: {} {:?} {}", header.clip_id, header.tool, fused.outcome, fused.reason);
        tracing::info!("{said}");
        node.diagnostics().set(health, said);
        output.poses.publish(&PoseArray {
            header: Header { frame_id: WORLD_FRAME.to_owned(), ..Default::default() },
            poses,
        })?;
        output.detail.publish(&fused_to_message(&header, &fused))?;
    }
    Ok(())
}

//! The node: tracks, trajectories and plans in; markers, paths and the dream with the tracked tools out.

use crate::{Scene, SceneTool, draw_pose};
use dreamitate_carrier::{Carrier, Declaration, Node, NodeArgs, Publisher, Qos, Running, Subscription};
use dreamitate_clip::{StereoClip, clip_from_message, image_to_message};
use dreamitate_config::{ConfigFolder, Task, TaskTool};
use dreamitate_geometry::{Pose, View, camera_frame};
use dreamitate_kinematics::Chain;
use dreamitate_motion::{RobotConfig, ToolMount};
use dreamitate_msgs::{
    Message, builtin_interfaces::Time, dreamitate_msgs as msgs, moveit_msgs::DisplayTrajectory,
    nav_msgs::Path, sensor_msgs::Image, visualization_msgs::MarkerArray,
};
use dreamitate_render::ToolModel;
use dreamitate_track::{fused_from_message, track_from_message};
use nalgebra::Point3;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Frames for which the tools rest at the end before they set out again.
const REST: usize = 6;

/// What comes in of a tool, by its place among the task's tools.
enum News {
    Fused(msgs::ToolTrajectory),
    Track(View, msgs::ToolTrack),
    Plan(DisplayTrajectory),
}

/// An arm, to know where a plan moves its tool.
struct PlannedArm {
    chain: Chain,
    world_from_base: Pose,
    flange_from_tool: Pose,
}

/// Runs the node until it is dropped.
///
/// Publishes `visualization_marker_array`, in which the tools move along their trajectories again and again, and
/// `trajectory/{tool}/path`; with `overlay` also the dream's frames with the tools' outlines as each view's tracker found
/// them, over and over and in step with the markers, on `dream/{top,side}/overlay`.
///
/// # Errors
/// A parameter, the task or one of its files is wrong, or the carrier fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    Box::pin(work(carrier, args))
}

async fn work(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let (task, config_dir, rig, overlay) = node.declare_parameters(|p| {
        Ok((
            p.declare(Declaration::text("task", "rotation").about("task whose tools are shown"))?,
            p.declare(Declaration::text("config_dir", "").about("configuration folder; empty: found"))?,
            p.declare(Declaration::text("rig", "").about("rig, a name or a YAML file; empty: the task's"))?,
            p.declare(
                Declaration::new("overlay", false)
                    .about("Publish the dream's frames with the tools' outlines in a loop"),
            )?,
        ))
    })?;
    let config = ConfigFolder::of_parameter(&config_dir).on_rig(&rig);
    let task = Task::read(&config, &task)?;
    let cameras = View::ALL.map(|view| {
        let seen = task.rig.camera(view);
        (view, seen.world_from_camera, seen.camera)
    });
    let mut scene = Scene { cameras: cameras.into(), tools: Vec::new() };
    let (sender, mut news) = mpsc::unbounded_channel();
    let (mut arms, mut paths) = (Vec::new(), Vec::new());
    for (index, tool) in task.tools.iter().enumerate() {
        let name = &tool.name;
        paths.push(node.publisher::<Path>(&format!("trajectory/{name}/path"), Qos::latched())?);
        let detail = node.subscribe(&format!("trajectory/{name}/detail"), Qos::latched())?;
        forward(detail, &sender, move |message| (index, News::Fused(message)));
        for view in View::ALL {
            let track = node.subscribe(&format!("track/{view}/{name}"), Qos::latched())?;
            forward(track, &sender, move |message| (index, News::Track(view, message)));
        }
        let plan = node.subscribe(&format!("plan/{}", tool.arm), Qos::latched())?;
        forward(plan, &sender, move |message| (index, News::Plan(message)));
        arms.push(planned_arm(&config, &task, tool)?);
        let mesh = ToolModel::read(&tool.file)?.mesh;
        scene.tools.push(SceneTool {
            name: name.clone(),
            mesh,
            fused: None,
            views: Vec::new(),
            plan: Vec::new(),
        });
    }
    let (seen, mut clips) = mpsc::unbounded_channel();
    if overlay {
        decode(node.subscribe("dream/clip", Qos::latched())?, seen);
    }
    let mut dream = overlay.then(|| Overlay::open(&node)).transpose()?;
    let markers = node.publisher("visualization_marker_array", Qos::latched())?;
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(task.frame_period_s));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut frame = 0;
    loop {
        tokio::select! {
            Some((index, news)) = news.recv() => {
                let tracked = match &news {
                    News::Track(view, track) => Some(((index, *view), track.clip_id.clone())),
                    _ => None,
                };
                match take(&mut scene.tools[index], arms[index].as_ref(), news) {
                    Ok(true) => {
                        paths[index].publish(&scene.tools[index].path())?;
                        frame = 0;
                    }
                    Ok(false) => {
                        if let Some(dream) = &mut dream {
                            dream.tracked.extend(tracked);
                        }
                    }
                    Err(error) => tracing::warn!("{} is shown as before: {error:#}", scene.tools[index].name),
                }
            }
            Some(clip) = clips.recv() => {
                if let Some(dream) = &mut dream {
                    dream.clip = Some(clip);
                }
                frame = 0;
            }
            _ = ticks.tick() => {
                if let Some(dream) = &dream {
                    dream.publish(&scene, frame)?;
                }
                markers.publish(&MarkerArray { markers: scene.markers(frame) })?;
                let last = scene.last_frame().max(dream.as_ref().map_or(0, Overlay::last_frame));
                frame = if frame >= last + REST { 0 } else { frame + 1 };
            }
        }
    }
}

/// The dream's frames with the tools in them.
struct Overlay {
    clip: Option<StereoClip>,
    /// The clip of which a tool's latest track in a view is.
    tracked: BTreeMap<(usize, View), String>,
    images: [Publisher<Image>; 2],
}

impl Overlay {
    fn open(node: &Node) -> anyhow::Result<Self> {
        let images = [
            node.publisher("dream/top/overlay", Qos::sensor_data())?,
            node.publisher("dream/side/overlay", Qos::sensor_data())?,
        ];
        Ok(Self { clip: None, tracked: BTreeMap::new(), images })
    }

    fn last_frame(&self) -> usize {
        self.clip.as_ref().map_or(0, |clip| clip.frame_count().saturating_sub(1))
    }

    /// A frame; after the last one, that.
    fn publish(&self, scene: &Scene, frame: usize) -> anyhow::Result<()> {
        let Some(clip) = &self.clip else { return Ok(()) };
        let frame = frame.min(self.last_frame());
        let stamp = Time::now();
        for (view, publisher) in View::ALL.into_iter().zip(&self.images) {
            let seen = clip.view(view);
            let Some(mut image) = seen.frames.get(frame).cloned() else { continue };
            for (index, tool) in scene.tools.iter().enumerate() {
                if self.tracked.get(&(index, view)) != Some(&clip.id) {
                    continue;
                }
                let track = tool.views.iter().find(|(of, ..)| *of == view).map(|(.., track)| track);
                if let Some(pose) = track.and_then(|track| track.at(frame)) {
                    draw_pose(&mut image, &seen.camera, &tool.mesh, pose, index);
                }
            }
            publisher.publish(&image_to_message(&image, &camera_frame(view), stamp.clone()))?;
        }
        Ok(())
    }
}

/// Decodes dreams, which takes longer than a frame is shown.
fn decode(mut subscription: Subscription<msgs::StereoClip>, seen: mpsc::UnboundedSender<StereoClip>) {
    tokio::spawn(async move {
        while let Some(message) = subscription.recv().await {
            let decoded = tokio::task::spawn_blocking(move || anyhow::Ok(clip_from_message(message?)?)).await;
            match decoded.map_err(anyhow::Error::from).flatten() {
                Ok(clip) => {
                    if seen.send(clip).is_err() {
                        break;
                    }
                }
                Err(error) => tracing::warn!("the dream is not shown: {error:#}"),
            }
        }
    });
}

/// Hands on what a subscription brings.
fn forward<M: Message>(
    mut subscription: Subscription<M>,
    sender: &mpsc::UnboundedSender<(usize, News)>,
    news: impl Fn(M) -> (usize, News) + Send + 'static,
) {
    let sender = sender.clone();
    tokio::spawn(async move {
        while let Some(message) = subscription.recv().await {
            match message {
                Ok(message) => {
                    if sender.send(news(message)).is_err() {
                        break;
                    }
                }
                Err(error) => tracing::warn!("{error}"),
            }
        }
    });
}

/// Takes in what came; whether it is a new trajectory.
fn take(tool: &mut SceneTool, arm: Option<&PlannedArm>, news: News) -> anyhow::Result<bool> {
    match news {
        News::Fused(message) => {
            tool.fused = Some(fused_from_message(&message)?);
            return Ok(true);
        }
        News::Track(view, message) => {
            let (header, track) = track_from_message(&message)?;
            tool.views.retain(|(of, ..)| *of != view);
            tool.views.push((view, header.world_from_camera, track));
        }
        News::Plan(message) => {
            let postures = message.trajectory.iter().flat_map(|part| &part.joint_trajectory.points);
            let places =
                arm.into_iter().flat_map(|arm| postures.clone().map(|point| arm.tool_at(&point.positions)));
            tool.plan = places.collect::<anyhow::Result<_>>()?;
        }
    }
    Ok(false)
}

/// The arm that holds a tool; none if the rig has no such arm.
fn planned_arm(config: &ConfigFolder, task: &Task, tool: &TaskTool) -> anyhow::Result<Option<PlannedArm>> {
    let Some(mount) = task.rig.arms.get(&tool.arm) else { return Ok(None) };
    Ok(Some(PlannedArm {
        chain: RobotConfig::read(&config.robot(&mount.robot))?.chain()?,
        world_from_base: mount.world_from_base.into(),
        flange_from_tool: ToolMount::read(&tool.file)?.flange_from_tool.into(),
    }))
}

impl PlannedArm {
    fn tool_at(&self, positions: &[f64]) -> anyhow::Result<Point3<f64>> {
        let joints = self.chain.joints(positions)?;
        let world_from_tool = self.world_from_base * self.chain.tip_pose(&joints) * self.flange_from_tool;
        Ok(world_from_tool.translation.vector.into())
    }
}

//! The node: tracks, trajectories and plans in; markers and paths out.

use crate::{Scene, SceneTool};
use dreamitate_carrier::{Carrier, Declaration, Node, NodeArgs, Qos, Subscription};
use dreamitate_config::{ConfigFolder, Task, TaskTool};
use dreamitate_geometry::{Pose, View};
use dreamitate_kinematics::Chain;
use dreamitate_motion::{RobotConfig, ToolMount};
use dreamitate_msgs::{
    Message, dreamitate_msgs as msgs, moveit_msgs::DisplayTrajectory, nav_msgs::Path,
    visualization_msgs::MarkerArray,
};
use dreamitate_render::ToolModel;
use dreamitate_track::{fused_from_message, track_from_message};
use nalgebra::Point3;
use std::{sync::Arc, time::Duration};
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
/// `trajectory/{tool}/path`.
///
/// # Errors
/// A parameter, the task or one of its files is wrong, or the carrier fails.
pub async fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let (task, config_dir) = node.declare_parameters(|p| {
        Ok((
            p.declare(Declaration::text("task", "rotation").about("task whose tools are shown"))?,
            p.declare(Declaration::text("config_dir", "").about("configuration folder; empty: found"))?,
        ))
    })?;
    let config = ConfigFolder::of_parameter(&config_dir);
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
    let markers = node.publisher("visualization_marker_array", Qos::latched())?;
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(task.frame_period_s));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut frame = 0;
    loop {
        tokio::select! {
            Some((index, news)) = news.recv() => {
                match take(&mut scene.tools[index], &task, arms[index].as_ref(), news) {
                    Ok(true) => {
                        paths[index].publish(&scene.tools[index].path())?;
                        frame = 0;
                    }
                    Ok(false) => {}
                    Err(error) => tracing::warn!("{} is shown as before: {error:#}", scene.tools[index].name),
                }
            }
            _ = ticks.tick() => {
                markers.publish(&MarkerArray { markers: scene.markers(frame) })?;
                frame = if frame >= scene.last_frame() + REST { 0 } else { frame + 1 };
            }
        }
    }
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
fn take(tool: &mut SceneTool, task: &Task, arm: Option<&PlannedArm>, news: News) -> anyhow::Result<bool> {
    match news {
        News::Fused(message) => {
            tool.fused = Some(fused_from_message(&message)?);
            return Ok(true);
        }
        News::Track(view, message) => {
            let track = track_from_message(&message)?;
            tool.views.retain(|(of, ..)| *of != view);
            tool.views.push((view, task.rig.camera(view).world_from_camera, track));
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

//! A cell in one process: two simulated arms, the executor, and a dream for them.
// Each test file uses a part of this; a panic here is a test's failure.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::f64::consts::PI;
use std::sync::Arc;
use std::time::Duration;

use arm_executor::ExecutionSummary;
use arm_executor::simulated_node::ArmEvent;
use dreamitate_carrier::{ActionClient, Carrier, Local, Node, NodeArgs, Publisher, Qos, Subscription};
use dreamitate_msgs::builtin_interfaces::Duration as RosDuration;
use dreamitate_msgs::dreamitate_msgs::{Execute, FusedPose, ToolTrajectory};
use dreamitate_msgs::sensor_msgs::JointState;
use dreamitate_msgs::std_msgs;
use tokio::task::JoinHandle;

pub const SIDES: [&str; 2] = ["left", "right"];
pub const PATIENCE: Duration = Duration::from_secs(5);

pub struct Cell {
    pub carrier: Arc<dyn Carrier>,
    pub outside: Node,
    pub arms: Vec<JoinHandle<anyhow::Result<()>>>,
    pub executor: Option<JoinHandle<anyhow::Result<()>>>,
    summaries: Subscription<std_msgs::String>,
    dream: Vec<Publisher<ToolTrajectory>>,
}

impl Cell {
    /// Without any arm or executor.
    pub fn empty() -> Self {
        let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
        let outside = Node::open(carrier.clone(), NodeArgs::new("outside").unwrap()).unwrap();
        Self {
            summaries: outside.subscribe("execution/summary", Qos::reliable(10)).unwrap(),
            dream: SIDES
                .iter()
                .map(|side| outside.publisher(&format!("trajectory/{side}/detail"), Qos::latched()).unwrap())
                .collect(),
            carrier,
            outside,
            arms: Vec::new(),
            executor: None,
        }
    }

    /// With both arms and the executor.
    pub fn whole(time_factor: &str, parameters: &[(&str, &str)]) -> Self {
        let mut cell = Self::empty();
        for side in SIDES {
            cell.add_arm(side, &[("time_factor", time_factor)]);
        }
        cell.add_executor(parameters);
        cell
    }

    pub fn add_arm(&mut self, side: &str, parameters: &[(&str, &str)]) {
        self.add_observed_arm(side, parameters, |_| {});
    }

    pub fn add_observed_arm(
        &mut self,
        side: &str,
        parameters: &[(&str, &str)],
        observe: impl Fn(ArmEvent) + Send + Sync + 'static,
    ) {
        let mut args = NodeArgs::new("simulated_arm").unwrap().in_namespace(&format!("/{side}")).unwrap();
        args = args.with_parameter("arm", side).with_parameter("tool", &format!("tracking_box_{side}"));
        args = parameters.iter().fold(args, |args, (name, value)| args.with_parameter(name, value));
        let carrier = self.carrier.clone();
        self.arms.push(tokio::spawn(arm_executor::simulated_node::run_observed(carrier, args, observe)));
    }

    /// An executor without any parameters.
    pub fn add_executor_as_it_is(&mut self) {
        let args = NodeArgs::new("arm_executor").unwrap();
        self.executor = Some(tokio::spawn(arm_executor::node::run(self.carrier.clone(), args)));
    }

    /// An executor that asks nobody before it moves, and is patient with a busy machine, unless the parameters say
    /// otherwise.
    pub fn add_executor(&mut self, parameters: &[(&str, &str)]) {
        let args = NodeArgs::new("arm_executor").unwrap();
        let args = args.with_parameter("confirm", "false").with_parameter("joint_state_timeout_s", "1.0");
        let args = parameters.iter().fold(args, |args, (name, value)| args.with_parameter(name, value));
        self.executor = Some(tokio::spawn(arm_executor::node::run(self.carrier.clone(), args)));
    }

    pub fn send(&self, trajectories: &[ToolTrajectory]) {
        for (publisher, trajectory) in self.dream.iter().zip(trajectories) {
            publisher.publish(trajectory).unwrap();
        }
    }

    pub async fn summary(&mut self) -> ExecutionSummary {
        self.summary_within(PATIENCE).await.unwrap()
    }

    pub async fn summary_within(&mut self, limit: Duration) -> Option<ExecutionSummary> {
        let text = tokio::time::timeout(limit, self.summaries.recv()).await.ok()?.unwrap().unwrap();
        Some(serde_json::from_str(&text.data).unwrap())
    }

    /// MoveIt's stop event.
    pub async fn stop_event(&self) {
        let events = self.outside.publisher("trajectory_execution_event", Qos::reliable(1)).unwrap();
        events.publish(&std_msgs::String { data: "stop".to_owned() }).unwrap();
    }

    pub async fn execute_action(&self) -> ActionClient<Execute> {
        let client = self.outside.action_client("execute").unwrap();
        client.wait_for_server(PATIENCE).await.unwrap();
        client
    }

    pub fn joint_states(&self, side: &str) -> Subscription<JointState> {
        self.outside.subscribe(&format!("{side}/joint_states"), Qos::sensor_data().with_depth(1)).unwrap()
    }

    /// Waits until an arm moves; its joint states.
    pub async fn until_moving(&self, side: &str) -> Subscription<JointState> {
        let mut states = self.joint_states(side);
        let moving =
            async { while states.recv().await.unwrap().unwrap().velocity.iter().all(|v| v.abs() < 0.3) {} };
        tokio::time::timeout(PATIENCE, moving).await.unwrap();
        states
    }

    /// That an arm is at rest and stays where it is, not at its home.
    pub async fn assert_held(&self, states: &mut Subscription<JointState>, home_rad: &[f64]) {
        while states.try_recv().is_some() {}
        let first = states.recv().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        while states.try_recv().is_some() {}
        let second = states.recv().await.unwrap().unwrap();
        assert_eq!(first.position, second.position);
        assert!(second.velocity.iter().all(|v| *v == 0.0), "{:?}", second.velocity);
        let away = second.position.iter().zip(home_rad).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(away > 0.005, "the arm never moved");
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.arms.iter().chain(&self.executor).for_each(JoinHandle::abort);
    }
}

/// A push and turn by both tools, mirrored.
pub fn dream(clip_id: &str) -> Vec<ToolTrajectory> {
    SIDES
        .iter()
        .map(|&side| {
            let poses = (0..10_u32).map(|i| {
                let t = f64::from(i) / 9.0;
                let (x, yaw) = (-0.24 + 0.06 * t, 0.5 * t);
                // Half a turn about the vertical takes one side's motion to the other's.
                let (x, y, yaw) = match side {
                    "left" => (x, -0.02 + 0.08 * t * t, yaw),
                    _ => (-x, -0.02 - 0.08 * t * t, yaw + PI),
                };
                let mut pose = FusedPose { frame: i + 4, accepted: true, ..FusedPose::default() };
                pose.time_from_start = RosDuration::from_s(f64::from(i) / 6.0);
                let p = &mut pose.world_from_tool.position;
                (p.x, p.y, p.z) = (x, y, 0.1);
                let q = &mut pose.world_from_tool.orientation;
                (q.z, q.w) = (0.5 * yaw).sin_cos();
                pose
            });
            let mut message = ToolTrajectory {
                clip_id: clip_id.to_owned(),
                tool: side.to_owned(),
                poses: poses.collect(),
                ..ToolTrajectory::default()
            };
            message.header.frame_id = "world".to_owned();
            message
        })
        .collect()
}

/// The configuration with some texts of its files replaced.
pub fn config_with(changes: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let config = tempfile::tempdir().unwrap();
    let source =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").canonicalize().unwrap();
    let urdf = source.join("../urdf").canonicalize().unwrap();
    for folder in ["tasks", "rigs", "robots", "tools"] {
        std::fs::create_dir(config.path().join(folder)).unwrap();
        for file in std::fs::read_dir(source.join(folder)).unwrap() {
            let file = file.unwrap();
            let name = format!("{folder}/{}", file.file_name().to_str().unwrap());
            let mut text = std::fs::read_to_string(file.path()).unwrap();
            text = text.replace("../../urdf", urdf.to_str().unwrap());
            for (_, from, to) in changes.iter().filter(|(changed, ..)| *changed == name) {
                assert!(text.contains(from), "{name} has no {from:?}");
                text = text.replace(from, to);
            }
            std::fs::write(config.path().join(name), text).unwrap();
        }
    }
    config
}

//! Nodes that die and are started again, while the others live on.

use crate::programs::build_all_programs;
use dreamer::rendered::render;
use dreamitate_carrier::{Carrier, Node, NodeArgs, Qos, Reach, Subscription, Zenoh, ZenohOptions};
use dreamitate_clip::clip_to_message;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_msgs::{Message, builtin_interfaces::Time, dreamitate_msgs as msgs};
use nalgebra::Vector3;
use std::{
    path::Path,
    process::{Child, Command},
    sync::Arc,
    time::Duration,
};

/// A node's process, killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(domain_id: usize, program: &str, name: &str, parameters: &[&str]) -> Self {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_dreamitate")).with_file_name(program));
        command.args(["--ros-args", "-r", &format!("__node:={name}"), "-p", "task:=sweeping"]);
        command.args(parameters.iter().flat_map(|parameter| ["-p", parameter]));
        command.env("ROS_DOMAIN_ID", domain_id.to_string()).env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST");
        Self(command.spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without a chance to say goodbye.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn next(trajectories: &mut Subscription<msgs::ToolTrajectory>) -> msgs::ToolTrajectory {
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, trajectories.recv()).await.unwrap().unwrap().unwrap()
}

/// A tracker is killed, the fusion, and the tracker again: each time the trajectory comes again from what the nodes that are still there hold for whoever comes late.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_started_again_take_up_where_they_were() {
    build_all_programs();
    let domain_id = std::process::id() as usize % 90 + 10;
    let options = ZenohOptions { domain_id, reach: Reach::Localhost, ..Default::default() };
    let carrier: Arc<dyn Carrier> = Arc::new(Zenoh::open(options).unwrap());
    let node = Node::open(carrier, NodeArgs::new("watcher").unwrap()).unwrap();
    let mut trajectories =
        node.subscribe::<msgs::ToolTrajectory>("trajectory/tool/detail", Qos::latched()).unwrap();
    let clip = node.publisher::<msgs::StereoClip>("dream/clip", Qos::latched()).unwrap();

    let task = Task::read(&ConfigFolder::find(None), "sweeping").unwrap();
    let dream = render(&task, 3, |_, _| true).unwrap();
    clip.publish(&clip_to_message(&dream.clip, Time::default())).unwrap();
    let tracker = |view: &str| {
        let name = format!("tool_tracker_{view}");
        Process::start(domain_id, "tool_tracker", &name, &[&format!("view:={view}")])
    };
    let fusion = || Process::start(domain_id, "pose_fusion", "pose_fusion", &[]);

    let (top, _side) = (tracker("top"), tracker("side"));
    let first_fusion = fusion();
    let first = next(&mut trajectories).await;
    assert!(first.poses.iter().filter(|pose| pose.accepted).count() >= 9, "{first:?}");

    // Where the tool was, if not to the last bit: who is started again has seen fewer rounds.
    let assert_near = |again: &msgs::ToolTrajectory| {
        for (again, pose) in again.poses.iter().zip(&first.poses).filter(|(_, pose)| pose.accepted) {
            let [a, b] = [again, pose].map(|pose| &pose.world_from_tool.position);
            let apart_m = Vector3::new(a.x - b.x, a.y - b.y, a.z - b.z).norm();
            assert!(again.accepted && apart_m < 0.001, "frame {}: {apart_m} m", pose.frame);
        }
    };
    drop(top);
    let top = tracker("top");
    let second = next(&mut trajectories).await;
    assert_near(&second);

    drop(first_fusion);
    let _second_fusion = fusion();
    let of_kept_tracks = next(&mut trajectories).await;
    assert_eq!(of_kept_tracks.to_cdr().unwrap(), second.to_cdr().unwrap());

    // Whoever told the prior is gone: another is made of what is there.
    drop(top);
    let _top = tracker("top");
    assert_near(&next(&mut trajectories).await);
}

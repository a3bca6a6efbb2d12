//! The dreamer as a node on the local carrier.
#![allow(clippy::unwrap_used)]

use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Outcome, Qos, TF_STATIC};
use dreamitate_clip::{clip_from_message, pose_from_message};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_msgs::{
    dreamitate_msgs::{Dream, DreamGoal, StereoClip, ToolTrajectory},
    sensor_msgs::Image,
    tf2_msgs::TFMessage,
};
use std::{sync::Arc, time::Duration};

const SOON: Duration = Duration::from_secs(30);
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");

fn world() -> (Arc<dyn Carrier>, Node) {
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let listener = Node::open(carrier.clone(), NodeArgs::new("listener").unwrap()).unwrap();
    (carrier, listener)
}

fn args(parameters: &[(&str, &str)]) -> NodeArgs {
    let args = NodeArgs::new("dreamer").unwrap().with_parameter("config_dir", CONFIG);
    parameters.iter().fold(args, |args, (name, value)| args.with_parameter(name, value))
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap()
}

#[tokio::test]
async fn it_dreams_at_the_start_and_tells_the_truth() {
    let (carrier, listener) = world();
    let node = tokio::spawn(dreamer::node::run(carrier, args(&[("seed", "5"), ("loop_view", "true")])));
    let mut clips = listener.subscribe::<StereoClip>("dream/clip", Qos::latched()).unwrap();
    let clip = clip_from_message(soon(clips.recv()).await.unwrap().unwrap()).unwrap();
    assert_eq!((clip.id.as_str(), clip.seed, clip.source.as_str()), ("rotation-rendered-5", 5, "rendered"));
    let mut truth = listener.subscribe::<ToolTrajectory>("dream/truth/left", Qos::latched()).unwrap();
    let truth = soon(truth.recv()).await.unwrap().unwrap();
    assert_eq!(
        (truth.clip_id.as_str(), truth.poses.len(), truth.poses[0].frame),
        ("rotation-rendered-5", 12, 1)
    );
    let task = Task::read(&ConfigFolder::find(Some(CONFIG.as_ref())), "rotation").unwrap();
    let expected = dreamer::rendered::true_poses(&task, 5).unwrap()["left"][7].unwrap();
    let found = pose_from_message(&truth.poses[6].world_from_tool).unwrap();
    assert!((expected.inverse() * found).translation.vector.norm() < 1e-9);
    let mut frames = listener.subscribe::<TFMessage>("/tf_static", TF_STATIC).unwrap();
    let frames = soon(frames.recv()).await.unwrap().unwrap().transforms;
    let names: Vec<_> =
        frames.iter().map(|t| (t.header.frame_id.as_str(), t.child_frame_id.as_str())).collect();
    assert_eq!(names, [("world", "camera_side_optical_frame"), ("world", "camera_top_optical_frame")]);
    let mut images = listener.subscribe::<Image>("dream/side/image", Qos::sensor_data()).unwrap();
    assert_eq!(soon(images.recv()).await.unwrap().unwrap().width, 768);
    node.abort();
}

#[tokio::test]
async fn the_action_dreams_with_feedback_and_cancels() {
    let (carrier, listener) = world();
    let node = tokio::spawn(dreamer::node::run(carrier, args(&[("autostart", "false")])));
    let mut clips = listener.subscribe::<StereoClip>("dream/clip", Qos::latched()).unwrap();
    let client = listener.action_client::<Dream>("dream").unwrap();
    client.wait_for_server(SOON).await.unwrap();
    let goal = |task: &str, seed| DreamGoal { task: task.into(), seed };
    let mut handle = soon(client.send_goal(goal("rotation", 9), SOON)).await.unwrap();
    let outcome = soon(handle.result()).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Succeeded(r) if r.success && r.clip_id == "rotation-rendered-9"),
        "{outcome:?}"
    );
    assert_eq!(soon(clips.recv()).await.unwrap().unwrap().seed, 9);
    let steps: Vec<_> = std::iter::from_fn(|| handle.try_feedback()).map(|f| (f.step, f.steps)).collect();
    assert_eq!(steps.last(), Some(&(26, 26)), "{steps:?}");
    assert!(steps.is_sorted() && steps.len() > 5);

    let handle = soon(client.send_goal(goal("rotation", 10), SOON)).await.unwrap();
    soon(handle.cancel(SOON)).await.unwrap();
    let outcome = soon(handle.result()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Canceled(r) if r.message.contains("of 26 frames")), "{outcome:?}");
    assert!(clips.try_recv().is_none(), "a cancelled dream is not published");

    let handle = soon(client.send_goal(goal("juggling", 1), SOON)).await.unwrap();
    let outcome = soon(handle.result()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Aborted(r) if r.message.contains("juggling.yaml")), "{outcome:?}");
    assert!(client.send_goal(goal("", 1), SOON).await.is_err(), "a goal without a task is rejected");
    node.abort();
}

#[tokio::test]
async fn a_recorded_dream_that_is_none_ends_the_node_with_the_reason() {
    let (carrier, _listener) = world();
    let args = args(&[("source", "recorded"), ("dream_dir", "no-such-dream")]);
    let error = dreamer::node::run(carrier, args).await.unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("dream at the start failed") && message.contains("no-such-dream"), "{message}");
}

/// Who drops the node gets its name back, even in the middle of a dream.
#[tokio::test]
async fn dropping_it_ends_its_goals() {
    let (carrier, listener) = world();
    let node = tokio::spawn(dreamer::node::run(carrier.clone(), args(&[("autostart", "false")])));
    let client = listener.action_client::<Dream>("dream").unwrap();
    client.wait_for_server(SOON).await.unwrap();
    let _handle = soon(client.send_goal(DreamGoal { task: "rotation".into(), seed: 1 }, SOON)).await.unwrap();
    node.abort();
    let _ = node.await;
    Node::open(carrier, NodeArgs::new("dreamer").unwrap()).unwrap();
}

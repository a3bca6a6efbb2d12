//! The dreamer as a node that dreams with a tiny model from what cameras publish.
#![allow(clippy::unwrap_used)]

mod tiny;

use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Outcome, Publisher, Qos};
use dreamitate_clip::{camera_to_message, clip_from_message, image_to_message};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{CropResize, View, camera_frame};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    dreamitate_msgs::{Dream, DreamGoal, DreamResult, StereoClip},
    sensor_msgs::{CameraInfo, Image},
};
use image::RgbImage;
use std::{sync::Arc, time::Duration};
use tiny::{copy_of, edit_manifest, tiny};

const SOON: Duration = Duration::from_secs(60);
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");

/// Both cameras' topics.
struct Cameras {
    images: [Publisher<Image>; 2],
    infos: [Publisher<CameraInfo>; 2],
    task: Task,
}

impl Cameras {
    fn open(node: &Node) -> Self {
        let images = View::ALL
            .map(|view| node.publisher(&format!("camera/{view}/image_raw"), Qos::sensor_data()).unwrap());
        let infos = View::ALL
            .map(|view| node.publisher(&format!("camera/{view}/camera_info"), Qos::sensor_data()).unwrap());
        let task = Task::read(&ConfigFolder::find(Some(CONFIG.as_ref())), "rotation").unwrap();
        Self { images, infos, task }
    }

    /// Publishes a pair; the top photo was taken `top_ago_s` ago, the side photo `side_ago_s`.
    fn publish(&self, level: u8, top_ago_s: f64, side_ago_s: f64) {
        let now = Time::now().to_ns();
        for (view, ago_s) in View::ALL.into_iter().zip([top_ago_s, side_ago_s]) {
            let stamp = Time::from_ns(now - (ago_s * 1e9) as i64);
            let camera = &self.task.rig.camera(view).camera;
            let photo = RgbImage::from_fn(camera.width, camera.height, |x, y| {
                image::Rgb([level, (x / 5) as u8, (y / 3) as u8])
            });
            let mut info = camera_to_message(camera, &camera_frame(view));
            info.header.stamp = stamp.clone();
            self.infos[view as usize].publish(&info).unwrap();
            let message = image_to_message(&photo, &camera_frame(view), stamp);
            self.images[view as usize].publish(&message).unwrap();
        }
    }
}

fn args(model: &std::path::Path, parameters: &[(&str, &str)]) -> NodeArgs {
    let args = NodeArgs::new("dreamer")
        .unwrap()
        .with_parameter("config_dir", CONFIG)
        .with_parameter("source", "onnx")
        .with_parameter("model_dir", &model.display().to_string())
        .with_parameter("autostart", "false")
        .with_parameter("steps", "4")
        .with_parameter("photo_timeout_s", "0.5");
    parameters.iter().fold(args, |args, (name, value)| args.with_parameter(name, value))
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap()
}

fn failure(outcome: Outcome<DreamResult>) -> String {
    match outcome {
        Outcome::Aborted(result) => result.message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_dreams_from_the_latest_pair_and_refuses_others() {
    let Some(model) = tiny("fp32") else { return };
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let tester = Node::open(carrier.clone(), NodeArgs::new("tester").unwrap()).unwrap();
    let mut clips = tester.subscribe::<StereoClip>("dream/clip", Qos::latched()).unwrap();
    let node = tokio::spawn(dreamer::node::run(carrier, args(&model, &[("candidates", "2")])));
    let client = tester.action_client::<Dream>("dream").unwrap();
    client.wait_for_server(SOON).await.unwrap();
    let cameras = Cameras::open(&tester);
    let ask = async |task: &str, seed| {
        let goal = DreamGoal { task: task.into(), seed };
        let mut handle = soon(client.send_goal(goal, SOON)).await.unwrap();
        let outcome = soon(handle.result()).await.unwrap();
        let steps: Vec<_> = std::iter::from_fn(|| handle.try_feedback()).map(|f| (f.step, f.steps)).collect();
        (outcome, steps)
    };

    let nothing = failure(ask("rotation", 1).await.0);
    assert!(nothing.contains("no pair of photos within 0.5 s: nothing on camera/top/image_raw"), "{nothing}");
    let goal = DreamGoal { task: "rotation".into(), seed: 1 };
    let handle = soon(client.send_goal(goal, SOON)).await.unwrap();
    soon(handle.cancel(SOON)).await.unwrap();
    let outcome = soon(handle.result()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Canceled(_)), "{outcome:?}");
    cameras.publish(100, 0.0, 0.4);
    let apart = failure(ask("rotation", 1).await.0);
    assert!(apart.contains("the photos are 0.400 s apart, over the limit of 0.05 s"), "{apart}");
    cameras.publish(100, 7.0, 7.0);
    let old = failure(ask("rotation", 1).await.0);
    assert!(old.contains("s old, over the limit of 2 s"), "{old}");

    cameras.publish(100, 0.0, 0.0);
    let (outcome, steps) = ask("rotation", 1).await;
    assert!(
        matches!(&outcome, Outcome::Succeeded(r) if r.clip_id.starts_with("rotation-onnx-1-")),
        "{outcome:?}"
    );
    assert_eq!(steps.last(), Some(&(4, 4)), "{steps:?}");
    let clip = clip_from_message(soon(clips.recv()).await.unwrap().unwrap()).unwrap();
    assert_eq!((clip.source.as_str(), clip.seed, clip.frame_count()), ("onnx", 1, 13));
    let camera = &cameras.task.rig.camera(View::Side).camera;
    let crop = CropResize::centred((camera.width, camera.height), (128, 64));
    assert!((clip.side.camera.fx_px - crop.camera(camera).fx_px).abs() < 1e-9);
    assert_eq!((clip.side.camera.width, clip.side.camera.height), (128, 64));

    // The next seed was dreamt along: it comes without a step, while the scene stays the same.
    cameras.publish(101, 0.0, 0.0);
    let (outcome, steps) = ask("rotation", 2).await;
    assert!(
        matches!(&outcome, Outcome::Succeeded(r) if r.clip_id.starts_with("rotation-onnx-2-")),
        "{outcome:?}"
    );
    assert_eq!(steps, []);
    // Another scene is dreamt anew.
    cameras.publish(200, 0.0, 0.0);
    let (outcome, steps) = ask("rotation", 3).await;
    assert!(matches!(&outcome, Outcome::Succeeded(_)) && !steps.is_empty(), "{outcome:?}");

    let unknown = failure(ask("juggling", 1).await.0);
    assert!(unknown.contains("juggling.yaml"), "{unknown}");
    node.abort();
}

#[tokio::test]
async fn a_model_of_another_task_is_not_asked() {
    let Some(model) = tiny("fp32") else { return };
    let copy = copy_of(&model);
    edit_manifest(copy.path(), |manifest| manifest["task"] = "scooping".into());
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let tester = Node::open(carrier.clone(), NodeArgs::new("tester").unwrap()).unwrap();
    let node = tokio::spawn(dreamer::node::run(carrier, args(copy.path(), &[])));
    let client = tester.action_client::<Dream>("dream").unwrap();
    client.wait_for_server(SOON).await.unwrap();
    Cameras::open(&tester).publish(100, 0.0, 0.0);
    let handle = soon(client.send_goal(DreamGoal { task: "rotation".into(), seed: 1 }, SOON)).await.unwrap();
    let message = failure(soon(handle.result()).await.unwrap());
    assert!(
        message.contains("was made for the task \"scooping\", the dream is asked for \"rotation\""),
        "{message}"
    );
    node.abort();
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_ends_the_node_with_the_reason() {
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let error = dreamer::node::run(carrier, args("no-such-model".as_ref(), &[])).await.unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("no-such-model/manifest.json"), "{message}");
}

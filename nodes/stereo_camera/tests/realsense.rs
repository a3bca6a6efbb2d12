//! The node on recordings that librealsense made of its own software devices (`test/realsense/run`).
#![allow(clippy::unwrap_used)]

use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Qos};
use dreamitate_clip::{camera_from_message, image_from_message};
use dreamitate_msgs::sensor_msgs::{CameraInfo, Image};
use std::{path::PathBuf, sync::Arc, time::Duration};
use stereo_camera::{RealSenseDevice, RealSenseEvent, RealSenseSettings, run_camera};

/// As `record.py` has it.
const FRAMES: u8 = 20;
const LOST: u8 = 7;
const EPOCH_NS: i64 = 1_700_000_000_000_000_000;
const SIDE_LATER_NS: i64 = 4_000_000;

/// The folder of recordings; the tests make no sense without it.
fn recording(name: &str) -> PathBuf {
    let folder = std::env::var("DREAMITATE_REALSENSE_RECORDINGS").unwrap();
    PathBuf::from(folder).join(name)
}

fn args(more: &[(&str, &str)]) -> NodeArgs {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let fixed = [("source", "realsense"), ("config_dir", config), ("loop", "false"), ("rate_hz", "120.0")];
    let parameters =
        fixed.iter().chain(more).flat_map(|(name, value)| ["-p".into(), format!("{name}:={value}")]);
    NodeArgs::parse("stereo_camera", ["--ros-args".to_owned()].into_iter().chain(parameters)).unwrap()
}

/// All that is published until two seconds pass with nothing: images and infos of top and side.
async fn published(more: &[(&str, &str)]) -> [Vec<(Image, CameraInfo)>; 2] {
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let listener = Node::open(carrier.clone(), NodeArgs::new("listener").unwrap()).unwrap();
    let qos = Qos::sensor_data().with_depth(100);
    let mut topics = ["top", "side"].map(|view| {
        let images = listener.subscribe::<Image>(&format!("camera/{view}/image_raw"), qos).unwrap();
        let infos = listener.subscribe::<CameraInfo>(&format!("camera/{view}/camera_info"), qos).unwrap();
        (images, infos)
    });
    let node = tokio::spawn(stereo_camera::node::run(carrier, args(more)));
    let mut all = [Vec::new(), Vec::new()];
    // Each pair's top comes before its side.
    'pairs: loop {
        for ((images, infos), got) in topics.iter_mut().zip(&mut all) {
            let both = async { (images.recv().await, infos.recv().await) };
            let Ok((image, info)) = tokio::time::timeout(Duration::from_secs(2), both).await else {
                break 'pairs;
            };
            got.push((image.unwrap().unwrap(), info.unwrap().unwrap()));
        }
    }
    assert!(!node.is_finished(), "{:?}", node.await);
    node.abort();
    all
}

fn stamp_ns(image: &Image) -> i64 {
    image.header.stamp.to_ns()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_cameras_took_together_is_published_as_they_took_it() {
    let [top, side] = ["top.bag", "side.bag"].map(|name| recording(name).display().to_string());
    let [top, side] = published(&[("top_device", &top), ("side_device", &side)]).await;
    assert_eq!(top.len(), side.len());
    // Playing keeps real time and two cameras begin one after the other: the first frames may be missed.
    assert!(top.len() >= usize::from(FRAMES) / 2, "{} pairs", top.len());
    for ((top, top_info), (side, side_info)) in top.iter().zip(&side) {
        let (top_picture, side_picture) =
            (image_from_message(top.clone()).unwrap(), image_from_message(side.clone()).unwrap());
        assert_eq!(top_picture.dimensions(), (1280, 720));
        let [k, _, blue] = top_picture.get_pixel(3, 700).0;
        assert_eq!((blue, side_picture.get_pixel(1279, 0).0), (1, [k, 0, 2]));
        assert_ne!(k, LOST, "its partner was lost");
        let expected_ns = EPOCH_NS + i64::from(k) * 1_000_000_000 / 30;
        assert!((stamp_ns(top) - expected_ns).abs() < 1_000, "{k}: {}", stamp_ns(top) - expected_ns);
        assert!((stamp_ns(side) - stamp_ns(top) - SIDE_LATER_NS).abs() < 1_000);
        for (image, info, frame_id, focal_px) in [
            (top, top_info, "camera_top_optical_frame", 911.0),
            (side, side_info, "camera_side_optical_frame", 907.0),
        ] {
            assert_eq!((&image.header, image.header.frame_id.as_str()), (&info.header, frame_id));
            let camera = camera_from_message(info).unwrap();
            assert_eq!((camera.fx_px, camera.cx_px, camera.cy_px), (focal_px, 640.5, 359.5));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_pairs_are_published_than_are_wanted() {
    let [top, side] = ["top.bag", "side.bag"].map(|name| recording(name).display().to_string());
    let [top, _] = published(&[("top_device", &top), ("side_device", &side), ("rate_hz", "10.0")]).await;
    // Twenty frames at 30 Hz, of which the first may be missed.
    assert!((3..=7).contains(&top.len()), "{} pairs", top.len());
    for pair in top.windows(2) {
        let apart_ms = (stamp_ns(&pair[1].0) - stamp_ns(&pair[0].0)) / 1_000_000;
        assert!((99..=101).contains(&apart_ms) || apart_ms == 133, "{apart_ms} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_too_far_apart_are_no_pair() {
    let [top, side] = ["top.bag", "side.bag"].map(|name| recording(name).display().to_string());
    let [top, _] =
        published(&[("top_device", &top), ("side_device", &side), ("pair_tolerance_ms", "3.0")]).await;
    assert!(top.is_empty(), "{} pairs", top.len());
}

/// What the node ends with.
async fn error(more: &[(&str, &str)]) -> String {
    let run = stereo_camera::node::run(Arc::new(Local::new()), args(more));
    let ended = tokio::time::timeout(Duration::from_secs(20), run).await.unwrap();
    format!("{:#}", ended.unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_played_is_said() {
    let top = recording("top.bag").display().to_string();
    let small = recording("small.bag").display().to_string();
    let text = error(&[("top_device", &top), ("side_device", &small)]).await;
    assert!(
        text.contains("side camera") && text.contains("640×480 px, the rig's camera 1280×720 px"),
        "{text}"
    );
    let text = error(&[("top_device", "none.bag"), ("side_device", &top)]).await;
    assert!(text.contains("top camera") && text.contains("no recording none.bag"), "{text}");
    let text = error(&[("top_device", &top)]).await;
    assert!(text.contains("side_device is empty"), "{text}");
}

#[test]
fn a_camera_that_is_not_there_is_looked_for_again() {
    let settings = RealSenseSettings {
        device: RealSenseDevice::Serial("104122060999".to_owned()),
        width: 1280,
        height: 720,
        rate_hz: 30,
        exposure: None,
        white_balance_k: None,
    };
    let mut lost = Vec::new();
    run_camera(&settings, |event| {
        let RealSenseEvent::Lost(why) = event else { panic!("{event:?}") };
        lost.push(why);
        lost.len() < 2
    });
    assert!(lost[1].contains("no camera with serial number 104122060999; connected: "), "{lost:?}");
}

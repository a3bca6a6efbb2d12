//! Another driver's topics, and a bag of them, as sources.
#![allow(clippy::unwrap_used)]

use dreamitate_bag::{BagWriter, Topic, TopicQos};
use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Qos, Subscription};
use dreamitate_clip::{camera_to_message, image_from_message, image_to_message};
use dreamitate_geometry::PinholeCamera;
use dreamitate_msgs::{
    Message,
    builtin_interfaces::Time,
    sensor_msgs::{CameraInfo, Image},
};
use image::RgbImage;
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

const EPOCH_NS: i64 = 1_700_000_000_000_000_000;
const MS: i64 = 1_000_000;
/// The side camera takes its pictures this much later.
const LATER_NS: i64 = 4 * MS;
const PERIOD_NS: i64 = 50 * MS;
/// A side frame that was lost.
const LOST: u8 = 2;
const FRAMES: u8 = 6;

/// Of another camera than the rig's.
fn calibration(view: &str) -> CameraInfo {
    let fx_px = if view == "top" { 905.5 } else { 911.25 };
    let camera = PinholeCamera::new((fx_px, fx_px), (640.0, 360.0), (1280, 720)).unwrap();
    camera_to_message(&camera, "somebody_elses_frame")
}

/// What two drivers publish, in time's order: view, time, picture.
fn recording() -> Vec<(&'static str, i64, RgbImage)> {
    let picture = |number: u8| RgbImage::from_pixel(1280, 720, image::Rgb([number, 0, 9]));
    (0..FRAMES)
        .flat_map(|k| {
            let at_ns = EPOCH_NS + i64::from(k) * PERIOD_NS;
            [("top", at_ns, picture(k)), ("side", at_ns + LATER_NS, picture(100 + k))]
        })
        .filter(|(view, _, picture)| *view != "side" || picture.get_pixel(0, 0).0[0] != 100 + LOST)
        .collect()
}

fn args(more: &[(&str, &str)]) -> NodeArgs {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let fixed = [("config_dir", config), ("rate_hz", "120.0"), ("loop", "false")];
    let parameters =
        fixed.iter().chain(more).flat_map(|(name, value)| ["-p".into(), format!("{name}:={value}")]);
    NodeArgs::parse("stereo_camera", ["--ros-args".to_owned()].into_iter().chain(parameters)).unwrap()
}

/// A listener's subscriptions: images of top and side, and the side camera's calibration.
fn listen(carrier: &Arc<dyn Carrier>) -> ([Subscription<Image>; 2], Subscription<CameraInfo>, Node) {
    let listener = Node::open(carrier.clone(), NodeArgs::new("listener").unwrap()).unwrap();
    let deep = Qos::reliable(100);
    let images =
        ["top", "side"].map(|v| listener.subscribe::<Image>(&format!("camera/{v}/image_raw"), deep).unwrap());
    let infos = listener.subscribe::<CameraInfo>("camera/side/camera_info", deep).unwrap();
    (images, infos, listener)
}

/// The next image: its number and stamp.
async fn next(images: &mut Subscription<Image>) -> Option<(u8, i64)> {
    let image = tokio::time::timeout(Duration::from_secs(3), images.recv()).await.ok()?.unwrap().unwrap();
    assert_eq!(image.header.frame_id.split('_').next_back(), Some("frame"));
    let stamp_ns = image.header.stamp.to_ns();
    Some((image_from_message(image).unwrap().get_pixel(0, 0).0[0], stamp_ns))
}

async fn all_pairs(images: &mut [Subscription<Image>; 2]) -> Vec<[(u8, i64); 2]> {
    let mut pairs = Vec::new();
    while let Some(top) = next(&mut images[0]).await {
        pairs.push([top, next(&mut images[1]).await.unwrap()]);
    }
    pairs
}

fn write_bag(folder: &Path) {
    let mut writer = BagWriter::create(folder).unwrap();
    for (view, at_ns, picture) in recording() {
        let stamp = Time::from_ns(at_ns);
        let [images, infos] = ["image_raw", "camera_info"].map(|name| format!("/cell/{view}/{name}"));
        let info = Topic::of::<CameraInfo>(&infos, TopicQos::sensor_data());
        writer.write(&info, at_ns as u64, &calibration(view).to_cdr().unwrap()).unwrap();
        let image = image_to_message(&picture, "somebody_elses_frame", stamp);
        let topic = Topic::of::<Image>(&images, TopicQos::sensor_data());
        writer.write(&topic, at_ns as u64, &image.to_cdr().unwrap()).unwrap();
    }
    writer.close().unwrap();
}

#[tokio::test]
async fn a_bag_is_played_in_pairs_at_its_pace_as_if_now() {
    let folder = TempDir::new().unwrap();
    let bag = folder.path().join("bag");
    write_bag(&bag);
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let (mut images, mut infos, _listener) = listen(&carrier);
    let topics = [("top_topic", "/cell/top/image_raw"), ("side_topic", "/cell/side/image_raw")];
    let begun_ns = Time::now().to_ns();
    let bag = bag.to_str().unwrap();
    let node = tokio::spawn(stereo_camera::node::run(
        carrier,
        args(&[("source", "bag"), ("bag", bag), topics[0], topics[1]]),
    ));
    let pairs = all_pairs(&mut images).await;
    assert!(!node.is_finished(), "{:?}", node.await);
    node.abort();
    let expected: Vec<[u8; 2]> = (0..FRAMES).filter(|k| *k != LOST).map(|k| [k, 100 + k]).collect();
    assert_eq!(pairs.iter().map(|pair| pair.map(|(number, _)| number)).collect::<Vec<_>>(), expected);
    for [top, side] in &pairs {
        assert!(top.1 >= begun_ns, "{} is before {begun_ns}", top.1);
        assert_eq!(side.1 - top.1, LATER_NS);
    }
    // Not faster than it was recorded.
    assert!(pairs[4][0].1 - pairs[0][0].1 >= i64::from(FRAMES - 1) * PERIOD_NS - MS);
    let info = infos.recv().await.unwrap().unwrap();
    assert_eq!((info.k[0], info.header.frame_id.as_str()), (911.25, "camera_side_optical_frame"));
}

#[tokio::test]
async fn another_drivers_topics_are_paired_with_their_own_stamps() {
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let (mut images, mut infos, listener) = listen(&carrier);
    let topics = [("top_topic", "cell/top/image_raw"), ("side_topic", "cell/side/image_raw")];
    let node =
        tokio::spawn(stereo_camera::node::run(carrier, args(&[("source", "topics"), topics[0], topics[1]])));
    let publishers = ["top", "side"].map(|view| {
        let images =
            listener.publisher::<Image>(&format!("cell/{view}/image_raw"), Qos::sensor_data()).unwrap();
        let infos = listener
            .publisher::<CameraInfo>(&format!("cell/{view}/camera_info"), Qos::sensor_data())
            .unwrap();
        (view, images, infos)
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (view, at_ns, picture) in recording() {
        let (_, images, infos) = publishers.iter().find(|(of, ..)| *of == view).unwrap();
        infos.publish(&calibration(view)).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        images.publish(&image_to_message(&picture, "somebody_elses_frame", Time::from_ns(at_ns))).unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let pairs = all_pairs(&mut images).await;
    assert!(!node.is_finished(), "{:?}", node.await);
    node.abort();
    assert_eq!(pairs.len(), usize::from(FRAMES) - 1);
    for [(number, at_ns), side] in pairs {
        let taken_ns = EPOCH_NS + i64::from(number) * PERIOD_NS;
        assert_eq!((at_ns, side), (taken_ns, (100 + number, taken_ns + LATER_NS)));
    }
    assert_eq!(infos.recv().await.unwrap().unwrap().k[0], 911.25);
}

#[tokio::test]
async fn sources_that_cannot_be_are_refused() {
    let folder = TempDir::new().unwrap();
    let bag = folder.path().join("bag");
    write_bag(&bag);
    let bag = bag.to_str().unwrap();
    for (more, expected) in [
        (
            vec![("source", "bag"), ("bag", bag)],
            "has no topic /camera/top/image_raw; it has /cell/side/camera_info",
        ),
        (vec![("source", "bag"), ("bag", "/nowhere")], "/nowhere"),
        (vec![("source", "topics")], "top_topic is empty"),
        (
            vec![("source", "topics"), ("top_topic", "camera/top/image_raw"), ("side_topic", "b/image_raw")],
            "on which this node publishes itself",
        ),
    ] {
        let node = stereo_camera::node::run(Arc::new(Local::new()), args(&more));
        let ended = tokio::time::timeout(Duration::from_secs(10), node).await;
        let message = format!("{:#}", ended.unwrap().unwrap_err());
        assert!(message.contains(expected), "{message}");
    }
}

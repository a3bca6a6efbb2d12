//! Pairs of image files, read and published.
#![allow(clippy::unwrap_used)]

use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Qos};
use dreamitate_clip::{camera_from_message, image_from_message};
use dreamitate_geometry::Rig;
use dreamitate_msgs::sensor_msgs::{CameraInfo, Image};
use image::RgbImage;
use std::{path::Path, sync::Arc, time::Duration};
use stereo_camera::PairFiles;
use tempfile::TempDir;

fn rig() -> Rig {
    Rig::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/rigs/paper.yaml"))).unwrap()
}

fn picture(number: u8) -> RgbImage {
    RgbImage::from_pixel(1280, 720, image::Rgb([number, 0, 9]))
}

fn pairs(count: u8) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (view, first) in [("top", 0), ("side", 100)] {
        std::fs::create_dir(dir.path().join(view)).unwrap();
        for k in 0..count {
            picture(first + k).save(dir.path().join(view).join(format!("{k:03}.png"))).unwrap();
        }
    }
    dir
}

fn refused(dir: &Path) -> String {
    PairFiles::find(dir).and_then(|files| files.read(0, &rig()).unwrap()).unwrap_err().to_string()
}

#[test]
fn numbered_pairs_are_read_in_order() {
    let dir = pairs(3);
    let files = PairFiles::find(dir.path()).unwrap();
    assert_eq!(files.count(), 3);
    let pair = files.read(2, &rig()).unwrap().unwrap();
    assert_eq!((pair.top.get_pixel(0, 0).0[0], pair.side.get_pixel(0, 0).0[0]), (2, 102));
    assert!(files.read(3, &rig()).is_none());
}

#[test]
fn what_is_no_pair_is_refused() {
    let dir = pairs(3);
    std::fs::remove_file(dir.path().join("side/002.png")).unwrap();
    assert!(refused(dir.path()).contains("3 top and 2 side images"));
    std::fs::rename(dir.path().join("top/002.png"), dir.path().join("side/007.png")).unwrap();
    std::fs::remove_file(dir.path().join("side/001.png")).unwrap();
    let message = refused(dir.path());
    assert!(message.contains("001.png has no partner") && message.contains("007.png"), "{message}");
    let empty = TempDir::new().unwrap();
    assert!(refused(empty.path()).contains("no top.png"));
}

#[test]
fn an_image_of_another_size_or_unreadable_is_refused() {
    let dir = TempDir::new().unwrap();
    picture(1).save(dir.path().join("top.png")).unwrap();
    RgbImage::new(640, 480).save(dir.path().join("side.png")).unwrap();
    let message = refused(dir.path());
    assert!(message.contains("640×480 px, the rig's side camera has 1280×720 px"), "{message}");
    std::fs::write(dir.path().join("side.png"), "nothing").unwrap();
    assert!(refused(dir.path()).contains("side.png"));
}

#[tokio::test]
async fn pairs_are_published_with_equal_stamps_and_their_own_calibration() {
    let dir = pairs(2);
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let listener = Node::open(carrier.clone(), NodeArgs::new("listener").unwrap()).unwrap();
    let reliable = Qos::reliable(10);
    let [mut top, mut side] = ["top", "side"]
        .map(|v| listener.subscribe::<Image>(&format!("camera/{v}/image_raw"), reliable).unwrap());
    let mut info = listener.subscribe::<CameraInfo>("camera/side/camera_info", reliable).unwrap();
    let args = NodeArgs::new("stereo_camera")
        .unwrap()
        .with_parameter("folder", dir.path().to_str().unwrap())
        .with_parameter("rate_hz", "50.0");
    let node = tokio::spawn(stereo_camera::node::run(carrier, args));
    for expected in [0, 1, 0] {
        let wait = Duration::from_secs(5);
        let top = tokio::time::timeout(wait, top.recv()).await.unwrap().unwrap().unwrap();
        let side = tokio::time::timeout(wait, side.recv()).await.unwrap().unwrap().unwrap();
        let info = tokio::time::timeout(wait, info.recv()).await.unwrap().unwrap().unwrap();
        assert_eq!(top.header.stamp, side.header.stamp);
        assert_eq!(info.header, side.header);
        assert_eq!(camera_from_message(&info).unwrap(), rig().side.camera);
        assert_eq!(image_from_message(top).unwrap(), picture(expected));
        assert_eq!(image_from_message(side).unwrap(), picture(100 + expected));
    }
    node.abort();
}

#[tokio::test]
async fn a_wrong_folder_ends_the_node_with_the_reason() {
    let args = NodeArgs::new("stereo_camera").unwrap().with_parameter("folder", "nowhere");
    let error = stereo_camera::node::run(Arc::new(Local::new()), args).await.unwrap_err();
    assert!(format!("{error:#}").contains("nowhere"), "{error:#}");
}

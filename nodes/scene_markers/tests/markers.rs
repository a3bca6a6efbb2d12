//! What is shown of a dream, and the node that shows it.
#![allow(clippy::unwrap_used)]

use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Qos};
use dreamitate_clip::{ClipView, StereoClip, clip_to_message};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Gaussian6, Pose, View};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    dreamitate_msgs::{self as msgs, ToolTrajectory},
    moveit_msgs::{DisplayTrajectory, RobotTrajectory},
    nav_msgs::Path,
    sensor_msgs::Image,
    trajectory_msgs::JointTrajectoryPoint,
    visualization_msgs::{Marker, MarkerArray},
};
use dreamitate_render::{TexturedMesh, ToolModel};
use dreamitate_track::{
    FusedHeader, FusedPose, FusedTrack, Status, ToolTrack, TrackHeader, TrackedPose, fused_to_message,
    track_to_message,
};
use image::RgbImage;
use nalgebra::{Isometry3, Matrix6, Point3, Vector3};
use scene_markers::{Scene, SceneTool};
use std::{sync::Arc, time::Duration};

fn task() -> Task {
    Task::read(&ConfigFolder::find(None), "rotation").unwrap()
}

fn box_mesh() -> TexturedMesh {
    ToolModel::read(&task().tools[0].file).unwrap().mesh
}

/// Where a tool is in a frame: 10 mm further along x with each, and turned.
fn pose(frame: usize) -> Pose {
    Isometry3::new(Vector3::new(0.01 * frame as f64, 0.2, 0.1), Vector3::z() * 0.1 * frame as f64)
}

/// Five frames: none in the first, the third not accepted, the last trusted most.
fn fused() -> FusedTrack {
    let at = |frame: usize, confidence: f64, accepted: bool| FusedPose {
        frame,
        world_from_tool: (frame > 0)
            .then(|| Gaussian6 { mean: pose(frame), covariance: Matrix6::identity() * 1e-6 }),
        confidence,
        ray_gap_m: 0.0,
        rotation_gap_rad: 0.0,
        residuals: vec![10.0, 10.0],
        accepted,
        reason: String::new(),
    };
    FusedTrack::judged(
        vec![at(0, 0.0, false), at(1, 0.2, true), at(2, 0.9, false), at(3, 0.5, true), at(4, 1.0, true)],
        2,
    )
}

fn scene(mesh: TexturedMesh) -> Scene {
    let rig = task().rig;
    let side = rig.camera(View::Side);
    let seen = |frame, status| TrackedPose {
        frame,
        camera_from_tool: side.world_from_camera.inv_mul(&pose(frame)),
        information: Matrix6::identity(),
        residual: 10.0,
        visible_fraction: 1.0,
        status,
        reason: String::new(),
    };
    let track = ToolTrack {
        poses: vec![seen(1, Status::Accepted), seen(2, Status::Lost), seen(4, Status::Accepted)],
    };
    Scene {
        cameras: vec![(View::Side, side.world_from_camera, side.camera)],
        tools: vec![SceneTool {
            name: "left".to_owned(),
            mesh,
            fused: Some(fused()),
            views: vec![(View::Side, side.world_from_camera, track)],
            plan: vec![Point3::origin(), Point3::new(0.0, 0.0, 1.0)],
        }],
    }
}

fn named<'a>(markers: &'a [Marker], name: &str) -> &'a Marker {
    let mut found = markers.iter().filter(|marker| marker.ns == name);
    let marker = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "two {name}");
    marker
}

#[test]
fn tools_move_and_are_coloured_by_trust() {
    let scene = scene(box_mesh());
    assert_eq!(scene.last_frame(), 4);
    let tool = |frame| named(&scene.markers(frame), "tool/left").clone();
    assert_eq!(tool(0).action, Marker::DELETE);
    for frame in [1, 4] {
        let marker = tool(frame);
        assert_eq!((marker.action, marker.r#type), (Marker::ADD, Marker::TRIANGLE_LIST));
        assert_eq!(marker.points.len(), 3 * scene.tools[0].mesh.triangles.len());
        assert!((marker.pose.position.x - 0.01 * frame as f64).abs() < 1e-12);
        assert!((marker.pose.orientation.z - (0.05 * frame as f64).sin()).abs() < 1e-12);
        assert_eq!(marker.header.frame_id, "world");
    }
    let (doubted, sure, rejected) = (tool(1).color, tool(4).color, tool(2).color);
    assert!(doubted.r > sure.r && sure.g > doubted.g, "{doubted:?} {sure:?}");
    assert!(rejected.r > 0.8 && rejected.g < 0.3, "{rejected:?}");
    // At rest at the end.
    assert_eq!(tool(9).pose, tool(4).pose);
}

#[test]
fn lines_show_what_is_accepted() {
    let markers = scene(box_mesh()).markers(4);
    let way = named(&markers, "fused/left");
    assert_eq!(way.points.iter().map(|p| (100.0 * p.x).round()).collect::<Vec<_>>(), [1.0, 3.0, 4.0]);
    assert_eq!(way.colors.len(), 3);
    assert_eq!(named(&markers, "poses/left").points.len(), 3 * 3 * 2);
    let side = named(&markers, "side/left");
    assert_eq!(side.points.len(), 2);
    assert!((side.points[1].x - 0.04).abs() < 1e-9 && (side.points[1].z - 0.1).abs() < 1e-9);
    assert!(side.color.a < 1.0);
    assert_eq!(named(&markers, "plan/left").points.len(), 2);
    // A pyramid of eight edges.
    assert_eq!(named(&markers, "camera/side").points.len(), 16);
}

#[test]
fn what_is_not_known_is_taken_away() {
    let mut scene = scene(box_mesh());
    let tool = &mut scene.tools[0];
    (tool.fused, tool.plan) = (None, vec![Point3::origin()]);
    tool.views[0].2.poses.truncate(2);
    let markers = scene.markers(0);
    for name in ["tool/left", "poses/left", "fused/left", "side/left", "plan/left"] {
        assert_eq!(named(&markers, name).action, Marker::DELETE, "{name}");
    }
    assert_eq!(scene.tools[0].path().poses.len(), 0);
}

#[test]
fn a_mesh_of_very_many_triangles_is_its_box() {
    let mut mesh = box_mesh();
    let (low, high) = mesh.bounds();
    while mesh.triangles.len() <= 20_000 {
        mesh.triangles.extend_from_within(..);
    }
    let marker = named(&scene(mesh).markers(4), "tool/left").clone();
    assert_eq!((marker.r#type, marker.points.len()), (Marker::CUBE, 0));
    assert!((marker.scale.y - f64::from(high.y - low.y)).abs() < 1e-6);
    let middle = pose(4) * nalgebra::center(&low, &high).cast::<f64>();
    let at = &marker.pose.position;
    assert!((Point3::new(at.x, at.y, at.z) - middle).norm() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_shows_what_comes() {
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let outside = Node::open(carrier.clone(), NodeArgs::new("outside").unwrap()).unwrap();
    let mut shown = outside.subscribe::<MarkerArray>("visualization_marker_array", Qos::latched()).unwrap();
    let mut paths = outside.subscribe::<Path>("trajectory/right/path", Qos::latched()).unwrap();
    let detail = outside.publisher::<ToolTrajectory>("trajectory/right/detail", Qos::latched()).unwrap();
    let plans = outside.publisher::<DisplayTrajectory>("plan/right", Qos::latched()).unwrap();
    let node = tokio::spawn(scene_markers::node::run(carrier, NodeArgs::new("scene_markers").unwrap()));
    let header =
        FusedHeader { clip_id: "a".into(), tool: "right".into(), round: 1, frame_period_s: 1.0 / 6.0 };
    detail.publish(&fused_to_message(&header, &fused())).unwrap();
    let mut plan = DisplayTrajectory::default();
    let mut part = RobotTrajectory::default();
    for turn in [0.0, 0.1] {
        let positions = vec![turn, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0];
        part.joint_trajectory.points.push(JointTrajectoryPoint { positions, ..Default::default() });
    }
    plan.trajectory.push(part);
    plans.publish(&plan).unwrap();
    let all_shown = async {
        loop {
            let markers = shown.recv().await.unwrap().unwrap().markers;
            let is_added = |name| named(&markers, name).action == Marker::ADD;
            if is_added("tool/right") && is_added("plan/right") {
                return markers;
            }
        }
    };
    let markers = tokio::time::timeout(Duration::from_secs(20), all_shown).await.unwrap();
    assert_eq!(named(&markers, "tool/left").action, Marker::DELETE);
    let [from, to] = named(&markers, "plan/right").points.as_slice() else { panic!() };
    // The first joint turns about the base's vertical axis.
    assert!((from.z - to.z).abs() < 1e-9 && (from.x - to.x).hypot(from.y - to.y) > 0.01, "{from:?} {to:?}");
    let path = tokio::time::timeout(Duration::from_secs(20), paths.recv()).await.unwrap().unwrap().unwrap();
    assert_eq!(path.poses.len(), 3);

    // A plan that is not this arm's is left out, and the node goes on.
    plan.trajectory[0].joint_trajectory.points[0].positions.pop();
    plans.publish(&plan).unwrap();
    tokio::time::timeout(Duration::from_secs(20), shown.recv()).await.unwrap().unwrap().unwrap();
    assert!(!node.is_finished());
}

/// The dream's frames come with the tool where the view's tracker has it, and plain while the track is another clip's.
#[tokio::test(flavor = "multi_thread")]
async fn the_dream_is_shown_with_the_tracked_tools() {
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let outside = Node::open(carrier.clone(), NodeArgs::new("outside").unwrap()).unwrap();
    let mut shown = outside.subscribe::<Image>("dream/side/overlay", Qos::reliable(100)).unwrap();
    let clips = outside.publisher::<msgs::StereoClip>("dream/clip", Qos::latched()).unwrap();
    let tracks = outside.publisher::<msgs::ToolTrack>("track/side/left", Qos::latched()).unwrap();
    let args = ["--ros-args", "-p", "overlay:=true"].map(str::to_owned);
    let args = NodeArgs::parse("scene_markers", args.to_vec()).unwrap();
    let node = tokio::spawn(scene_markers::node::run(carrier, args));

    let rig = task().rig;
    let view = |view: View| {
        let seen = rig.camera(view);
        let grey = RgbImage::from_pixel(seen.camera.width, seen.camera.height, image::Rgb([90, 90, 90]));
        let (camera, world_from_camera) = (seen.camera, seen.world_from_camera);
        ClipView { camera, world_from_camera, frames: vec![grey; 3] }
    };
    let clip = StereoClip {
        id: "second".to_owned(),
        task: "rotation".to_owned(),
        seed: 0,
        source: "test".to_owned(),
        frame_period_s: 1.0 / 6.0,
        top: view(View::Top),
        side: view(View::Side),
    };
    clips.publish(&clip_to_message(&clip, Time::now())).unwrap();
    let track = |clip_id: &str| {
        let header = TrackHeader {
            clip_id: clip_id.into(),
            view: View::Side,
            tool: "left".into(),
            round: 0,
            world_from_camera: clip.side.world_from_camera,
            frame_period_s: clip.frame_period_s,
        };
        track_to_message(&header, &scene(box_mesh()).tools[0].views[0].2)
    };
    // How many of the next frames differ from grey.
    let mut drawn = async || {
        let mut drawn = 0;
        for _ in 0..10 {
            let next = tokio::time::timeout(Duration::from_secs(20), shown.recv()).await;
            let image = next.unwrap().unwrap().unwrap();
            drawn += u32::from(image.data.iter().any(|level| *level != 90));
        }
        drawn
    };
    tracks.publish(&track("first")).unwrap();
    assert_eq!(drawn().await, 0);
    tracks.publish(&track("second")).unwrap();
    drawn().await;
    // Frame 1 alone of the three has a pose; after frame 2 the last one rests.
    let drawn = drawn().await;
    assert!((1..=3).contains(&drawn), "{drawn}");
    assert!(!node.is_finished());
}

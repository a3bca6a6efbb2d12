//! The world's node as other nodes know it.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Outcome, Qos};
use dreamitate_msgs::{
    control_msgs::{FollowJointTrajectory, FollowJointTrajectoryGoal},
    sensor_msgs::{CameraInfo, Image, JointState},
    trajectory_msgs::JointTrajectoryPoint,
};
use std::{sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn its_cameras_see_and_its_arms_follow_as_real_ones_do() {
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let args =
        ["--ros-args", "-p", "task:=sweeping", "-p", "seed:=4", "-p", "time_factor:=4.0"].map(str::to_owned);
    let args = NodeArgs::parse("world", args.to_vec()).unwrap();
    let world = tokio::spawn(world::node::run(carrier.clone(), args));
    let node = Node::open(carrier, NodeArgs::new("test").unwrap()).unwrap();

    let mut infos = node.subscribe::<CameraInfo>("camera/side/camera_info", Qos::sensor_data()).unwrap();
    let mut images = node.subscribe::<Image>("camera/side/image_raw", Qos::sensor_data()).unwrap();
    let info = tokio::time::timeout(PATIENCE, infos.recv()).await.unwrap().unwrap().unwrap();
    let image = tokio::time::timeout(PATIENCE, images.recv()).await.unwrap().unwrap().unwrap();
    assert_eq!([(info.width, info.height), (image.width, image.height)], [(1280, 720); 2]);
    assert_eq!(info.header.frame_id, "camera_side_optical_frame");

    let mut states = node.subscribe::<JointState>("/arm/joint_states", Qos::reliable(10)).unwrap();
    let start = tokio::time::timeout(PATIENCE, states.recv()).await.unwrap().unwrap().unwrap();
    let action = "/arm/scaled_joint_trajectory_controller/follow_joint_trajectory";
    let client = node.action_client::<FollowJointTrajectory>(action).unwrap();
    let mut goal = FollowJointTrajectoryGoal::default();
    goal.trajectory.joint_names.clone_from(&start.name);
    let point = |time_s: f64, turn_rad: f64| {
        let mut positions = start.position.clone();
        positions[0] += turn_rad;
        let zeros = vec![0.0; positions.len()];
        let mut point = JointTrajectoryPoint {
            positions,
            velocities: zeros.clone(),
            accelerations: zeros,
            ..JointTrajectoryPoint::default()
        };
        point.time_from_start = dreamitate_msgs::builtin_interfaces::Duration::from_s(time_s);
        point
    };
    goal.trajectory.points = vec![point(0.0, 0.0), point(2.0, 0.4)];
    let outcome = tokio::time::timeout(PATIENCE, async {
        client.wait_for_server(PATIENCE).await.unwrap();
        client.send_goal(goal, PATIENCE).await.unwrap().result().await.unwrap()
    })
    .await
    .unwrap();
    assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?}");
    // What is told is where the physics has the joints: near, and not to the last bit where they were sent.
    let mut last = None;
    while let Ok(Some(Ok(state))) = tokio::time::timeout(Duration::from_millis(200), states.recv()).await {
        let done = (state.position[0] - start.position[0] - 0.4).abs() < 5e-3;
        last = Some(state);
        if done {
            break;
        }
    }
    let last = last.unwrap();
    let off_rad = (last.position[0] - start.position[0] - 0.4).abs();
    assert!(off_rad < 5e-3 && last.position[1] != start.position[1], "{off_rad} rad");
    assert!(!world.is_finished());
    world.abort();
}

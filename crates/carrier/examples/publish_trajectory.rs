//! Publishes a latched trajectory of 13 poses on `trajectory/left` over Zenoh, once a second, until interrupted.
//!
//! `cargo run --release -p dreamitate_carrier --example publish_trajectory -- [--ros-args …]`

use std::{error::Error, sync::Arc, time::Duration};

use dreamitate_carrier::{Declaration, Node, NodeArgs, Qos, Zenoh, ZenohOptions};
use dreamitate_msgs::geometry_msgs::{Pose, PoseArray};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = NodeArgs::parse("publish_trajectory", std::env::args().skip(1))?;
    let carrier = Arc::new(Zenoh::open(ZenohOptions::from_env()?)?);
    let node = Node::open(carrier, args)?;
    let (period_s, step_m) = node.declare_parameters(|p| {
        Ok((
            p.declare(
                Declaration::new("period_s", 1.0).unit("s").about("Time between messages").range(0.01, 60.0),
            )?,
            p.declare(
                Declaration::new("step_m", 0.01).unit("m").about("Distance between poses").range(0.0, 1.0),
            )?,
        ))
    })?;
    let publisher = node.publisher::<PoseArray>("trajectory/left", Qos::latched())?;

    let mut trajectory = PoseArray::default();
    trajectory.header.frame_id = "world".to_owned();
    trajectory.poses = (0..13)
        .map(|n| {
            let mut world_from_tool = Pose::default();
            world_from_tool.position.x = f64::from(n) * step_m;
            world_from_tool.orientation.w = 1.0;
            world_from_tool
        })
        .collect();
    let mut every = tokio::time::interval(Duration::from_secs_f64(period_s));
    loop {
        tokio::select! {
            _ = every.tick() => publisher.publish(&trajectory)?,
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

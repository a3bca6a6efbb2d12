//! Measures how long a 1280×720 rgb8 image takes between two nodes: 200 images at 30 Hz, locally, over Zenoh
//! with shared memory, and over Zenoh without it (two sessions in one process). Prints milliseconds.
//!
//! `cargo run --release --example image_latency`

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use dreamitate_carrier::{Carrier, Local, Node, NodeArgs, Qos, Reach, Zenoh, ZenohOptions};
use dreamitate_msgs::sensor_msgs::Image;

const COUNT: usize = 200;
const PERIOD: Duration = Duration::from_micros(33_333);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let local: Arc<dyn Carrier> = Arc::new(Local::new());
    measure("local", local.clone(), local).await?;
    for (name, shared_memory_bytes) in [("zenoh, shared memory", 64 << 20), ("zenoh, tcp", 0)] {
        let domain_id = 2000 + usize::from(rand::random::<u16>());
        let options = ZenohOptions {
            domain_id,
            shared_memory_bytes,
            reach: Reach::Localhost,
            ..ZenohOptions::default()
        };
        let (here, there) = (Zenoh::open(options.clone())?, Zenoh::open(options)?);
        measure(name, Arc::new(here), Arc::new(there)).await?;
    }
    Ok(())
}

async fn measure(name: &str, here: Arc<dyn Carrier>, there: Arc<dyn Carrier>) -> Result<(), Box<dyn Error>> {
    let camera = Node::open(here, NodeArgs::new("camera")?)?;
    let dreamer = Node::open(there, NodeArgs::new("dreamer")?)?;
    let publisher = camera.publisher::<Image>("image_raw", Qos::sensor_data())?;
    let mut images = dreamer.subscribe::<Image>("image_raw", Qos::sensor_data())?;
    let (height, width) = (720_u32, 1280_u32);
    let data = vec![128; (height * width * 3) as usize];
    let image =
        Image { height, width, step: 3 * width, encoding: "rgb8".to_owned(), data, ..Image::default() };
    tokio::time::sleep(Duration::from_secs(1)).await;

    let mut latencies_ms = Vec::new();
    let mut every = tokio::time::interval(PERIOD);
    for _ in 0..COUNT {
        every.tick().await;
        let sent = Instant::now();
        publisher.publish(&image)?;
        if let Ok(Some(received)) = tokio::time::timeout(PERIOD * 10, images.recv()).await {
            received?;
            latencies_ms.push(sent.elapsed().as_secs_f64() * 1e3);
        }
    }
    latencies_ms.sort_by(f64::total_cmp);
    let at = |share: f64| latencies_ms.get((latencies_ms.len() as f64 * share) as usize).copied();
    println!(
        "{name}: {} of {COUNT} arrived, p50 {:.2} p99 {:.2}",
        latencies_ms.len(),
        at(0.5).unwrap_or(f64::NAN),
        at(0.99).unwrap_or(f64::NAN)
    );
    Ok(())
}

//! Measures two cameras' images between two processes: two topics of 1280×720 rgb8 at 30 Hz, over Zenoh with shared
//! memory and without. Prints how many arrive, how long they take to the decoded message, and what both sides cost.
//!
//! `cargo run --release --example image_latency [SECONDS]`, 60 without the argument.

use std::{
    error::Error,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use dreamitate_carrier::{Carrier, Node, NodeArgs, Qos, Reach, Zenoh, ZenohOptions};
use dreamitate_msgs::{builtin_interfaces::Time, sensor_msgs::Image, std_msgs::Empty};

const TOPICS: [&str; 2] = ["camera/top/image_raw", "camera/side/image_raw"];
const PERIOD: Duration = Duration::from_micros(33_333);
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [domain_id, memory, count] = args.as_slice() {
        return receive(domain_id.parse()?, memory.parse()?, count.parse()?).await;
    }
    let seconds: u32 = args.first().map_or(Ok(60), |seconds| seconds.parse())?;
    println!("carrier\tarrived\tp50 ms\tp99 ms\tCPU sending %\tCPU receiving %");
    for (name, memory) in [("Zenoh, shared memory", 64 << 20), ("Zenoh, TCP", 0)] {
        send(name, memory, seconds * 30).await?;
    }
    Ok(())
}

fn carrier(domain_id: usize, shared_memory_bytes: usize) -> Result<Arc<dyn Carrier>, Failure> {
    let reach = Reach::Localhost;
    let options = ZenohOptions { domain_id, shared_memory_bytes, reach, ..ZenohOptions::default() };
    Ok(Arc::new(Zenoh::open(options)?))
}

/// The sending process, which starts the other.
async fn send(name: &str, memory: usize, count: u32) -> Result<(), Failure> {
    let domain_id = 2000 + usize::from(rand::random::<u16>());
    let receiver = Command::new(std::env::current_exe()?)
        .args([domain_id.to_string(), memory.to_string(), count.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let node = Node::open(carrier(domain_id, memory)?, NodeArgs::new("cameras")?)?;
    let publishers = [
        node.publisher::<Image>(TOPICS[0], Qos::sensor_data())?,
        node.publisher::<Image>(TOPICS[1], Qos::sensor_data())?,
    ];
    let data = vec![128; (HEIGHT * WIDTH * 3) as usize];
    let mut image = Image {
        height: HEIGHT,
        width: WIDTH,
        step: 3 * WIDTH,
        encoding: "rgb8".to_owned(),
        data,
        ..Image::default()
    };
    let mut ready = node.subscribe::<Empty>("ready", Qos::latched())?;
    ready.recv().await.ok_or("the receiver ended")??;
    // Each side knows of the other's subscription a moment later.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (begun, spent) = (Instant::now(), cpu_s()?);
    let mut every = tokio::time::interval(PERIOD);
    for _ in 0..count {
        every.tick().await;
        for publisher in &publishers {
            image.header.stamp = Time::now();
            publisher.publish(&image)?;
        }
    }
    let share = 100.0 * (cpu_s()? - spent) / begun.elapsed().as_secs_f64();
    let output = receiver.wait_with_output()?;
    let said = String::from_utf8(output.stdout)?;
    let [arrived, p50, p99, receiving] = said.trim().split('\t').collect::<Vec<_>>()[..] else {
        return Err(format!("the receiver said {said:?}").into());
    };
    println!("{name}\t{arrived} of {}\t{p50}\t{p99}\t{share:.1}\t{receiving}", 2 * count);
    Ok(())
}

/// The receiving process: prints how many came, latencies and CPU.
async fn receive(domain_id: usize, memory: usize, count: u32) -> Result<(), Failure> {
    let node = Node::open(carrier(domain_id, memory)?, NodeArgs::new("dreamer")?)?;
    let topics = TOPICS.map(|topic| node.subscribe::<Image>(topic, Qos::sensor_data()));
    let ready = node.publisher::<Empty>("ready", Qos::latched())?;
    ready.publish(&Empty::default())?;
    let begun = Instant::now();
    let spent = cpu_s()?;
    let tasks = topics.map(|images| {
        tokio::spawn(async move {
            let (mut images, mut latencies_ms) = (images?, Vec::new());
            // The first may take a while, a later one that is late by seconds is lost.
            let mut patience = Duration::from_secs(20);
            while latencies_ms.len() < count as usize {
                let Ok(Some(image)) = tokio::time::timeout(patience, images.recv()).await else { break };
                latencies_ms.push((Time::now().to_ns() - image?.header.stamp.to_ns()) as f64 / 1e6);
                patience = Duration::from_secs(3);
            }
            Ok::<_, Failure>(latencies_ms)
        })
    });
    let mut latencies_ms = Vec::new();
    for task in tasks {
        latencies_ms.extend(task.await??);
    }
    latencies_ms.sort_by(f64::total_cmp);
    let at = |share: f64| latencies_ms.get((latencies_ms.len() as f64 * share) as usize).unwrap_or(&f64::NAN);
    let share = 100.0 * (cpu_s()? - spent) / begun.elapsed().as_secs_f64();
    println!("{}\t{:.2}\t{:.2}\t{share:.1}", latencies_ms.len(), at(0.5), at(0.99));
    Ok(())
}

/// Processor seconds that this process has used, of all its threads.
fn cpu_s() -> Result<f64, Failure> {
    /// The kernel's unit for them, the same on all of Linux.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // After the name, which may hold spaces: state is field 3; user and system time are 14 and 15.
    let (_, rest) = stat.rsplit_once(')').ok_or("odd /proc/self/stat")?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS_A_SECOND)
}

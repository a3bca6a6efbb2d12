//! Writes a small bag for `test/read_back.py`: `cargo run --release -p dreamitate_bag --example write_sample DIR`.

use std::path::PathBuf;

use dreamitate_bag::{BagWriter, Topic, TopicQos};
use dreamitate_msgs::Message;
use dreamitate_msgs::dreamitate_msgs::{ClipView, FusedPose, StereoClip, ToolTrajectory};
use dreamitate_msgs::geometry_msgs::PoseArray;
use dreamitate_msgs::sensor_msgs::Image;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: write_sample DIR")?);
    let clip = Topic::of::<StereoClip>("/dream/clip", TopicQos::latched());
    let poses = Topic::of::<PoseArray>("/trajectory/left", TopicQos::latched());
    let detail = Topic::of::<ToolTrajectory>("/trajectory/left/detail", TopicQos::reliable(10));
    let camera = Topic::of::<Image>("/camera/top/image_raw", TopicQos::sensor_data());

    let image = Image {
        height: 448,
        width: 768,
        encoding: "rgb8".to_owned(),
        step: 2304,
        data: (0..448 * 2304_u32).map(|i| (i / 7) as u8).collect(),
        ..Image::default()
    };
    let view = |name: &str| ClipView {
        name: name.to_owned(),
        frames: vec![image.clone(); 25],
        ..ClipView::default()
    };
    let views = vec![view("top"), view("side")];
    let dream = StereoClip { clip_id: "rotation-3".to_owned(), seed: 3, views, ..StereoClip::default() };
    let mut track = PoseArray::default();
    track.header.frame_id = "world".to_owned();
    track.poses.resize_with(13, Default::default);
    track.poses[12].position.x = 0.25;
    let fused =
        FusedPose { confidence: 0.5, residuals: vec![1.5, 2.0], accepted: true, ..FusedPose::default() };
    let trajectory =
        ToolTrajectory { tool: "left".to_owned(), poses: vec![fused; 13], ..ToolTrajectory::default() };

    let start = std::time::Instant::now();
    let mut writer = BagWriter::create(&dir)?;
    let time = |i: u64| 1_700_000_000_000_000_000 + i * 33_333_333;
    for i in 0..30 {
        writer.write(&camera, time(i), &image.to_cdr()?)?;
    }
    writer.write(&clip, time(30), &dream.to_cdr()?)?;
    writer.write(&poses, time(31), &track.to_cdr()?)?;
    writer.write(&detail, time(32), &trajectory.to_cdr()?)?;
    let summary = writer.close()?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}: {} messages, {} bytes, {seconds:.2} s",
        summary.path.display(),
        summary.message_count,
        summary.bytes
    );
    Ok(())
}

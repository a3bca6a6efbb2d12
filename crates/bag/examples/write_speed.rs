//! Writes raw images to a bag as fast as it can: `write_speed DIR COUNT`. `bench/bag/run` measures it beside others.

use std::{path::PathBuf, time::Instant};

use dreamitate_bag::{BagWriter, Topic, TopicQos};
use dreamitate_msgs::{Message, sensor_msgs::Image};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().ok_or("usage: write_speed DIR COUNT")?);
    let count: u64 = args.next().ok_or("usage: write_speed DIR COUNT")?.parse()?;
    // A gradient with the noise of a sensor; bench/bag/peers.py writes the same bytes.
    let mut noise = 1u32;
    let data = (0..HEIGHT * WIDTH * 3).map(|i| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (i / (3 * WIDTH) / 4) as u8 + (noise >> 29) as u8
    });
    let image = Image {
        height: HEIGHT,
        width: WIDTH,
        encoding: "rgb8".to_owned(),
        step: 3 * WIDTH,
        data: data.collect(),
        ..Image::default()
    };
    let cdr = image.to_cdr()?;
    let camera = Topic::of::<Image>("/camera/top/image_raw", TopicQos::sensor_data());
    let start = Instant::now();
    let mut bag = BagWriter::create(&dir)?;
    for k in 0..count {
        bag.write(&camera, 1_700_000_000_000_000_000 + k * 33_333_333, &cdr)?;
    }
    bag.close()?;
    println!("{:.0}", (count * cdr.len() as u64) as f64 / 1e6 / start.elapsed().as_secs_f64());
    Ok(())
}

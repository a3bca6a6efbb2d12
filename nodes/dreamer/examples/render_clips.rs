//! Writes rendered dreams as arrays for training: `DIR/{seed:06}.npy`, u8 `[26, H, W, 3]`, RGB, the 13 frames of the
//! top view before those of the side view; frame 0 of each view is the photo. A file is there only once it is whole,
//! and one that is there is kept.
//!
//! `cargo run --release -p dreamer --example render_clips -- --first-seed 0 --count 100 --out DIR --size 384x224`

use anyhow::{Context, bail, ensure};
use dreamer::rendered::render;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{CropResize, View};
use npyz::WriterBuilder;
use std::{fs::File, io::BufWriter, path::PathBuf};

struct Args {
    first_seed: u64,
    count: u64,
    out: PathBuf,
    size: (u32, u32),
}

fn parse(mut args: impl Iterator<Item = String>) -> anyhow::Result<Args> {
    let mut parsed = Args { first_seed: 0, count: 1, out: PathBuf::new(), size: (384, 224) };
    while let Some(name) = args.next() {
        let value = args.next().with_context(|| format!("{name} has no value"))?;
        match name.as_str() {
            "--first-seed" => parsed.first_seed = value.parse()?,
            "--count" => parsed.count = value.parse()?,
            "--out" => parsed.out = value.into(),
            "--size" => {
                let (width, height) = value.split_once('x').context("--size is WIDTHxHEIGHT")?;
                parsed.size = (width.parse()?, height.parse()?);
            }
            _ => bail!("unknown option {name}"),
        }
    }
    ensure!(!parsed.out.as_os_str().is_empty(), "--out is missing");
    Ok(parsed)
}

fn main() -> anyhow::Result<()> {
    let Args { first_seed, count, out, size } = parse(std::env::args().skip(1))?;
    let task = Task::read(&ConfigFolder::find(None), "rotation")?;
    std::fs::create_dir_all(&out)?;
    for seed in first_seed..first_seed + count {
        let path = out.join(format!("{seed:06}.npy"));
        if path.exists() {
            continue;
        }
        let clip = render(&task, seed, |_, _| true)?.clip;
        let partial = out.join(format!(".{seed:06}.npy"));
        let shape = [2 * clip.frame_count() as u64, u64::from(size.1), u64::from(size.0), 3];
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(BufWriter::new(File::create(&partial)?))
            .begin_nd()?;
        for frame in View::ALL.into_iter().flat_map(|view| &clip.view(view).frames) {
            let crop = CropResize::centred(frame.dimensions(), size);
            writer.extend(crop.apply_rgb(frame.as_raw(), frame.width()))?;
        }
        writer.finish()?;
        std::fs::rename(partial, path)?;
    }
    Ok(())
}

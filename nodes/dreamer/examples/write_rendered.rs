//! Writes the rendered dream of a seed as numbered PNG files, `top/` and `side/`: a folder that reads back as a
//! recorded dream. `cargo run --release -p dreamer --example write_rendered -- FOLDER [SEED]`

use anyhow::Context;
use dreamer::rendered::render;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use std::{path::PathBuf, time::Instant};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().context("usage: write_rendered FOLDER [SEED]")?);
    let seed = args.next().map_or(Ok(0), |seed| seed.parse()).context("the seed is no whole number")?;
    let task = Task::read(&ConfigFolder::find(None), "rotation")?;
    let begun = Instant::now();
    let dream = render(&task, seed, |_, _| true)?;
    println!("drawn in {:.2} s", begun.elapsed().as_secs_f64());
    for view in View::ALL {
        let folder = folder.join(view.name());
        std::fs::create_dir_all(&folder)?;
        for (k, frame) in dream.clip.view(view).frames.iter().enumerate() {
            frame.save(folder.join(format!("{k:02}.png")))?;
        }
    }
    Ok(())
}

//! How long a view of a rendered clip takes, and a tool-frame of it: `cargo run --release --workspace --example track_speed`.
//! `RAYON_NUM_THREADS=1` for one core.

use std::{path::Path, sync::Arc, time::Instant};

use dreamer::rendered::render;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Gaussian6, View};
use dreamitate_render::ToolModel;
use nalgebra::Matrix6;
use tool_tracker::{TrackerSettings, ViewTracker};

/// Seconds of processor time that this process has used.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let field =
        |i: usize| stat.rsplit(')').next().and_then(|s| s.split_whitespace().nth(i)?.parse::<f64>().ok());
    (field(11).unwrap_or(0.0) + field(12).unwrap_or(0.0)) / 100.0
}

fn main() -> anyhow::Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let task = Task::read(&ConfigFolder::find(Some(Path::new(config))), "rotation")?;
    let tools: Arc<[ToolModel]> =
        task.tools.iter().map(|t| ToolModel::read(&t.file)).collect::<Result<_, _>>()?;
    let dream = render(&task, 5, |_, _| true)?;
    for view in View::ALL {
        let clip_view = dream.clip.view(view);
        for _ in 0..3 {
            let cpu = cpu_s();
            let begin = Instant::now();
            let tracker = ViewTracker::new(clip_view, tools.clone(), TrackerSettings::default())?;
            let prepared = begin.elapsed();
            let begin = Instant::now();
            let tracks = tracker.track()?;
            let tracked = begin.elapsed();
            let begin = Instant::now();
            for (index, track) in tracks.iter().enumerate() {
                let priors: Vec<Option<Gaussian6>> = (0..13)
                    .map(|frame| {
                        let pose = track.at(frame)?;
                        Some(Gaussian6 {
                            mean: pose.camera_from_tool,
                            covariance: Matrix6::identity() * 1e-5,
                        })
                    })
                    .collect();
                tracker.track_with_prior(index, track, &priors);
            }
            println!(
                "{view}: prepare {prepared:.1?}, track {tracked:.1?}, again {:.1?}; cpu {:.2} s",
                begin.elapsed(),
                cpu_s() - cpu
            );
        }
    }
    Ok(())
}

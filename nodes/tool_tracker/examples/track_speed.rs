//! How long a view of a rendered clip takes, and a tool-frame of it: `cargo run --release --workspace --example track_speed`.
//! `RAYON_NUM_THREADS=1` for one core.

use std::{path::Path, sync::Arc, time::Instant};

use dreamer::rendered::render;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use dreamitate_render::ToolModel;
use pose_fusion::{Fusion, FusionLimits};
use tool_tracker::{LiveTracker, TrackerSettings, ViewModel, ViewTracker};

fn main() -> anyhow::Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let task = Task::read(&ConfigFolder::find(Some(Path::new(config))), "rotation")?;
    let tools: Arc<[ToolModel]> =
        task.tools.iter().map(|t| ToolModel::read(&t.file)).collect::<Result<_, _>>()?;
    let dream = render(&task, 5, |_, _| true)?;
    let limits = FusionLimits { min_views: 1, ..FusionLimits::default() };
    let alone = Fusion { limits, ..Fusion::default() };
    for view in View::ALL {
        let clip_view = dream.clip.view(view);
        for _ in 0..3 {
            let begin = Instant::now();
            let tracker = ViewTracker::new(clip_view, tools.clone(), TrackerSettings::default())?;
            let prepared = begin.elapsed();
            let begin = Instant::now();
            let tracks = tracker.track();
            let tracked = begin.elapsed();
            let begin = Instant::now();
            for (index, track) in tracks.iter().enumerate() {
                let fused = alone.fuse_tracks(&[(view.name(), clip_view.world_from_camera, track)]);
                tracker.track_with_fused(index, track, &tracks, &fused, &[]);
            }
            println!("{view}: prepare {prepared:.1?}, track {tracked:.1?}, again {:.1?}", begin.elapsed());
        }

        // The frames in which both tools are seen, forwards and backwards, one at a time.
        let model = ViewModel::new(
            clip_view.camera,
            &clip_view.world_from_camera,
            tools.clone(),
            TrackerSettings::default(),
        )?;
        let mut live = LiveTracker::new(Arc::new(model), &clip_view.frames[0])?;
        let mut seconds = Vec::new();
        for frame in (4..13).chain((4..13).rev()).cycle().take(120) {
            let begin = Instant::now();
            live.push(&clip_view.frames[frame])?;
            seconds.push(begin.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let (median, p90) = (1e3 * seconds[seconds.len() / 2], 1e3 * seconds[seconds.len() * 9 / 10]);
        println!("{view}: live, {} tools: median {median:.1} ms a frame, p90 {p90:.1} ms", tools.len());
    }
    Ok(())
}

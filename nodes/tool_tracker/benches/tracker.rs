//! What the tracker's parts take, on one core: `cargo bench -p tool_tracker`.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use dreamer::rendered::{RenderedDream, render};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use dreamitate_render::{ToolModel, Window, rasterise};
use dreamitate_track::{Status, ToolTrack};
use pose_fusion::Fusion;
use std::{hint::black_box, path::Path, sync::Arc};
use tool_tracker::{LiveTracker, TrackerSettings, ViewModel, probe::Probe, track_together};

struct Clip {
    dream: RenderedDream,
    tools: Arc<[ToolModel]>,
    names: Vec<String>,
    models: [Arc<ViewModel>; 2],
}

fn clip() -> Clip {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    let task = Task::read(&ConfigFolder::find(Some(Path::new(config))), "rotation").unwrap();
    let tools: Arc<[ToolModel]> =
        task.tools.iter().map(|tool| ToolModel::read(&tool.file).unwrap()).collect();
    let dream = render(&task, 5, |_, _| true).unwrap();
    let models = View::ALL.map(|view| {
        let seen = dream.clip.view(view);
        let settings = TrackerSettings::default();
        let model = ViewModel::new(seen.camera, &seen.world_from_camera, tools.clone(), settings).unwrap();
        model.prepare();
        Arc::new(model)
    });
    Clip { dream, tools, names: task.tools.iter().map(|tool| tool.name.clone()).collect(), models }
}

/// A tool drawn with four samples a pixel, 768×448 px.
fn draw(criterion: &mut Criterion) {
    let clip = clip();
    let view = clip.dream.clip.view(View::Top);
    let camera_from_tool = view.world_from_camera.inverse() * clip.dream.truth[&clip.names[0]][8].unwrap();
    let mesh = &clip.tools[0].mesh;
    let window = Window::around(mesh, &view.camera, &camera_from_tool, 12).unwrap();
    let mut nearness = vec![0f32; 4 * window.width * window.height];
    criterion.bench_function("draw", |bencher| {
        bencher.iter(|| {
            nearness.fill(0.0);
            let mut drawn = 0usize;
            rasterise(mesh, &view.camera, &camera_from_tool, window, 2, &mut nearness, |sample| {
                drawn += sample.index
            });
            drawn
        });
    });
}

/// A drawing compared with a frame, and a pose refined, each in one view.
fn compare(criterion: &mut Criterion) {
    let clip = clip();
    let view = clip.dream.clip.view(View::Top);
    let camera_from_tool = view.world_from_camera.inverse() * clip.dream.truth[&clip.names[0]][8].unwrap();
    let mut probe = Probe::new(clip.models[0].clone(), &view.frames[0], &view.frames[8]);
    for (name, factor) in [("normal equations, full size", 1), ("normal equations, half size", 2)] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| probe.compare(factor, black_box(&camera_from_tool)))
        });
    }
    let mut off = camera_from_tool;
    off.translation.vector.x += 0.004;
    criterion.bench_function("refine", |bencher| bencher.iter(|| probe.refine(black_box(&off))));
}

/// Frames of both views as they come, both tools.
fn frame(criterion: &mut Criterion) {
    let clip = clip();
    let mut live = View::ALL.map(|view| {
        let frames = &clip.dream.clip.view(view).frames;
        let mut live = LiveTracker::new(clip.models[view.index()].clone(), &frames[0]).unwrap();
        let found = live.push(&frames[6]).unwrap();
        assert!(found.iter().all(|pose| pose.status == Status::Accepted));
        (live, frames)
    });
    // There and back again, so that the tools never jump.
    let mut shown = (6..12).chain((7..13).rev()).cycle();
    criterion.bench_function("frame of a stream, two views, two tools", |bencher| {
        bencher.iter(|| {
            let shown = shown.next().unwrap_or(6);
            live.each_mut().map(|(live, frames)| live.push(&frames[shown]).unwrap())
        });
    });
}

/// A whole clip from nothing: both views, two tools, fused, refined, fused again.
fn whole_clip(criterion: &mut Criterion) {
    let clip = clip();
    let views = View::ALL.map(|view| (clip.models[view.index()].clone(), clip.dream.clip.view(view)));
    let fuse = |_: usize, tracks: &[ToolTrack]| {
        Fusion::default().fuse_stereo(|view| clip.dream.clip.view(view).world_from_camera, tracks)
    };
    let track = || track_together(&views, fuse).unwrap();
    // Nothing is measured of a view that is given up at once.
    let is_tracked = |track: &ToolTrack| track.poses.iter().any(|pose| pose.status == Status::Accepted);
    assert!(track().iter().all(|tool| tool.views.iter().all(is_tracked)));
    let mut group = criterion.benchmark_group("clip");
    group.sample_size(10);
    group.bench_function("two views, two tools, 12 frames", |bencher| bencher.iter(track));
    group.finish();
}

criterion_group!(benches, draw, compare, frame, whole_clip);
criterion_main!(benches);

//! `dreamitate bench tracking`: the tracker measured on rendered dreams, whose truth is known.

mod plots;
mod score;

use crate::{observe::Observed, outcome::Ending, picture};
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use dreamer::rendered::{Level, RenderedDream, render_at};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{View, ViewTie};
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedTrack, ToolTrack};
use indicatif::ProgressBar;
use pose_fusion::{FusionLimits, FusionMethod, fuse_tracks};
use score::{LevelScore, Scored, score_tool};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tool_tracker::{TrackerSettings, ViewModel, ViewTracker};

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Track rendered dreams of three levels and compare with the truth.
    Tracking(TrackingArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TrackingArgs {
    /// Clips in all, shared by the levels and tasks.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    clips: u64,
    /// The first clip's seed; a clip a seed.
    #[arg(long, default_value_t = 1000)]
    first_seed: u64,
    /// Levels to be measured.
    #[arg(long, value_delimiter = ',', default_value = "easy,medium,hard", value_parser = level)]
    levels: Vec<Level>,
    /// Tasks whose tools are tracked.
    #[arg(long, value_delimiter = ',', default_value = "rotation,scooping,sweeping,push_shape")]
    tasks: Vec<String>,
    /// Where the numbers and plots go.
    #[arg(long, value_name = "DIR", default_value = "out/bench")]
    out: PathBuf,
    /// Also write a contact sheet of each clip with the tools' outlines.
    #[arg(long)]
    sheets: bool,
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

fn level(name: &str) -> Result<Level, String> {
    let known = || format!("{name} is none of {}", Level::ALL.map(Level::name).join(", "));
    Level::ALL.into_iter().find(|level| level.name() == name).ok_or_else(known)
}

/// A task with what of its tracking does not change from clip to clip.
struct Bench {
    task: Task,
    tools: Vec<(String, ToolModel)>,
    models: Option<[Arc<ViewModel>; 2]>,
}

/// What tracking made of a clip.
struct Tracked {
    view_tracks: Vec<[ToolTrack; 2]>,
    fused: Vec<FusedTrack>,
    seconds: f64,
}

pub(crate) fn bench(command: &BenchCommand) -> anyhow::Result<Ending> {
    let BenchCommand::Tracking(args) = command;
    let config = ConfigFolder::find(args.config.as_deref());
    let mut benches =
        args.tasks.iter().map(|task| Bench::new(&config, task)).collect::<Result<Vec<_>, _>>()?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let mut scored: BTreeMap<Level, Vec<Scored>> = BTreeMap::new();
    let progress = ProgressBar::new(args.clips);
    for clip in 0..args.clips {
        let level = args.levels[clip as usize % args.levels.len()];
        let which = (clip as usize / args.levels.len()) % benches.len();
        let bench = &mut benches[which];
        let dream = render_at(&bench.task, args.first_seed + clip, level, |_, _| true)?;
        let tracked = bench.track(&dream)?;
        for (index, (name, model)) in bench.tools.iter().enumerate() {
            let score = score_tool(
                &dream,
                name,
                model,
                &tracked.fused[index],
                tracked.seconds / bench.tools.len() as f64,
            );
            scored.entry(level).or_default().push(score);
        }
        if args.sheets {
            bench.sheet(dream, tracked, &args.out)?;
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    let levels: BTreeMap<&str, LevelScore> =
        scored.iter().map(|(level, list)| (level.name(), LevelScore::of(list))).collect();
    println!("{}", LevelScore::HEADER);
    for level in scored.keys() {
        println!("{:<8}{}", level.name(), levels[level.name()]);
    }
    let file = args.out.join("tracking.json");
    let tracks: BTreeMap<&str, &Vec<Scored>> =
        scored.iter().map(|(level, list)| (level.name(), list)).collect();
    fs::write(&file, serde_json::to_string(&serde_json::json!({"levels": levels, "tracks": tracks}))?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    plots::errors(&args.out.join("errors.svg"), &scored)?;
    plots::calibration(&args.out.join("calibration.svg"), &scored)?;
    println!("numbers and plots  {}", args.out.display());
    Ok(Ending::Done)
}

impl Bench {
    fn new(config: &ConfigFolder, name: &str) -> anyhow::Result<Self> {
        let task = Task::read(config, name)?;
        ensure!(!task.tools.is_empty(), "the task {name} has no tool");
        let tools = task
            .tools
            .iter()
            .map(|tool| Ok((tool.name.clone(), ToolModel::read(&tool.file)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { task, tools, models: None })
    }

    /// Tracks a clip as the nodes do: each view alone, fused, each view with the fused poses, fused again.
    fn track(&mut self, dream: &RenderedDream) -> anyhow::Result<Tracked> {
        let models = match &self.models {
            Some(models) => models.clone(),
            None => {
                let tools: Arc<[ToolModel]> = self.tools.iter().map(|(_, model)| model.clone()).collect();
                let model = |view: View| {
                    let seen = dream.clip.view(view);
                    ViewModel::new(
                        seen.camera,
                        &seen.world_from_camera,
                        tools.clone(),
                        TrackerSettings::default(),
                    )
                    .map(Arc::new)
                };
                let models = [model(View::Top)?, model(View::Side)?];
                // The drawings from which a search starts are made once for all clips.
                rayon::join(|| models[0].prepare(), || models[1].prepare());
                self.models.insert(models).clone()
            }
        };
        let begin = Instant::now();
        let each = |view: View| {
            let seen = dream.clip.view(view);
            let tracker = ViewTracker::with_model(models[view.index()].clone(), seen);
            let nothing = || vec![ToolTrack::default(); self.tools.len()];
            let tracks = tracker.track().unwrap_or_else(|_| nothing());
            (tracker, tracks)
        };
        let ((top, top_tracks), (side, side_tracks)) = rayon::join(|| each(View::Top), || each(View::Side));
        let fuse = |tracks: [&ToolTrack; 2]| {
            let views: Vec<_> = View::ALL
                .into_iter()
                .zip(tracks)
                .map(|(view, track)| (view.name(), dream.clip.view(view).world_from_camera, track))
                .collect();
            fuse_tracks(&views, FusionMethod::Coupled, &FusionLimits::default(), &ViewTie::DREAMED)
        };
        let mut result = Tracked { view_tracks: Vec::new(), fused: Vec::new(), seconds: 0.0 };
        for (tool, (first, second)) in top_tracks.iter().zip(&side_tracks).enumerate() {
            let fused = fuse([first, second]);
            let (first, second) = rayon::join(
                || top.track_with_fused(tool, first, &fused),
                || side.track_with_fused(tool, second, &fused),
            );
            result.fused.push(fuse([&first, &second]));
            result.view_tracks.push([first, second]);
        }
        result.seconds = begin.elapsed().as_secs_f64();
        Ok(result)
    }

    fn sheet(&self, dream: RenderedDream, tracked: Tracked, out: &Path) -> anyhow::Result<()> {
        let names = self.tools.iter().map(|(name, _)| name.clone());
        let file = out.join(format!("{}.png", dream.clip.id));
        let observed = Observed {
            clip: dream.clip,
            view_tracks: names.clone().zip(tracked.view_tracks).collect(),
            fused: names.zip(tracked.fused).collect(),
            truth: BTreeMap::new(),
            execution: None,
            stages: Vec::new(),
        };
        let frames: Vec<usize> = (1..observed.clip.frame_count()).collect();
        picture::sheet(&observed, &self.tools, &frames, 4)
            .save(&file)
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

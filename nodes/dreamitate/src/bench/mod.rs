//! `dreamitate bench tracking`: the tracker measured on rendered dreams, whose truth is known.

mod plots;
mod score;

use crate::{
    commands::tool_models,
    observe::Observed,
    outcome::Ending,
    picture,
    tracking::{ClipTracker, Tracked},
};
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use dreamer::rendered::{Level, RenderedDream, render_at};
use dreamitate_config::{ConfigFolder, Task};
use indicatif::ProgressBar;
use score::{LevelScore, Scored, score_tool};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tool_tracker::ToolTracks;

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

/// A task and its tools.
struct Bench {
    task: Task,
    tracker: ClipTracker,
}

pub(crate) fn bench(command: &BenchCommand) -> anyhow::Result<Ending> {
    let BenchCommand::Tracking(args) = command;
    let config = ConfigFolder::find(args.config.as_deref());
    let benches = args.tasks.iter().map(|task| Bench::new(&config, task)).collect::<Result<Vec<_>, _>>()?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let mut scored: BTreeMap<Level, Vec<Scored>> = BTreeMap::new();
    let progress = ProgressBar::new(args.clips);
    for clip in 0..args.clips {
        let level = args.levels[clip as usize % args.levels.len()];
        let which = (clip as usize / args.levels.len()) % benches.len();
        let bench = &benches[which];
        let dream = render_at(&bench.task, args.first_seed + clip, level, |_, _| true)?;
        let tracked = bench.tracker.track(&dream.clip)?;
        for (index, (name, model)) in bench.tracker.tools.iter().enumerate() {
            let score = score_tool(
                &dream,
                name,
                model,
                &tracked.tools[index].fused,
                tracked.seconds / bench.tracker.tools.len() as f64,
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
        let tracker = ClipTracker::new(tool_models(&task)?);
        Ok(Self { task, tracker })
    }

    fn sheet(&self, dream: RenderedDream, tracked: Tracked, out: &Path) -> anyhow::Result<()> {
        let tools = &self.tracker.tools;
        let names = || tools.iter().map(|(name, _)| name.clone());
        let in_two_views = |track: &ToolTracks| [0, 1].map(|view| track.views[view].clone());
        let file = out.join(format!("{}.png", dream.clip.id));
        let observed = Observed {
            clip: dream.clip,
            view_tracks: names().zip(tracked.tools.iter().map(in_two_views)).collect(),
            fused: names().zip(tracked.tools.iter().map(|track| track.fused.clone())).collect(),
            truth: BTreeMap::new(),
            execution: None,
            world: None,
            stages: Vec::new(),
        };
        let frames: Vec<usize> = (1..observed.clip.frame_count()).collect();
        picture::sheet(&observed, tools, &frames, 4)
            .save(&file)
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

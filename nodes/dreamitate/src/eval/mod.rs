//! `dreamitate eval`: how often a task is done when dreams are executed on arms in a world with physics.

mod page;
mod trial;

use crate::{commands::tool_models, model_command::ModelArgs, outcome::Ending, tracking::ClipTracker};
use anyhow::{Context, ensure};
use arm_executor::plan_settings;
use clap::{Args, ValueEnum};
use dreamer::{Generator, onnx::ModelFolder};
use dreamitate_config::{ConfigFolder, Task};
use image::{RgbImage, imageops};
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use rayon::prelude::*;
use serde::Serialize;
use std::{collections::BTreeMap, fs, path::PathBuf, time::Instant};
use trial::{Cell, Dreams, Trial};
use world::{Cinema, Split, ToolPieces, WorldArm};

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The task: rotation, scooping, sweeping or push_shape.
    task: String,
    /// Who dreams.
    #[arg(long, value_enum, default_value = "oracle")]
    dreamer: Dreamer,
    /// A video model's folder: it dreams from photos of the world.
    #[arg(long, value_name = "DIR", conflicts_with = "dreamer")]
    model: Option<PathBuf>,
    #[command(flatten)]
    sampling: ModelArgs,
    /// Scenes, each of a seed of its own.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    trials: u64,
    /// The first scene's seed. A trial can be repeated with its seed alone.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    first_seed: u64,
    /// The objects: `test` are held out, `training` are those of demonstrations.
    #[arg(long, default_value_t = Split::Test)]
    split: Split,
    /// Trials at once; 0: one a core.
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// Where the page, its pictures and the numbers go.
    #[arg(long, value_name = "DIR", default_value = "out/eval")]
    out: PathBuf,
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

/// Who dreams in place of a video model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dreamer {
    /// The expert's demonstration of the scene, filmed as a dream: its views disagree as those of real dreams do.
    Oracle,
    /// The expert's demonstration, whose poses are handed to the arms: nothing is filmed or tracked.
    Poses,
}

/// Figures of all trials.
#[derive(Serialize)]
struct Summary<'a> {
    task: &'a str,
    dreamer: &'a str,
    split: String,
    trials: usize,
    done: usize,
    /// The share that is done, and Wilson's interval that holds the true share in 95 % of cases.
    share: f64,
    share_low: f64,
    share_high: f64,
    /// Means over all trials of what the task measures.
    means: BTreeMap<&'static str, f64>,
    /// How many trials failed, by where it began.
    failures: BTreeMap<&'static str, usize>,
    wall_s: f64,
}

pub(crate) fn eval(args: &EvalArgs) -> anyhow::Result<Ending> {
    let config = ConfigFolder::find(args.config.as_deref());
    let task = Task::read(&config, &args.task)?;
    let dreams = match (&args.model, args.dreamer) {
        (Some(folder), _) => {
            let settings = args.sampling.settings();
            Dreams::Model(Box::new(Mutex::new(Generator::load(ModelFolder::open(folder)?, settings, 1)?)))
        }
        (None, Dreamer::Oracle) => Dreams::Oracle,
        (None, Dreamer::Poses) => Dreams::Poses,
    };
    let tools = ToolPieces::of_task(&config, &task)?;
    let arms = WorldArm::of_task(&config, &task)?;
    let pictures = args.out.join("trials");
    if pictures.exists() {
        // Nobody else's folder is emptied.
        let ours = args.out.join("eval.json").is_file() || fs::read_dir(&pictures)?.next().is_none();
        ensure!(ours, "{} holds trials/, but no eval.json; choose another --out", args.out.display());
        fs::remove_dir_all(&pictures).with_context(|| format!("cannot empty {}", pictures.display()))?;
    }
    fs::create_dir_all(&pictures).with_context(|| format!("cannot make {}", pictures.display()))?;
    let cell = Cell {
        config: &config,
        task: &task,
        split: args.split,
        dreams,
        cinema: Cinema::new(&task)?.with_arms(arms.iter().map(|(arm, _)| arm))?,
        tracker: ClipTracker::new(tool_models(&task)?),
        settings: plan_settings(&task),
        tools,
        arms,
        pictures,
    };
    let begin = Instant::now();
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} trials, {msg}, {eta} left")?;
    let progress = ProgressBar::new(args.trials).with_style(style);
    let done = std::sync::atomic::AtomicUsize::new(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.jobs).build()?;
    let trials: Vec<Trial> = pool.install(|| {
        let one = |seed: u64| {
            let trial = cell.run(seed)?;
            let before = done.fetch_add(usize::from(trial.success), std::sync::atomic::Ordering::Relaxed);
            progress.set_message(format!("{} done", before + usize::from(trial.success)));
            progress.inc(1);
            anyhow::Ok(trial)
        };
        // One at a time each: a trial is long, and a batch of them would wait for the longest.
        let seeds: Vec<u64> = (args.first_seed..args.first_seed + args.trials).collect();
        seeds.into_par_iter().with_max_len(1).map(one).collect::<anyhow::Result<_>>()
    })?;
    progress.finish_and_clear();
    let summary =
        Summary::of(&task.name, cell.dreams.name(), args.split, &trials, begin.elapsed().as_secs_f64());
    let file = args.out.join("eval.json");
    let json = serde_json::json!({"summary": summary, "trials": trials});
    fs::write(&file, serde_json::to_string_pretty(&json)? + "\n")
        .with_context(|| format!("cannot write {}", file.display()))?;
    fs::write(args.out.join("report.html"), page::page(&summary, &trials))?;
    if let Some(trial) = trials.iter().find(|trial| !trial.strips.is_empty()) {
        let rows =
            trial.strips.iter().take(2).map(|name| Ok(image::open(cell.pictures.join(name))?.to_rgb8()));
        stacked(&rows.collect::<anyhow::Result<Vec<_>>>()?).save(args.out.join("strip.jpg"))?;
    }
    print!("{}", summary.text());
    for trial in trials.iter().filter(|trial| !trial.success) {
        println!("seed {:<4} {}", trial.seed, trial.failure_text());
    }
    println!("report   {}", args.out.join("report.html").display());
    Ok(Ending::Done)
}

impl<'a> Summary<'a> {
    fn of(task: &'a str, dreamer: &'a str, split: Split, trials: &[Trial], wall_s: f64) -> Self {
        let done = trials.iter().filter(|trial| trial.success).count();
        let (share_low, share_high) = wilson_95(done, trials.len());
        let mut sums: BTreeMap<&'static str, (f64, usize)> = BTreeMap::new();
        for (name, value) in trials.iter().flat_map(|trial| &trial.figures) {
            let sum = sums.entry(name).or_default();
            *sum = (sum.0 + value, sum.1 + 1);
        }
        let mut failures = BTreeMap::new();
        for failure in trials.iter().filter_map(|trial| trial.failure.as_ref()) {
            *failures.entry(failure.stage.name()).or_default() += 1;
        }
        Self {
            task,
            dreamer,
            split: split.to_string(),
            trials: trials.len(),
            done,
            share: done as f64 / trials.len().max(1) as f64,
            share_low,
            share_high,
            means: sums.into_iter().map(|(name, (sum, count))| (name, sum / count as f64)).collect(),
            failures,
            wall_s,
        }
    }

    fn text(&self) -> String {
        let Self { task, dreamer, split, trials, done, share, share_low, share_high, .. } = self;
        let means: Vec<String> = self.means.iter().map(|(name, mean)| format!("{name} {mean:.3}")).collect();
        let failures: Vec<String> =
            self.failures.iter().map(|(stage, count)| format!("{stage} {count}")).collect();
        let failures = if failures.is_empty() { "none".to_owned() } else { failures.join(", ") };
        format!(
            "{task}, {dreamer}, {split} objects: {done} of {trials} done, {:.1} % (95 %: {:.1} to {:.1})\n\
             means    {}\nfailures {failures}\n{:.0} s, {:.1} s a trial\n",
            100.0 * share,
            100.0 * share_low,
            100.0 * share_high,
            means.join(", "),
            self.wall_s,
            self.wall_s / (*trials).max(1) as f64,
        )
    }
}

/// Pictures above one another, as wide as the first.
fn stacked(rows: &[RgbImage]) -> RgbImage {
    let width = rows.first().map_or(1, RgbImage::width);
    let scaled = rows.iter().map(|row| {
        let height = row.height() * width / row.width();
        imageops::resize(row, width, height, imageops::FilterType::Triangle)
    });
    let scaled: Vec<RgbImage> = scaled.collect();
    let mut all = RgbImage::new(width, scaled.iter().map(RgbImage::height).sum());
    let mut top = 0;
    for row in &scaled {
        imageops::replace(&mut all, row, 0, top);
        top += i64::from(row.height());
    }
    all
}

/// Wilson's score interval of a share, at 95 %.
fn wilson_95(done: usize, trials: usize) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.959_964;
    let n = trials as f64;
    let share = done as f64 / n;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_that_of_the_textbooks() {
        // 37 of 40 and 0 of 10, by the formula worked by hand.
        let (low, high) = wilson_95(37, 40);
        assert!((low - 0.801_358).abs() < 1e-4 && (high - 0.974_164).abs() < 1e-4, "{low} {high}");
        let (low, high) = wilson_95(0, 10);
        assert!(low.abs() < 1e-12 && (high - 0.277_533).abs() < 1e-4, "{low} {high}");
    }
}

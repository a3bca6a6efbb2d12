//! `dreamitate demos`: demonstrations of a task in a world with physics, filmed in stereo as a person would be, in the
//! layout that training takes.

use crate::outcome::Ending;
use anyhow::{Context, bail, ensure};
use clap::Args;
use dreamitate_clip::FRAMES_PER_VIEW;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{View, pose_to_rows};
use image::{RgbImage, imageops};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use world::{Act, Cinema, Demonstration, Hands, Scene, Split, ToolPieces, WorldError};

#[derive(Debug, Args)]
pub(crate) struct DemosArgs {
    /// The task: rotation, scooping, sweeping or push_shape.
    task: String,
    /// Demonstrations; those that fail in the physics are dropped and do not count.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: u64,
    /// Where the clips go. Those that are there are kept, so that a run can be taken up again.
    #[arg(long, value_name = "DIR", default_value = "out/demos")]
    out: PathBuf,
    /// The first scene's seed.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    first_seed: u64,
    /// The objects.
    #[arg(long, default_value_t = Split::Training)]
    split: Split,
    /// Demonstrations at once; 0: one a core.
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

/// What `truth.json` of a clip holds.
#[derive(Debug, Serialize)]
struct Truth {
    task: String,
    prompt: String,
    seed: u64,
    split: Split,
    about: String,
    frame_period_s: f64,
    /// What the task measures: names with units, and values.
    score: BTreeMap<String, f64>,
    /// For each tool rows of `[R | t]`, metres, a frame each; none in frame 0.
    world_from_tool: BTreeMap<String, Vec<Option<[[f64; 4]; 3]>>>,
}

/// What was made of a seed.
enum Made {
    /// Clips: one, or a round each.
    Clips(Vec<String>),
    Failed,
}

/// The heights of a contact sheet's pictures, px, and how many are in a row.
const SHEET_HEIGHT_PX: u32 = 112;
const SHEET_COLUMNS: usize = 4;
const SHEET_CLIPS: usize = 24;

pub(crate) fn demos(args: &DemosArgs) -> anyhow::Result<Ending> {
    let config = ConfigFolder::find(args.config.as_deref());
    let task = Task::read(&config, &args.task)?;
    let tools = ToolPieces::of_task(&config, &task)?;
    let cinema = Cinema::new(&task)?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} demonstrations, {msg}, {eta} left")?;
    let progress = ProgressBar::new(args.count).with_style(style);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.jobs).build()?;
    let (mut clips, mut failed, mut done) = (Vec::new(), 0u64, 0u64);
    let mut next = args.first_seed;
    while done < args.count {
        if failed > 20 + 4 * done {
            bail!("{failed} of {} demonstrations failed: something is wrong with this world", failed + done);
        }
        // As many as are missing at once: which seeds are made does not depend on the number of threads.
        let seeds = next..next + (args.count - done);
        next = seeds.end;
        let made: Vec<Made> = pool.install(|| {
            let one = |seed: u64| {
                let made = make(args, &config, &task, &tools, &cinema, seed)
                    .with_context(|| format!("the demonstration of seed {seed}"))?;
                progress.inc(u64::from(matches!(made, Made::Clips(_))));
                anyhow::Ok(made)
            };
            seeds.collect::<Vec<_>>().into_par_iter().with_max_len(1).map(one).collect::<anyhow::Result<_>>()
        })?;
        for made in made {
            match made {
                Made::Clips(names) => {
                    done += 1;
                    clips.extend(names);
                }
                Made::Failed => failed += 1,
            }
        }
        progress.set_message(format!("{failed} failed"));
    }
    progress.finish_and_clear();
    let list = serde_json::json!({"task": task.name, "split": args.split, "clips": clips, "failed": failed});
    fs::write(args.out.join("demos.json"), serde_json::to_string_pretty(&list)? + "\n")?;
    let sheet = args.out.join("sheet.png");
    contact_sheet(&args.out, &clips)?.save(&sheet)?;
    println!(
        "{done} demonstrations in {} clips, {failed} dropped because the task was not done",
        clips.len()
    );
    println!("clips    {}\nsheet    {}", args.out.display(), sheet.display());
    Ok(Ending::Done)
}

/// Films the demonstration of a seed unless it is there.
fn make(
    args: &DemosArgs,
    config: &ConfigFolder,
    task: &Task,
    tools: &[(String, ToolPieces)],
    cinema: &Cinema,
    seed: u64,
) -> anyhow::Result<Made> {
    let mut scene = match Scene::draw(config, task, seed, args.split) {
        Err(WorldError::NoRoom(_)) => return Ok(Made::Failed),
        scene => scene?,
    };
    let rounds = scene.most_rounds();
    let name = |round: u32| match rounds {
        1 => format!("{}_{seed:05}", args.split),
        _ => format!("{}_{seed:05}_{round:02}", args.split),
    };
    let mut hands = Hands::new(&scene, tools)?;
    let mut takes: Vec<(Scene, Act)> = Vec::new();
    for round in 0..rounds {
        let Demonstration { act, .. } = match scene.demonstrate(&mut hands, round) {
            Err(WorldError::NoWay(_)) => return Ok(Made::Failed),
            demonstration => demonstration?,
        };
        if hands.world.physics().fault().is_some() {
            return Ok(Made::Failed);
        }
        let (over, success) = (scene.is_over(&act.score), act.score.success);
        let next = scene.after(&hands.world);
        takes.push((scene, act));
        if over && !success {
            return Ok(Made::Failed);
        }
        if over {
            let names: Vec<String> = (0..takes.len() as u32).map(&name).collect();
            for (clip, (scene, act)) in names.iter().zip(&takes) {
                keep_or_film(&args.out.join(clip), task, scene, act, cinema)?;
            }
            return Ok(Made::Clips(names));
        }
        scene = next;
        hands.begin_here();
    }
    Ok(Made::Failed)
}

/// Keeps the clip that is there, or films it; it is written beside its place and moved there, so that a clip is whole or
/// not there.
fn keep_or_film(folder: &Path, task: &Task, scene: &Scene, act: &Act, cinema: &Cinema) -> anyhow::Result<()> {
    let stage = cinema.stage(scene, 0.0);
    let poses = stage
        .truth(act)
        .into_iter()
        .map(|(tool, poses)| (tool, poses.iter().map(|pose| pose.as_ref().map(pose_to_rows)).collect()));
    let truth = Truth {
        task: task.name.clone(),
        prompt: task.prompt.clone(),
        seed: scene.seed,
        split: scene.split,
        about: scene.about.clone(),
        frame_period_s: task.frame_period_s,
        score: act.score.figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        world_from_tool: poses.collect(),
    };
    let truth = serde_json::to_string(&truth)? + "\n";
    if let Ok(before) = fs::read_to_string(folder.join("truth.json")) {
        ensure!(
            before == truth,
            "{} is of another task or configuration; choose another --out",
            folder.display()
        );
        return Ok(());
    }
    let part = folder.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    let clip = stage.shoot(act, |_, _| true)?.clip;
    for view in View::ALL {
        let frames = part.join(view.name());
        fs::create_dir_all(&frames).with_context(|| format!("cannot make {}", frames.display()))?;
        for (frame, image) in clip.view(view).frames.iter().enumerate() {
            image.save(frames.join(format!("{frame:02}.png")))?;
        }
    }
    fs::write(part.join("truth.json"), truth)?;
    fs::rename(&part, folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// The first clips' top views: the photo and three frames of the work.
fn contact_sheet(out: &Path, clips: &[String]) -> anyhow::Result<RgbImage> {
    let frames = [0, 4, 8, FRAMES_PER_VIEW - 1];
    let mut rows = Vec::new();
    for clip in clips.iter().take(SHEET_CLIPS) {
        let mut row = Vec::new();
        for frame in frames {
            let file = out.join(clip).join("top").join(format!("{frame:02}.png"));
            let image =
                image::open(&file).with_context(|| format!("cannot read {}", file.display()))?.to_rgb8();
            let width = SHEET_HEIGHT_PX * image.width() / image.height();
            row.push(imageops::resize(&image, width, SHEET_HEIGHT_PX, imageops::FilterType::Triangle));
        }
        rows.push(row);
    }
    let width = rows.first().and_then(|row| row.first()).map_or(1, RgbImage::width);
    let across = SHEET_COLUMNS / 2;
    let mut sheet = RgbImage::new(
        width * (across * frames.len()) as u32,
        SHEET_HEIGHT_PX * rows.len().div_ceil(across) as u32,
    );
    for (index, row) in rows.iter().enumerate() {
        for (column, picture) in row.iter().enumerate() {
            let x = (index % across * frames.len() + column) as i64 * i64::from(width);
            let y = (index / across) as i64 * i64::from(SHEET_HEIGHT_PX);
            imageops::replace(&mut sheet, picture, x, y);
        }
    }
    Ok(sheet)
}

use crate::{commands::peak_memory_mb, outcome::Ending};
use clap::{Args, Subcommand};
use dreamer::onnx::{GUIDED_STEP, Manifest, ModelFolder, ModelSettings, Noise, Photos, Provider, VideoModel};
use image::{Rgb, RgbImage};
use serde::Serialize;
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    time::Instant,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Read every file of a model's folder through, load its graphs, and say what it is.
    Check {
        /// The folder, with its manifest.json.
        folder: PathBuf,
        #[command(flatten)]
        sampling: ModelArgs,
    },
    /// Time loading, encoding, each step and decoding, and print the memory that they take.
    Bench {
        /// The folder, with its manifest.json.
        folder: PathBuf,
        /// Videos that are dreamt together.
        #[arg(long, default_value_t = 1)]
        videos: u64,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        sampling: ModelArgs,
    },
}

/// How a video model is run.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// What computes the model, cpu, cuda or tensorrt; there is no fallback.
    #[arg(long, default_value = "cpu", value_parser = provider)]
    provider: Provider,
    /// Threads of the processor for the model; 0: one a core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Steps of the sampler instead of the model's own number.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1000))]
    steps: Option<u32>,
    /// Weight of the conditional pass, 1 to 50, instead of the model's own; 1 makes one pass a step.
    #[arg(long, value_parser = guidance)]
    guidance: Option<f32>,
    /// Frames that are decoded at once; 0: all, and fewer where memory is short.
    #[arg(long, default_value_t = 0)]
    decode_frames: usize,
}

fn provider(name: &str) -> Result<Provider, String> {
    let known = || format!("{name} is none of {}", Provider::ALL.map(Provider::name).join(", "));
    Provider::of_name(name).ok_or_else(known)
}

fn guidance(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (1.0..=50.0).contains(&value) => Ok(value),
        _ => Err(format!("{text} is not a number from 1 to 50")),
    }
}

impl ModelArgs {
    pub(crate) fn settings(&self) -> ModelSettings {
        ModelSettings {
            provider: self.provider,
            threads: self.threads,
            steps: self.steps,
            guidance: self.guidance,
            decode_frames: self.decode_frames,
        }
    }

    /// Whether anything is asked for but what a model does by itself.
    pub(crate) fn given(&self) -> bool {
        self.settings() != ModelSettings::default()
    }

    /// The dreamer's parameters of the same meaning.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let ModelSettings { provider, threads, steps, guidance, decode_frames } = self.settings();
        let mut list = vec![
            ("provider", provider.name().to_owned()),
            ("threads", threads.to_string()),
            ("decode_frames", decode_frames.to_string()),
        ];
        list.extend(steps.map(|steps| ("steps", steps.to_string())));
        list.extend(guidance.map(|guidance| ("guidance", format!("{guidance:?}"))));
        list
    }
}

/// Does what is asked about a model.
pub(crate) fn model(command: &ModelCommand) -> anyhow::Result<Ending> {
    match command {
        ModelCommand::Check { folder, sampling } => check(folder, sampling),
        ModelCommand::Bench { folder, videos, json, sampling } => bench(folder, *videos, *json, sampling),
    }
}

fn check(path: &Path, sampling: &ModelArgs) -> anyhow::Result<Ending> {
    let folder = ModelFolder::open(path)?;
    let Manifest { name, task, prompt, licence, origin, .. } = folder.manifest();
    let Manifest { width, height, views: [top, side], noise, precision, files, .. } = folder.manifest();
    println!("{name}: {task}, \"{prompt}\"");
    println!("{top} + {side} frames of {width}×{height} px, {} steps, {precision}", noise.steps);
    println!("licence {licence}; {origin}");
    for (file, entry) in files {
        folder.verify(file)?;
        println!("{file:<24} {:>10.1} MB  whole", entry.bytes as f64 * 1e-6);
    }
    VideoModel::load(folder.clone(), ModelSettings { guidance: Some(1.0), ..sampling.settings() })?;
    if folder.has(GUIDED_STEP) {
        VideoModel::load(folder, ModelSettings { guidance: Some(2.0), ..sampling.settings() })?;
    }
    println!("the graphs keep to the contract");
    Ok(Ending::Done)
}

/// Seconds and memory of a dream's parts.
#[derive(Debug, Serialize)]
struct Timing {
    provider: &'static str,
    videos: u64,
    load_s: f64,
    encode_s: f64,
    steps_s: Vec<f64>,
    sample_s: f64,
    decode_s: f64,
    peak_memory_mb: Option<f64>,
    gpu_memory_mb: Option<f64>,
}

fn bench(path: &Path, videos: u64, json: bool, sampling: &ModelArgs) -> anyhow::Result<Ending> {
    let folder = ModelFolder::open(path)?;
    let settings = sampling.settings();
    let provider = settings.provider;
    let (load_s, model) = timed(|| VideoModel::load(folder, settings));
    let mut model = model?;
    let photos = photos(model.manifest());
    let noise: Vec<_> = (0..videos).map(|seed| Noise::seeded(seed, model.manifest())).collect();
    let (encode_s, conditions) =
        timed(|| noise.iter().map(|noise| model.encode(&photos, noise)).collect::<Result<Vec<_>, _>>());
    let ticks = RefCell::new(Vec::new());
    let tick = |_, _| {
        ticks.borrow_mut().push(Instant::now());
        true
    };
    let conditions = conditions?;
    let (sample_s, latents) = timed(|| model.sample(&conditions, &noise, tick));
    let latents = latents?;
    // The first decoding of a video counts: a dream has only one.
    let (decode_s, decoded) =
        timed(|| latents.iter().try_for_each(|latents| model.decode(&photos, latents).map(drop)));
    decoded?;
    let steps_s = ticks.borrow().windows(2).map(|t| (t[1] - t[0]).as_secs_f64()).collect::<Vec<_>>();
    let gpu_memory_mb = (provider != Provider::Cpu).then(gpu_memory_mb).flatten();
    let timing = Timing {
        provider: provider.name(),
        videos,
        load_s,
        encode_s,
        steps_s,
        sample_s,
        decode_s,
        peak_memory_mb: peak_memory_mb(),
        gpu_memory_mb,
    };
    if json {
        println!("{}", serde_json::to_string(&timing)?);
    } else {
        print(&timing);
    }
    Ok(Ending::Done)
}

fn print(timing: &Timing) {
    let mut sorted = timing.steps_s.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    let row = |what: &str, seconds: f64, more: String| println!("{what:<14} {seconds:>9.3} s  {more}");
    println!("{:<14} {:>9}", "provider", timing.provider);
    println!("{:<14} {:>9}", "videos", timing.videos);
    row("load", timing.load_s, String::new());
    row("encode", timing.encode_s, String::new());
    row("sample", timing.sample_s, format!("{} steps, median {median:.3} s", timing.steps_s.len()));
    row("decode", timing.decode_s, String::new());
    row("a dream", timing.encode_s + timing.sample_s + timing.decode_s, String::new());
    for (what, megabytes) in [("peak memory", timing.peak_memory_mb), ("GPU memory", timing.gpu_memory_mb)] {
        if let Some(megabytes) = megabytes {
            println!("{what:<14} {megabytes:>9.0} MB");
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let clock = Instant::now();
    let result = work();
    (clock.elapsed().as_secs_f64(), result)
}

/// Something to look at: neither flat nor noise.
fn photos(manifest: &Manifest) -> Photos {
    let picture = |tint: u8| {
        RgbImage::from_fn(manifest.width, manifest.height, |x, y| {
            Rgb([(x / 2) as u8, (y / 2) as u8, tint.wrapping_add((x ^ y) as u8)])
        })
    };
    Photos { top: picture(0), side: picture(90) }
}

/// Memory in use on the first GPU, by all programs, MB; known where `nvidia-smi` is.
fn gpu_memory_mb() -> Option<f64> {
    let asked = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"];
    let said = std::process::Command::new("nvidia-smi").args(asked).output().ok()?;
    let mebibytes: f64 = String::from_utf8(said.stdout).ok()?.trim().parse().ok()?;
    Some(mebibytes * 1.048576)
}

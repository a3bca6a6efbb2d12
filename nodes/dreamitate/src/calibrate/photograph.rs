use super::{BoardArgs, measurements::Measurements};
use crate::outcome::Ending;
use anyhow::{Context, bail, ensure};
use clap::Args;
use dreamer::{PairLimits, PhotoPair, PhotoPairs, onnx::Photos};
use dreamitate_calibrate::{BoardFinder, Corner};
use dreamitate_carrier::{Node, NodeArgs, between_processes};
use dreamitate_geometry::View;
use image::{RgbImage, imageops};
use std::{fs, path::PathBuf, time::Duration};

#[derive(Debug, Args)]
pub(crate) struct PhotographArgs {
    #[command(flatten)]
    board: BoardArgs,
    /// The folder of the pairs; it must be empty or not be there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Pairs to take.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=500))]
    count: u32,
    /// Seconds to wait for a pair in which the board is seen and rests, before giving up.
    #[arg(long, default_value_t = 60.0, value_parser = patience)]
    patience_s: f64,
}

/// A board that moved further than this between two looks is in motion, px; and it must have moved this far from where
/// it was photographed last.
const REST_PX: f64 = 1.0;
const ELSEWHERE_PX: f64 = 30.0;
/// As many corners must be seen in each view.
const LEAST_CORNERS: usize = 12;
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// The board's corners in both views.
type Seen = [Vec<Corner>; 2];

fn patience(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    let limits = 1.0..=86_400.0;
    if limits.contains(&seconds) { Ok(seconds) } else { Err("not within 1 and 86400 seconds".to_owned()) }
}

pub(super) async fn photograph(args: &PhotographArgs) -> anyhow::Result<Ending> {
    let finder = BoardFinder::new(&args.board.read()?)?;
    let is_empty = fs::read_dir(&args.out).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_empty, "{} holds something already; choose another --out", args.out.display());
    let node = Node::open(between_processes()?, NodeArgs::new("calibrate")?)?;
    let limits = PairLimits { gap_s: 0.02, age_s: 1.0, patience_s: args.patience_s };
    let (pairs, listening) = PhotoPairs::listen(&node, limits)?;
    println!(
        "lay the board on the table for the first pair, and elsewhere on it for a few more; then hold it before both cameras, each time elsewhere and otherwise tilted, and let it rest"
    );
    tokio::select! {
        taken = take(args, &finder, &pairs) => taken?,
        ended = listening => ended?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted; what was taken is in {}", args.out.display()),
    }
    Ok(Ending::Done)
}

async fn take(args: &PhotographArgs, finder: &BoardFinder, pairs: &PhotoPairs) -> anyhow::Result<()> {
    let (mut before, mut kept): (Option<(Photos, Seen)>, Vec<Seen>) = (None, Vec::new());
    let mut since = tokio::time::Instant::now();
    while kept.len() < args.count as usize {
        if since.elapsed().as_secs_f64() > args.patience_s {
            bail!("no new pair for {} s; {} are in {}", args.patience_s, kept.len(), args.out.display());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let pair = pairs.pair().await?;
        // The same picture says nothing of rest.
        if before.as_ref().is_some_and(|(photos, _)| *photos == pair.photos) {
            continue;
        }
        let seen = see(finder, &pair);
        let rests =
            before.as_ref().is_some_and(|(_, before)| moved_px(before, &seen).is_some_and(|px| px < REST_PX));
        // What shows no common corner is elsewhere.
        let is_new = kept.iter().all(|kept| moved_px(kept, &seen).is_none_or(|px| px > ELSEWHERE_PX));
        if rests && is_new && seen.iter().all(|corners| corners.len() >= LEAST_CORNERS) {
            keep(args, kept.len(), &pair)?;
            println!("pair {:02}: {} and {} corners", kept.len(), seen[0].len(), seen[1].len());
            kept.push(seen.clone());
            since = tokio::time::Instant::now();
        }
        before = Some((pair.photos, seen));
    }
    Ok(())
}

fn see(finder: &BoardFinder, pair: &PhotoPair) -> Seen {
    let corners = |image: &RgbImage| finder.find(&imageops::grayscale(image));
    [corners(&pair.photos.top), corners(&pair.photos.side)]
}

/// Writes a pair, and with the first what the cameras say of themselves.
fn keep(args: &PhotographArgs, index: usize, pair: &PhotoPair) -> anyhow::Result<()> {
    for (view, image) in View::ALL.into_iter().zip([&pair.photos.top, &pair.photos.side]) {
        let folder = args.out.join(view.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(format!("{index:02}.png"));
        image.save(&file).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if index == 0 {
        let cameras = View::ALL.map(|view| (view.name().to_owned(), (&pair.cameras[view.index()]).into()));
        let measured =
            Measurements { table: Some("00".to_owned()), cameras: cameras.into(), ..Measurements::default() };
        let file = args.out.join("measurements.yaml");
        fs::write(&file, serde_yaml_ng::to_string(&measured)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// How far the same corners are apart, px: the middle of all; `None` without one.
fn moved_px(before: &Seen, now: &Seen) -> Option<f64> {
    let mut moved: Vec<f64> = Vec::new();
    for (before, now) in before.iter().zip(now) {
        for a in before {
            moved.extend(now.iter().filter(|b| b.id == a.id).map(|b| (a.pixel - b.pixel).norm()));
        }
    }
    moved.sort_by(f64::total_cmp);
    moved.get(moved.len() / 2).copied()
}

//! `dreamitate calibrate`: from pictures of a printed board to a rig's file.

mod measurements;
mod photograph;

use crate::outcome::Ending;
use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use dreamitate_calibrate::{
    Board, BoardFinder, CalibrateError, FlangeFit, Page, PairCorners, StereoFit, TouchedPoint, laid_flat,
    solve_flange, solve_stereo, solve_touched, world_from_top,
};
use dreamitate_config::ConfigFolder;
use dreamitate_geometry::{PinholeCamera, Pose, Rig, View, XyzRpy};
use image::{RgbImage, imageops};
use measurements::{Measurements, OfArm};
use photograph::{PhotographArgs, photograph};
use rayon::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
};
use stereo_camera::PairFiles;

#[derive(Debug, Subcommand)]
pub(crate) enum CalibrateCommand {
    /// Write the board for printing: SVG, or PNG of 300 pixels an inch.
    Board {
        #[command(flatten)]
        board: BoardArgs,
        /// The file, .svg or .png.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The sheet's width and height; A4 lying.
        #[arg(long, value_name = "W,H", value_parser = page_mm, default_value = "297,210")]
        page_mm: Page,
    },
    /// Take pairs of pictures of the board from the camera topics as it is moved about.
    Photograph(PhotographArgs),
    /// Find where cameras and arms stand, and write a rig's file.
    Rig(RigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BoardArgs {
    /// The board: a name in config/boards, or a YAML file.
    #[arg(long, default_value = "charuco_a4")]
    board: String,
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

impl BoardArgs {
    fn read(&self) -> anyhow::Result<Board> {
        Ok(Board::read(&ConfigFolder::find(self.config.as_deref()).board(&self.board))?)
    }
}

#[derive(Debug, Args)]
pub(crate) struct RigArgs {
    /// Pairs of pictures of the board, numbered PNG files in top/ and side/, and `measurements.yaml`.
    folder: PathBuf,
    #[command(flatten)]
    board: BoardArgs,
    /// The rig to begin with, for its arms, obstacles and intrinsics: a name or a YAML file.
    #[arg(long, default_value = "paper")]
    rig: String,
    /// The new rig's file; it is named after it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Find focal lengths and principal points too, instead of trusting the given ones.
    #[arg(long)]
    intrinsics: bool,
}

pub(crate) async fn calibrate(command: &CalibrateCommand) -> anyhow::Result<Ending> {
    match command {
        CalibrateCommand::Board { board, out, page_mm } => print_board(&board.read()?, out, *page_mm),
        CalibrateCommand::Photograph(args) => photograph(args).await,
        CalibrateCommand::Rig(args) => rig(args),
    }
}

fn page_mm(text: &str) -> Result<Page, String> {
    let sides =
        text.split_once(',').and_then(|(w, h)| Some([w.trim().parse().ok()?, h.trim().parse().ok()?]));
    Ok(Page { size_mm: Some(sides.ok_or("not two numbers with a comma between")?) })
}

fn print_board(board: &Board, out: &Path, page: Page) -> anyhow::Result<Ending> {
    const PRINT_DPI: u32 = 300;
    let (svg, png) = board.print(page, PRINT_DPI)?;
    let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
    let bytes = match ending.as_str() {
        "svg" => svg.into_bytes(),
        "png" => png,
        _ => bail!("{} ends with {ending:?}; written are svg and png", out.display()),
    };
    fs::write(out, bytes).with_context(|| format!("cannot write {}", out.display()))?;
    println!(
        "{}: {} × {} squares of {:.1} mm. Print it in its true size and measure it.",
        out.display(),
        board.columns,
        board.rows,
        1e3 * board.square_m
    );
    Ok(Ending::Done)
}

fn rig(args: &RigArgs) -> anyhow::Result<Ending> {
    let config = ConfigFolder::find(args.board.config.as_deref());
    let board = args.board.read()?;
    let mut rig = Rig::read(&config.rig(&args.rig))?;
    let measured = Measurements::read(&args.folder.join("measurements.yaml"))?;
    let name = args.out.file_stem().context("--out names no file")?.to_string_lossy().into_owned();
    ensure!(!args.out.exists(), "{} is there already; choose another --out", args.out.display());
    for view in View::ALL {
        let camera = measured.camera(view, &rig.camera(view).camera)?;
        let seen = match view {
            View::Top => &mut rig.top,
            View::Side => &mut rig.side,
        };
        seen.camera = camera;
    }
    let pairs = find(&board, &rig, &args.folder)?;
    let given = View::ALL.map(|view| rig.camera(view).camera);
    let fit = solve_stereo(&board, &pairs, given, args.intrinsics)?;
    let mut about = vec![format!(
        "Calibrated with {} pairs of pictures of the board {}.",
        fit.pairs.len(),
        args.board.board
    )];
    about.extend(said_of_cameras(&fit, &given));

    let Some(table) = &measured.table else {
        about.iter().for_each(|line| println!("{line}"));
        bail!(
            "{} does not say in which pair the board lies on the table (`table: \"07\"`): where the world is stays open",
            args.folder.join("measurements.yaml").display()
        );
    };
    let on_table = std::iter::once(table).chain(&measured.table_too);
    let top_from_boards = on_table
        .map(|name| {
            let pair = fit.pair(name).ok_or_else(|| CalibrateError::NoPair { pair: name.clone() });
            pair.map(|(_, top_from_board)| *top_from_board).context("the board on the table")
        })
        .collect::<anyhow::Result<Vec<Pose>>>()?;
    let world_from_top = world_from_top(&top_from_boards, &fit.side_from_top, measured.board_m)
        .context("the top camera's rows stand upright on the table: it is rolled by 90°")?;
    (rig.top.camera, rig.side.camera) = (fit.cameras[0], fit.cameras[1]);
    rig.top.world_from_camera = world_from_top;
    rig.side.world_from_camera = world_from_top * fit.side_from_top.inverse();
    for arm in measured.arms.keys() {
        ensure!(rig.arms.contains_key(arm), "the rig {} has no arm {arm:?}", rig.name);
    }
    for (arm, mount) in &mut rig.arms {
        let Some(of_arm) = measured.arms.get(arm) else {
            about.push(format!("{arm}: not measured, its place is the one that {} had.", args.rig));
            continue;
        };
        let world_from_board = laid_flat(&(world_from_top * top_from_boards[0]), measured.board_m);
        let (world_from_base, said) = place_arm(of_arm, &board, &fit, &world_from_top, &world_from_board)
            .with_context(|| format!("the arm {arm}"))?;
        mount.world_from_base = XyzRpy::from(&world_from_base);
        about.push(format!("{arm}: {said}."));
    }
    if !rig.obstacles.is_empty() {
        about.push(format!(
            "Obstacles are where {} had them, though the world may lie elsewhere now.",
            args.rig
        ));
    }
    rig.name = name;
    about.iter().for_each(|line| println!("{line}"));
    fs::write(&args.out, rig.to_yaml(&about.join("\n")))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    println!("written to {}", args.out.display());
    Ok(Ending::Done)
}

/// Finds the board in all pairs of a folder.
fn find(board: &Board, rig: &Rig, folder: &Path) -> anyhow::Result<Vec<PairCorners>> {
    let (finder, files) = (BoardFinder::new(board)?, PairFiles::find(folder)?);
    let pairs: Vec<PairCorners> = (0..files.count())
        .into_par_iter()
        .filter_map(|index| {
            let pair = files.read(index, rig)?;
            let corners = |image: &RgbImage| finder.find(&imageops::grayscale(image));
            Some(pair.map(|pair| PairCorners {
                name: files.name(index).unwrap_or_default(),
                corners: [corners(&pair.top), corners(&pair.side)],
            }))
        })
        .collect::<Result<_, _>>()?;
    for PairCorners { name, corners: [top, side] } in &pairs {
        println!("pair {name}: {} corners in the top view, {} in the side view", top.len(), side.len());
    }
    Ok(pairs)
}

/// What is told of the cameras.
fn said_of_cameras(fit: &StereoFit, given: &[PinholeCamera; 2]) -> Vec<String> {
    let (rad, metres) = fit.side_from_top_deviation;
    let mut said = vec![
        format!(
            "Corners lie {:.2} px (RMS) from where they should be; worst pair {} with {:.2} px.",
            fit.rms_px, fit.worst_pair.0, fit.worst_pair.1
        ),
        format!(
            "The side camera's pose seen from the top camera is known to {:.2} mm and {:.3}° (one standard deviation).",
            1e3 * metres,
            rad.to_degrees()
        ),
    ];
    for ((view, deviations), given) in View::ALL.into_iter().zip(&fit.camera_deviations_px).zip(given) {
        let found = &fit.seen_cameras[view.index()];
        let numbers = [
            ("fx", given.fx_px, found.fx_px),
            ("fy", given.fy_px, found.fy_px),
            ("cx", given.cx_px, found.cx_px),
            ("cy", given.cy_px, found.cy_px),
        ];
        let each = numbers.iter().zip(deviations).map(|((name, given, found), deviation)| {
            format!("{name} {found:.2} ± {deviation:.2} px (given {given:.2})")
        });
        said.push(format!("The pictures give the {view} camera {}.", each.collect::<Vec<_>>().join(", ")));
    }
    said
}

/// Where an arm stands, and what is told of it.
fn place_arm(
    of_arm: &OfArm,
    board: &Board,
    fit: &StereoFit,
    world_from_top: &Pose,
    world_from_board: &Pose,
) -> anyhow::Result<(Pose, String)> {
    ensure!(
        of_arm.flange.is_empty() || of_arm.touched.is_empty(),
        "both touched corners and flange poses are given; one of them is enough"
    );
    if !of_arm.flange.is_empty() {
        let flange: Vec<(String, Pose)> =
            of_arm.flange.iter().map(|at| (at.pair.clone(), at.base_from_flange())).collect();
        let FlangeFit { base_from_top, rms_px, .. } = solve_flange(board, fit, &flange)?;
        let said = format!("by the board on its flange in {} pairs, {rms_px:.2} px (RMS)", flange.len());
        return Ok((world_from_top * base_from_top.inverse(), said));
    }
    let points = of_arm
        .touched
        .iter()
        .map(|touched| {
            let (corner, last) = (touched.corner, board.corner_count() - 1);
            let corner = board.corner(corner).ok_or(CalibrateError::NoCorner { corner, last })?;
            Ok(TouchedPoint { in_base: touched.xyz_m.into(), in_world: world_from_board * corner })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let touched = solve_touched(&points)?;
    let said = format!("by {} touched corners, {:.2} mm (RMS)", points.len(), 1e3 * touched.rms_m);
    Ok((touched.world_from_base, said))
}

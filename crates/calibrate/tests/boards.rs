//! Calibration from rendered pictures, with a lens's blur and a sensor's noise, whose truth is known.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod shots;

use dreamitate_calibrate::{
    Board, BoardFinder, CalibrateError, PairCorners, TouchedPoint, laid_flat, solve_flange, solve_stereo,
    solve_touched, world_from_top,
};
use dreamitate_geometry::{PinholeCamera, Pose, Rig, RigCamera, View};
use image::imageops;
use nalgebra::Vector3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shots::{ON_TABLE, place, repository, sheet, shoot};
use std::sync::{Arc, OnceLock};

const PAIRS: usize = 24;

/// What was rendered, and its truth.
struct Shots {
    board: Board,
    rig: Rig,
    pairs: Vec<PairCorners>,
    world_from_board: Vec<Pose>,
    /// The largest distance of a found corner from its true place, px, and the root mean square.
    worst_px: f64,
    rms_px: f64,
}

fn shots() -> &'static Shots {
    static SHOTS: OnceLock<Shots> = OnceLock::new();
    SHOTS.get_or_init(|| {
        let board = Board::read(&repository("config/boards/charuco_a4.yaml")).unwrap();
        let rig = Rig::read(&repository("config/rigs/paper.yaml")).unwrap();
        let finder = BoardFinder::new(&board).unwrap();
        let mesh = Arc::new(sheet(&board));
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let (mut pairs, mut places, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..PAIRS {
            let world_from_board = place(index, &mut random, &board);
            let corners = View::ALL.map(|view| {
                let RigCamera { camera, world_from_camera } = rig.camera(view);
                let picture = shoot(&mesh, camera, world_from_camera, &world_from_board, &mut random);
                let found = finder.find(&imageops::grayscale(&picture));
                let camera_from_board = world_from_camera.inverse() * world_from_board;
                errors.extend(found.iter().map(|corner| {
                    let at = board.corner(corner.id).unwrap();
                    (corner.pixel - camera.project(&(camera_from_board * at)).unwrap()).norm()
                }));
                found
            });
            pairs.push(PairCorners { name: index.to_string(), corners });
            places.push(world_from_board);
        }
        let worst_px = errors.iter().copied().fold(0.0, f64::max);
        let rms_px = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        let seen: usize = pairs.iter().flat_map(|pair| &pair.corners).map(Vec::len).sum();
        println!("{seen} corners, RMS {rms_px:.3} px, at most {worst_px:.3} px from the truth");
        Shots { board, rig, pairs, world_from_board: places, worst_px, rms_px }
    })
}

fn cameras(rig: &Rig) -> [PinholeCamera; 2] {
    View::ALL.map(|view| rig.camera(view).camera)
}

fn side_from_top(rig: &Rig) -> Pose {
    rig.side.world_from_camera.inverse() * rig.top.world_from_camera
}

/// Millimetres and degrees between two poses.
fn apart(a: &Pose, b: &Pose) -> (f64, f64) {
    let mm = 1e3 * (a.translation.vector - b.translation.vector).norm();
    (mm, a.rotation.angle_to(&b.rotation).to_degrees())
}

#[test]
fn corners_are_found_where_they_are() {
    let shots = shots();
    let least = (PAIRS as u32 * 2 * shots.board.corner_count()) as usize * 7 / 10;
    let seen: usize = shots.pairs.iter().flat_map(|pair| &pair.corners).map(Vec::len).sum();
    assert!(seen > least, "{seen} corners are seen, {least} expected");
    assert!(shots.rms_px < 0.25 && shots.worst_px < 2.0, "{} {}", shots.rms_px, shots.worst_px);
}

#[test]
fn cameras_are_found_where_they_stand() {
    let Shots { board, rig, pairs, world_from_board, .. } = shots();
    let fit = solve_stereo(board, pairs, cameras(rig), false).unwrap();
    let (mm, deg) = apart(&fit.side_from_top, &side_from_top(rig));
    println!("side camera {mm:.3} mm, {deg:.4}° off, residual {:.3} px", fit.rms_px);
    assert!(fit.rms_px <= 0.3 && mm <= 0.5 && deg <= 0.05, "{} px, {mm} mm, {deg}°", fit.rms_px);
    // What is said of the error is of its size.
    let (rad, metres) = fit.side_from_top_deviation;
    assert!(deg.to_radians() < 4.0 * rad && mm * 1e-3 < 4.0 * metres, "{rad} rad, {metres} m");
    assert!(rad < 1e-3 && metres < 1e-3, "{rad} rad, {metres} m");

    let found = world_from_top(&fit.top_from_board[..ON_TABLE], &fit.side_from_top, 0.0).unwrap();
    let (mm, deg) = apart(&found, &rig.top.world_from_camera);
    println!("top camera {mm:.3} mm, {deg:.4}° off");
    assert!(mm <= 0.5 && deg <= 0.05, "{mm} mm, {deg}°");
    let top_from_board = &fit.top_from_board[3];
    let truly = world_from_board[fit.pairs[3].name.parse::<usize>().unwrap()];
    let (mm, deg) = apart(&(found * top_from_board), &truly);
    assert!(mm <= 1.0 && deg <= 0.1, "{mm} mm, {deg}°");
}

#[test]
fn intrinsics_are_found_from_wrong_ones() {
    let Shots { board, rig, pairs, .. } = shots();
    let wrong = cameras(rig).map(|camera| PinholeCamera {
        fx_px: camera.fx_px * 1.03,
        fy_px: camera.fy_px * 1.03,
        cx_px: camera.cx_px - 9.0,
        cy_px: camera.cy_px + 7.0,
        ..camera
    });
    let refused = solve_stereo(board, pairs, wrong, false).unwrap_err();
    assert!(matches!(refused, CalibrateError::Intrinsics { apart_px: 10.0.., .. }), "{refused}");
    let fit = solve_stereo(board, pairs, wrong, true).unwrap();
    let (mm, deg) = apart(&fit.side_from_top, &side_from_top(rig));
    println!("side camera {mm:.3} mm, {deg:.4}° off with free intrinsics");
    assert!(fit.rms_px <= 0.3, "{} px", fit.rms_px);
    let deviations = fit.camera_deviations_px;
    for (index, (found, truth)) in fit.cameras.iter().zip(cameras(rig)).enumerate() {
        let errors = [
            found.fx_px - truth.fx_px,
            found.fy_px - truth.fy_px,
            found.cx_px - truth.cx_px,
            found.cy_px - truth.cy_px,
        ];
        println!("intrinsics {errors:.2?} px off, deviations {:.2?}", deviations[index]);
        for (error, deviation) in errors.iter().zip(deviations[index]) {
            assert!(error.abs() < 3.0 && error.abs() < 4.0 * deviation, "{error} px, deviation {deviation}");
        }
    }
}

#[test]
fn an_arm_is_found_by_the_board_on_its_flange() {
    let Shots { board, rig, pairs, world_from_board, .. } = shots();
    let fit = solve_stereo(board, pairs, cameras(rig), false).unwrap();
    let world_from_base: Pose = rig.arms["left"].world_from_base.into();
    let flange_from_board = Pose::new(Vector3::new(-0.1, 0.05, 0.03), Vector3::new(0.1, -0.2, 1.5));
    let at = |k: usize| world_from_base.inverse() * world_from_board[k] * flange_from_board.inverse();
    let held = fit.pairs.iter().skip(ON_TABLE).map(|pair| pair.name.clone());
    let flange: Vec<(String, Pose)> = held.map(|name| (name.clone(), at(name.parse().unwrap()))).collect();
    let found = solve_flange(board, &fit, &flange).unwrap();
    let (mm, deg) = apart(&found.flange_from_board, &flange_from_board);
    println!("board on the flange {mm:.3} mm, {deg:.4}° off");
    assert!(mm < 1.0 && deg < 0.1, "{mm} mm, {deg}°");
    let (mm, deg) = apart(&found.base_from_top, &(world_from_base.inverse() * rig.top.world_from_camera));
    println!("arm's base {mm:.3} mm, {deg:.4}° off, residual {:.3} px", found.rms_px);
    assert!(found.rms_px <= 0.3 && mm <= 0.5 && deg <= 0.05, "{mm} mm, {deg}°");

    // Poses of other pairs; and a flange that turned about one axis only.
    let mut wrong = flange.clone();
    wrong.rotate_left(1);
    let mixed: Vec<_> =
        flange.iter().zip(&wrong).map(|((name, _), (_, pose))| (name.clone(), *pose)).collect();
    assert!(matches!(solve_flange(board, &fit, &mixed), Err(CalibrateError::Residual { .. })));
    let stiff: Vec<_> = flange.iter().map(|(name, _)| (name.clone(), flange[0].1)).collect();
    assert!(matches!(solve_flange(board, &fit, &stiff), Err(CalibrateError::OneAxis { .. })));
}

#[test]
fn an_arm_is_found_by_the_corners_that_it_touched() {
    let Shots { board, rig, pairs, .. } = shots();
    let fit = solve_stereo(board, pairs, cameras(rig), false).unwrap();
    let table = fit.top_from_board[0];
    let world = world_from_top(&fit.top_from_board[..ON_TABLE], &fit.side_from_top, 0.0).unwrap();
    let world_from_base: Pose = rig.arms["right"].world_from_base.into();
    let flat = laid_flat(&(world * table), 0.0);
    let truly = shots().world_from_board[0];
    // A tip is put on a corner within half a millimetre.
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let points: Vec<TouchedPoint> = [0, 7, 19, 32, 39]
        .map(|id| {
            let corner = board.corner(id).unwrap();
            let slip = Vector3::from_fn(|_, _| random.random_range(-2e-4..2e-4));
            let in_base = world_from_base.inverse() * (truly * corner) + slip;
            TouchedPoint { in_base, in_world: flat * corner }
        })
        .to_vec();
    let found = solve_touched(&points).unwrap();
    let (mm, deg) = apart(&found.world_from_base, &world_from_base);
    println!("arm's base {mm:.3} mm, {deg:.4}° off, residual {:.3} mm", 1e3 * found.rms_m);
    assert!(mm < 2.5 && deg < 0.15, "{mm} mm, {deg}°");
}

#[test]
fn a_set_that_says_too_little_or_contradicts_itself_is_refused() {
    let Shots { board, rig, pairs, .. } = shots();
    let solve = |pairs: &[PairCorners]| solve_stereo(board, pairs, cameras(rig), false);
    let few = solve(&pairs[..5]).unwrap_err();
    assert!(matches!(few, CalibrateError::FewPairs { found: ..=5, least: 8, .. }), "{few}");
    let still = vec![pairs[1].clone(); 9];
    assert!(matches!(solve(&still), Err(CalibrateError::OneTilt { .. })));

    // The side camera took another moment's picture.
    let mut moved = pairs.clone();
    moved[4].corners[1] = pairs[9].corners[1].clone();
    let named = solve(&moved).unwrap_err();
    assert!(matches!(&named, CalibrateError::Pair { pair, .. } if pair == "4"), "{named}");

    // The board was moved a little between the two pictures of a pair.
    let mut shaken = pairs.clone();
    shaken[4].corners[1].iter_mut().for_each(|corner| corner.pixel.x += 8.0);
    let named = solve(&shaken).unwrap_err();
    assert!(matches!(&named, CalibrateError::Pair { pair, .. } if pair == "4"), "{named}");

    // A corner that is none is left out.
    let mut stray = pairs.clone();
    stray[4].corners[0][3].pixel.y += 6.0;
    let fit = solve(&stray).unwrap();
    let kept = &fit.pair("4").unwrap().0.corners[0];
    let stray_id = stray[4].corners[0][3].id;
    assert!(kept.iter().all(|corner| corner.id != stray_id) && kept.len() >= 30, "{}", kept.len());
    let unknown = solve_flange(board, &fit, &[("99".to_owned(), Pose::identity())]).unwrap_err();
    assert!(unknown.to_string().contains("\"99\""), "{unknown}");
}

//! `dreamitate calibrate` on rendered pictures of a board: from cameras' topics to a rig's file.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod programs;
#[path = "../../../crates/calibrate/tests/shots/mod.rs"]
mod shots;

use dreamitate_calibrate::Board;
use dreamitate_geometry::{Pose, Rig, RigCamera, View, XyzRpy};
use nalgebra::Vector3;
use programs::build_all_programs;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use shots::{ON_TABLE, place, repository, sheet, shoot};
use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

const PAIRS: usize = 24;
const TOUCHED: [u32; 5] = [0, 7, 19, 32, 39];

fn calibrate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dreamitate")).arg("calibrate").args(args).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Photographs the board into a folder's top/ and side/, every pair `each` times, and says where it was.
fn photographs(folder: &Path, rig: &Rig, board: &Board, pairs: usize, each: usize) -> Vec<Pose> {
    let mesh = Arc::new(sheet(board));
    let mut random = ChaCha8Rng::seed_from_u64(11);
    (0..pairs)
        .map(|index| {
            let world_from_board = place(index, &mut random, board);
            for (number, view) in
                (index * each..(index + 1) * each).flat_map(|n| View::ALL.map(|view| (n, view)))
            {
                let RigCamera { camera, world_from_camera } = rig.camera(view);
                let picture = shoot(&mesh, camera, world_from_camera, &world_from_board, &mut random);
                let file = folder.join(view.name()).join(format!("{number:02}.png"));
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                picture.save(file).unwrap();
            }
            world_from_board
        })
        .collect()
}

/// One line of a list in `measurements.yaml`.
fn at(key: &str, name: &str, pose: &Pose) -> String {
    let XyzRpy { xyz_m, rpy_rad } = XyzRpy::from(pose);
    format!("      - {{{key}: {name}, xyz_m: {xyz_m:?}, rpy_rad: {rpy_rad:?}}}\n")
}

#[test]
fn pictures_and_measurements_become_a_rig() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let board = Board::read(&repository("config/boards/charuco_a4.yaml")).unwrap();
    let truth = Rig::read(&repository("config/rigs/paper.yaml")).unwrap();
    let world_from_board = photographs(folder, &truth, &board, PAIRS, 1);

    let [left, right]: [Pose; 2] = ["left", "right"].map(|arm| truth.arms[arm].world_from_base.into());
    let touched: String = TOUCHED
        .iter()
        .map(|id| {
            let tip = left.inverse() * (world_from_board[0] * board.corner(*id).unwrap());
            format!("      - {{corner: {id}, xyz_m: [{:.5}, {:.5}, {:.5}]}}\n", tip.x, tip.y, tip.z)
        })
        .collect();
    let flange_from_board = Pose::new(Vector3::new(-0.1, 0.05, 0.03), Vector3::new(0.1, -0.2, 1.5));
    let flange: String = (ON_TABLE..PAIRS)
        // Of these the side camera sees too little.
        .filter(|k| ![11, 12].contains(k))
        .map(|k| {
            at(
                "pair",
                &format!("\"{k:02}\""),
                &(right.inverse() * world_from_board[k] * flange_from_board.inverse()),
            )
        })
        .collect();
    let arms = format!("arms:\n  left:\n    touched:\n{touched}  right:\n    flange:\n{flange}");
    let measured = folder.join("measurements.yaml");
    std::fs::write(&measured, format!("table: \"00\"\ntable_too: [\"01\", \"02\", \"03\"]\n{arms}")).unwrap();

    // What is begun with has everything elsewhere.
    let mut begin = truth.clone();
    for camera in [&mut begin.top, &mut begin.side] {
        camera.world_from_camera.translation.vector += Vector3::new(0.1, 0.2, 0.3);
    }
    begin.arms.values_mut().for_each(|arm| arm.world_from_base.xyz_m = [0.0, 0.0, 5.0]);
    let begin_file = folder.join("begin.yaml");
    std::fs::write(&begin_file, begin.to_yaml("")).unwrap();

    let out = folder.join("lab.yaml");
    let args = ["rig", text(folder), "--rig", text(&begin_file), "--out", text(&out)];
    let output = calibrate(&args);
    assert!(output.status.success(), "{}", said(&output));
    let found = Rig::read(&out).unwrap();
    assert_eq!(found.name, "lab");
    let apart = |a: &Pose, b: &Pose| {
        (
            1e3 * (a.translation.vector - b.translation.vector).norm(),
            a.rotation.angle_to(&b.rotation).to_degrees(),
        )
    };
    for view in View::ALL {
        let (mm, deg) = apart(&found.camera(view).world_from_camera, &truth.camera(view).world_from_camera);
        println!("{view} camera {mm:.3} mm, {deg:.4}° off");
        assert!(mm < 0.5 && deg < 0.05, "{view}: {mm} mm, {deg}°");
        assert_eq!(found.camera(view).camera, truth.camera(view).camera);
    }
    for arm in ["left", "right"] {
        let (mm, deg) =
            apart(&found.arms[arm].world_from_base.into(), &truth.arms[arm].world_from_base.into());
        println!("{arm} arm {mm:.3} mm, {deg:.4}° off");
        assert!(mm < 0.5 && deg < 0.05, "{arm}: {mm} mm, {deg}°");
        assert_eq!(found.arms[arm].joint_prefix, truth.arms[arm].joint_prefix);
    }
    let written = std::fs::read_to_string(&out).unwrap();
    assert!(
        written.contains("# left: by 5 touched corners") && written.contains("# Calibrated with"),
        "{written}"
    );

    // Nothing is written over, and what is missing or wrong is named.
    assert!(said(&calibrate(&args)).contains("is there already"));
    let refused = |text: String| {
        std::fs::write(&measured, text).unwrap();
        let again = folder.join("again.yaml");
        let args = ["rig", args[1], "--rig", args[3], "--out", again.to_str().unwrap()];
        let output = calibrate(&args);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(!again.exists());
        said(&output)
    };
    assert!(refused(arms.clone()).contains("does not say in which pair the board lies on the table"));
    assert!(refused(format!("table: \"77\"\n{arms}")).contains("no pair \"77\""));
    assert!(refused(format!("table: 77\n{arms}")).contains("in quotes"));
    assert!(refused("table: \"00\"\narms: {third: {}}".to_owned()).contains("no arm \"third\""));
    let wrong = arms.replacen("corner: 19", "corner: 20", 1);
    let message = refused(format!("table: \"00\"\n{wrong}"));
    assert!(message.contains("the arm left") && message.contains("touched point 2"), "{message}");
}

#[test]
fn the_board_is_written_for_printing() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("board.svg");
    let output = calibrate(&["board", "--out", text(&svg)]);
    assert!(
        output.status.success() && said(&output).contains("9 × 6 squares of 30.0 mm"),
        "{}",
        said(&output)
    );
    assert!(std::fs::read_to_string(&svg).unwrap().contains("<svg"));
    let small = calibrate(&["board", "--out", text(&svg), "--page-mm", "200,100"]);
    assert_eq!(small.status.code(), Some(1), "{}", said(&small));
}

/// Keeps a program among its like: a domain of its own, on this machine.
fn apart(command: &mut Command) -> &mut Command {
    command.env("ROS_DOMAIN_ID", "91").env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
}

/// The camera node plays files over Zenoh; the program takes those in which the board rests and is elsewhere.
#[test]
fn pairs_are_photographed_from_the_cameras_topics() {
    let temporary = tempfile::tempdir().unwrap();
    let board = Board::read(&repository("config/boards/charuco_a4.yaml")).unwrap();
    let rig = Rig::read(&repository("config/rigs/paper.yaml")).unwrap();
    let shown = temporary.path().join("shown");
    photographs(&shown, &rig, &board, 2, 2);
    let node = Path::new(env!("CARGO_BIN_EXE_dreamitate")).with_file_name("stereo_camera");
    build_all_programs();
    let folder = format!("folder:='{}'", shown.display());
    let mut camera = apart(&mut Command::new(node))
        .args(["--ros-args", "-p", "rate_hz:=1.0", "-p", &folder])
        .spawn()
        .unwrap();
    let out = temporary.path().join("taken");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dreamitate"));
    let args = ["calibrate", "photograph", "--out", text(&out), "--count", "2", "--patience-s", "30"];
    let output = apart(&mut command).args(args).output().unwrap();
    camera.kill().unwrap();
    camera.wait().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    // Which of the shown pairs a taken picture is.
    let shown_as = |view: &str, taken: &str| {
        let read = |path: &Path| image::open(path).unwrap().into_rgb8();
        let picture = read(&out.join(view).join(taken));
        (0..4).find(|k| read(&shown.join(view).join(format!("{k:02}.png"))) == picture).unwrap()
    };
    let [first, second] = ["00.png", "01.png"].map(|taken| {
        let of_pair = shown_as("top", taken);
        assert_eq!(of_pair, shown_as("side", taken), "both views are of one moment");
        of_pair
    });
    assert_ne!(first / 2, second / 2, "the board was elsewhere");
    let measured = std::fs::read_to_string(out.join("measurements.yaml")).unwrap();
    assert!(measured.contains("table: '00'") && measured.contains("fx_px: 910.03"), "{measured}");
}

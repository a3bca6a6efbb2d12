//! The four real dreams of the paper's authors, from files to executed, against a prototype's poses.
//!
//! The dreams are not part of the project: they are read from `$DREAMITATE_SHARED` or from `shared` beside the
//! project's folder, and the test says so where they are absent.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

use dreamitate_geometry::{pose_from_rows, rotation_angle_rad};
use serde_json::Value;
use std::{path::PathBuf, process::Command};

const CASES: [&str; 4] = ["001", "009", "013", "021"];

fn dreams() -> Option<PathBuf> {
    let shared = std::env::var_os("DREAMITATE_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")));
    let dreams = shared.join("dreams/rotation");
    let ffmpeg = std::env::var("DREAMITATE_FFMPEG").unwrap_or_else(|_| "ffmpeg".to_owned());
    if !dreams.is_dir() {
        println!("skipped: no real dreams in {}", dreams.display());
        return None;
    }
    if Command::new(&ffmpeg).arg("-version").output().is_err() {
        println!(
            "skipped: the dreams are mp4 and there is no {ffmpeg}; install ffmpeg or set DREAMITATE_FFMPEG"
        );
        return None;
    }
    Some(dreams)
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn real_dreams_are_tracked_as_by_the_prototype_and_executed() {
    let Some(dreams) = dreams() else { return };
    let study = json(dreams.join("study_poses.json"));
    for case in CASES {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let output = Command::new(env!("CARGO_BIN_EXE_dreamitate"))
            .args(["run", "rotation", "--fast", "--dream"])
            .arg(dreams.join(case))
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        assert!(output.status.success(), "{case}: {output:?}");
        let (tracks, summary) = (json(out.join("tracks.json")), json(out.join("summary.json")));
        let (mut accepted, mut position_mm, mut rotation_deg) = (0, Vec::new(), Vec::new());
        let (mut view_px, mut fused_px) = (Vec::new(), Vec::new());
        for tool in ["left", "right"] {
            for reprojection in ["top", "side"].map(|view| &summary["tools"][tool]["reprojection"][view]) {
                view_px.push(reprojection["view_px"].as_f64().unwrap());
                fused_px.push(reprojection["fused_px"].as_f64().unwrap());
            }
            for entry in tracks[tool].as_array().unwrap().iter().filter(|e| e["accepted"] == true) {
                accepted += usize::from(entry["frame"].as_u64().unwrap() >= 4);
                let reference = study[case][tool].as_array().unwrap().iter();
                let same = |e: &&Value| e["frame"] == entry["frame"] && e["accepted"] == true;
                let Some(reference) = reference.into_iter().find(same) else { continue };
                let [found, reference] = [entry, reference].map(|e| {
                    pose_from_rows(&serde_json::from_value(e["topcam_from_tool"].clone()).unwrap()).unwrap()
                });
                position_mm.push(1e3 * (found.translation.vector - reference.translation.vector).norm());
                rotation_deg.push(rotation_angle_rad(&found, &reference).to_degrees());
            }
            let arm = &summary["arms"][tool];
            assert!(arm["largest_joint_jump_rad"].as_f64().unwrap() <= 0.5, "{case}: {arm}");
            assert!(arm["path_deviation_mm"].as_f64().unwrap() <= 1.0, "{case}: {arm}");
            assert!(arm["path_deviation_deg"].as_f64().unwrap() <= 0.2, "{case}: {arm}");
        }
        let (position_mm, rotation_deg) = (median(position_mm), median(rotation_deg));
        println!(
            "{case}: {accepted} of 18 accepted in frames 4-12; median {position_mm:.2} mm, {rotation_deg:.2}° from the prototype's; edges off by {view_px:.2?} px at the views' poses, {fused_px:.2?} px at the fused"
        );
        assert!(accepted >= 17, "{case}: {accepted} of 18 accepted");
        for (px, limit_px) in [(view_px, 1.2), (fused_px, 2.5)] {
            assert!(px.iter().all(|px| *px <= limit_px), "{case}: {px:?} px, at most {limit_px}");
        }
        assert!(position_mm <= 6.0 && rotation_deg <= 3.0, "{case}: {position_mm} mm, {rotation_deg}°");
    }
}

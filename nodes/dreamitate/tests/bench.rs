//! A small part of `dreamitate bench tracking`.
#![allow(clippy::unwrap_used)]

use std::process::Command;

fn bench(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_dreamitate"))
        .args(["bench", "tracking"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn tools_of_all_tasks_are_tracked_in_easy_dreams() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("bench");
    let arguments = ["--clips", "4", "--levels", "easy", "--sheets", "--out", out.to_str().unwrap()];
    let output = bench(&arguments);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    println!("{table}");
    assert!(table.lines().any(|line| line.starts_with("easy")), "{table}");
    let text = std::fs::read_to_string(out.join("tracking.json")).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&text).unwrap();
    let easy = &numbers["levels"]["easy"];
    // Two tools of the rotation task and one of each other task, frames 4 to 12.
    assert_eq!((easy["tracks"].as_u64(), easy["frames"].as_u64()), (Some(5), Some(45)));
    assert!(easy["within_5mm_2deg_percent"].as_f64().unwrap() >= 95.0, "{easy}");
    assert_eq!(easy["wrong_percent"].as_f64(), Some(0.0), "{easy}");
    assert_eq!(numbers["tracks"]["easy"].as_array().unwrap().len(), 5);
    for file in ["errors.svg", "calibration.svg", "rotation-easy-1000.png", "push_shape-easy-1003.png"] {
        assert!(out.join(file).is_file(), "{file}");
    }
}

#[test]
fn an_unknown_level_names_those_there_are() {
    let output = bench(&["--levels", "gentle"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("gentle is none of clean, easy, medium, hard"), "{message}");
}

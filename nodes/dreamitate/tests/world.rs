//! `eval` and `demos`, run as a user runs them.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

fn dreamitate(args: &[&str], out: &Path) -> String {
    let run =
        Command::new(env!("CARGO_BIN_EXE_dreamitate")).args(args).arg("--out").arg(out).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{args:?}: {said}\n{errors}");
    said.into_owned()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn each_task_is_dreamt_tracked_executed_and_done() {
    for (task, figure, least) in [
        ("rotation", "turned_deg", 25.0),
        ("scooping", "grains", 5.0),
        ("sweeping", "fraction", 0.5),
        ("push_shape", "iou", 0.731),
    ] {
        let out = tempfile::tempdir().unwrap();
        let said = dreamitate(&["eval", task, "--trials", "2"], out.path());
        assert!(said.contains(&format!("{task}, oracle, test objects: 2 of 2 done")), "{said}");
        let eval = json(&out.path().join("eval.json"));
        assert!(eval["summary"]["means"][figure].as_f64().unwrap() >= least, "{eval}");
        for trial in eval["trials"].as_array().unwrap() {
            assert!(trial["tracking"]["median_mm"].as_f64().unwrap() < 5.0, "{trial}");
            assert!(trial["joint_error_rad"].as_f64().unwrap() < 0.1, "{trial}");
            for strip in trial["strips"].as_array().unwrap() {
                let strip = image::open(out.path().join("trials").join(strip.as_str().unwrap())).unwrap();
                assert!(strip.width() > 1000, "{}", strip.width());
            }
        }
        assert!(fs::read_to_string(out.path().join("report.html")).unwrap().contains("2 of 2 done"));
    }
}

/// All nodes in one process, with the world in the place of cameras and simulated arms.
#[test]
fn the_graph_does_the_task_in_a_world() {
    let out = tempfile::tempdir().unwrap();
    let said = dreamitate(&["run", "rotation", "--world", "1", "--fast"], out.path());
    assert!(said.contains("execution          Executed") && said.contains("turned_deg"), "{said}");
    let summary = json(&out.path().join("summary.json"));
    assert_eq!(summary["world"]["success"], true, "{summary}");
    assert!(summary["world"]["figures"][0][1].as_f64().unwrap() >= 25.0, "{summary}");
    assert_eq!(summary["outcome"], "executed");
}

#[test]
fn a_trial_is_repeated_by_its_seed_alone() {
    let outcome = |args: &[&str], seed: u64| {
        let out = tempfile::tempdir().unwrap();
        dreamitate(&[&["eval", "sweeping", "--dreamer", "poses"], args].concat(), out.path());
        let eval = json(&out.path().join("eval.json"));
        let trials = eval["trials"].as_array().unwrap();
        let trial = trials.iter().find(|trial| trial["seed"] == seed).unwrap();
        (trial["about"].clone(), trial["figures"].clone(), trial["joint_error_rad"].clone())
    };
    let among_others = outcome(&["--trials", "3", "--first-seed", "5"], 6);
    let alone = outcome(&["--trials", "1", "--first-seed", "6", "--jobs", "1"], 6);
    assert_eq!(among_others, alone);
}

#[test]
fn demonstrations_are_taken_up_where_they_were_left() {
    let out = tempfile::tempdir().unwrap();
    dreamitate(&["demos", "rotation", "--count", "1"], out.path());
    let clip = out.path().join("training_00000");
    let marked = clip.join("top/00.png");
    let made = fs::metadata(&marked).unwrap().modified().unwrap();
    let said = dreamitate(&["demos", "rotation", "--count", "2"], out.path());
    assert!(said.contains("2 demonstrations in 2 clips"), "{said}");
    assert_eq!(fs::metadata(&marked).unwrap().modified().unwrap(), made, "the first was kept");
    for name in ["training_00000", "training_00001"] {
        let truth = json(&out.path().join(name).join("truth.json"));
        assert_eq!(truth["world_from_tool"]["left"].as_array().unwrap().len(), 13);
        for view in ["top", "side"] {
            assert_eq!(fs::read_dir(out.path().join(name).join(view)).unwrap().count(), 13);
        }
    }
    assert_eq!(json(&out.path().join("demos.json"))["clips"].as_array().unwrap().len(), 2);
}

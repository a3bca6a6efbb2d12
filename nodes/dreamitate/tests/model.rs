//! The commands that need a video model, as programs.
#![allow(clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");

fn dreamitate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dreamitate"));
    command.args(args).env("DREAMITATE_CONFIG", CONFIG);
    command
}

fn tiny() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("DREAMITATE_TINY_MODELS") else {
        println!("skipped: DREAMITATE_TINY_MODELS names no folder; test/run makes one");
        return None;
    };
    Some(Path::new(&folder).join("fp32"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_library_that_is_missing_or_too_old_is_named() {
    let Some(model) = tiny() else { return };
    let model = model.display().to_string();
    let check = |library: &Path| {
        let output = dreamitate(&["model", "check", &model]).env("ORT_DYLIB_PATH", library).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        said(&output)
    };
    let missing = check("/no/such/libonnxruntime.so".as_ref());
    assert!(missing.contains("/no/such/libonnxruntime.so"), "{missing}");

    // A library that says that it is of 2022.
    let scratch = tempfile::tempdir().unwrap();
    let (source, library) = (scratch.path().join("old.c"), scratch.path().join("old.so"));
    std::fs::write(
        &source,
        "static const void *api(unsigned v) { return 0; } static const char *version(void) { return \"1.10.0\"; }
         static const struct { const void *(*a)(unsigned); const char *(*v)(void); } base = { api, version };
         const void *OrtGetApiBase(void) { return &base; }",
    )
    .unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.unwrap().success());
    let old = check(&library);
    assert!(old.contains("1.10.0") && old.contains("1.24"), "{old}");
    let none = check(&source);
    assert!(none.contains("old.c"), "{none}");
}

#[test]
fn a_model_is_checked_and_timed() {
    let Some(model) = tiny() else { return };
    let model = model.display().to_string();
    let output = dreamitate(&["model", "check", &model]).output().unwrap();
    let text = said(&output);
    assert!(output.status.success() && text.contains("the graphs keep to the contract"), "{text}");
    assert!(
        text.contains("unet_step_guided.onnx") && text.contains("licence none: random numbers"),
        "{text}"
    );

    let output = dreamitate(&["model", "bench", &model, "--steps", "5", "--videos", "2", "--json"]).output();
    let timing: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(timing["steps_s"].as_array().unwrap().len(), 5, "{timing}");
    let sum: f64 = timing["steps_s"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).sum();
    assert!(sum > 0.0 && sum <= timing["sample_s"].as_f64().unwrap(), "{timing}");
}

/// Random weights dream nothing that could be tracked: the run ends with the verdict, and nothing moves.
#[test]
fn a_dream_of_nonsense_is_rejected_with_a_report() {
    let Some(model) = tiny() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let (model, out_text) = (model.display().to_string(), out.display().to_string());
    let args = ["run", "rotation", "--fast", "--model", &model, "--steps", "3", "--out", &out_text];
    let output = dreamitate(&args).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["source"], "onnx");
    assert!(summary["clip_id"].as_str().unwrap().starts_with("rotation-onnx-0-"), "{summary:#}");
    for result in ["report.html", "overview.png", "photos/top.png", "photos/side.png"] {
        assert!(out.join(result).is_file(), "{result}");
    }
    // The photos can be given again, but not from the folder that is made anew.
    let inside = out.join("photos").display().to_string();
    let output = dreamitate(&[&args[..], &["--photos", &inside]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("choose another --out") && out.join("photos/top.png").is_file());
    let photos = scratch.path().join("photos");
    std::fs::rename(out.join("photos"), &photos).unwrap();
    let photos = photos.display().to_string();
    let output = dreamitate(&[&args[..], &["--photos", &photos]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

/// The same for a trial: it is dreamt from photos of the world, nothing moves, and the table says where it failed.
#[cfg(feature = "world")]
#[test]
fn a_trial_of_nonsense_fails_in_tracking() {
    let Some(model) = tiny() else { return };
    let out = tempfile::tempdir().unwrap();
    let (model, out_text) = (model.display().to_string(), out.path().display().to_string());
    let args = ["eval", "rotation", "--trials", "2", "--model", &model, "--steps", "3", "--out", &out_text];
    let output = dreamitate(&args).output().unwrap();
    let text = said(&output);
    assert!(output.status.success() && text.contains("rotation, model, test objects: 0 of 2 done"), "{text}");
    assert!(text.contains("failures tracking 2"), "{text}");
    let strip = image::open(out.path().join("trials/0001-0-dream.jpg")).unwrap();
    assert!(strip.width() > 1000, "{}", strip.width());
}

#[test]
fn wrong_arguments_are_refused() {
    for args in [
        &["run", "rotation", "--photos", "."][..],
        &["run", "rotation", "--model", ".", "--dream", "."],
        &["run", "rotation", "--model", ".", "--guidance", "0.5"],
        &["run", "rotation", "--model", ".", "--steps", "1"],
        &["run", "rotation", "--model", ".", "--provider", "tpu"],
    ] {
        let output = dreamitate(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
    }
    let output = dreamitate(&["run", "rotation", "--provider", "cuda"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("go with --model"), "{}", said(&output));
}

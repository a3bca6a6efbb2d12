//! The program as a user runs it.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod programs;
#[path = "run/restart.rs"]
mod restart;

use dreamer::rendered::render;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use programs::build_all_programs;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn dreamitate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dreamitate")).args(args).output().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn code_and_message(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A bag that was made once and is kept: what the tracker makes of it does not change unnoticed.
#[test]
fn a_kept_bag_replays_to_what_was_recorded() {
    let file = |name: &str| format!("{}/../../test/replay/{name}", env!("CARGO_MANIFEST_DIR"));
    let output = dreamitate(&["replay", &file("rotation.mcap"), "--expect", &file("recorded.yaml")]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.matches("\npass ").count() == 6, "{output:?}");
}

/// The rendered default: from nothing to two arms that moved, with all that a run leaves; and the bag replays
/// to the same tracks, twice.
#[test]
fn a_rendered_dream_is_tracked_executed_reported_recorded_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = dreamitate(&["run", "rotation", "--fast", "--out", path(&out)]);
    assert!(output.status.success(), "{output:?}");

    let summary = json(&out.join("summary.json"));
    assert_eq!(summary["outcome"], "executed", "{summary:#}");
    for side in ["left", "right"] {
        let tool = &summary["tools"][side];
        let frames = tool["accepted_frames"].as_array().unwrap();
        assert!((4..=12).all(|k| frames.contains(&k.into())), "{side}: {tool:#}");
        let error = &tool["error_mean"];
        assert!(error["position_mm"].as_f64().unwrap() <= 1.5, "{error}");
        assert!(error["rotation_deg"].as_f64().unwrap() <= 0.7, "{error}");
        let arm = &summary["arms"][side];
        assert!(arm["largest_joint_jump_rad"].as_f64().unwrap() <= 0.5, "{arm}");
        assert!(arm["path_deviation_mm"].as_f64().unwrap() <= 1.0, "{arm}");
        assert!(arm["path_deviation_deg"].as_f64().unwrap() <= 0.2, "{arm}");
        for fraction in ["velocity_fraction", "acceleration_fraction"] {
            assert!(arm[fraction].as_f64().unwrap() <= 1.0, "{arm}");
        }
        assert_eq!(
            arm["waypoints"].as_u64().unwrap() as usize,
            frames.len(),
            "every accepted frame is reached"
        );
    }
    assert!(summary["clearance_between_arms_m"].as_f64().unwrap() > 0.0);

    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("data:image/jpeg;base64,") && !report.contains("__DREAMITATE_REPORT__"));
    assert!(!report.contains("src=\"http"), "the report must open offline");
    let scene = image::open(out.join("scene.png")).unwrap().into_rgb8();
    // Tools of high confidence are green, executed paths blue, arms grey.
    for (what, is_it) in [
        ("tools", (|[r, g, b]: [u8; 3]| g > 120 && r < g - 40 && b < 80) as fn([u8; 3]) -> bool),
        ("paths", |[r, g, b]| b > 220 && r < 100 && g > 120),
        ("arms", |[r, g, b]| (90..180).contains(&r) && r.abs_diff(g) < 20 && g.abs_diff(b) < 25),
    ] {
        let count = scene.pixels().filter(|pixel| is_it(pixel.0)).count();
        assert!(count > 300, "{what}: {count} px");
    }
    let picture = image::open(out.join("overview.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (4 * 384, 2 * 224));

    let bag = out.join("bag");
    let tracks = std::fs::read(out.join("tracks.json")).unwrap();
    for round in ["first.json", "second.json"] {
        let again = folder.path().join(round);
        let output = dreamitate(&["replay", path(&bag), "--out", path(&again)]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).matches("the same, bit for bit").count(), 2);
        assert!(std::fs::read(&again).unwrap() == tracks, "the replay's tracks differ from the run's");
    }
    // The same against a file of expectations, then against ones that cannot hold.
    let expected = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/replay/rotation.yaml");
    let output = dreamitate(&["replay", path(&bag), "--expect", expected]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.matches("\npass ").count() == 8, "{output:?}");
    let too_much = folder.path().join("too_much.yaml");
    let text = "tools: {left: {outcome: rejected, least_accepted: 13, from_recorded: {position_mm: 1.0e-3, \
                rotation_deg: 1.0e-3}, from_truth: {position_mm: 1.0e-6, rotation_deg: 9.0}}, third: {}}";
    std::fs::write(&too_much, text).unwrap();
    let output = dreamitate(&["replay", path(&bag), "--expect", path(&too_much)]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    for line in [
        "FAIL left: accepted, expected rejected",
        "frames accepted, at least 13 expected",
        "pass left: 0.000 mm and 0.000° from what was recorded",
        "mm and 9° expected",
        "FAIL third: no such tool was tracked",
    ] {
        assert!(said.contains(line), "no \"{line}\" in\n{said}");
    }
    std::fs::write(&too_much, "tools: {left: {outcome: good}}").unwrap();
    let (code, message) = code_and_message(&dreamitate(&["replay", path(&bag), "--expect", path(&too_much)]));
    assert!(code == 1 && message.contains("too_much.yaml") && message.contains("good"), "{message}");

    let listing = dreamitate(&["inspect", path(&bag)]);
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    for topic in
        ["/dream/clip", "/track/top/left", "/trajectory/right", "/left/joint_states", "/tf", "/plan/left"]
    {
        assert!(listing.contains(topic), "{topic} is not in\n{listing}");
    }

    // The same tracks planned again without a run, with the task's arms and with others.
    let planned = folder.path().join("plan");
    let track_file = out.join("tracks.json");
    for robot in ["xarm7", "ur5"] {
        let output = dreamitate(&[
            "plan",
            "--trajectory",
            path(&track_file),
            "--robot",
            robot,
            "--out",
            path(&planned),
        ]);
        assert!(output.status.success(), "{robot}: {output:?}");
        let plan = json(&planned.join("plan.json"));
        let again = &plan["summary"]["arms"][0];
        assert_eq!(
            plan["trajectories"][0]["joint_names"].as_array().unwrap().len(),
            if robot == "ur5" { 6 } else { 7 }
        );
        if robot == "xarm7" {
            let before = &summary["arms"]["left"];
            for (now, then) in [("time_scale", "time_scale"), ("largest_jump_rad", "largest_joint_jump_rad")]
            {
                let [now, then] = [&again[now], &before[then]].map(|v| v.as_f64().unwrap());
                assert!((now - then).abs() < 1e-6, "the plan is not the run's: {now} {then}");
            }
        }
        assert!(
            std::fs::read_to_string(planned.join("report.html")).unwrap().contains("\"outcome\":\"planned\"")
        );
    }

    // A bag cut short still replays what it holds.
    let file = std::fs::read_dir(&bag)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "mcap"));
    let cut = folder.path().join("cut.mcap");
    let bytes = std::fs::read(file.unwrap()).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() * 9 / 10]).unwrap();
    let output = dreamitate(&["inspect", path(&cut)]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("cut short"), "{output:?}");
}

/// Every node a process of its own: the tracks are those of one process.
#[test]
fn processes_over_zenoh_give_the_same_tracks_as_one_process() {
    build_all_programs();
    let folder = tempfile::tempdir().unwrap();
    let (alone, apart) = (folder.path().join("alone"), folder.path().join("apart"));
    let output = dreamitate(&["run", "rotation", "--fast", "--seed", "3", "--out", path(&alone)]);
    assert!(output.status.success(), "{output:?}");
    let domain = (std::process::id() % 90 + 100).to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_dreamitate"))
        .args(["launch", "rotation", "--fast", "--seed", "3", "--out", path(&apart)])
        .env("ROS_DOMAIN_ID", domain)
        .env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let tracks = |out: &PathBuf| std::fs::read(out.join("tracks.json")).unwrap();
    assert!(tracks(&alone) == tracks(&apart), "the tracks differ");
    assert_eq!(json(&apart.join("summary.json"))["outcome"], "executed");
    // Processes say how they do; nodes within one do not.
    let topics =
        |out: &PathBuf| String::from_utf8(dreamitate(&["inspect", path(&out.join("bag"))]).stdout).unwrap();
    assert!(topics(&apart).contains("/diagnostics") && !topics(&alone).contains("/diagnostics"));
    for shown in ["/visualization_marker_array", "/trajectory/left/path"] {
        assert!(topics(&apart).contains(shown) && topics(&alone).contains(shown), "{shown}");
    }
}

#[test]
fn the_papers_midpoint_fusion_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = dreamitate(&["run", "rotation", "--fast", "--fusion", "midpoint", "--out", path(&out)]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_missing_dream_an_unknown_task_and_a_foreign_folder_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (code, message) =
        code_and_message(&dreamitate(&["run", "rotation", "--dream", "/no/such/dream", "--out", path(&out)]));
    assert_eq!(code, 1);
    assert!(message.contains("/no/such/dream"), "{message}");
    let (code, message) = code_and_message(&dreamitate(&["run", "juggling", "--out", path(&out)]));
    assert_eq!(code, 1);
    assert!(message.contains("juggling") && message.contains("rotation"), "{message}");
    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(foreign.path().join("thesis.tex"), "dear to somebody").unwrap();
    let (code, message) = code_and_message(&dreamitate(&["run", "rotation", "--out", path(foreign.path())]));
    assert_eq!(code, 1);
    assert!(message.contains("thesis.tex"), "{message}");
    assert!(foreign.path().join("thesis.tex").is_file());
}

/// A dream in which nothing happens: 25 frames of an empty table.
#[test]
fn a_dream_without_a_tool_is_rejected_and_nothing_moves() {
    let folder = tempfile::tempdir().unwrap();
    let dream = folder.path().join("dream");
    std::fs::create_dir_all(dream.join("frames")).unwrap();
    let photo = |shade: u8| {
        image::RgbImage::from_fn(1280, 720, |x, y| image::Rgb([shade, (x / 30) as u8, (y / 20) as u8]))
    };
    photo(20).save(dream.join("top.png")).unwrap();
    photo(60).save(dream.join("side.png")).unwrap();
    for frame in 0..25 {
        let photo = if frame < 13 { photo(20) } else { photo(60) };
        let crop = image::imageops::crop_imm(&photo, 23, 0, 1234, 720).to_image();
        image::imageops::resize(&crop, 768, 448, image::imageops::FilterType::Triangle)
            .save(dream.join(format!("frames/{frame:02}.png")))
            .unwrap();
    }
    let out = folder.path().join("out");
    let output = dreamitate(&["run", "rotation", "--fast", "--dream", path(&dream), "--out", path(&out)]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let summary = json(&out.join("summary.json"));
    assert_eq!(summary["outcome"], "rejected");
    assert!(
        summary["tools"]["left"]["reason"].as_str().unwrap().contains("no tool in the dream"),
        "{summary:#}"
    );
    assert!(summary["arms"].as_object().unwrap().is_empty(), "nothing moves");
    assert!(out.join("bag").is_dir() && out.join("report.html").is_file());
}

/// The side view is the empty table's in all frames; the other one goes on, and must not wait for it for ever.
#[test]
fn a_dream_of_which_one_view_shows_no_tool_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let dream = folder.path().join("dream");
    std::fs::create_dir_all(dream.join("frames")).unwrap();
    let task = Task::read(&ConfigFolder::find(None), "rotation").unwrap();
    let clip = render(&task, 5, |_, _| true).unwrap().clip;
    let [top, side] = View::ALL.map(|view| &clip.view(view).frames);
    top[0].save(dream.join("top.png")).unwrap();
    side[0].save(dream.join("side.png")).unwrap();
    for (number, frame) in top.iter().chain(std::iter::repeat_n(&side[0], 12)).enumerate() {
        frame.save(dream.join(format!("frames/{number:02}.png"))).unwrap();
    }
    let out = folder.path().join("out");
    let output = dreamitate(&["run", "rotation", "--fast", "--dream", path(&dream), "--out", path(&out)]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let summary = json(&out.join("summary.json"));
    assert_eq!(summary["outcome"], "rejected");
    let frames = summary["tools"]["left"]["rejected_frames"].to_string();
    assert!(frames.contains("side"), "{summary:#}");
}

/// A file that may not grow beyond 4 MB stands for the disk; the clip alone is larger.
#[test]
fn a_full_disk_ends_the_recording_with_an_error_and_leaves_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = Command::new("bash")
        .args(["-c", "ulimit -f 4096; trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_dreamitate")])
        .args(["run", "rotation", "--fast", "--out", path(&out)])
        .output()
        .unwrap();
    let (code, message) = code_and_message(&output);
    assert_eq!(code, 1, "{message}");
    assert!(
        message.contains("bag_0.mcap: recording stopped after") && message.contains("bytes"),
        "{message}"
    );
    assert_eq!(json(&out.join("summary.json"))["outcome"], "executed");
    assert!(out.join("report.html").is_file());
    let listing = dreamitate(&["inspect", path(&out.join("bag"))]);
    assert!(String::from_utf8_lossy(&listing.stdout).contains("/left/joint_states"), "{listing:?}");
}

/// Whoever interrupts a run finds the bag closed and no node left.
#[test]
fn an_interrupted_launch_closes_the_bag_and_ends_its_nodes() {
    use nix::{sys::signal, unistd::Pid};
    build_all_programs();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let launch = Command::new(env!("CARGO_BIN_EXE_dreamitate"))
        .args(["launch", "rotation", "--out", path(&out)])
        .env("ROS_DOMAIN_ID", (std::process::id() % 50 + 30).to_string())
        .env("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let pid = launch.id();
    let nodes = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    assert_eq!(
        nodes.split_whitespace().count(),
        8,
        "dreamer, two trackers, fusion, markers, two arms, executor"
    );
    signal::kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal::Signal::SIGTERM).unwrap();
    let output = launch.wait_with_output().unwrap();
    let (code, message) = code_and_message(&output);
    assert_eq!(code, 1);
    assert!(message.contains("error: interrupted by SIGTERM"), "{message}");
    for node in nodes.split_whitespace() {
        assert!(!Path::new(&format!("/proc/{node}")).exists(), "a node is left");
    }
    let listing = dreamitate(&["inspect", path(&out.join("bag"))]);
    assert!(listing.status.success() && !String::from_utf8_lossy(&listing.stdout).contains("cut short"));
}

#[test]
fn postures_of_a_pose_are_listed_and_a_pose_out_of_reach_is_said() {
    let output = dreamitate(&[
        "ik",
        "--robot",
        "ur5",
        "--xyz-m",
        "0.4,0.1,0.3",
        "--rpy-rad",
        "3.1,0.2,-0.4",
        "--json",
    ]);
    assert!(output.status.success(), "{output:?}");
    let postures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let postures = postures.as_array().unwrap();
    assert_eq!(postures.len(), 8, "a UR5 has eight");
    for posture in postures {
        assert!(posture["residual_m"].as_f64().unwrap() <= 1e-6, "{posture}");
        assert!(posture["residual_rad"].as_f64().unwrap() <= 1e-5, "{posture}");
    }
    let away = |posture: &Value| posture["away_rad"].as_f64().unwrap();
    assert!(postures.windows(2).all(|pair| away(&pair[0]) <= away(&pair[1])), "the nearest is first");
    for (xyz, says) in
        [("4,0,0.3", "out of reach"), ("0.4,0.1", "2 values, it takes 3"), ("0.4,nan,0.1", "NaN")]
    {
        let (code, message) = code_and_message(&dreamitate(&["ik", "--robot", "ur5", "--xyz-m", xyz]));
        assert_eq!(code, 1);
        assert!(message.contains(says), "{message}");
    }
    let (code, message) = code_and_message(&dreamitate(&["plan", "--trajectory", "/no/tracks.json"]));
    assert!(code == 1 && message.contains("/no/tracks.json"), "{message}");
}

/// As in `dreamitate inspect BAG | head`.
#[test]
fn a_list_whose_reader_has_gone_ends_quietly() {
    let bag = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/replay/rotation.mcap");
    let mut listing = Command::new(env!("CARGO_BIN_EXE_dreamitate"))
        .args(["inspect", bag])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(listing.stdout.take());
    let output = listing.wait_with_output().unwrap();
    assert!(output.stderr.is_empty() && !output.status.success(), "{output:?}");
}

/// The tool's file gets the mount that measurements agree on, and keeps its comments; one that contradicts is named.
#[test]
fn a_mount_is_solved_and_written_back() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    for part in ["config", "urdf"] {
        let copied = Command::new("cp").arg("-r").arg(source.join(part)).arg(folder.path()).status().unwrap();
        assert!(copied.success());
    }
    let config = folder.path().join("config");
    let samples = folder.path().join("samples.json");
    // The flange stays; the tool is seen 1 mm to either side of one place.
    let home = "[0.0, -0.588, 0.0, 0.618, 0.0, 0.906, 0.0]";
    let at = |x_m: f64| {
        format!(r#"{{"joints_rad": {home}, "world_from_tool": [[1,0,0,{x_m}],[0,1,0,-0.1],[0,0,1,0.4]]}}"#)
    };
    let mount = |places: &[f64], more: &[&str]| {
        let list: Vec<String> = places.iter().map(|x| at(*x)).collect();
        std::fs::write(&samples, format!("[{}]", list.join(","))).unwrap();
        let args = ["mount", "--tool", "left", "--samples", path(&samples), "--config", path(&config)];
        dreamitate(&[&args, more].concat())
    };
    let tool_file = config.join("tools/tracking_box_left.yaml");
    let before = std::fs::read_to_string(&tool_file).unwrap();
    let (code, message) = code_and_message(&mount(&[-0.3, -0.3, -0.3, -0.28], &["--write"]));
    assert_eq!(code, 1);
    assert!(message.contains("measurement 3 is 15.00 mm from the others, limit 3.00 mm"), "{message}");
    assert_eq!(std::fs::read_to_string(&tool_file).unwrap(), before, "nothing is written");
    let output = mount(&[-0.299, -0.3, -0.301], &["--write"]);
    assert!(output.status.success(), "{output:?}");
    let after = std::fs::read_to_string(&tool_file).unwrap();
    assert!(after != before && after.contains("# The printed plate faces the cameras."), "{after}");
    let (code, _) = code_and_message(&mount(&[-0.3, -0.3, -0.3], &["--task", "rotation"]));
    assert_eq!(code, 0, "the file still reads");
}

#[test]
fn a_mesh_in_millimetres_a_rig_without_a_camera_and_a_urdf_without_the_tip_are_named() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let refused = |file: &str, from: &str, to: &str| {
        let folder = tempfile::tempdir().unwrap();
        for part in ["config", "urdf"] {
            let copied =
                Command::new("cp").arg("-r").arg(source.join(part)).arg(folder.path()).status().unwrap();
            assert!(copied.success());
        }
        let edited = folder.path().join(file);
        let text = std::fs::read_to_string(&edited).unwrap();
        assert!(text.contains(from), "{file} does not say {from:?}");
        std::fs::write(&edited, text.replace(from, to)).unwrap();
        let config = folder.path().join("config");
        let out = folder.path().join("out");
        let (code, message) = code_and_message(&dreamitate(&[
            "run",
            "rotation",
            "--fast",
            "--config",
            path(&config),
            "--out",
            path(&out),
        ]));
        assert_eq!(code, 1, "{message}");
        message
    };
    let message = refused("config/tools/tracking_box_left.yaml", "units: m\n", "units: mm\n");
    assert!(message.contains("units: m") && message.contains("outside 0.01 to 1 m"), "{message}");
    let message = refused("config/rigs/paper.yaml", "  side:", "  third:");
    assert!(message.contains("no camera side"), "{message}");
    let message = refused("config/robots/xarm7.yaml", "tip_link: link_eef", "tip_link: link_nine");
    assert!(message.contains("link_nine"), "{message}");
}

/// The arms cannot reach a dream beyond the table's far side.
#[test]
fn an_unreachable_trajectory_moves_nothing_and_names_the_waypoint() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    for part in ["config", "urdf"] {
        assert!(
            Command::new("cp")
                .arg("-r")
                .arg(source.join(part))
                .arg(folder.path())
                .status()
                .unwrap()
                .success()
        );
    }
    let rig = folder.path().join("config/rigs/paper.yaml");
    let text = std::fs::read_to_string(&rig).unwrap();
    std::fs::write(&rig, text.replace("xyz_m: [-0.66, -0.10, 0.0]", "xyz_m: [-1.66, -0.10, 0.0]")).unwrap();
    let (config, out) = (folder.path().join("config"), folder.path().join("out"));
    let output = dreamitate(&["run", "rotation", "--fast", "--config", path(&config), "--out", path(&out)]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let message = json(&out.join("summary.json"))["message"].as_str().unwrap().to_owned();
    assert!(message.contains("left") && message.contains("waypoint"), "{message}");
}

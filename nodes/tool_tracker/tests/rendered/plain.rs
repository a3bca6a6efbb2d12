//! Tools on which nothing is printed, one of them round: only form and shading tell how they are held.

use dreamer::rendered::{RenderedDream, render};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, Symmetry, View};
use dreamitate_render::{TexturedMesh, ToolModel};
use dreamitate_scene::{cuboid, lathe, plain};
use dreamitate_track::{FusedTrack, Outcome, Status, ToolTrack};
use nalgebra::{Point3, Vector3};
use pose_fusion::Fusion;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tool_tracker::{TrackerSettings, ViewModel, track_together};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The form alone of meshes, each at a height: binary STL.
fn stl(meshes: &[(&TexturedMesh, f32)]) -> Vec<u8> {
    let triangles = meshes.iter().flat_map(|(mesh, up_m)| {
        mesh.triangles.iter().map(|triangle| {
            let corner = |index: u32| mesh.vertices[index as usize].coords + Vector3::z() * *up_m;
            (triangle.normal, triangle.corners.map(corner))
        })
    });
    let triangles: Vec<_> = triangles.collect();
    let mut bytes = vec![0; 80];
    bytes.extend((triangles.len() as u32).to_le_bytes());
    for (normal, corners) in triangles {
        let numbers = [normal].into_iter().chain(corners).flat_map(|v| [v.x, v.y, v.z]);
        bytes.extend(numbers.flat_map(f32::to_le_bytes));
        bytes.extend([0, 0]);
    }
    bytes
}

/// A body of revolution of rings (height and radius, metres) with a colour each: text PLY.
fn painted_rings(rings: &[((f64, f64), [u8; 3])]) -> Vec<u8> {
    let profile: Vec<(f64, f64)> = rings.iter().map(|(ring, _)| *ring).collect();
    let mesh = lathe(Point3::origin(), Point3::new(0.0, 0.0, 1.0), &profile, plain([0; 3]));
    let around = mesh.vertices.len() / rings.len();
    let vertex = |(index, v): (usize, &Point3<f32>)| {
        let [r, g, b] = rings[index / around].1;
        format!("{} {} {} {r} {g} {b}\n", v.x, v.y, v.z)
    };
    let vertices: String = mesh.vertices.iter().enumerate().map(vertex).collect();
    let faces = mesh.triangles.iter().map(|triangle| triangle.corners);
    let faces: String = faces.map(|[a, b, c]| format!("3 {a} {b} {c}\n")).collect();
    format!(
        "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\nelement face {}\n\
         property list uchar int vertex_indices\nend_header\n{vertices}{faces}",
        mesh.vertices.len(),
        mesh.triangles.len()
    )
    .into_bytes()
}

/// A task with one tool of that mesh.
fn task(mesh: (&str, Vec<u8>), symmetry: &str) -> (TempDir, Task) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, contents: &[u8]| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, contents).unwrap();
    };
    write("rigs/paper.yaml", &fs::read(repository("config/rigs/paper_ur5.yaml")).unwrap());
    let task = "name: plain\nprompt: Draw the tool over the table\nrig: paper\nframe_period_s: 0.2\n\
        tools:\n  tool: {tool: plain, arm: arm}\n";
    write("tasks/plain.yaml", task.as_bytes());
    let tool = format!(
        "name: plain\nmesh: {}\nunits: m\nfacing: {{axis: [0, 0, 1], max_tilt_deg: 45}}\n{symmetry}\
         flange_from_tool: {{xyz_m: [0.12, 0, 0.09], rpy_rad: [3.141592653589793, 0, 0]}}\n",
        mesh.0
    );
    write("tools/plain.yaml", tool.as_bytes());
    write(&format!("tools/{}", mesh.0), &mesh.1);
    let task = Task::read(&ConfigFolder::find(Some(folder.path())), "plain").unwrap();
    (folder, task)
}

fn tracked(task: &Task, dream: &RenderedDream) -> FusedTrack {
    let model = ToolModel::read(&task.tools[0].file).unwrap();
    let fusion = Fusion { symmetry: model.config.symmetry, ..Fusion::default() };
    let views = View::ALL.map(|view| {
        let (seen, settings) = (dream.clip.view(view), TrackerSettings::default());
        let tools = [model.clone()].into();
        let model = ViewModel::new(seen.camera, &seen.world_from_camera, tools, settings).unwrap();
        (Arc::new(model), seen)
    });
    let fuse = |_: usize, tracks: &[ToolTrack]| {
        fusion.fuse_stereo(|view| dream.clip.view(view).world_from_camera, tracks)
    };
    let track = track_together(&views, fuse).unwrap().remove(0);
    let is_seen = |view: &ToolTrack| view.poses.iter().any(|pose| pose.status != Status::Lost);
    assert!(track.views.iter().all(is_seen), "a view shows no tool");
    track.fused
}

/// Frames from 4 on that are accepted, and how far the worst of them is off: metres, and radians up to the symmetry.
fn compare(dream: &RenderedDream, fused: &FusedTrack, symmetry: Option<Symmetry>) -> (usize, f64, f64) {
    let mut worst = (0, 0f64, 0f64);
    for pose in fused.poses.iter().filter(|pose| pose.accepted && pose.frame >= 4) {
        let truth = dream.truth["tool"][pose.frame].unwrap();
        let found = pose.world_from_tool_mean().unwrap();
        let found = symmetry.map_or(found, |symmetry| symmetry.nearest(&found, &truth));
        let off_m = (found.translation.vector - truth.translation.vector).norm();
        worst = (worst.0 + 1, worst.1.max(off_m), worst.2.max(found.rotation.angle_to(&truth.rotation)));
    }
    worst
}

/// Tracks three dreams, and returns what was fused.
fn all_near_truth(what: &str, task: &Task, [most_off_m, most_turn_rad]: [f64; 2]) -> Vec<FusedTrack> {
    let symmetry = ToolModel::read(&task.tools[0].file).unwrap().config.symmetry;
    let track = |seed| {
        let dream = render(task, seed, |_, _| true).unwrap();
        let fused = tracked(task, &dream);
        let (frames, off_m, turn_rad) = compare(&dream, &fused, symmetry);
        println!(
            "{what} {seed}: {frames} frames, at most {:.1} mm, {:.1}°",
            1e3 * off_m,
            turn_rad.to_degrees()
        );
        assert!(fused.outcome != Outcome::Rejected && frames >= 7, "{frames}: {}", fused.reason);
        assert!(off_m < most_off_m && turn_rad < most_turn_rad, "{off_m} m, {turn_rad} rad");
        fused
    };
    (0..3).map(track).collect()
}

/// How far a pose is turned about the tool's z axis from another.
fn turn_about_z_rad(a: &Pose, b: &Pose) -> f64 {
    let between = a.rotation.inverse() * b.rotation;
    (2.0 * between.k.atan2(between.w)).abs()
}

#[test]
fn a_grey_tool_is_found_and_followed_by_its_form() {
    let sweeper = ToolModel::read(&repository("config/tools/sweeper.yaml")).unwrap().mesh;
    let (_folder, task) = task(("sweeper.stl", stl(&[(&sweeper, 0.0)])), "");
    all_near_truth("grey", &task, [0.004, 0.03]);
}

#[test]
fn a_grey_square_tool_keeps_its_side_before() {
    let half_m = |x: f64, y: f64, z: f64| cuboid(Vector3::new(x, y, z), plain([150; 3]));
    let (body, knob) = (half_m(0.04, 0.04, 0.015), half_m(0.018, 0.018, 0.02));
    let (_folder, task) =
        task(("square.stl", stl(&[(&body, 0.0), (&knob, 0.035)])), "symmetry: {axis: [0, 0, 1], order: 4}\n");
    for fused in all_near_truth("square", &task, [0.006, 0.25]) {
        let poses: Vec<_> =
            fused.poses.iter().filter(|p| p.accepted).filter_map(|p| p.world_from_tool_mean()).collect();
        assert!(poses.windows(2).all(|pair| turn_about_z_rad(&pair[0], &pair[1]) < 0.6));
    }
}

#[test]
fn a_round_tool_is_followed_and_not_turned_about_its_axis() {
    let (white, blue, dark) = ([230, 230, 226], [40, 90, 180], [50, 46, 52]);
    let rings = [
        ((0.0, 0.0), dark),
        ((0.0, 0.05), dark),
        ((0.0, 0.05), white),
        ((0.02, 0.05), white),
        ((0.02, 0.05), blue),
        ((0.02, 0.03), blue),
        ((0.02, 0.03), dark),
        ((0.055, 0.03), dark),
        ((0.055, 0.03), white),
        ((0.055, 0.0), white),
    ];
    let (_folder, task) = task(("round.ply", painted_rings(&rings)), "symmetry: {axis: [0, 0, 1]}\n");
    for fused in all_near_truth("round", &task, [0.002, 0.02]) {
        let poses: Vec<_> =
            fused.poses.iter().filter(|p| p.accepted).filter_map(|p| p.world_from_tool_mean()).collect();
        assert!(poses.windows(2).all(|pair| turn_about_z_rad(&pair[0], &pair[1]) < 1e-3));
    }
}

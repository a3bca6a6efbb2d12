//! Tools on which nothing is printed, one of them round: only form and shading tell how they are held.

#![allow(clippy::unwrap_used)]

use dreamer::rendered::{RenderedDream, render};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, Symmetry, View};
use dreamitate_render::{TexturedMesh, ToolModel};
use dreamitate_scene::{lathe, plain};
use dreamitate_track::{FusedTrack, Outcome, ToolTrack};
use nalgebra::{Point3, Vector3};
use pose_fusion::Fusion;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use tool_tracker::{TrackerSettings, ViewTracker};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The form alone of a mesh: binary STL.
fn stl(mesh: &TexturedMesh) -> Vec<u8> {
    let mut bytes = vec![0; 80];
    bytes.extend((mesh.triangles.len() as u32).to_le_bytes());
    for triangle in &mesh.triangles {
        let corners = triangle.corners.map(|corner| mesh.vertices[corner as usize].coords);
        let numbers = [triangle.normal].into_iter().chain(corners).flat_map(|v| [v.x, v.y, v.z]);
        bytes.extend(numbers.flat_map(f32::to_le_bytes));
        bytes.extend([0, 0]);
    }
    bytes
}

/// A task with one tool of that form.
fn task(mesh: &TexturedMesh, symmetry: &str) -> (TempDir, Task) {
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
        "name: plain\nmesh: plain.stl\nunits: m\nfacing: {{axis: [0, 0, 1], max_tilt_deg: 45}}\n{symmetry}\
         flange_from_tool: {{xyz_m: [0.12, 0, 0.09], rpy_rad: [3.141592653589793, 0, 0]}}\n"
    );
    write("tools/plain.yaml", tool.as_bytes());
    write("tools/plain.stl", &stl(mesh));
    let task = Task::read(&ConfigFolder::find(Some(folder.path())), "plain").unwrap();
    (folder, task)
}

fn tracked(task: &Task, dream: &RenderedDream) -> FusedTrack {
    let model = ToolModel::read(&task.tools[0].file).unwrap();
    let fusion = Fusion { symmetry: model.config.symmetry, ..Fusion::default() };
    let trackers = View::ALL.map(|view| {
        ViewTracker::new(dream.clip.view(view), [model.clone()].into(), TrackerSettings::default()).unwrap()
    });
    let fuse = |tracks: &[ToolTrack]| {
        let views: Vec<_> = View::ALL
            .iter()
            .zip(tracks)
            .map(|(view, track)| (view.name(), dream.clip.view(*view).world_from_camera, track))
            .collect();
        fusion.fuse_tracks(&views)
    };
    let first: Vec<_> = trackers.iter().map(|tracker| tracker.track().unwrap().remove(0)).collect();
    let fused = fuse(&first);
    let second: Vec<_> =
        trackers.iter().zip(&first).map(|(tracker, track)| tracker.track_with_fused(0, track, &fused)).collect();
    fuse(&second)
}

/// Frames from 4 on that are accepted, and how far the worst of them is off: metres, and radians up to the symmetry.
fn compare(dream: &RenderedDream, fused: &FusedTrack, symmetry: Option<Symmetry>) -> (usize, f64, f64) {
    let mut worst = (0, 0f64, 0f64);
    for pose in fused.poses.iter().filter(|pose| pose.accepted && pose.frame >= 4) {
        let truth = dream.truth["tool"][pose.frame].unwrap();
        let found = pose.world_from_tool_mean().unwrap();
        let found = symmetry.map_or(found, |symmetry| symmetry.nearest(&found, &truth));
        println!("  {} {:?} gap {:.1}° conf {:.2}", pose.frame, pose.residuals, pose.rotation_gap_rad.to_degrees(), pose.confidence);
        println!("   {:.1} mm {:.1}°", 1e3*(found.translation.vector - truth.translation.vector).norm(), found.rotation.angle_to(&truth.rotation).to_degrees());
        let off_m = (found.translation.vector - truth.translation.vector).norm();
        worst = (worst.0 + 1, worst.1.max(off_m), worst.2.max(found.rotation.angle_to(&truth.rotation)));
    }
    worst
}

#[test]
fn a_grey_tool_is_found_and_followed_by_its_form() {
    let sweeper = ToolModel::read(&repository("config/tools/sweeper.yaml")).unwrap().mesh;
    let (_folder, task) = task(&sweeper, "");
    for seed in 0..3 {
        let dream = render(&task, seed, |_, _| true).unwrap();
        let fused = tracked(&task, &dream);
        let (frames, off_m, turn_rad) = compare(&dream, &fused, None);
        println!("grey {seed}: {frames} frames, at most {:.1} mm, {:.1}°", 1e3 * off_m, turn_rad.to_degrees());
        assert!(fused.outcome != Outcome::Rejected && frames >= 8, "{frames}: {}", fused.reason);
        assert!(off_m < 0.008 && turn_rad < 0.07, "{off_m} m, {turn_rad} rad");
    }
}

#[test]
fn a_round_tool_is_followed_and_not_turned_about_its_axis() {
    let rings = [(0.0, 0.0), (0.0, 0.05), (0.02, 0.05), (0.02, 0.03), (0.055, 0.03), (0.055, 0.0)];
    let axis = [Point3::new(0.0, 0.0, -0.03), Point3::new(0.0, 0.0, 0.03)];
    let stamp = lathe(axis[0], axis[1], &rings, plain([150, 150, 150]));
    let (_folder, task) = task(&stamp, "symmetry: {axis: [0, 0, 1]}\n");
    let symmetry = ToolModel::read(&task.tools[0].file).unwrap().config.symmetry;
    for seed in 0..3 {
        let dream = render(&task, seed, |_, _| true).unwrap();
        dream.clip.top.frames[8].save(format!("/tmp/round{seed}.png")).unwrap();
        let fused = tracked(&task, &dream);
        let (frames, off_m, turn_rad) = compare(&dream, &fused, symmetry);
        println!("round {seed}: {frames} frames, at most {:.1} mm, {:.1}°", 1e3 * off_m, turn_rad.to_degrees());
        assert!(fused.outcome != Outcome::Rejected && frames >= 8, "{frames}: {}", fused.reason);
        assert!(off_m < 0.008 && turn_rad < 0.09, "{off_m} m, {turn_rad} rad");
        let about_axis = |a: &Pose, b: &Pose| {
            let between = a.rotation.inverse() * b.rotation;
            (2.0 * between.imag().dot(&Vector3::z()).atan2(between.w)).abs()
        };
        let poses: Vec<_> = fused.poses.iter().filter(|p| p.accepted).filter_map(|p| p.world_from_tool_mean()).collect();
        assert!(poses.windows(2).all(|pair| about_axis(&pair[0], &pair[1]) < 1e-3));
    }
}

//! Rendered dreams: fit for trackers and arms, and the same every time.
#![allow(clippy::unwrap_used)]

use dreamer::rendered::{Level, RenderedDream, RenderedError, render, render_at, true_poses};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, View};
use dreamitate_motion::{
    Arm, PlanSettings, RobotConfig, Schedule, ToolBody, ToolMount, Waypoint, check_clearance, plan,
};
use dreamitate_render::{TexturedMesh, ToolModel};
use dreamitate_scene::Cancelled;
use nalgebra::{Point3, Vector3};

fn task() -> Task {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    Task::read(&ConfigFolder::find(Some(config.as_ref())), "rotation").unwrap()
}

fn dream(seed: u64) -> RenderedDream {
    render(&task(), seed, |_, _| true).unwrap()
}

#[test]
fn a_seed_gives_the_same_dream_and_another_seed_another() {
    let begun = std::time::Instant::now();
    let first = dream(3);
    println!("drawn in {:.2} s", begun.elapsed().as_secs_f64());
    let again = dream(3);
    assert_eq!(first.clip.top.frames, again.clip.top.frames);
    assert_eq!(first.clip.side.frames, again.clip.side.frames);
    assert_eq!(first.truth, again.truth);
    assert_eq!(first.truth, dreamer::rendered::true_poses(&task(), 3).unwrap());
    assert_ne!(first.truth, dream(4).truth);
    assert_eq!((first.clip.frame_count(), first.clip.seed), (13, 3));
}

/// The printed pattern is seen where the truth says: nothing is mirrored or displaced.
#[test]
fn plates_are_seen_where_the_truth_says() {
    let task = task();
    let dream = dream(1);
    let mut least = f64::MAX;
    for (name, poses) in &dream.truth {
        assert!(poses[0].is_none() && poses[1..].iter().all(Option::is_some));
        let tool = task.tools.iter().find(|tool| tool.name == *name).unwrap();
        let pattern = plate(&ToolModel::read(&tool.file).unwrap().mesh);
        for (view, frame) in View::ALL.into_iter().flat_map(|v| (4..13).map(move |k| (v, k))) {
            let clip_view = dream.clip.view(view);
            let world_from_tool = poses[frame].unwrap();
            let likeness = |turn_rad: f64| {
                let turn = Pose::rotation(Vector3::new(0.0, 0.0, turn_rad));
                let camera_from_tool = clip_view.world_from_camera.inverse() * world_from_tool * turn;
                let pairs = pattern.iter().filter(|(point, _)| {
                    // The thumb covers some of the half toward the operator.
                    (world_from_tool * point).y > world_from_tool.translation.y + 0.01
                });
                correlation(pairs.map(|(point, printed)| {
                    let pixel = clip_view.camera.project(&(camera_from_tool * point)).unwrap();
                    let found =
                        clip_view.frames[frame].get_pixel(pixel.x.round() as u32, pixel.y.round() as u32);
                    (*printed, f64::from(found.0[1]))
                }))
            };
            let (true_pose, turned) = (likeness(0.0), likeness(0.15));
            least = least.min(true_pose);
            assert!(
                true_pose > 0.75 && turned < true_pose - 0.3,
                "{name} {view} {frame}: {true_pose} {turned}"
            );
        }
    }
    println!("least correlation of print and picture: {least:.2}");
}

/// Points of the printed plate in the tool's frame, with their printed green.
fn plate(mesh: &TexturedMesh) -> Vec<(Point3<f64>, f64)> {
    const GRID: u32 = 24;
    let level = |t: &&dreamitate_render::Triangle| {
        t.normal.z.abs() > 0.99 && t.corners.iter().all(|c| mesh.vertices[*c as usize].z > -0.002)
    };
    let weights = (0..GRID)
        .flat_map(|i| (0..GRID - i).map(move |j| [i, j, GRID - i - j].map(|w| w as f32 / GRID as f32)));
    let weights: Vec<_> = weights.collect();
    let at = |triangle: &dreamitate_render::Triangle, w: &[f32; 3]| {
        let sum = |value: &dyn Fn(usize) -> f32| (0..3).map(|i| w[i] * value(i)).sum::<f32>();
        let axis = |a: usize| f64::from(sum(&|i| mesh.vertices[triangle.corners[i] as usize][a]));
        let [u, v] = [0, 1].map(|a| sum(&|i| triangle.texture[i][a]));
        (Point3::new(axis(0), axis(1), axis(2)), f64::from(mesh.colour_at(u, v)[1]))
    };
    mesh.triangles.iter().filter(level).flat_map(|t| weights.iter().map(move |w| at(t, w))).collect()
}

fn correlation(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let pairs: Vec<_> = pairs.collect();
    assert!(pairs.len() > 500, "{} points", pairs.len());
    let n = pairs.len() as f64;
    let (mean_a, mean_b) = pairs.iter().fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[test]
fn every_task_can_be_drawn_at_every_level_and_the_truth_is_that_of_its_level() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config");
    for name in ["scooping", "sweeping", "push_shape"] {
        let task = Task::read(&ConfigFolder::find(Some(config.as_ref())), name).unwrap();
        let truth = true_poses(&task, 7).unwrap();
        let model = ToolModel::read(&task.tools[0].file).unwrap();
        for pose in truth["tool"].iter().flatten() {
            // The tool is over the table.
            let lowest =
                model.mesh.vertices.iter().map(|v| (pose * v.cast::<f64>()).z).fold(f64::MAX, f64::min);
            assert!(lowest > 0.0, "{name}: {lowest} m");
        }
    }
    let hard = || render_at(&task(), 9, Level::Hard, |_, _| true).unwrap();
    let (first, again) = (hard(), hard());
    assert_eq!(first.clip.top.frames, again.clip.top.frames);
    assert_eq!(first.clip.id, "rotation-hard-9");
    assert_ne!(first.clip.top.frames[0], dream(9).clip.top.frames[0], "another table and light");
}

#[test]
fn cancelling_ends_it_early() {
    let error = render(&task(), 0, |done, _| done < 3).unwrap_err();
    assert!(matches!(error, RenderedError::Cancelled(Cancelled { done: 3..8, steps: 26 })), "{error}");
}

#[test]
fn a_task_with_other_tools_is_refused_by_name() {
    let mut task = task();
    task.tools[1].name = "spoon".into();
    let error = render(&task, 0, |_, _| true).unwrap_err().to_string();
    assert!(error.contains("\"spoon\""), "{error}");
}

#[test]
fn both_arms_can_repeat_it() {
    let task = task();
    let robot =
        RobotConfig::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/robots/xarm7.yaml").as_ref())
            .unwrap();
    let arms: Vec<Arm> = task
        .tools
        .iter()
        .map(|tool| {
            let vertices = ToolModel::read(&tool.file).unwrap().mesh.vertices;
            let body = ToolBody::from_points(vertices.iter().map(|v| v.cast()).collect()).unwrap();
            let mount = ToolMount::read(&tool.file).unwrap();
            Arm::new(&tool.arm, &robot, &task.rig.arms[&tool.arm], &mount, body).unwrap()
        })
        .collect();
    let settings = PlanSettings::default();
    for seed in 0..12 {
        let truth = dreamer::rendered::true_poses(&task, seed).unwrap();
        let plans: Vec<_> = task
            .tools
            .iter()
            .zip(&arms)
            .map(|(tool, arm)| {
                let waypoints: Vec<_> = truth[&tool.name]
                    .iter()
                    .enumerate()
                    .skip(3)
                    .filter_map(|(k, pose)| {
                        Some(Waypoint { time_s: k as f64 / 6.0, world_from_tool: (*pose)? })
                    })
                    .collect();
                assert_eq!(waypoints.len(), 10);
                plan(arm, &waypoints, &arm.home, &settings)
                    .unwrap_or_else(|e| panic!("seed {seed} {}: {e}", arm.name))
            })
            .collect();
        let schedule = Schedule::common(&plans.iter().collect::<Vec<_>>());
        let trajectories: Vec<_> = plans.iter().map(|p| p.trajectory(&schedule)).collect();
        let ways: Vec<_> = arms.iter().zip(&trajectories).collect();
        let clearance =
            check_clearance(&ways, &settings.clearance).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        println!(
            "seed {seed}: time scale {:.2}, tool {:.3} m over the table, {:.3} m between the arms",
            schedule.time_scale, clearance.tool_table_m, clearance.arms_m
        );
        assert!(trajectories.iter().zip(&arms).all(|(t, arm)| t.demand(arm).largest_jump_rad <= 0.5));
    }
}

//! The four tasks: their scenes, their expert, and their scores.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

use dreamitate_clip::FRAMES_PER_VIEW;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, View};
use std::{collections::BTreeSet, sync::Arc};
use world::{Cinema, Hands, Kind, Scene, Split, ToolPath, ToolPieces};

const TASKS: [&str; 4] = ["rotation", "scooping", "sweeping", "push_shape"];

fn config() -> ConfigFolder {
    ConfigFolder::find(Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config").as_ref()))
}

fn scene(name: &str, seed: u64, split: Split) -> (Task, Scene, Vec<(String, ToolPieces)>) {
    let task = Task::read(&config(), name).unwrap();
    let scene = Scene::draw(&config(), &task, seed, split).unwrap();
    let tools = ToolPieces::of_task(&config(), &task).unwrap();
    (task, scene, tools)
}

#[test]
fn no_object_is_of_both_splits_and_there_are_as_many_as_in_the_paper() {
    let lists = |task: &str, path: &[&str]| {
        let file = config().path().join("worlds").join(format!("{task}.yaml"));
        let yaml: serde_yaml_ng::Value =
            serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let group = path.iter().fold(&yaml, |value, key| &value[*key]);
        ["training", "test"].map(|split| match &group[split] {
            serde_yaml_ng::Value::Mapping(shapes) => {
                shapes.keys().map(|key| key.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
            }
            list => {
                let name = |thing: &serde_yaml_ng::Value| thing["name"].as_str().unwrap().to_owned();
                list.as_sequence().unwrap().iter().map(name).collect()
            }
        })
    };
    for (task, path, counts) in [
        ("rotation", &[][..], [31, 10]),
        ("scooping", &["bowls"], [17, 8]),
        ("scooping", &["grains"], [8, 4]),
        ("sweeping", &["grains"], [6, 6]),
        ("push_shape", &["shapes"], [26, 8]),
    ] {
        let [training, test] = lists(task, path);
        assert_eq!([training.len(), test.len()], counts, "{task} {path:?}");
        assert!(training.is_disjoint(&test), "{task} {path:?}");
    }
}

#[test]
fn a_seed_gives_one_scene_and_another_seed_another() {
    for name in TASKS {
        let places = |seed, split| {
            let things = scene(name, seed, split).1.things;
            things.iter().map(|thing| thing.world_from_thing).collect::<Vec<_>>()
        };
        let first = places(1, Split::Test);
        assert_eq!(first, places(1, Split::Test), "{name}");
        assert_ne!(first, places(2, Split::Test), "{name}");
        assert_ne!(first, places(1, Split::Training), "{name}");
    }
}

#[test]
fn the_expert_does_each_task_with_held_out_objects() {
    for name in TASKS {
        for seed in [100, 101] {
            let (_, mut scene, tools) = scene(name, seed, Split::Test);
            let mut hands = Hands::new(&scene, &tools).unwrap();
            let mut done = false;
            for round in 0..scene.most_rounds() {
                let act = scene.demonstrate(&mut hands, round).unwrap().act;
                // The world is left as the demonstration ended, but for a step.
                for (index, thing) in act.moments.last().unwrap().things.iter().enumerate() {
                    let moved_m = hands.world.thing(index).translation.vector - thing.translation.vector;
                    assert!(moved_m.norm() < 0.003, "{name} {seed}: {} m", moved_m.norm());
                }
                // The tool does what it was led to do, and nobody could not.
                let (first, last) = (&act.moments[0], act.moments.last().unwrap());
                assert!(last.time_s - first.time_s > 11.0 * scene.frame_period_s);
                for pair in act.moments.windows(2) {
                    for (a, b) in pair[0].tools.iter().zip(&pair[1].tools) {
                        let speed_m_s = (a.translation.vector - b.translation.vector).norm()
                            / (pair[1].time_s - pair[0].time_s);
                        assert!(speed_m_s < 1.2, "{name} {seed}: {speed_m_s} m/s");
                    }
                }
                done |= act.score.success;
                if scene.is_over(&act.score) {
                    break;
                }
                scene = scene.after(&hands.world);
                hands.begin_here();
            }
            assert!(done, "{name} {seed}: {}", scene.about);
        }
    }
}

#[test]
fn who_does_nothing_has_not_done_it() {
    for name in TASKS {
        let (_, scene, tools) = scene(name, 3, Split::Training);
        let mut hands = Hands::new(&scene, &tools).unwrap();
        let away: ToolPath = Arc::new(|tool, _| Pose::translation(0.3 * tool as f64, -0.5, 0.4));
        let act = hands.perform(&scene, &away).unwrap();
        assert!(!act.score.success && act.score.failure.is_some(), "{name}: {:?}", act.score);
        let (first, last) = (&act.moments[0], act.moments.last().unwrap());
        for ((thing, before), after) in scene.things.iter().zip(&first.things).zip(&last.things) {
            let moved_m = (before.translation.vector - after.translation.vector).norm();
            // Grains creep for a while.
            let most_m = if thing.kind == Kind::Particle { 0.03 } else { 0.0005 };
            assert!(moved_m < most_m, "{name}, {}: {moved_m} m", thing.name);
        }
    }
}

#[test]
fn the_same_try_ends_the_same_bit_for_bit() {
    for name in TASKS {
        let (_, scene, tools) = scene(name, 7, Split::Test);
        let moments = || {
            let mut hands = Hands::new(&scene, &tools).unwrap();
            scene.demonstrate(&mut hands, 0).unwrap().act.moments
        };
        assert!(moments() == moments(), "{name}");
    }
}

#[test]
fn a_film_begins_without_hands_and_knows_where_the_tools_are() {
    let (task, scene, tools) = scene("rotation", 2, Split::Training);
    let mut hands = Hands::new(&scene, &tools).unwrap();
    let act = scene.demonstrate(&mut hands, 0).unwrap().act;
    let cinema = Cinema::new(&task).unwrap();
    let [top, side] = cinema.stage(&scene, 0.0).photograph();
    assert_eq!([top.dimensions(), side.dimensions()], [(1280, 720); 2]);
    let footage = cinema.stage(&scene, 0.0).shoot(&act, |_, _| true).unwrap();
    assert_eq!(footage.clip.frame_count(), FRAMES_PER_VIEW);
    for (index, (name, poses)) in footage.truth.iter().enumerate() {
        assert!(poses[0].is_none() && poses[1..].iter().all(Option::is_some), "{name}");
        assert_eq!(poses[12].unwrap(), act.at(&scene, 12.0).tools[index]);
        // The plate is white where the pose says.
        for view in View::ALL {
            let seen = footage.clip.view(view);
            let camera_from_tool = seen.world_from_camera.inverse() * poses[8].unwrap();
            let pixel = seen.camera.project(&(camera_from_tool * nalgebra::Point3::origin())).unwrap();
            let around = (-9..=9).flat_map(|dx| (-9..=9).map(move |dy| (dx, dy)));
            let brightest = around
                .map(|(dx, dy)| {
                    let (x, y) = (pixel.x as i32 + dx, pixel.y as i32 + dy);
                    seen.frames[8].get_pixel(x as u32, y as u32).0.into_iter().min().unwrap()
                })
                .max();
            assert!(brightest > Some(180), "{name} {view}: {brightest:?}");
        }
    }
    // A dream's views disagree about the tools; what lies still they see alike.
    let dream = cinema.stage(&scene, 1.0).shoot(&act, |_, _| true).unwrap();
    assert_eq!(dream.clip.top.frames[0], footage.clip.top.frames[0]);
    assert_ne!(dream.clip.top.frames[8], footage.clip.top.frames[8]);
}

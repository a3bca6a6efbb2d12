//! Both arms repeat the tool paths that were tracked in four real dreams of the rotation task.
//!
//! The poses are not part of this project: they are looked for in the folder of `DREAMITATE_SHARED`, or in `shared`
//! beside the project. Without them the test says so and does nothing.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod paper_rig;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use dreamitate_motion::{Arm, ArmPlan, PlanSettings, Schedule, Waypoint, check_clearance, plan};
use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion};
use paper_rig::{SIDES, arm, execute, rig, root};

#[derive(serde::Deserialize)]
struct Tracked {
    frame: u32,
    accepted: bool,
    topcam_from_tool: [[f64; 4]; 3],
}

fn tracked() -> Option<BTreeMap<String, BTreeMap<String, Vec<Tracked>>>> {
    let shared =
        std::env::var_os("DREAMITATE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = shared.join("dreams/rotation/study_poses.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!(
                "SKIPPED: the tracked poses are not at {} ({error}); set DREAMITATE_SHARED",
                path.display()
            );
            None
        }
    }
}

/// The accepted frames from `first_frame` on, 1/6 s apart, in the world.
fn waypoints(world_from_camera: &Isometry3<f64>, frames: &[Tracked], first_frame: u32) -> Vec<Waypoint> {
    frames
        .iter()
        .filter(|f| f.accepted && f.frame >= first_frame)
        .map(|f| {
            let m = f.topcam_from_tool;
            // The file's matrices are rounded to five digits: the nearest rotation is meant.
            let rounded = Matrix3::from_fn(|r, c| m[r][c]);
            let rotation = Rotation3::from_matrix_eps(&rounded, 1e-12, 100, Rotation3::identity());
            let camera_from_tool = Isometry3::from_parts(
                Translation3::new(m[0][3], m[1][3], m[2][3]),
                UnitQuaternion::from_rotation_matrix(&rotation),
            );
            Waypoint {
                time_s: f64::from(f.frame) / 6.0,
                world_from_tool: world_from_camera * camera_from_tool,
            }
        })
        .collect()
}

/// Every case from the first accepted frame on (hands still rushing in), and from frame 4 on as the paper does.
#[test]
fn both_arms_repeat_the_real_dreams() {
    let Some(cases) = tracked() else { return };
    assert_eq!(cases.len(), 4);
    let world_from_camera: Isometry3<f64> = rig().top.world_from_camera;
    let arms = SIDES.map(arm);
    let settings = PlanSettings::default();
    for first_frame in [0, 4] {
        for (case, tools) in &cases {
            let waypoints = SIDES.map(|side| waypoints(&world_from_camera, &tools[side], first_frame));
            assert!(waypoints.iter().all(|w| w.len() >= 9));
            let begun = Instant::now();
            let plans: Vec<ArmPlan> = arms
                .iter()
                .zip(&waypoints)
                .map(|(arm, w)| {
                    plan(arm, w, &arm.home, &settings).unwrap_or_else(|e| panic!("{case} {}: {e}", arm.name))
                })
                .collect();
            let plan_ms = 1e3 * begun.elapsed().as_secs_f64() / 2.0;
            let schedule = Schedule::common(&plans.iter().collect::<Vec<_>>());
            let trajectories: Vec<_> = plans.iter().map(|p| p.trajectory(&schedule)).collect();
            let ways: Vec<(&Arm, _)> = arms.iter().zip(&trajectories).collect();
            let clearance = check_clearance(&ways, &settings.clearance).unwrap();
            assert!(clearance.link_table_m > 0.0 && clearance.tool_table_m > 0.0 && clearance.arms_m > 0.0);
            println!(
                "{case} from frame {first_frame}: {plan_ms:.1} ms an arm, time scale {:.3}, {:.2} s; link {:.3} m and \
                 tool {:.3} m above the table, {:.3} m between the arms",
                schedule.time_scale,
                trajectories[0].duration_s(),
                clearance.link_table_m,
                clearance.tool_table_m,
                clearance.arms_m
            );
            for ((arm, trajectory), waypoints) in ways.iter().zip(&waypoints) {
                let demand = trajectory.demand(arm);
                assert!(demand.largest_jump_rad <= 0.5, "{case} {}: {demand:?}", arm.name);
                assert!(demand.velocity_fraction <= 1.0 && demand.acceleration_fraction <= 1.0, "{demand:?}");
                assert!(demand.limit_margin > 0.0, "{demand:?}");
                let found = execute(arm, trajectory, waypoints);
                let worst_mm = found.iter().map(|d| d.position_mm).fold(0.0, f64::max);
                let worst_deg = found.iter().map(|d| d.rotation_deg).fold(0.0, f64::max);
                assert!(
                    worst_mm <= 0.1 && worst_deg <= 0.02,
                    "{case} {}: {worst_mm} mm {worst_deg}°",
                    arm.name
                );
                println!(
                    "  {:5} jump {:.3} rad, velocity {:.2}, acceleration {:.2}, margin {:.2}; {worst_mm:.5} mm, \
                     {worst_deg:.5}° at {} waypoints",
                    arm.name,
                    demand.largest_jump_rad,
                    demand.velocity_fraction,
                    demand.acceleration_fraction,
                    demand.limit_margin,
                    found.len()
                );
            }
        }
    }
}

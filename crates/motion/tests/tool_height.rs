//! The height below which a tool's lowest point never comes.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod paper_rig;

use dreamitate_motion::{Arm, PlanError, PlanSettings, Schedule, Waypoint, measure_clearance, plan};
use nalgebra::{Isometry3, Translation3, UnitQuaternion};
use paper_rig::arm;
use proptest::prelude::*;

/// A push of one second whose height and tilt go up and down.
fn swaying(heights_m: &[f64], tilts_rad: &[f64]) -> Vec<Waypoint> {
    let count = heights_m.len() as f64;
    heights_m
        .iter()
        .zip(tilts_rad)
        .enumerate()
        .map(|(i, (&height_m, &tilt_rad))| Waypoint {
            time_s: 0.2 * i as f64,
            world_from_tool: Isometry3::from_parts(
                Translation3::new(-0.26 + 0.12 * i as f64 / count, -0.02, height_m),
                UnitQuaternion::from_euler_angles(tilt_rad, 0.5 * tilt_rad, 0.0),
            ),
        })
        .collect()
}

fn with_height(min_tool_height_m: f64, max_lift_m: f64) -> PlanSettings {
    PlanSettings { min_tool_height_m: Some(min_tool_height_m), max_lift_m, ..PlanSettings::default() }
}

/// The lowest that the tool is anywhere.
fn lowest_m(arm: &Arm, waypoints: &[Waypoint], settings: &PlanSettings) -> f64 {
    let found = plan(arm, waypoints, &arm.home, settings).unwrap();
    measure_clearance(&[(arm, &found.trajectory(&Schedule::common(&[&found])))]).tool_table_m
}

#[test]
fn a_low_path_is_lifted_by_what_is_missing() {
    let arm = arm("left");
    let waypoints = swaying(&[0.09, 0.08, 0.07, 0.07, 0.08, 0.09], &[0.0; 6]);
    let before_m = lowest_m(&arm, &waypoints, &PlanSettings::default());
    let limit_m = before_m + 0.008;
    let settings = with_height(limit_m, 0.01);
    let found = plan(&arm, &waypoints, &arm.home, &settings).unwrap();
    let lift = found.lift().unwrap();
    assert!((0.006..0.01).contains(&lift.largest_m) && (2..=3).contains(&lift.waypoint), "{lift:?}");
    let after_m = lowest_m(&arm, &waypoints, &settings);
    assert!((limit_m - 1e-4..limit_m + 1e-3).contains(&after_m), "{after_m} {limit_m}");
    let high = plan(&arm, &waypoints, &arm.home, &with_height(before_m - 0.001, 0.01)).unwrap();
    assert_eq!(high.lift(), None);
}

#[test]
fn a_path_that_is_too_low_is_refused_with_waypoint_height_and_limit() {
    let arm = arm("left");
    let waypoints = swaying(&[0.09, 0.09, 0.09, 0.06, 0.09, 0.09], &[0.0; 6]);
    let error = plan(&arm, &waypoints, &arm.home, &with_height(0.04, 0.005)).unwrap_err();
    let PlanError::TooLow { waypoint, height_m, limit_m, lift_m, max_lift_m } = error else {
        panic!("{error}")
    };
    assert_eq!((waypoint, limit_m, max_lift_m), (3, 0.04, 0.005));
    assert!((0.0..0.04).contains(&height_m) && lift_m >= 0.04 - height_m - 1e-3, "{height_m} {lift_m}");
    let text = plan(&arm, &waypoints, &arm.home, &with_height(f64::NAN, 0.005)).unwrap_err().to_string();
    assert!(text.contains("min_tool_height_m") && text.contains("NaN"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_global_rejects: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_tool_is_lower_than_it_may_be(
        heights_m in prop::collection::vec(0.06f64..0.1, 6), tilts_rad in prop::collection::vec(-0.3f64..0.3, 6),
        limit_m in 0.0f64..0.05,
    ) {
        let arm = arm("left");
        let waypoints = swaying(&heights_m, &tilts_rad);
        match plan(&arm, &waypoints, &arm.home, &with_height(limit_m, 0.02)) {
            Ok(found) => {
                let way = found.trajectory(&Schedule::common(&[&found]));
                // A third of a millimetre for where a joint strays as the motion begins and ends.
                let lowest_m = measure_clearance(&[(&arm, &way)]).tool_table_m;
                prop_assert!(lowest_m >= limit_m - 3e-4, "{lowest_m} {limit_m} {:?}", found.lift());
                prop_assert!(found.lift().is_none_or(|l| l.largest_m <= 0.02));
            }
            Err(PlanError::TooLow { lift_m, max_lift_m, .. }) => prop_assert!(lift_m > max_lift_m),
            Err(other) => return Err(TestCaseError::reject(other.to_string())),
        }
    }
}

//! Plans of made-up tool paths: what must hold of every plan, and what must be refused.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod paper_rig;

use dreamitate_geometry::{ArmMount, XyzRpy};
use dreamitate_motion::{
    Arm, ClearanceError, ClearanceLimits, PlanError, PlanSettings, RobotConfig, Schedule, ToolBody,
    ToolMount, Waypoint, check_clearance, deviations, plan,
};
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use paper_rig::{arm, execute, root};
use proptest::prelude::*;

/// A tool flat over the table at a place before the left arm, turned about the vertical.
fn flat(x_m: f64, y_m: f64, z_m: f64, yaw_rad: f64) -> Isometry3<f64> {
    Isometry3::from_parts(
        Translation3::new(x_m, y_m, z_m),
        UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad),
    )
}

/// A path of the rotation task's kind: in from the side, then round the object.
fn push_and_turn() -> Vec<Waypoint> {
    (0..10)
        .map(|i| {
            let t = f64::from(i) / 9.0;
            Waypoint {
                time_s: f64::from(i) / 6.0,
                world_from_tool: flat(-0.24 + 0.1 * t, -0.02 + 0.08 * t * t, 0.1, 0.5 * t),
            }
        })
        .collect()
}

fn check_plan(arm: &Arm, waypoints: &[Waypoint], settings: &PlanSettings) -> Result<(), TestCaseError> {
    let plan = match plan(arm, waypoints, &arm.home, settings) {
        Ok(plan) => plan,
        // Random paths may ask for more than an arm has; then the reason must be one of these.
        Err(
            PlanError::BranchJump { .. } | PlanError::UnreachableBetween { .. } | PlanError::Clearance(_),
        ) => {
            return Err(TestCaseError::reject("not executable"));
        }
        Err(other) => return Err(TestCaseError::fail(other.to_string())),
    };
    let schedule = Schedule::common(&[&plan]);
    let trajectory = plan.trajectory(&schedule);
    let demand = trajectory.demand(arm);
    prop_assert!(schedule.time_scale >= 1.0);
    prop_assert!(demand.largest_jump_rad <= settings.largest_jump_rad);
    prop_assert!(demand.velocity_fraction <= 1.0 && demand.acceleration_fraction <= 1.0, "{demand:?}");
    for (first, second) in trajectory
        .waypoint_times_s
        .windows(2)
        .map(|w| (w[0], w[1]))
        .zip(waypoints.windows(2))
        .map(|((a, b), w)| (b - a, schedule.time_scale * (w[1].time_s - w[0].time_s)))
    {
        prop_assert!((first - second).abs() < 1e-9, "the stretch is uniform");
    }
    let (start, end) = (trajectory.points.first().unwrap(), trajectory.points.last().unwrap());
    prop_assert_eq!(start.time_s, 0.0);
    prop_assert_eq!(start.positions, arm.home);
    prop_assert!(start.velocities.iter().chain(&end.velocities).all(|v| v.abs() < 1e-9));
    for deviation in execute(arm, &trajectory, waypoints) {
        prop_assert!(deviation.position_mm < 0.1 && deviation.rotation_deg < 0.02, "{deviation:?}");
    }
    Ok(())
}

#[test]
fn a_push_and_turn_is_executed() {
    let arm = arm("left");
    check_plan(&arm, &push_and_turn(), &PlanSettings::default()).unwrap();
}

#[test]
fn a_ur_sweeps_too() {
    for name in ["ur5", "ur5e"] {
        let robot = RobotConfig::read(&root().join(format!("config/robots/{name}.yaml"))).unwrap();
        let at_origin = XyzRpy { xyz_m: [0.0; 3], rpy_rad: [0.0; 3] };
        let mount = ArmMount { robot: name.into(), joint_prefix: String::new(), world_from_base: at_origin };
        let handle = ToolMount {
            flange_from_tool: XyzRpy { xyz_m: [0.0, 0.0, 0.15], rpy_rad: [0.0; 3] },
            tool_from_tcp: None,
        };
        let body = ToolBody::from_points(vec![Point3::new(-0.05, -0.01, -0.1), Point3::new(0.05, 0.01, 0.0)])
            .unwrap();
        let arm = Arm::new(name, &robot, &mount, &handle, body).unwrap();
        let world_from_home = arm.world_from_tool(&arm.home);
        let waypoints: Vec<_> = (0..13)
            .map(|i| {
                let t = f64::from(i) / 12.0;
                let sweep = Translation3::new(0.02 * (6.0 * t).sin(), 0.25 * t - 0.1, -0.05 * t);
                Waypoint { time_s: f64::from(i) / 6.0, world_from_tool: sweep * world_from_home }
            })
            .collect();
        let plan = plan(&arm, &waypoints, &arm.home, &PlanSettings::default()).unwrap();
        let trajectory = plan.trajectory(&Schedule::common(&[&plan]));
        let demand = trajectory.demand(&arm);
        assert!(demand.largest_jump_rad <= 0.5 && demand.acceleration_fraction <= 1.0, "{demand:?}");
        for (time_s, waypoint) in trajectory.waypoint_times_s.iter().zip(&waypoints) {
            let found = arm.world_from_tool(&trajectory.at(*time_s).unwrap().positions);
            let away_m = (found.translation.vector - waypoint.world_from_tool.translation.vector).norm();
            assert!(away_m < 1e-6, "{name}: {away_m}");
        }
    }
}

#[test]
fn missing_frames_leave_a_gap_and_no_more() {
    let arm = arm("left");
    let mut waypoints = push_and_turn();
    waypoints.remove(6);
    waypoints.remove(3);
    check_plan(&arm, &waypoints, &PlanSettings::default()).unwrap();
}

#[test]
fn a_slow_dream_keeps_its_timing_and_a_fast_one_is_stretched() {
    let arm = arm("left");
    let timed = |factor: f64| {
        let waypoints: Vec<_> =
            push_and_turn().into_iter().map(|w| Waypoint { time_s: w.time_s * factor, ..w }).collect();
        let settings = PlanSettings { lead_s: 0.4 * factor, ..PlanSettings::default() };
        plan(&arm, &waypoints, &arm.home, &settings).unwrap().least_time_scale()
    };
    assert_eq!(timed(4.0), 1.0);
    assert!(timed(0.1) > 3.0, "{}", timed(0.1));
}

#[test]
fn a_joint_to_spare_lets_a_fast_dream_be_stretched_less() {
    let arm = arm("left");
    let fast: Vec<_> = push_and_turn()
        .into_iter()
        .enumerate()
        .map(|(i, mut w)| {
            // Back and forth, as a tracker's noise goes.
            w.world_from_tool.translation.y += 0.02 * f64::from(u8::from(i % 2 == 0));
            w
        })
        .collect();
    let stretch = |smooth: bool| {
        let settings = PlanSettings { smooth, ..PlanSettings::default() };
        plan(&arm, &fast, &arm.home, &settings).unwrap().least_time_scale()
    };
    let (smooth, plain) = (stretch(true), stretch(false));
    assert!(plain > 1.2 && smooth < 0.97 * plain, "{smooth} {plain}");
    check_plan(&arm, &fast, &PlanSettings::default()).unwrap();
}

#[test]
fn the_same_plan_twice_is_the_same_bit_for_bit() {
    let arm = arm("right");
    let mirrored: Vec<_> = push_and_turn()
        .into_iter()
        .map(|w| {
            let p = w.world_from_tool.translation.vector;
            let yaw_rad = std::f64::consts::PI - w.world_from_tool.rotation.euler_angles().2;
            Waypoint { world_from_tool: flat(-p.x, p.y, p.z, yaw_rad), ..w }
        })
        .collect();
    let make = || {
        let plan = plan(&arm, &mirrored, &arm.home, &PlanSettings::default()).unwrap();
        plan.trajectory(&Schedule::common(&[&plan]))
    };
    assert_eq!(make(), make());
}

#[test]
fn a_waypoint_out_of_reach_is_named_with_its_residual() {
    let arm = arm("left");
    let mut waypoints = push_and_turn();
    waypoints[5].world_from_tool.translation.x = 1.2;
    let error = plan(&arm, &waypoints, &arm.home, &PlanSettings::default()).unwrap_err();
    let PlanError::Unreachable { waypoint, .. } = error else { panic!("{error}") };
    assert_eq!(waypoint, 5);
    assert!(error.to_string().contains("nearest posture"), "{error}");
}

#[test]
fn a_tool_that_flips_over_is_a_branch_jump() {
    let arm = arm("left");
    let mut waypoints = push_and_turn();
    for waypoint in &mut waypoints[5..] {
        waypoint.world_from_tool = flat(-0.2, 0.0, 0.1, 2.2);
    }
    let error = plan(&arm, &waypoints, &arm.home, &PlanSettings::default()).unwrap_err();
    let PlanError::BranchJump { waypoint, jump_rad, limit_rad } = error else { panic!("{error}") };
    assert_eq!((waypoint, limit_rad), (5, 0.6));
    assert!(jump_rad > 0.6);
}

#[test]
fn a_path_through_the_table_is_refused_with_the_clearance() {
    let arm = arm("left");
    let mut waypoints = push_and_turn();
    for waypoint in &mut waypoints {
        // The tool is 50 mm high: 30 mm for its upper face puts it 20 mm into the table.
        waypoint.world_from_tool.translation.z = 0.03;
    }
    let error = plan(&arm, &waypoints, &arm.home, &PlanSettings::default()).unwrap_err();
    let PlanError::Clearance(ClearanceError::Table { part, clearance_m, .. }) = error else {
        panic!("{error}")
    };
    assert_eq!(part, "tool");
    assert!((-0.025..-0.015).contains(&clearance_m), "{clearance_m}");
}

#[test]
fn arms_that_meet_are_refused_with_the_clearance() {
    let arms = ["left", "right"].map(arm);
    // Both tools to the middle of the table.
    let towards = |x_from: f64, yaw_rad: f64| -> Vec<Waypoint> {
        (0..6)
            .map(|i| Waypoint {
                time_s: f64::from(i) / 6.0,
                world_from_tool: flat(x_from * (1.0 - f64::from(i) / 5.5), 0.0, 0.12, yaw_rad),
            })
            .collect()
    };
    let settings = PlanSettings::default();
    let plans = [
        plan(&arms[0], &towards(-0.25, 0.0), &arms[0].home, &settings).unwrap(),
        plan(&arms[1], &towards(0.25, std::f64::consts::PI), &arms[1].home, &settings).unwrap(),
    ];
    let schedule = Schedule::common(&[&plans[0], &plans[1]]);
    let ways = [plans[0].trajectory(&schedule), plans[1].trajectory(&schedule)];
    assert!(
        ways[0].waypoint_times_s.iter().zip(&ways[1].waypoint_times_s).all(|(a, b)| (a - b).abs() < 1e-9),
        "both arms are at their waypoints together"
    );
    let error = check_clearance(&[(&arms[0], &ways[0]), (&arms[1], &ways[1])], &ClearanceLimits::default())
        .unwrap_err();
    let ClearanceError::Arms { clearance_m, limit_m, .. } = &error else { panic!("{error}") };
    assert!(*clearance_m < 0.0 && *limit_m == 0.02);
    assert!(error.to_string().contains("left and right"), "{error}");
}

#[test]
fn a_deviation_is_the_distance_to_the_waypoint() {
    let arm = arm("left");
    let waypoints = push_and_turn();
    let plan = plan(&arm, &waypoints, &arm.home, &PlanSettings::default()).unwrap();
    let trajectory = plan.trajectory(&Schedule::common(&[&plan]));
    let mut moved = waypoints.clone();
    moved[3].world_from_tool.translation.y += 0.002;
    moved[7].world_from_tool.rotation *= UnitQuaternion::from_scaled_axis(Vector3::x() * 0.01);
    let found = execute(&arm, &trajectory, &moved);
    assert!((found[3].position_mm - 2.0).abs() < 0.01 && found[3].rotation_deg < 0.01);
    assert!((found[7].rotation_deg - 0.01f64.to_degrees()).abs() < 0.01 && found[7].position_mm < 0.01);
    assert_eq!(deviations(&arm, &[], &waypoints, &trajectory.waypoint_times_s), vec![None; waypoints.len()]);
}

#[test]
fn a_start_posture_beyond_a_limit_is_refused() {
    let arm = arm("left");
    let mut start = arm.home;
    start[1] = 2.5;
    let text = plan(&arm, &push_and_turn(), &start, &PlanSettings::default()).unwrap_err().to_string();
    assert!(text.contains("joint2") && text.contains("2.5"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_global_rejects: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_planned_is_executed(
        x in -0.32f64..-0.18, y in -0.1f64..0.1, z in 0.09f64..0.16, yaw in -0.5f64..0.5,
        steps in prop::collection::vec((-0.04f64..0.04, -0.04f64..0.04, -0.1f64..0.1), 3..12),
    ) {
        let (mut x, mut y, mut yaw) = (x, y, yaw);
        let mut waypoints = vec![Waypoint { time_s: 1.0, world_from_tool: flat(x, y, z, yaw) }];
        for (i, (dx, dy, dyaw)) in steps.into_iter().enumerate() {
            x += dx;
            y += dy;
            yaw += dyaw;
            waypoints.push(Waypoint { time_s: 1.0 + (i + 1) as f64 / 6.0, world_from_tool: flat(x, y, z, yaw) });
        }
        check_plan(&arm("left"), &waypoints, &PlanSettings::default())?;
    }
}

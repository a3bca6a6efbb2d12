//! Obstacles about the arm: around them on the way to the dream, beside them in it, and home again.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod paper_rig;

use dreamitate_geometry::{Obstacle, XyzRpy};
use dreamitate_kinematics::Joints;
use dreamitate_motion::{
    Arm, ClearanceError, ClearanceLimits, JointTrajectory, PlanError, PlanSettings, Schedule, Waypoint,
    check_clearance, measure_clearance, path_quality, plan,
};
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};
use paper_rig::arm;

/// In from the side, then round the object.
fn push_and_turn() -> Vec<Waypoint> {
    let pose = |t: f64| {
        Isometry3::from_parts(
            Translation3::new(-0.24 + 0.1 * t, -0.02 + 0.08 * t * t, 0.1),
            UnitQuaternion::from_axis_angle(&Vector3::z_axis(), 0.5 * t),
        )
    };
    let waypoint =
        |i: i32| Waypoint { time_s: f64::from(i) / 6.0, world_from_tool: pose(f64::from(i) / 9.0) };
    (0..10).map(waypoint).collect()
}

/// Waiting turned away from the table's middle, so that there is a way to go.
fn turned_away(arm: &Arm) -> Joints {
    let mut start = arm.home;
    start[0] += 1.5;
    start
}

fn cube(name: &str, at: Point3<f64>, side_m: f64) -> Obstacle {
    let world_from_box = XyzRpy { xyz_m: [at.x, at.y, at.z], rpy_rad: [0.0; 3] };
    Obstacle { name: name.into(), size_m: [side_m; 3], world_from_box }
}

fn alone(arm: &Arm, start: &Joints, settings: &PlanSettings) -> Result<JointTrajectory, PlanError> {
    let plan = plan(arm, &push_and_turn(), start, settings)?;
    Ok(plan.trajectory(&Schedule::common(&[&plan])))
}

/// An obstacle in the tool's way to the dream.
fn in_the_way(arm: &Arm, start: &Joints) -> (JointTrajectory, Obstacle) {
    let way = alone(arm, start, &PlanSettings::default()).unwrap();
    let halfway = way.at(0.45 * way.waypoint_times_s[0]).unwrap();
    let tool = arm.world_from_tool(&halfway.positions).translation.vector;
    (way, cube("lamp", Point3::from(tool), 0.06))
}

#[test]
fn the_approach_goes_around_an_obstacle() {
    let free = arm("left");
    let start = turned_away(&free);
    let (straight, lamp) = in_the_way(&free, &start);
    let among = free.with_obstacles(&[lamp]);
    let error = check_clearance(&[(&among, &straight)], &ClearanceLimits::default()).unwrap_err();
    let ClearanceError::Obstacle { obstacle, clearance_m, limit_m, .. } = &error else { panic!("{error}") };
    assert!(obstacle == "lamp" && *clearance_m < 0.0 && *limit_m == 0.01, "{error}");

    let around = alone(&among, &start, &PlanSettings::default()).unwrap();
    let clearance = check_clearance(&[(&among, &around)], &ClearanceLimits::default()).unwrap();
    assert!(clearance.obstacles_m >= 0.01 && clearance.obstacles_m < 0.05, "{clearance:?}");
    let demand = around.demand(&among);
    assert!(demand.velocity_fraction <= 1.0 && demand.acceleration_fraction <= 1.0, "{demand:?}");
    assert_eq!(around.points[0].positions, start);
    assert!(around.waypoint_times_s[0] < 2.0 * straight.waypoint_times_s[0], "not by way of anywhere");
    assert_eq!(around, alone(&among, &start, &PlanSettings::default()).unwrap(), "the same each time");
}

#[test]
fn a_way_that_is_not_found_is_refused_with_what_was_looked_at() {
    let free = arm("left");
    let start = turned_away(&free);
    // Walls on either side of the posture that it waits in, from the base outwards.
    let wall = |name: &str, angle_rad: f64| {
        let outwards = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), angle_rad);
        let centre = free.world_from_base * Point3::from(outwards * Vector3::new(0.75, 0.0, 0.75));
        let world_from_box = XyzRpy { xyz_m: [centre.x, centre.y, centre.z], rpy_rad: [0.0, 0.0, angle_rad] };
        Obstacle { name: name.into(), size_m: [1.0, 0.02, 1.4], world_from_box }
    };
    let walls = [wall("near wall", 0.75), wall("far wall", 2.4)];
    let among = free.clone().with_obstacles(&walls);
    let settings = PlanSettings { most_checks: 200, ..PlanSettings::default() };
    let error = alone(&among, &start, &settings).err().unwrap();
    let PlanError::NoWayAround { checks, limit, .. } = &error else { panic!("{error}") };
    assert!(*limit == 400 && (400..800).contains(checks), "{error}");
    assert!(error.to_string().contains("wall'"), "{error}");
}

#[test]
fn a_start_posture_at_an_obstacle_is_refused() {
    let free = arm("left");
    let tool = Point3::from(free.world_from_tool(&free.home).translation.vector);
    let among = free.with_obstacles(&[cube("shelf", tool, 0.1)]);
    let error = alone(&among, &among.home, &PlanSettings::default()).unwrap_err();
    assert!(matches!(error, PlanError::StartTooNear(ClearanceError::Obstacle { .. })), "{error}");
    let unchecked = PlanSettings { check_collisions: false, ..PlanSettings::default() };
    assert!(alone(&among, &among.home, &unchecked).is_ok());
}

/// The redundant arm takes its elbow away from what stands there.
#[test]
fn another_posture_is_taken_beside_an_obstacle() {
    let free = arm("left");
    let way = alone(&free, &free.home, &PlanSettings::default()).unwrap();
    let middle = way.at(way.waypoint_times_s[5]).unwrap().positions;
    let frames = free.chain.joint_frames(&middle);
    let elbow = free
        .chain
        .link_names()
        .zip(free.chain.link_poses(&frames))
        .find(|(name, _)| *name == "link4")
        .map(|(_, pose)| free.world_from_base * Point3::from(pose.translation.vector))
        .unwrap();
    // As near to the elbow as the waiting arm leaves room for.
    let waiting = JointTrajectory { points: way.points[..1].to_vec(), ..way.clone() };
    let among = (0..96)
        .map(|i| {
            let turn = UnitQuaternion::from_euler_angles(0.0, f64::from(i % 3 - 1), 0.2 * f64::from(i / 3));
            let post = cube("post", elbow + turn * Vector3::new(0.11, 0.0, 0.0), 0.05);
            free.clone().with_obstacles(&[post])
        })
        .find(|arm| {
            measure_clearance(&[(arm, &waiting)]).obstacles_m > 0.012
                && measure_clearance(&[(arm, &way)]).obstacles_m < 0.005
        })
        .unwrap();
    let beside = alone(&among, &among.home, &PlanSettings::default()).unwrap();
    let clearance = check_clearance(&[(&among, &beside)], &ClearanceLimits::default()).unwrap();
    assert!(clearance.obstacles_m >= 0.01);
    for (time_s, waypoint) in beside.waypoint_times_s.iter().zip(push_and_turn()) {
        let found = among.world_from_tool(&beside.at(*time_s).unwrap().positions);
        let off_m = (found.translation.vector - waypoint.world_from_tool.translation.vector).norm();
        assert!(off_m < 1e-6, "{off_m}");
    }
}

#[test]
fn the_tool_is_lifted_in_the_end_and_the_arm_goes_home_if_asked() {
    let arm = arm("left");
    let last = push_and_turn()[9].world_from_tool;
    let end_of = |settings: &PlanSettings| {
        let way = alone(&arm, &arm.home, settings).unwrap();
        let end = *way.points.last().unwrap();
        assert!(end.velocities.iter().chain(&end.accelerations).all(|v| v.abs() < 1e-9), "at rest");
        assert!(way.points.windows(2).all(|p| p[0].time_s < p[1].time_s));
        let demand = way.demand(&arm);
        assert!(demand.velocity_fraction <= 1.0 && demand.acceleration_fraction <= 1.0, "{demand:?}");
        (arm.world_from_tool(&end.positions), end.positions)
    };
    let lifted = end_of(&PlanSettings { retreat_m: 0.08, ..PlanSettings::default() }).0;
    let wanted = Translation3::new(0.0, 0.0, 0.08) * last;
    assert!((lifted.translation.vector - wanted.translation.vector).norm() < 1e-4);
    assert!(lifted.rotation.angle_to(&wanted.rotation) < 1e-3);
    let stayed = end_of(&PlanSettings { retreat_m: 0.0, ..PlanSettings::default() }).0;
    assert!((stayed.translation.vector - last.translation.vector).norm() < 1e-6);
    let home = end_of(&PlanSettings { return_home: true, ..PlanSettings::default() }).1;
    assert!(home.iter().zip(&arm.home).all(|(a, b)| (a - b).abs() < 1e-9), "{home:?}");
}

#[test]
fn a_ceiling_shortens_the_retreat() {
    let free = arm("left");
    // Over the tool's end, which is not turned yet when it comes in.
    let height_m = push_and_turn()[9].world_from_tool.translation.z;
    let settings = PlanSettings { retreat_m: 0.1, ..PlanSettings::default() };
    let full = plan(&free, &push_and_turn(), &free.home, &settings).unwrap();
    assert!((full.retreat_m() - 0.1).abs() < 1e-12);
    let way = full.trajectory(&Schedule::common(&[&full]));
    // A plate just above the arm's highest place at the end of the dream, over the whole table.
    let end = way.at(way.waypoint_times_s[9]).unwrap().positions;
    let frames = free.chain.joint_frames(&end);
    let highest = free
        .chain
        .link_poses(&frames)
        .map(|pose| (free.world_from_base * pose).translation.z)
        .fold(height_m, f64::max);
    let world_from_box = XyzRpy { xyz_m: [0.0, 0.0, highest + 0.15], rpy_rad: [0.0; 3] };
    let plate = Obstacle { name: "plate".into(), size_m: [0.9, 0.9, 0.02], world_from_box };
    let under = free.with_obstacles(&[plate]);
    let long = PlanSettings { retreat_m: 0.4, ..settings };
    let found = plan(&under, &push_and_turn(), &under.home, &long).unwrap();
    assert!((0.0..0.4).contains(&found.retreat_m()), "{}", found.retreat_m());
    let way = found.trajectory(&Schedule::common(&[&found]));
    check_clearance(&[(&under, &way)], &long.clearance).unwrap();
}

#[test]
fn the_report_tells_the_same_as_the_trajectory() {
    let arms = ["left", "right"].map(arm);
    let mirrored: Vec<Waypoint> = push_and_turn()
        .into_iter()
        .map(|w| {
            let p = w.world_from_tool.translation.vector;
            let yaw = std::f64::consts::PI - w.world_from_tool.rotation.euler_angles().2;
            let turned = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw);
            let place = Translation3::new(-p.x, p.y, p.z);
            Waypoint { world_from_tool: Isometry3::from_parts(place, turned), ..w }
        })
        .collect();
    let settings = PlanSettings::default();
    let plans = [
        plan(&arms[0], &push_and_turn(), &arms[0].home, &settings).unwrap(),
        plan(&arms[1], &mirrored, &arms[1].home, &settings).unwrap(),
    ];
    let schedule = Schedule::common(&[&plans[0], &plans[1]]);
    let rows = path_quality(&[(&arms[0], &plans[0]), (&arms[1], &plans[1])], &schedule, 50.0);
    let way = plans[0].trajectory(&schedule);
    assert!(rows.windows(2).all(|r| r[1].time_s > r[0].time_s && r[1].time_s - r[0].time_s <= 0.02 + 1e-9));
    let (first, last) = (rows.first().unwrap(), rows.last().unwrap());
    assert!(first.time_s <= way.waypoint_times_s[0] && (last.time_s - way.waypoint_times_s[9]).abs() < 1e-9);
    for row in &rows {
        let joints = way.at(row.time_s).unwrap().positions;
        assert_eq!(row.smallest_singular_value, arms[0].chain.smallest_singular_value(&joints));
        assert!(row.limit_margin_rad > 0.1 && row.limit_margin_rad < 6.3, "{row:?}");
        assert!(row.deviation_m < 1e-4 && row.deviation_rad < 3e-4, "{row:?}");
    }
    // One arm's clearances are the smallest of its own and of those between the arms.
    let ways = [plans[0].trajectory(&schedule), plans[1].trajectory(&schedule)];
    let whole = measure_clearance(&[(&arms[0], &ways[0]), (&arms[1], &ways[1])]);
    let least_m = rows.iter().map(|r| r.clearance_m).fold(f64::INFINITY, f64::min);
    let whole_m =
        whole.link_table_m.min(whole.tool_table_m).min(whole.self_m).min(whole.obstacles_m).min(whole.arms_m);
    assert!(least_m >= whole_m - 1e-3 && least_m < 0.2, "{least_m} {whole_m}");
}

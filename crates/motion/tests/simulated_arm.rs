//! The simulated arm: which goals it takes, how it follows, how it stops.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod paper_rig;

use dreamitate_motion::{ArmState, GoalRejection, JointTrajectory, SimulatedArm, TrajectoryPoint};
use paper_rig::arm;

/// Joint 1 turns by 0.6 rad in 1.5 s and back.
fn there_and_back() -> JointTrajectory {
    let arm = arm("left");
    let point = |time_s: f64, turn_rad: f64| {
        let mut positions = arm.home;
        positions[0] += turn_rad;
        let still = positions.iter().map(|_| 0.0).collect();
        TrajectoryPoint { time_s, positions, velocities: still, accelerations: still }
    };
    JointTrajectory {
        joint_names: arm.joint_names(),
        points: vec![point(0.0, 0.0), point(1.5, 0.6), point(3.0, 0.0)],
        waypoint_times_s: vec![],
        time_scale: 1.0,
    }
}

fn at_home() -> SimulatedArm {
    let arm = arm("left");
    let home = arm.home;
    SimulatedArm::new(arm, &home, 0.01).unwrap()
}

#[test]
fn follows_to_the_end_and_is_idle() {
    let mut simulated = at_home();
    assert_eq!(simulated.state(), ArmState::Idle);
    simulated.accept(there_and_back()).unwrap();
    let mut farthest: f64 = 0.0;
    for _ in 0..450 {
        assert_eq!(simulated.state(), ArmState::Executing);
        farthest = farthest.max(simulated.step(1.0 / 150.0).positions[0]);
    }
    simulated.step(1.0 / 150.0);
    assert!((farthest - 0.6).abs() < 1e-6);
    assert_eq!(simulated.state(), ArmState::Idle);
    assert_eq!(simulated.sample().positions, simulated.arm().home);
}

#[test]
fn the_step_does_not_change_the_way() {
    let run = |steps: usize| {
        let mut simulated = at_home();
        simulated.accept(there_and_back()).unwrap();
        for _ in 0..steps {
            simulated.step(1.0 / steps as f64);
        }
        simulated.sample().positions[0]
    };
    assert!((run(10) - run(1000)).abs() < 1e-9);
    assert_eq!(run(150).to_bits(), run(150).to_bits());
}

#[test]
fn a_cancel_brakes_within_the_limit_and_holds() {
    let mut simulated = at_home();
    simulated.accept(there_and_back()).unwrap();
    let dt_s = 1.0 / 150.0;
    for _ in 0..100 {
        simulated.step(dt_s);
    }
    let before = simulated.sample();
    assert!(before.velocities[0] > 0.5);
    simulated.cancel();
    assert_eq!(simulated.state(), ArmState::Stopping);
    assert!(matches!(simulated.accept(there_and_back()), Err(GoalRejection::Busy { .. })));
    let limit = simulated.arm().limits.acceleration_rad_s2[0];
    let mut last = before;
    while simulated.state() == ArmState::Stopping {
        let now = simulated.step(dt_s);
        assert!((now.velocities[0] - last.velocities[0]).abs() <= limit * dt_s * (1.0 + 1e-9));
        last = now;
    }
    let stopping_rad = before.velocities[0].powi(2) / (2.0 * limit);
    assert!((last.positions[0] - before.positions[0] - stopping_rad).abs() < 1e-9);
    assert_eq!(simulated.state(), ArmState::Holding);
    let held = simulated.sample().positions;
    for _ in 0..300 {
        simulated.step(dt_s);
    }
    assert_eq!(simulated.sample().positions, held);
    assert_eq!(simulated.sample().velocities[0], 0.0);
}

#[test]
fn a_bad_goal_is_refused_with_its_reason_and_the_arm_stays() {
    type Spoil = fn(&mut JointTrajectory);
    let cases: [(&str, Spoil); 10] = [
        ("joint names", |t| t.joint_names[0] = "R_joint1".into()),
        ("joint names", |t| t.joint_names.swap(0, 1)),
        ("no points", |t| t.points.clear()),
        ("point 1 has a missing value", |t| t.points[1].positions[3] = f64::NAN),
        ("point 1 has a missing value", |t| t.points[1].velocities.truncate(5)),
        ("point 2 is at 1.5", |t| t.points[2].time_s = 1.5),
        ("starts 0.0200 rad from where it is, limit 0.0100", |t| t.points[0].positions[2] += 0.02),
        ("'L_joint1': acceleration", |t| t.points[1].time_s = 0.3),
        // 15/8 · 3 rad / 1.6 s = 3.5 rad/s, at 6.8 rad/s² at most.
        ("'L_joint1': velocity", |t| {
            t.points.truncate(2);
            t.points[1].time_s = 1.6;
            t.points[1].positions[0] += 2.4;
        }),
        ("'L_joint2': position", |t| t.points[1].positions[1] = -2.3),
    ];
    for (reason, spoil) in cases {
        let mut simulated = at_home();
        let mut goal = there_and_back();
        spoil(&mut goal);
        let text = simulated.accept(goal).unwrap_err().to_string();
        assert!(text.contains(reason), "'{text}' does not say '{reason}'");
        assert_eq!(simulated.state(), ArmState::Idle);
        assert_eq!(simulated.step(0.1).positions, simulated.arm().home);
    }
}

#[test]
fn a_lagging_arm_is_its_lag_behind_and_arrives() {
    let mut simulated = at_home().with_lag(0.02);
    simulated.accept(there_and_back()).unwrap();
    let dt_s = 1.0 / 150.0;
    let mut largest_lag_s = 0.0_f64;
    for _ in 0..450 {
        let now = simulated.step(dt_s);
        let wanted = simulated.commanded();
        if wanted.velocities[0].abs() > 0.5 {
            let behind_rad = wanted.positions[0] - now.positions[0];
            largest_lag_s = largest_lag_s.max((behind_rad / wanted.velocities[0] - 0.02).abs());
        }
    }
    assert!(largest_lag_s < 0.003, "{largest_lag_s} s from 0.02 s behind");
    for _ in 0..150 {
        simulated.step(dt_s);
    }
    assert_eq!(simulated.sample().positions, simulated.arm().home);
    assert!(simulated.sample().velocities.iter().all(|v| *v == 0.0));
}

#[test]
fn another_trajectory_in_motion_is_joined_without_a_jump() {
    let dt_s = 1.0 / 150.0;
    // To a stop 0.3 s ahead; and the same way over again from where it is.
    let (mut leading, mut joining) = (at_home(), at_home());
    for arm in [&mut leading, &mut joining] {
        arm.accept(there_and_back()).unwrap();
        for _ in 0..100 {
            arm.step(dt_s);
        }
    }
    let here = leading.sample();
    let ahead = |time_s: f64| {
        let mut point = there_and_back().points[0];
        (point.time_s, point.positions[0]) = (time_s, here.positions[0] + 0.12);
        JointTrajectory { points: vec![point], ..there_and_back() }
    };
    assert!(matches!(leading.clone().replace(&ahead(0.05), 0.0), Err(GoalRejection::Limit { .. })));
    let followed = leading.replace(&ahead(1.3), 1.0).unwrap();
    assert!((followed.duration_s() - 0.3).abs() < 1e-9);
    joining.replace(&there_and_back(), 100.0 * dt_s).unwrap();
    let limit = leading.arm().limits.acceleration_rad_s2[0];
    let mut last = here;
    for _ in 0..60 {
        let now = leading.step(dt_s);
        assert!((now.velocities[0] - last.velocities[0]).abs() <= limit * dt_s);
        last = now;
        joining.step(dt_s);
    }
    assert_eq!((last.positions[0], leading.state()), (here.positions[0] + 0.12, ArmState::Idle));
    assert!(
        (joining.sample().positions[0] - there_and_back().at(160.0 * dt_s).unwrap().positions[0]).abs()
            < 1e-9
    );
    // Joined where the arm is not.
    let text = joining.replace(&there_and_back(), 0.5).unwrap_err().to_string();
    assert!(text.contains("'L_joint1' starts") && text.contains("limit 0.0100 rad"), "{text}");
    assert_eq!(joining.state(), ArmState::Executing);
}

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

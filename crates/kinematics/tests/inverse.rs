//! Inverse kinematics: the way there and back, limits, many solutions, determinism, what is out of reach.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod arms;

use arms::{ARMS, chain, distance, posture};
use dreamitate_kinematics::{IkError, IkSettings, InverseKinematics, Joints, nearest_wrap};
use nalgebra::Isometry3;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn there_and_back(robot in 0usize..3, unit in prop::collection::vec(0.0f64..1.0, 7), seed: u64) {
        let chain = chain(ARMS[robot].0);
        let wanted = chain.tip_pose(&posture(&chain, &unit));
        let answer = InverseKinematics::new(&chain).solve(&wanted, &chain.middle(), seed).unwrap();
        let (position_m, rotation_rad) = distance(&wanted, &chain.tip_pose(&answer.joints));
        prop_assert!(position_m < 1e-5 && rotation_rad < 1e-4);
        prop_assert!(chain.joints(&answer.joints).is_ok(), "limits: {:?}", answer.joints);
    }

    #[test]
    fn following_stays_near(robot in 0usize..3, unit in prop::collection::vec(0.1f64..0.9, 7), nudge in -0.02f64..0.02) {
        let chain = chain(ARMS[robot].0);
        let start = posture(&chain, &unit);
        prop_assume!(chain.smallest_singular_value(&start) > 0.05);
        let moved: Joints = start.iter().map(|v| v + nudge).collect();
        let answer = InverseKinematics::new(&chain).follow(&chain.tip_pose(&moved), &start).unwrap();
        prop_assert!(answer.joints.iter().zip(&start).all(|(a, b)| (a - b).abs() < 0.3));
        prop_assert_eq!(answer.restarts, 0);
    }

    #[test]
    fn a_wrap_is_the_same_pose(robot in 0usize..3, unit in prop::collection::vec(0.0f64..1.0, 7), other in prop::collection::vec(0.0f64..1.0, 7)) {
        let chain = chain(ARMS[robot].0);
        let (start, reference) = (posture(&chain, &unit), posture(&chain, &other));
        let near = nearest_wrap(&chain, &start, &reference);
        prop_assert!(chain.joints(&near).is_ok());
        prop_assert!(distance(&chain.tip_pose(&start), &chain.tip_pose(&near)).1 < 1e-6);
        let all = chain.wraps(&start, &reference, 50.0);
        let reach = |q: &Joints| q.iter().zip(&reference).map(|(a, b)| (a - b).abs()).sum::<f64>();
        let nearest = all.iter().map(reach).fold(f64::INFINITY, f64::min);
        prop_assert!((reach(&near) - nearest).abs() < 1e-9, "{} of {} wraps: {nearest}", reach(&near), all.len());
    }
}

#[test]
fn a_ur_has_several_branches_and_an_xarm_many() {
    for (robot, least) in [("ur5", 4), ("ur5e", 4), ("xarm7", 32)] {
        let chain = chain(robot);
        let start: Joints = chain.moving_joints().iter().map(|_| 0.7).collect();
        let wanted = chain.tip_pose(&start);
        let found = InverseKinematics::new(&chain).solutions(&wanted, 32, 1);
        assert!(found.len() >= least, "{robot}: {}", found.len());
        for (index, joints) in found.iter().enumerate() {
            let (position_m, rotation_rad) = distance(&wanted, &chain.tip_pose(joints));
            assert!(position_m < 1e-5 && rotation_rad < 1e-4);
            assert!(chain.joints(joints).is_ok());
            for other in &found[..index] {
                let near = nearest_wrap(&chain, other, joints);
                assert!(near.iter().zip(joints).any(|(a, b)| (a - b).abs() > 0.04), "{robot}: two alike");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let chain = chain("xarm7");
    let wanted = chain.tip_pose(&chain.joints(&[1.0, -1.2, 2.0, 1.5, -2.0, 1.0, 0.4]).unwrap());
    let solve = |seed| InverseKinematics::new(&chain).solutions(&wanted, 8, seed);
    assert_eq!(solve(3), solve(3));
    assert_ne!(solve(3), solve(4));
}

#[test]
fn what_is_out_of_reach_is_said_with_its_residual() {
    for (robot, ..) in ARMS {
        let chain = chain(robot);
        let far = Isometry3::translation(3.0, 0.0, 0.5);
        let error = InverseKinematics::new(&chain).solve(&far, &chain.middle(), 0).unwrap_err();
        let IkError::OutOfReach { nearest, restarts, .. } = error else { panic!("{error}") };
        let has_closed_form = chain.has_closed_form();
        assert!(nearest.position_m > 1.5 && nearest.position_m < 3.5, "{error}");
        assert_eq!(restarts, if has_closed_form { 0 } else { IkSettings::default().max_restarts });
        assert!(error.to_string().contains(&format!("{:.4} m", nearest.position_m)), "{error}");
    }
}

#[test]
fn a_pose_of_nan_is_refused() {
    let chain = chain("ur5e");
    let nan = Isometry3::translation(f64::NAN, 0.0, 0.0);
    let ik = InverseKinematics::new(&chain);
    assert_eq!(ik.solve(&nan, &chain.middle(), 0).unwrap_err(), IkError::NotFinite);
    assert!(ik.solutions(&nan, 4, 0).is_empty());
}

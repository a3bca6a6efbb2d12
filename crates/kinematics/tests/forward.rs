//! Forward kinematics against DH parameters, and the Jacobian against finite differences.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod arms;

use std::collections::BTreeMap;

use arms::{ARMS, chain};
use dreamitate_kinematics::Joints;
use nalgebra::{Matrix3, Vector6};
use proptest::prelude::*;

#[derive(serde::Deserialize)]
struct Golden {
    joints: Vec<f64>,
    base_from_tip: [[f64; 4]; 3],
}

#[test]
fn tip_poses_are_those_of_the_published_dh_parameters() {
    let text = include_str!("golden/forward.json");
    let golden: BTreeMap<String, Vec<Golden>> = serde_json::from_str(text).unwrap();
    assert_eq!(golden.len(), 3);
    for (robot, cases) in golden {
        let chain = chain(&robot);
        assert_eq!(cases.len(), 8);
        for case in cases {
            let tip = chain.tip_pose(&chain.joints(&case.joints).unwrap());
            let m = case.base_from_tip;
            for (axis, row) in m.iter().enumerate() {
                assert!((tip.translation.vector[axis] - row[3]).abs() < 1e-8, "{robot} {tip} {m:?}");
            }
            let rotation = Matrix3::from_fn(|r, c| m[r][c]);
            assert!((rotation - tip.rotation.to_rotation_matrix().matrix()).norm() < 1e-8, "{robot}");
        }
    }
}

#[test]
fn the_last_link_is_the_tip() {
    for (robot, ..) in ARMS {
        let chain = chain(robot);
        let frames = chain.joint_frames(&chain.middle());
        let links: Vec<_> = chain.link_poses(&frames).collect();
        assert_eq!(links.len(), chain.link_names().len());
        assert!(
            (links.last().unwrap().to_homogeneous() - frames.base_from_tip.to_homogeneous()).norm() < 1e-12
        );
    }
}

#[test]
fn a_stretched_arm_is_singular_and_a_bent_one_is_not() {
    let chain = chain("ur5");
    let stretched = chain.joints(&[0.3, -1.0, 0.0, 0.5, 1.0, 0.0]).unwrap();
    let bent = chain.joints(&[0.3, -1.0, 1.5, 0.5, 1.0, 0.0]).unwrap();
    assert!(chain.smallest_singular_value(&stretched) < 1e-6);
    assert!(chain.smallest_singular_value(&bent) > 0.05);
    assert!(chain.manipulability(&stretched) < 1e-6);
    assert!(chain.manipulability(&bent) > 0.01);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_jacobian_is_the_derivative(robot in 0usize..3, unit in prop::collection::vec(0.01f64..0.99, 7)) {
        const STEP: f64 = 1e-6;
        let chain = chain(ARMS[robot].0);
        let joints: Joints = chain.moving_joints().iter().zip(&unit)
            .map(|(j, u)| j.limits.lower + u * (j.limits.upper - j.limits.lower)).collect();
        let jacobian = chain.jacobian(&chain.joint_frames(&joints));
        for (index, column) in jacobian.iter().enumerate() {
            let (mut before, mut after) = (joints, joints);
            before[index] -= STEP;
            after[index] += STEP;
            let (before, after) = (chain.tip_pose(&before), chain.tip_pose(&after));
            let linear = (after.translation.vector - before.translation.vector) / (2.0 * STEP);
            let angular = (after.rotation * before.rotation.inverse()).scaled_axis() / (2.0 * STEP);
            let numeric = Vector6::new(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z);
            prop_assert!((numeric - column.0).norm() < 1e-7, "joint {index}: {numeric} {}", column.0);
        }
    }
}

//! Arms of a user's own, from their descriptions alone: turning and sliding joints, slanted axes, xacro files.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod arms;

use std::path::{Path, PathBuf};

use arms::{chain, distance, posture};
use dreamitate_kinematics::{
    Chain, ChainError, DescriptionError, DescriptionReader, InverseKinematics, JointKind, Joints,
};
use nalgebra::{Isometry3, Translation3, Unit, UnitQuaternion, Vector3, Vector6};
use proptest::prelude::*;

fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arms/own").join(file)
}

fn gantry() -> Chain {
    Chain::from_urdf_file(own("gantry.urdf"), "floor", "gripper").unwrap()
}

fn lift_arm() -> Chain {
    Chain::from_urdf_file(own("lift_arm.urdf"), "floor", "tip").unwrap()
}

/// A posture at fractions of the ranges, ±π for a joint without limits.
fn own_posture(chain: &Chain, unit: &[f64]) -> Joints {
    let within = posture(chain, unit);
    let in_turn = |u: &f64| (2.0 * u - 1.0) * std::f64::consts::PI;
    within.iter().zip(unit).map(|(v, u)| if v.is_finite() { *v } else { in_turn(u) }).collect()
}

#[test]
fn the_joints_are_as_the_file_says() {
    let (gantry, lift_arm) = (gantry(), lift_arm());
    let kinds = |chain: &Chain| chain.moving_joints().iter().map(|j| j.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&gantry)[..2], [JointKind::Sliding, JointKind::Turning]);
    assert_eq!((gantry.dof(), lift_arm.dof()), (6, 7));
    assert!(gantry.moving_joints()[1].limits.upper.is_infinite());
    assert!(!gantry.has_closed_form() && !lift_arm.has_closed_form());
}

#[test]
fn the_tip_of_the_gantry_is_where_its_file_puts_it() {
    // Written out by hand, joint by joint, apart from the reader.
    let at = |x, y, z, roll, pitch, yaw| {
        Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_euler_angles(roll, pitch, yaw))
    };
    let turn = |x, y, z, angle| {
        let axis = Unit::new_normalize(Vector3::new(x, y, z));
        Isometry3::from_parts(Translation3::identity(), UnitQuaternion::from_axis_angle(&axis, angle))
    };
    let expected = at(0.0, 0.0, 0.2, 0.0, 0.0, 0.1)
        * at(0.3, 0.0, 0.0, 0.0, 0.0, 0.0)
        * at(0.0, 0.0, 0.3, 0.05, 0.0, 0.0)
        * turn(0.0, 0.0, 1.0, 4.0)
        * at(0.05, 0.0, 0.2, 0.0, 0.1, 0.0)
        * turn(0.0, 1.0, 0.0, -0.5)
        * at(0.0, 0.02, 0.5, 0.0, 0.0, 0.0)
        * turn(0.3, -0.95, 0.0, 1.1)
        * at(0.0, 0.0, 0.4, 0.0, 0.0, 0.7)
        * turn(0.0, 0.2, -1.0, -2.0)
        * at(0.0, 0.03, 0.1, 0.0, 0.0, 0.0)
        * turn(1.0, 0.0, 0.0, 0.6)
        * at(0.01, 0.02, 0.12, 0.1, 0.2, 0.3);
    let chain = gantry();
    let tip = chain.tip_pose(&chain.joints(&[0.3, 4.0, -0.5, 1.1, -2.0, 0.6]).unwrap());
    let (position_m, rotation_rad) = distance(&expected, &tip);
    assert!(position_m < 1e-12 && rotation_rad < 1e-7, "{position_m} {rotation_rad}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn there_and_back(is_lift: bool, unit in prop::collection::vec(0.0f64..1.0, 7), seed: u64) {
        let chain = if is_lift { lift_arm() } else { gantry() };
        let wanted = chain.tip_pose(&own_posture(&chain, &unit));
        let answer = InverseKinematics::new(&chain).solve(&wanted, &chain.middle(), seed).unwrap();
        let (position_m, rotation_rad) = distance(&wanted, &chain.tip_pose(&answer.joints));
        prop_assert!(position_m < 2e-6 && rotation_rad < 2e-5);
        prop_assert!(chain.joints(&answer.joints).is_ok(), "limits: {:?}", answer.joints);
    }

    #[test]
    fn the_jacobian_is_the_derivative(is_lift: bool, unit in prop::collection::vec(0.01f64..0.99, 7)) {
        const STEP: f64 = 1e-6;
        let chain = if is_lift { lift_arm() } else { gantry() };
        let joints = own_posture(&chain, &unit);
        for (index, column) in chain.jacobian(&chain.joint_frames(&joints)).iter().enumerate() {
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

#[test]
fn the_postures_of_a_pose_are_found() {
    for (chain, unit, least) in [
        (gantry(), [0.6, 0.4, 0.7, 0.7, 0.3, 0.6, 0.0], 2),
        (lift_arm(), [0.5, 0.4, 0.7, 0.7, 0.3, 0.6, 0.4], 24),
    ] {
        let start = own_posture(&chain, &unit);
        let wanted = chain.tip_pose(&start);
        let found = InverseKinematics::new(&chain).solutions(&wanted, 24, 1);
        assert!(found.len() >= least && found.len() <= 24, "{}", found.len());
        for joints in &found {
            let (position_m, rotation_rad) = distance(&wanted, &chain.tip_pose(joints));
            assert!(position_m < 2e-6 && rotation_rad < 2e-5);
            assert!(chain.joints(joints).is_ok(), "limits: {joints:?}");
        }
    }
}

#[test]
fn a_xacro_file_without_the_program_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("arm.urdf.xacro");
    std::fs::write(&file, "<robot/>").unwrap();
    let reader = DescriptionReader { xacro: "no-such-xacro".into(), ..DescriptionReader::default() };
    let error = reader.read(&file).unwrap_err();
    assert!(matches!(error, DescriptionError::NoXacro { .. }));
    let text = error.to_string();
    for part in ["arm.urdf.xacro", "'no-such-xacro' was not found", "install"] {
        assert!(text.contains(part), "{text}");
    }
    // A missing file is what is said first.
    let text = reader.read(directory.path().join("none.xacro")).unwrap_err().to_string();
    assert!(text.contains("cannot read") && text.contains("none.xacro"), "{text}");
}

#[test]
fn a_urdf_file_needs_no_program() {
    let reader = DescriptionReader { xacro: "no-such-xacro".into(), ..DescriptionReader::default() };
    assert!(reader.read(own("gantry.urdf")).unwrap().contains("turntable"));
    let text = Chain::from_urdf_file("nowhere.urdf", "a", "b").unwrap_err();
    assert!(matches!(text, ChainError::Description(DescriptionError::Unreadable { .. })), "{text}");
}

#[cfg(unix)]
#[test]
fn a_xacro_file_is_expanded_with_its_arguments() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("arm.urdf.xacro");
    std::fs::write(&file, "<robot/>").unwrap();
    let reader =
        DescriptionReader { xacro: own("xacro"), ..DescriptionReader::with_arguments(["name:=mine"]) };
    let text = reader.read(&file).unwrap();
    assert!(text.contains("<robot name=\"mine\">"), "{text}");
    assert_eq!(Chain::from_urdf_text(&text, "floor", "tip").unwrap().dof(), 7);

    // What the program complains of is passed on.
    let reader = DescriptionReader { arguments: Vec::new(), ..reader };
    let error = reader.read(&file).unwrap_err();
    assert!(matches!(error, DescriptionError::NotExpanded { .. }));
    let text = error.to_string();
    assert!(text.contains("undefined substitution argument name") && text.contains("status: 2"), "{text}");
}

#[test]
fn the_same_arm_from_file_and_text_is_the_same() {
    let chain = chain("xarm7");
    let path = format!("{}/../../urdf/robots/xarm7.urdf", env!("CARGO_MANIFEST_DIR"));
    let from_file = Chain::from_urdf_file(path, "link_base", "link_eef").unwrap();
    assert_eq!(from_file.tip_pose(&from_file.middle()), chain.tip_pose(&chain.middle()));
}

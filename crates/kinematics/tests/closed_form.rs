//! The closed form against Levenberg-Marquardt, in limits, in singular poses and on calibrated arms.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod arms;

use arms::{ARMS, calibrated, chain, difference, distance, posture, urdf};
use dreamitate_kinematics::{Branches, Chain, IkError, IkSettings, InverseKinematics, Joints};
use nalgebra::Isometry3;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Poses asked of each arm.
const POSES: u64 = 2000;
const URS: [&str; 2] = ["ur5", "ur5e"];

fn branches(chain: &Chain, wanted: &Isometry3<f64>) -> Branches {
    let ik = InverseKinematics::new(chain);
    let found = ik.branches(wanted, &chain.middle()).unwrap();
    for joints in &found {
        let (position_m, rotation_rad) = distance(wanted, &chain.tip_pose(joints));
        assert!(position_m < 2e-6 && rotation_rad < 2e-5, "{position_m} m, {rotation_rad} rad");
        assert!(chain.joints(joints).is_ok(), "limits: {joints:?}");
    }
    found
}

#[test]
fn an_arm_is_known_by_its_axes() {
    assert!(URS.iter().all(|name| chain(name).has_closed_form()));
    assert!(!chain("xarm7").has_closed_form());
    // Without the last joint there are five.
    let text = urdf("ur5");
    assert!(!Chain::from_urdf_text(&text, "base_link", "wrist_2_link").unwrap().has_closed_form());
    // Names say nothing; an elbow across the others makes another kind of arm.
    let tilted = text.replace("xyz=\"-0.425 0 0\" rpy=\"0 0 0\"", "xyz=\"-0.425 0 0\" rpy=\"0.8 0 0\"");
    assert_ne!(text, tilted);
    assert!(!Chain::from_urdf_text(&tilted, "base_link", "tool0").unwrap().has_closed_form());
    let renamed = text.replace("_joint", "_j").replace("ur5", "mine");
    assert!(Chain::from_urdf_text(&renamed, "base_link", "tool0").unwrap().has_closed_form());
}

#[test]
fn the_base_the_tip_and_the_signs_of_axes_may_be_anyhow() {
    let text = urdf("ur5e");
    // The elbow's axis the other way round, the base tilted, the tip aside.
    let changed = text.replacen("rpy=\"0 0 3.141592653589793\"", "rpy=\"0.3 -0.4 1.0\"", 1).replace(
        "<child link=\"flange\"/><origin xyz=\"0 0 0\"",
        "<child link=\"flange\"/><origin xyz=\"0.1 0.2 0.3\"",
    );
    let elbow = changed.find("elbow_joint").unwrap();
    let (before, after) = changed.split_at(elbow);
    let changed = format!("{before}{}", after.replacen("<axis xyz=\"0 0 1\"/>", "<axis xyz=\"0 0 -1\"/>", 1));
    let chain = Chain::from_urdf_text(&changed, "base_link", "tool0").unwrap();
    assert!(chain.has_closed_form());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..500 {
        let unit: Vec<f64> = (0..6).map(|_| rng.random_range(0.0..1.0)).collect();
        let start = posture(&chain, &unit);
        let found = branches(&chain, &chain.tip_pose(&start));
        assert!(found.iter().any(|b| difference(b, &start) < 1e-4), "{start:?}: {found:?}");
    }
}

#[test]
fn frames_far_along_the_parallel_axes_change_nothing() {
    // A vendor's calibration has DH parameters whose d₂ to d₄ are hundreds of metres and cancel.
    let text = urdf("ur5")
        .replace("xyz=\"-0.425 0 0\"", "xyz=\"-0.425 0 412.5\"")
        .replace("xyz=\"-0.39225 0 0.10915\"", "xyz=\"-0.39225 0 -412.39085\"");
    let far = Chain::from_urdf_text(&text, "base_link", "tool0").unwrap();
    let wanted = chain("ur5").tip_pose(&posture(&far, &[0.3, 0.4, 0.7, 0.6, 0.2, 0.9]));
    assert!(far.has_closed_form());
    assert_eq!(branches(&far, &wanted).len(), branches(&chain("ur5"), &wanted).len());
    assert!(branches(&far, &wanted).len() >= 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_posture_itself_is_among_the_branches(robot in 0usize..2, unit in prop::collection::vec(0.0f64..1.0, 6)) {
        let chain = chain(URS[robot]);
        let start = posture(&chain, &unit);
        prop_assume!(chain.smallest_singular_value(&start) > 1e-3);
        let found = branches(&chain, &chain.tip_pose(&start));
        prop_assert!(found.iter().any(|b| difference(b, &start) < 1e-6), "{:?}: {:?}", start, found);
    }

    #[test]
    fn branches_are_turned_to_the_reference(unit in prop::collection::vec(0.0f64..1.0, 6), other in prop::collection::vec(0.0f64..1.0, 6)) {
        let chain = chain("ur5");
        let reference = posture(&chain, &other);
        let wanted = chain.tip_pose(&posture(&chain, &unit));
        for joints in InverseKinematics::new(&chain).branches(&wanted, &reference).unwrap() {
            let near = dreamitate_kinematics::nearest_wrap(&chain, &joints, &reference);
            prop_assert!(joints.iter().zip(&near).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}

/// Poses of random postures where a descent ends on a posture that is not among the branches, of how many.
fn descents_off_the_branches(chain: &Chain, rng: &mut ChaCha8Rng) -> usize {
    let settings = IkSettings { closed_form: false, ..IkSettings::default() };
    let ik = InverseKinematics::with_settings(chain, settings);
    let is_off = |index: u64| {
        let start = posture(chain, &std::array::from_fn::<f64, 6, _>(|_| rng.random_range(0.0..1.0)));
        let wanted = chain.tip_pose(&start);
        let found = branches(chain, &wanted);
        let answers = [&start, &chain.middle()].map(|from| ik.solve(&wanted, from, index).unwrap());
        answers.iter().any(|answer| {
            // Close to a singular posture a tolerance of 1e-6 m leaves a joint far more room than that.
            chain.smallest_singular_value(&answer.joints) > 0.01
                && !found.iter().any(|b| difference(b, &answer.joints) < 2e-3)
        })
    };
    (0..POSES).map(is_off).filter(|off| *off).count()
}

#[test]
fn every_descent_ends_on_a_branch() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for name in URS {
        assert_eq!(descents_off_the_branches(&chain(name), &mut rng), 0, "{name}");
    }
    // A calibrated arm has more than 8 postures in a few poses, or one that no branch of the exact arm leads to.
    let off: usize = (0..8).map(|seed| descents_off_the_branches(&calibrated("ur5", seed), &mut rng)).sum();
    assert!(off * 1000 <= 8 * POSES as usize, "{off}");
}

#[test]
fn calibrated_arms_are_solved() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut asked, mut solved) = (0, 0);
    for seed in 0..20 {
        let chain = calibrated(URS[seed as usize % 2], seed);
        assert!(chain.has_closed_form(), "{seed}");
        for _ in 0..250 {
            let unit: Vec<f64> = (0..6).map(|_| rng.random_range(0.0..1.0)).collect();
            asked += 1;
            solved += usize::from(!branches(&chain, &chain.tip_pose(&posture(&chain, &unit))).is_empty());
        }
    }
    assert!(solved * 1000 >= asked * 999, "{solved} of {asked}");
}

#[test]
fn singular_poses_are_reached() {
    use std::f64::consts::PI;
    for name in URS {
        let chain = chain(name);
        for wrist_2 in [0.0, PI, -PI, 1e-9, 1e-8, 1e-6, 1e-4] {
            for elbow in [0.0, 1e-9, 1e-6, 1.2, -2.0, PI] {
                for rest in [[0.3, -1.0, 0.4, 0.2], [2.0, 0.5, -1.0, -2.0], [0.0, 0.0, 0.0, 0.0]] {
                    let start: Joints =
                        [rest[0], rest[1], elbow, rest[2], wrist_2, rest[3]].into_iter().collect();
                    let found = branches(&chain, &chain.tip_pose(&start));
                    assert!(!found.is_empty(), "{name} {start:?}");
                }
            }
        }
    }
}

#[test]
fn a_shoulder_singularity_is_reached_and_beyond_it_nothing() {
    // The wrist above the shoulder as near to axis 1 as the arm's width allows: both branches of joint 1 meet.
    let chain = chain("ur5");
    let start: Joints = [0.7, -1.0, 1.9, 0.0, 1.0, 0.5].into_iter().collect();
    let wanted = chain.tip_pose(&start);
    assert!(!branches(&chain, &wanted).is_empty());
    let far = Isometry3::translation(0.0, 0.0, 2.0) * wanted;
    assert!(branches(&chain, &far).is_empty());
    let error = InverseKinematics::new(&chain).solve(&far, &chain.middle(), 0).unwrap_err();
    assert!(matches!(error, IkError::OutOfReach { restarts: 0, .. }), "{error}");
}

#[test]
fn other_arms_have_no_branches() {
    let (name, ..) = ARMS[0];
    let chain = chain(name);
    let ik = InverseKinematics::new(&chain);
    assert!(ik.branches(&chain.tip_pose(&chain.middle()), &chain.middle()).is_none());
}

//! The self-motion of a redundant arm, and that exploring it finds what chance finds.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod arms;

use arms::{calibrated, chain, difference, distance, posture};
use dreamitate_kinematics::{Chain, IkSettings, InverseKinematics, Joints};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const STEP: f64 = 0.1;

fn random_posture(chain: &Chain, rng: &mut ChaCha8Rng) -> Joints {
    let unit: Vec<f64> = (0..chain.dof()).map(|_| rng.random_range(0.0..1.0)).collect();
    posture(chain, &unit)
}

/// Whether a joint without room for whole turns is nearly at a limit, as near as half a step may leave one that hardly moves.
fn is_at_limit(chain: &Chain, joints: &Joints) -> bool {
    chain.moving_joints().iter().zip(joints).any(|(joint, value)| {
        let (lower, upper) = (joint.limits.lower, joint.limits.upper);
        upper - lower < std::f64::consts::TAU && (value - lower).min(upper - value) < 0.06
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn along_the_self_motion_the_tip_stays(unit in prop::collection::vec(0.05f64..0.95, 7)) {
        let chain = chain("xarm7");
        let start = posture(&chain, &unit);
        prop_assume!(chain.smallest_singular_value(&start) > 0.02);
        let wanted = chain.tip_pose(&start);
        let curve = InverseKinematics::new(&chain).self_motion(&wanted, &start, STEP);
        prop_assert!(curve.iter().any(|q| difference(q, &start) < 1e-9));
        for joints in &curve {
            let (position_m, rotation_rad) = distance(&wanted, &chain.tip_pose(joints));
            prop_assert!(position_m < 2e-6 && rotation_rad < 2e-5);
            prop_assert!(chain.joints(joints).is_ok(), "limits: {joints:?}");
        }
        for pair in curve.windows(2) {
            prop_assert!(difference(&pair[0], &pair[1]) < 1.6 * STEP, "{pair:?}");
        }
    }
}

#[test]
fn a_self_motion_ends_at_limits_or_is_a_loop() {
    let chain = chain("xarm7");
    let ik = InverseKinematics::new(&chain);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (mut ends, mut loops, mut neither) = (0, 0, 0);
    for _ in 0..300 {
        let start = random_posture(&chain, &mut rng);
        let curve = ik.self_motion(&chain.tip_pose(&start), &start, STEP);
        let [first, last] = [curve.first().unwrap(), curve.last().unwrap()];
        if is_at_limit(&chain, first) && is_at_limit(&chain, last) {
            ends += 1;
        } else if difference(first, last) < 2.0 * STEP {
            loops += 1;
        } else {
            neither += 1;
        }
    }
    assert!(ends > 50 && loops > 20, "{ends} end at limits, {loops} are loops");
    // At a singular posture two curves cross, and a walk may end there.
    assert!(neither <= 15, "{neither}");
}

#[test]
fn an_arm_that_is_not_redundant_stays() {
    let chain = chain("ur5");
    let start = chain.joints(&[0.3, -1.0, 1.5, 0.5, 1.0, 0.0]).unwrap();
    let curve = InverseKinematics::new(&chain).self_motion(&chain.tip_pose(&start), &start, STEP);
    assert_eq!(curve, [start]);
}

#[test]
fn exploring_finds_what_chance_finds() {
    let chain = chain("xarm7");
    let ik = InverseKinematics::new(&chain);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut asked, mut missed) = (0, 0);
    for seed in 0..40 {
        let wanted = chain.tip_pose(&random_posture(&chain, &mut rng));
        let known = ik.solutions(&wanted, usize::MAX, seed);
        for _ in 0..100 {
            let Ok(answer) = ik.follow(&wanted, &random_posture(&chain, &mut rng)) else { continue };
            asked += 1;
            // Points are 0.25 apart.
            missed += usize::from(!known.iter().any(|q| difference(q, &answer.joints) < 0.2));
        }
    }
    // A short curve between limits may have met none of the starts.
    assert!(asked > 1000 && missed * 50 <= asked, "{missed} of {asked}");
}

#[test]
fn as_many_as_are_asked_for_and_no_more() {
    let chain = chain("xarm7");
    let ik = InverseKinematics::new(&chain);
    let wanted = chain.tip_pose(&[0.4, -0.3, 0.2, 1.2, 0.3, 1.0, 0.1]);
    for count in [0, 1, 3, 24, 60] {
        assert_eq!(ik.solutions(&wanted, count, 2).len(), count);
    }
}

#[test]
fn without_the_closed_form_the_same_postures_are_found() {
    let settings = IkSettings { closed_form: false, ..IkSettings::default() };
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (mut by_formula, mut by_search) = (0, 0);
    for chain in [chain("ur5e"), calibrated("ur5", 3)] {
        let ik = InverseKinematics::new(&chain);
        let searching = InverseKinematics::with_settings(&chain, settings);
        for seed in 0..50 {
            let start = random_posture(&chain, &mut rng);
            if chain.smallest_singular_value(&start) < 0.05 {
                continue;
            }
            let wanted = chain.tip_pose(&start);
            let formula = ik.solutions(&wanted, 16, seed);
            let search = searching.solutions(&wanted, 16, seed);
            by_formula += formula.len();
            by_search += search.iter().filter(|s| formula.iter().any(|f| difference(f, s) < 0.05)).count();
        }
    }
    assert!(by_search * 100 >= by_formula * 95, "{by_search} of {by_formula}");
}

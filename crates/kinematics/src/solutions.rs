//! The distinct postures of one tip pose, for any arm.

use nalgebra::Isometry3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::axis_chain::Frame;
use crate::chain::{Chain, Joints};
use crate::inverse::{InverseKinematics, check_finite};
use crate::wraps::nearest_wrap;

/// Postures of an arm that is not redundant count as one if no joint differs by more.
const SAME: f64 = 0.05;
/// How far apart the postures along a self-motion are.
const STEP: f64 = 0.25;
/// Random starts that must lead to nothing new, one after another, before the search ends.
const FRUITLESS: usize = 24;
/// Random starts in all.
const MOST_STARTS: usize = 200;

impl InverseKinematics<'_> {
    /// Up to `count` postures that reach the pose, no two alike (2π apart is alike).
    ///
    /// - An arm with a closed form: its branches, 8 at most.
    /// - A redundant arm: every self-motion that is found is followed from end to end, and the postures are spread evenly
    ///   over all of them, 0.25 rad (or m) apart or more.
    /// - Any other: those that random starts lead to, until 24 in a row lead to nothing new.
    ///
    /// Turning joints are nearest to the middle of their limits; [`Chain::wraps`] gives the others. Empty if out of reach.
    pub fn solutions(&self, base_from_tip: &Isometry3<f64>, count: usize, seed: u64) -> Vec<Joints> {
        if count == 0 || check_finite(base_from_tip).is_err() {
            return Vec::new();
        }
        if let (true, Some(form)) = (self.settings.closed_form, &self.chain.closed_form) {
            let (branches, is_complete) =
                self.branches_of(form, &Frame::from(base_from_tip), &self.chain.middle());
            if is_complete || !branches.is_empty() {
                return branches.into_iter().take(count).collect();
            }
        }
        spread(&self.self_motions(base_from_tip, count, seed), count)
    }

    /// The self-motions of a pose, found from random starts; each a single posture if the arm is not redundant.
    fn self_motions(&self, base_from_tip: &Isometry3<f64>, most: usize, seed: u64) -> Vec<Vec<Joints>> {
        let is_redundant = self.chain.dof() > 6;
        // Points of a curve are a step apart, so any other of it is within half a step of one, and a little for bends.
        let same = if is_redundant { 0.7 * STEP } else { SAME };
        let wanted = Frame::from(base_from_tip);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut curves: Vec<Vec<Joints>> = Vec::new();
        let mut fruitless = 0;
        for _ in 0..MOST_STARTS {
            if curves.len() == most || fruitless == FRUITLESS {
                break;
            }
            let mut joints = self.random_posture(&mut rng);
            if !self.reached(&self.descend(&wanted, &mut joints)) {
                continue;
            }
            let joints = nearest_wrap(self.chain, &joints, &self.chain.middle());
            if is_among(self.chain, &curves, &joints, same) {
                fruitless += 1;
                continue;
            }
            fruitless = 0;
            if is_redundant {
                curves.push(self.self_motion(base_from_tip, &joints, STEP));
            } else {
                curves.push(vec![joints]);
            }
        }
        curves
    }
}

fn is_among(chain: &Chain, curves: &[Vec<Joints>], joints: &Joints, same: f64) -> bool {
    curves.iter().flatten().any(|known| chain.are_alike(known, joints, same))
}

/// At most `count` of all points: one of each curve, which has one at least, and as many more as its share of the rest is.
fn spread(curves: &[Vec<Joints>], count: usize) -> Vec<Joints> {
    let others: usize = curves.iter().map(|curve| curve.len() - 1).sum();
    let spare = count.saturating_sub(curves.len()).min(others);
    // The spare ones up to a point of the way, so that rounding loses none.
    let spare_until = |others_before: usize| spare * others_before / others.max(1);
    let mut before = 0;
    let mut chosen = Vec::new();
    for curve in curves.iter().take(count) {
        let after = before + curve.len() - 1;
        let share = 1 + spare_until(after) - spare_until(before);
        before = after;
        // The middles of equal parts.
        chosen.extend((0..share).map(|part| curve[(2 * part + 1) * curve.len() / (2 * share)]));
    }
    chosen
}

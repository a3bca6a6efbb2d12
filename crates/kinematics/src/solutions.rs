//! Many postures of one tip pose, and the turns by 2π that a joint has room for.

use std::f64::consts::{PI, TAU};

use nalgebra::Isometry3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::chain::{Chain, JointKind, Joints};
use crate::inverse::InverseKinematics;

/// Postures count as one if no joint differs by more.
const SAME_RAD: f64 = 0.05;
/// Descents tried for each posture asked for, before fewer are returned.
const TRIES_EACH: usize = 4;

impl InverseKinematics<'_> {
    /// Up to `count` postures that reach the pose, no two alike (2π apart is alike), found from random starts.
    ///
    /// A six-jointed arm has 8 at most; a redundant one has a continuum, of which this is a sample. Turning joints
    /// are within ±π where their limits allow it; [`Chain::wraps`] gives the others. Empty if out of reach.
    pub fn solutions(&self, base_from_tip: &Isometry3<f64>, count: usize, seed: u64) -> Vec<Joints> {
        let mut found: Vec<Joints> = Vec::with_capacity(count);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..count * TRIES_EACH {
            if found.len() == count {
                break;
            }
            if let Ok(answer) = self.follow(base_from_tip, &self.random_posture(&mut rng)) {
                let joints = nearest_wrap(self.chain, &answer.joints, &self.chain.middle());
                if !found.iter().any(|other| alike(self.chain, other, &joints)) {
                    found.push(joints);
                }
            }
        }
        found
    }
}

/// The same posture with each turning joint moved by whole turns to be nearest to `reference`, within limits.
pub fn nearest_wrap(chain: &Chain, joints: &Joints, reference: &Joints) -> Joints {
    let mut wrapped = *joints;
    for ((joint, value), reference) in chain.joints.iter().zip(wrapped.iter_mut()).zip(reference) {
        if joint.kind == JointKind::Turning {
            let limits = joint.limits.lower..=joint.limits.upper;
            let turns = ((reference - *value) / TAU).round();
            // The nearest turn may lie beyond a limit; the one before it then does not, if any does.
            let candidates = [turns, turns - turns.signum()].map(|t| *value + t * TAU);
            *value = candidates.into_iter().find(|c| limits.contains(c)).unwrap_or(*value);
        }
    }
    wrapped
}

impl Chain {
    /// All turns of a posture within limits whose joints are at most `radius_rad` from `reference`.
    pub fn wraps(&self, joints: &Joints, reference: &Joints, radius_rad: f64) -> Vec<Joints> {
        let mut all = vec![*joints];
        for (index, (joint, reference)) in self.joints.iter().zip(reference).enumerate() {
            if joint.kind != JointKind::Turning {
                continue;
            }
            let lower = joint.limits.lower.max(reference - radius_rad);
            let upper = joint.limits.upper.min(reference + radius_rad);
            all = all
                .into_iter()
                .flat_map(|posture| {
                    let value = posture[index];
                    let first = ((lower - value) / TAU).ceil() as i32;
                    let last = ((upper - value) / TAU).floor() as i32;
                    (first..=last).map(move |turns| {
                        let mut wrapped = posture;
                        wrapped[index] = value + f64::from(turns) * TAU;
                        wrapped
                    })
                })
                .collect();
        }
        all
    }
}

/// Whether two postures are one, whole turns aside.
pub(crate) fn alike(chain: &Chain, a: &Joints, b: &Joints) -> bool {
    chain.joints.iter().zip(a.iter().zip(b)).all(|(joint, (a, b))| {
        let difference = match joint.kind {
            JointKind::Turning => ((a - b + PI).rem_euclid(TAU) - PI).abs(),
            JointKind::Sliding => (a - b).abs(),
        };
        difference <= SAME_RAD
    })
}

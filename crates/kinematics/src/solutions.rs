//! Many postures of one tip pose, and the turns by 2π that a joint has room for.

use nalgebra::Isometry3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::chain::Joints;
use crate::inverse::InverseKinematics;
use crate::wraps::nearest_wrap;

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
                if !found.iter().any(|other| self.chain.are_alike(other, &joints, SAME_RAD)) {
                    found.push(joints);
                }
            }
        }
        found
    }
}

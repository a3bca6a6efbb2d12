//! The turns by 2π that a joint has room for.

use std::f64::consts::TAU;

use crate::chain::{Chain, JointKind, JointLimits, Joints};

/// The same posture with each turning joint moved by whole turns to be nearest to `reference`, within limits.
pub fn nearest_wrap(chain: &Chain, joints: &Joints, reference: &Joints) -> Joints {
    let mut wrapped = *joints;
    for ((joint, value), reference) in chain.joints.iter().zip(wrapped.iter_mut()).zip(reference) {
        if joint.kind == JointKind::Turning {
            *value = turned_into(&joint.limits, *value, *reference, 0.0).unwrap_or(*value);
        }
    }
    wrapped
}

/// The angle moved by whole turns to the one nearest to `reference` within limits; at a limit that it passes by `slack` or
/// less. `None` if no turn of it is within.
pub(crate) fn turned_into(
    limits: &JointLimits,
    angle_rad: f64,
    reference_rad: f64,
    slack: f64,
) -> Option<f64> {
    // Mostly the nearest turn of all is within.
    let nearest = angle_rad + ((reference_rad - angle_rad) / TAU).round() * TAU;
    if nearest >= limits.lower && nearest <= limits.upper {
        return Some(nearest);
    }
    let least = ((limits.lower - slack - angle_rad) / TAU).ceil();
    let most = ((limits.upper + slack - angle_rad) / TAU).floor();
    if least > most {
        return None;
    }
    let turns = ((reference_rad - angle_rad) / TAU).round().max(least).min(most);
    Some((angle_rad + turns * TAU).max(limits.lower).min(limits.upper))
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

    /// Whether no joint differs by more between two postures, whole turns aside.
    pub(crate) fn are_alike(&self, a: &Joints, b: &Joints, most: f64) -> bool {
        self.joints.iter().zip(a.iter().zip(b)).all(|(joint, (a, b))| {
            let difference = a - b;
            match joint.kind {
                JointKind::Turning => (difference - (difference / TAU).round() * TAU).abs() <= most,
                JointKind::Sliding => difference.abs() <= most,
            }
        })
    }
}

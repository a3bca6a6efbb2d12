//! The branches of an arm with a closed form: all postures of a pose, within limits and refined on the true chain.

use nalgebra::Isometry3;
use tinyvec::ArrayVec;

use crate::axis_chain::Frame;
use crate::chain::Joints;
use crate::closed_form::{Angles, ClosedForm, FoundAngles};
use crate::inverse::InverseKinematics;
use crate::wraps::turned_into;

/// The postures of one pose of a six-jointed arm; there are never more than 8.
pub type Branches = ArrayVec<[Joints; 8]>;

/// Half the least angle between the two branches of a pair that a calibrated arm's descents start from, rad; all but the
/// first are for pairs that the one before lost.
const SPREADS: [f64; 3] = [0.02, 0.1, 0.25];

impl InverseKinematics<'_> {
    /// Every posture that reaches the pose, each turned into limits where it is nearest to `reference`; `None` if the arm has
    /// no closed form ([`Chain::has_closed_form`](crate::Chain::has_closed_form)). Empty if none reaches it.
    ///
    /// A calibrated arm's branches are those of the nearest exact arm, refined by a descent on the true chain. In a
    /// singular pose, where a joint is free, it takes the value of `reference`, or if nothing reaches the pose so,
    /// some other.
    ///
    /// # Panics
    /// If `reference` has another length than the chain.
    pub fn branches(&self, base_from_tip: &Isometry3<f64>, reference: &Joints) -> Option<Branches> {
        let form = self.chain.closed_form.as_ref()?;
        Some(self.branches_of(form, &Frame::from(base_from_tip), reference).0)
    }

    /// The branches, and whether there can be no other posture.
    pub(crate) fn branches_of(
        &self,
        form: &ClosedForm,
        base_from_tip: &Frame,
        reference: &Joints,
    ) -> (Branches, bool) {
        let mut branches = Branches::new();
        let mut reference_angles: Angles = [0.0; 6];
        reference_angles.copy_from_slice(reference);
        if form.is_exact {
            let found = form.branches(base_from_tip, &reference_angles, 0.0);
            self.add_branches(&found, base_from_tip, reference, &mut branches);
            return (branches, found.is_complete);
        }
        for least_sine in SPREADS {
            let found = form.branches(base_from_tip, &reference_angles, least_sine);
            // One that is lost has fallen to its neighbour or between two; from further apart it may be found.
            if self.add_branches(&found, base_from_tip, reference, &mut branches) {
                break;
            }
        }
        (branches, false)
    }

    /// Adds those within limits, refined where that is needed; whether each led to a posture of its own.
    fn add_branches(
        &self,
        found: &FoundAngles,
        base_from_tip: &Frame,
        reference: &Joints,
        branches: &mut Branches,
    ) -> bool {
        // How far outside its limits a joint may come out: rounding, or what calibration may move it back by.
        let is_exact = self.chain.closed_form.as_ref().is_some_and(|form| form.is_exact);
        let (slack, same_rad) = if is_exact { (1e-7, 1e-6) } else { (0.05, 1e-3) };
        let mut all_led = true;
        for angles in &found.angles {
            let mut joints = *reference;
            let fits = (self.chain.joints.iter().zip(angles).zip(joints.iter_mut())).all(
                |((joint, angle), value)| {
                    let turned = turned_into(&joint.limits, *angle, *value, slack);
                    *value = turned.unwrap_or(*value);
                    turned.is_some()
                },
            );
            if !fits {
                continue;
            }
            if !found.is_certain {
                let residual = self.descend(base_from_tip, &mut joints);
                let is_known = branches.iter().any(|b| self.chain.are_alike(b, &joints, same_rad));
                if is_known || !self.reached(&residual) {
                    all_led = false;
                    continue;
                }
            }
            // A calibrated arm may have more than 8; no one of them is worth more than another.
            if branches.try_push(joints).is_some() {
                break;
            }
        }
        all_led
    }
}

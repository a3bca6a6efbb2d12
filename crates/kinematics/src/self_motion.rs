//! The self-motion of an arm: the postures it can pass through while the tip stays where it is.
//!
//! A seven-jointed arm has a curve of them (or several). It is followed by small steps along the null space of the Jacobian,
//! each brought back onto the pose by a descent: a predictor and a corrector (Allgower and Georg, Introduction to Numerical
//! Continuation Methods, 2003, chapter 2).

use std::f64::consts::TAU;

use nalgebra::{Isometry3, Matrix6, Vector6};

use crate::axis_chain::Frame;
use crate::chain::{JointKind, Joints};
use crate::inverse::InverseKinematics;
use crate::wraps::nearest_wrap;

/// Postures on one side of the start after which a curve is cut.
const MOST_POINTS: usize = 400;
/// Parts of a step in which a curve that turns sharply is tried before its end is there.
const SHORTER: [f64; 4] = [1.0, 0.5, 0.2, 0.05];

/// One side of a curve.
struct Walk {
    points: Vec<Joints>,
    /// It came back to where it began.
    is_loop: bool,
}

impl InverseKinematics<'_> {
    /// The postures that `start`, which must reach the pose, can be moved to without moving the tip, in their order along the
    /// curve and about `step` apart in the joint that moves most. The curve ends at limits, or is a loop. Joints that have room for
    /// whole turns are kept nearest to the middle of their range. Only `start` if the arm is not redundant; with
    /// more than one joint too many, one curve of the many.
    ///
    /// # Panics
    /// If `start` has another length than the chain.
    pub fn self_motion(&self, base_from_tip: &Isometry3<f64>, start: &Joints, step: f64) -> Vec<Joints> {
        let wanted = Frame::from(base_from_tip);
        let Some(direction) = self.freest_direction(start) else { return vec![*start] };
        let ahead = self.walk(&wanted, start, direction, step);
        let mut curve = Vec::new();
        if !ahead.is_loop {
            let back = direction.iter().map(|v| -v).collect();
            curve = self.walk(&wanted, start, back, step).points;
            curve.reverse();
        }
        curve.push(*start);
        curve.extend(ahead.points);
        curve
    }

    fn walk(&self, wanted: &Frame, start: &Joints, direction: Joints, step: f64) -> Walk {
        let (mut here, mut direction) = (*start, direction);
        let mut points: Vec<Joints> = Vec::new();
        while points.len() < MOST_POINTS {
            let Some((next, is_last)) = self.step_along(wanted, &here, &direction, step) else { break };
            // The first points are near the start because they come from it.
            if points.len() > 3 && self.chain.are_alike(&next, start, 0.6 * step) {
                return Walk { points, is_loop: true };
            }
            points.push(next);
            // Toward where it went before, so that it does not turn round.
            let Some(onward) = self.free_direction(&next, &direction) else { break };
            (here, direction) = (next, onward);
            if is_last {
                break;
            }
        }
        Walk { points, is_loop: false }
    }

    /// The next posture, and whether a joint is at its limit there.
    fn step_along(
        &self,
        wanted: &Frame,
        here: &Joints,
        direction: &Joints,
        step: f64,
    ) -> Option<(Joints, bool)> {
        let room = self.room(here, direction);
        SHORTER.iter().find_map(|part| {
            let length = room.min(part * step);
            if length < 0.01 * part * step {
                return None;
            }
            let guess: Joints = here.iter().zip(direction).map(|(q, d)| q + length * d).collect();
            // Those with room for whole turns may have left their range.
            let guess = nearest_wrap(self.chain, &guess, &self.chain.middle());
            let mut next = guess;
            let residual = self.descend(wanted, &mut next);
            let is_near = self.chain.are_alike(&next, &guess, 0.5 * length);
            (self.reached(&residual) && is_near).then_some((next, length == room))
        })
    }

    /// How far the direction can be followed until a joint without room for whole turns is at its limit.
    fn room(&self, here: &Joints, direction: &Joints) -> f64 {
        let joints = self.chain.joints.iter().zip(here.iter().zip(direction));
        let rooms = joints.map(|(joint, (value, rate))| {
            let limits = &joint.limits;
            if joint.kind == JointKind::Turning && limits.upper - limits.lower >= TAU {
                return f64::INFINITY;
            }
            let limit = if *rate > 0.0 { limits.upper } else { limits.lower };
            if *rate == 0.0 { f64::INFINITY } else { ((limit - value) / rate).max(0.0) }
        });
        rooms.fold(f64::INFINITY, f64::min)
    }

    /// The direction of self-motion with most of a single joint in it.
    fn freest_direction(&self, joints: &Joints) -> Option<Joints> {
        let of_joint = |index: usize| {
            let unit: Joints = (0..joints.len()).map(|i| f64::from(u8::from(i == index))).collect();
            let part = self.null_part(joints, &unit)?;
            Some((part.iter().map(|v| v * v).sum::<f64>(), unit))
        };
        let (_, unit) = (0..joints.len()).filter_map(of_joint).max_by(|a, b| a.0.total_cmp(&b.0))?;
        self.free_direction(joints, &unit)
    }

    /// The direction of self-motion nearest to `toward`, its largest component 1; `None` where there is none.
    fn free_direction(&self, joints: &Joints, toward: &Joints) -> Option<Joints> {
        /// Part of `toward` that must be left.
        const LEAST: f64 = 0.05;
        let part = self.null_part(joints, toward)?;
        let largest = part.iter().fold(0.0f64, |largest, v| largest.max(v.abs()));
        (largest > LEAST).then(|| part.iter().map(|v| v / largest).collect())
    }

    /// `(I − J⁺J)·v`, what is left of a joint motion without the part that moves the tip.
    fn null_part(&self, joints: &Joints, v: &Joints) -> Option<Joints> {
        let jacobian = self.chain.jacobian(&self.chain.joint_frames(joints));
        let gram: Matrix6<f64> = jacobian.iter().map(|c| c.0 * c.0.transpose()).sum();
        let tip: Vector6<f64> = jacobian.iter().zip(v).map(|(c, rate)| c.0 * *rate).sum();
        // As small as a double allows: only a singular posture feels it.
        let pull = (gram + Matrix6::from_diagonal_element(1e-10)).cholesky()?.solve(&tip);
        Some(jacobian.iter().zip(v).map(|(c, rate)| rate - c.dot(&pull)).collect())
    }
}

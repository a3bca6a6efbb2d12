//! One descent of Levenberg-Marquardt with joint limits as an active set, on fixed arrays.
//!
//! The damping follows the error (Sugihara, "Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt
//! method", IEEE T-RO 27(5), 2011): far away the step is careful, close by it is Newton's. A step is
//! `Jᵀ(J·Jᵀ + λI)⁻¹e`, which needs a 6×6 solve for any number of joints and moves a redundant arm by the shortest
//! joint step. A joint that is pushed beyond its limit stops there and the others share its part.

#![allow(clippy::needless_range_loop, reason = "a joint is an index into five arrays")]

use nalgebra::Vector3;

use crate::axis_chain::{AxisChain, Frame, PosedAxes};
use crate::inverse::{IkSettings, Residual};
use crate::symmetric::Symmetric6;

/// What a wanted pose asks of the tip, in the base frame: metres, then a vector along the axis of the turn that is
/// left, of length 2·sin(θ/2); it has no jump at half a turn and is the rotation vector near zero.
#[derive(Debug, Clone, Copy)]
struct TipError {
    linear: Vector3<f64>,
    angular: Vector3<f64>,
}

impl TipError {
    #[inline(always)]
    fn between(tip: &Frame, wanted: &Frame) -> Self {
        let sine = (tip.x.cross(&wanted.x) + tip.y.cross(&wanted.y) + tip.z.cross(&wanted.z)) * 0.5;
        let cosine = 0.5 * (tip.x.dot(&wanted.x) + tip.y.dot(&wanted.y) + tip.z.dot(&wanted.z) - 1.0);
        // sin θ = 2·sin(θ/2)·cos(θ/2), which says nothing at half a turn.
        let half_cosine_squared = 0.5 * (1.0 + cosine);
        let angular = if half_cosine_squared > 1e-9 {
            sine * (1.0 / half_cosine_squared.sqrt())
        } else {
            half_turn(tip, wanted)
        };
        Self { linear: wanted.origin - tip.origin, angular }
    }

    #[inline(always)]
    fn norm_squared(&self) -> f64 {
        self.linear.norm_squared() + self.angular.norm_squared()
    }

    #[inline(always)]
    fn reached(&self, settings: &IkSettings) -> bool {
        self.linear.norm_squared() <= settings.position_tolerance_m.powi(2)
            && self.angular.norm_squared() <= settings.rotation_tolerance_rad.powi(2)
    }

    fn residual(&self) -> Residual {
        let half_sine = (0.5 * self.angular.norm()).min(1.0);
        Residual { position_m: self.linear.norm(), rotation_rad: 2.0 * half_sine.asin() }
    }
}

/// Twice the unit axis of the half turn between two frames: `R + I` is `2·a·aᵀ` then, and its largest column the axis.
#[cold]
fn half_turn(tip: &Frame, wanted: &Frame) -> Vector3<f64> {
    let column = |axis: Vector3<f64>| axis + wanted.turn(&tip.turn_back(&axis));
    let columns = [Vector3::x(), Vector3::y(), Vector3::z()].map(column);
    let longest = columns.into_iter().max_by(|a, b| a.norm_squared().total_cmp(&b.norm_squared()));
    longest.map_or_else(Vector3::zeros, |axis| axis.normalize() * 2.0)
}

/// Moves `joints` to the nearest posture found on the way to the wanted pose; returns what that one leaves.
pub(crate) fn descend<const N: usize>(
    chain: &AxisChain,
    settings: &IkSettings,
    base_from_wanted: &Frame,
    joints: &mut [f64; N],
) -> Residual {
    /// Steps without a tenth of progress after which a descent is given up.
    const PATIENCE: usize = 6;
    clamp(chain, joints);
    let mut posed = chain.pose(joints);
    let mut error = TipError::between(&posed.base_from_tip, base_from_wanted);
    let mut squared = error.norm_squared();
    let mut best = (*joints, error, squared);
    let mut progress_at = 0;
    let mut progress_squared = squared;
    for step in 1..=settings.max_steps {
        if error.reached(settings) || step > progress_at + PATIENCE {
            break;
        }
        take_step(chain, joints, &posed, &error, squared);
        posed = chain.pose(joints);
        error = TipError::between(&posed.base_from_tip, base_from_wanted);
        squared = error.norm_squared();
        if squared < best.2 {
            best = (*joints, error, squared);
        }
        if squared < 0.81 * progress_squared {
            progress_squared = squared;
            progress_at = step;
        }
    }
    *joints = best.0;
    best.1.residual()
}

/// Moves the joints by one damped step within their limits.
#[inline(always)]
fn take_step<const N: usize>(
    chain: &AxisChain,
    joints: &mut [f64; N],
    posed: &PosedAxes<N>,
    error: &TipError,
    squared: f64,
) {
    /// Damping a unit of squared error. The method's author has it near one half; a tenth of that needs a third fewer steps
    /// over random poses of the known arms, and still less needs more restarts.
    const DAMPING: f64 = 0.05;
    /// Keeps the 6×6 solvable in a singular posture; small enough not to slow the last steps.
    const FLOOR: f64 = 1e-9;
    /// Longest step of any joint: beyond it the linear model says nothing.
    const LONGEST_STEP: f64 = 1.0;

    let tip = posed.base_from_tip.origin;
    let mut jacobian = [[0.0; 6]; N];
    for index in 0..N {
        let axis = posed.directions[index];
        let (linear, angular) = if chain.is_sliding[index] {
            (axis, Vector3::zeros())
        } else {
            (axis.cross(&(tip - posed.points[index])), axis)
        };
        jacobian[index] = [linear.x, linear.y, linear.z, angular.x, angular.y, angular.z];
    }
    let wanted =
        [error.linear.x, error.linear.y, error.linear.z, error.angular.x, error.angular.y, error.angular.z];
    let mut gram = Symmetric6::diagonal(DAMPING * squared + FLOOR);
    for column in &jacobian {
        gram.add_square(column, 1.0);
    }
    let mut held = [false; N];
    let mut motion = [0.0; N];
    loop {
        let pull = gram.solve(&wanted);
        let mut newly_held = false;
        for index in 0..N {
            if held[index] {
                motion[index] = 0.0;
                continue;
            }
            let column = &jacobian[index];
            let along: f64 = (0..6).map(|row| column[row] * pull[row]).sum();
            motion[index] = along;
            let value = joints[index];
            if (value <= chain.lower[index] && along < 0.0) || (value >= chain.upper[index] && along > 0.0) {
                held[index] = true;
                newly_held = true;
                gram.add_square(column, -1.0);
            }
        }
        if !newly_held {
            break;
        }
    }
    let longest = motion.iter().fold(0.0f64, |longest, m| longest.max(m.abs()));
    let scale = if longest > LONGEST_STEP { LONGEST_STEP / longest } else { 1.0 };
    for index in 0..N {
        joints[index] += scale * motion[index];
    }
    clamp(chain, joints);
}

#[inline(always)]
fn clamp<const N: usize>(chain: &AxisChain, joints: &mut [f64; N]) {
    for index in 0..N {
        joints[index] = joints[index].max(chain.lower[index]).min(chain.upper[index]);
    }
}

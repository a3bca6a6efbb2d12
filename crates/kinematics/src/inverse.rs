//! Inverse kinematics by Levenberg-Marquardt with joint limits as an active set.
//!
//! The damping follows the error (Sugihara, "Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt
//! method", IEEE T-RO 27(5), 2011): far away the step is careful, close by it is Newton's. A step is
//! `Jᵀ(J·Jᵀ + λI)⁻¹e`, which needs a 6×6 solve for any number of joints and moves a redundant arm by the shortest
//! joint step. A joint that is pushed beyond its limit stops there and the others share its part.

use nalgebra::{Isometry3, Matrix6, Vector6};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::chain::{Chain, Joints, MAX_JOINTS};
use crate::forward::JointFrames;

/// When a pose counts as reached, and how long to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IkSettings {
    /// Distance of the tip, m.
    pub position_tolerance_m: f64,
    /// Angle of the tip, rad.
    pub rotation_tolerance_rad: f64,
    /// Steps of one descent.
    pub max_steps: usize,
    /// Random postures tried after the given one failed.
    pub max_restarts: usize,
}

impl Default for IkSettings {
    /// 1e-6 m, 1e-5 rad, 40 steps, 100 restarts.
    fn default() -> Self {
        Self { position_tolerance_m: 1e-6, rotation_tolerance_rad: 1e-5, max_steps: 40, max_restarts: 100 }
    }
}

/// How far a posture's tip is from the wanted pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Distance, m.
    pub position_m: f64,
    /// Angle, rad.
    pub rotation_rad: f64,
}

/// A posture that reaches the pose.
#[derive(Debug, Clone, Copy)]
pub struct IkAnswer {
    /// Joint values, within limits.
    pub joints: Joints,
    /// What is left, below the tolerances.
    pub residual: Residual,
    /// Random postures that were needed; 0 if the given one led there.
    pub restarts: usize,
}

/// Why no posture was found.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum IkError {
    /// No descent reached the pose.
    #[error(
        "out of reach: nearest posture of {restarts} restarts is {:.4} m and {:.2}° away, limits {limit_m:e} m and {:.1e}°",
        .nearest.position_m, .nearest.rotation_rad.to_degrees(), .limit_rad.to_degrees()
    )]
    OutOfReach {
        /// What the nearest posture leaves.
        nearest: Residual,
        /// Random postures tried.
        restarts: usize,
        /// The tolerance in m.
        limit_m: f64,
        /// The tolerance in rad.
        limit_rad: f64,
    },
    /// The pose holds NaN or infinity.
    #[error("the wanted pose is not finite")]
    NotFinite,
}

/// A solver for one chain; the same question with the same seed has the same answer, bit for bit.
#[derive(Debug, Clone, Copy)]
pub struct InverseKinematics<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) settings: IkSettings,
}

impl<'a> InverseKinematics<'a> {
    /// A solver with [`IkSettings::default`].
    pub fn new(chain: &'a Chain) -> Self {
        Self::with_settings(chain, IkSettings::default())
    }

    /// A solver with settings of its own.
    pub fn with_settings(chain: &'a Chain, settings: IkSettings) -> Self {
        Self { chain, settings }
    }

    /// A posture whose tip is at the pose: the one near `start` if that leads there, else from random starts.
    ///
    /// # Errors
    /// [`IkError::OutOfReach`] with the nearest posture's residual; [`IkError::NotFinite`].
    ///
    /// # Panics
    /// If `start` has another length than the chain.
    pub fn solve(
        &self,
        base_from_tip: &Isometry3<f64>,
        start: &Joints,
        seed: u64,
    ) -> Result<IkAnswer, IkError> {
        check_finite(base_from_tip)?;
        let mut joints = *start;
        let mut residual = self.descend(base_from_tip, &mut joints);
        let mut nearest = residual;
        let mut restarts = 0;
        if !self.reached(&residual) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            while !self.reached(&residual) && restarts < self.settings.max_restarts {
                restarts += 1;
                joints = self.random_posture(&mut rng);
                residual = self.descend(base_from_tip, &mut joints);
                if residual.position_m + residual.rotation_rad < nearest.position_m + nearest.rotation_rad {
                    nearest = residual;
                }
            }
        }
        if self.reached(&residual) {
            Ok(IkAnswer { joints, residual, restarts })
        } else {
            Err(self.out_of_reach(nearest, restarts))
        }
    }

    /// The posture that one descent from `start` finds: the way to follow a path without leaving the branch.
    ///
    /// # Errors
    /// As [`InverseKinematics::solve`], after no restart.
    ///
    /// # Panics
    /// If `start` has another length than the chain.
    pub fn follow(&self, base_from_tip: &Isometry3<f64>, start: &Joints) -> Result<IkAnswer, IkError> {
        check_finite(base_from_tip)?;
        let mut joints = *start;
        let residual = self.descend(base_from_tip, &mut joints);
        if self.reached(&residual) {
            Ok(IkAnswer { joints, residual, restarts: 0 })
        } else {
            Err(self.out_of_reach(residual, 0))
        }
    }

    fn out_of_reach(&self, nearest: Residual, restarts: usize) -> IkError {
        IkError::OutOfReach {
            nearest,
            restarts,
            limit_m: self.settings.position_tolerance_m,
            limit_rad: self.settings.rotation_tolerance_rad,
        }
    }

    fn reached(&self, residual: &Residual) -> bool {
        residual.position_m <= self.settings.position_tolerance_m
            && residual.rotation_rad <= self.settings.rotation_tolerance_rad
    }

    /// One descent; leaves the best posture in `joints` and returns its residual.
    pub(crate) fn descend(&self, base_from_tip: &Isometry3<f64>, joints: &mut Joints) -> Residual {
        /// Steps without a tenth of progress after which a descent is given up.
        const PATIENCE: usize = 6;
        self.clamp(joints);
        let mut frames = self.chain.joint_frames(joints);
        let mut error = tip_error(base_from_tip, &frames);
        let mut best = (*joints, error);
        let mut progress_at = 0;
        let mut progress_norm = error.norm();
        for step in 1..=self.settings.max_steps {
            if self.reached(&residual_of(&error)) || step > progress_at + PATIENCE {
                break;
            }
            self.step(joints, &frames, &error);
            frames = self.chain.joint_frames(joints);
            error = tip_error(base_from_tip, &frames);
            if error.norm() < best.1.norm() {
                best = (*joints, error);
            }
            if error.norm() < 0.9 * progress_norm {
                progress_norm = error.norm();
                progress_at = step;
            }
        }
        *joints = best.0;
        residual_of(&best.1)
    }

    /// Moves the joints by one damped step within their limits.
    fn step(&self, joints: &mut Joints, frames: &JointFrames, error: &Vector6<f64>) {
        /// Damping a unit of squared error; the facts of the method want it near one half.
        const DAMPING: f64 = 0.5;
        /// Keeps the 6×6 solvable in a singular posture; small enough not to slow the last steps.
        const FLOOR: f64 = 1e-9;
        /// Longest step of any joint: beyond it the linear model says nothing.
        const LONGEST_STEP: f64 = 1.0;

        let jacobian = self.chain.jacobian(frames);
        let damping = DAMPING * error.norm_squared() + FLOOR;
        let mut held = [false; MAX_JOINTS];
        let mut motion = [0.0; MAX_JOINTS];
        loop {
            let mut gram = Matrix6::from_diagonal_element(damping);
            for (column, _) in jacobian.iter().zip(&held).filter(|(_, held)| !**held) {
                gram.ger(1.0, &column.0, &column.0, 1.0);
            }
            let Some(factor) = gram.cholesky() else { return };
            let pull = factor.solve(error);
            let mut newly_held = false;
            let limits = self.chain.joints.iter().map(|j| j.limits);
            for ((((column, limits), value), held), motion) in
                jacobian.iter().zip(limits).zip(joints.iter()).zip(&mut held).zip(&mut motion)
            {
                *motion = if *held { 0.0 } else { column.dot(&pull) };
                let pushed_out =
                    (*value <= limits.lower && *motion < 0.0) || (*value >= limits.upper && *motion > 0.0);
                if pushed_out {
                    *held = true;
                    newly_held = true;
                }
            }
            if !newly_held {
                break;
            }
        }
        let longest = motion.iter().fold(0.0f64, |longest, m| longest.max(m.abs()));
        let scale = if longest > LONGEST_STEP { LONGEST_STEP / longest } else { 1.0 };
        for (value, motion) in joints.iter_mut().zip(&motion) {
            *value += scale * motion;
        }
        self.clamp(joints);
    }

    fn clamp(&self, joints: &mut Joints) {
        for (joint, value) in self.chain.joints.iter().zip(joints.iter_mut()) {
            *value = value.clamp(joint.limits.lower, joint.limits.upper);
        }
    }

    /// A posture drawn evenly from the limits; a joint that turns further than ±π is drawn within ±π.
    pub(crate) fn random_posture(&self, rng: &mut ChaCha8Rng) -> Joints {
        use std::f64::consts::PI;
        self.chain
            .joints
            .iter()
            .map(|joint| {
                let (mut lower, mut upper) = (joint.limits.lower, joint.limits.upper);
                if lower <= -PI && upper >= PI {
                    (lower, upper) = (-PI, PI);
                }
                rng.random_range(lower..=upper)
            })
            .collect()
    }
}

fn check_finite(pose: &Isometry3<f64>) -> Result<(), IkError> {
    let finite = pose.translation.vector.iter().chain(pose.rotation.coords.iter()).all(|v| v.is_finite());
    if finite { Ok(()) } else { Err(IkError::NotFinite) }
}

/// From the tip to the wanted pose in the base frame: metres above the rotation vector.
fn tip_error(base_from_wanted: &Isometry3<f64>, frames: &JointFrames) -> Vector6<f64> {
    let linear = base_from_wanted.translation.vector - frames.base_from_tip.translation.vector;
    let angular = (base_from_wanted.rotation * frames.base_from_tip.rotation.inverse()).scaled_axis();
    Vector6::new(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)
}

fn residual_of(error: &Vector6<f64>) -> Residual {
    Residual { position_m: error.fixed_rows::<3>(0).norm(), rotation_rad: error.fixed_rows::<3>(3).norm() }
}

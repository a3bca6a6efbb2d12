//! Inverse kinematics of any chain: a descent from a given posture, then from random ones.

use nalgebra::Isometry3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::axis_chain::Frame;
use crate::chain::{Chain, Joints, MAX_JOINTS};
use crate::descent::descend;

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
    /// Whether the closed form of an arm that has one is asked before random postures are tried.
    pub closed_form: bool,
}

impl Default for IkSettings {
    /// 1e-6 m, 1e-5 rad, 40 steps, 500 restarts, with the closed form.
    fn default() -> Self {
        Self {
            position_tolerance_m: 1e-6,
            rotation_tolerance_rad: 1e-5,
            max_steps: 40,
            max_restarts: 500,
            closed_form: true,
        }
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
    /// Random postures that were needed; 0 if the given one or the closed form led there.
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

    /// A posture whose tip is at the pose: the one near `start` if that leads there, else the closed form's branch nearest to
    /// it, else from random starts.
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
        let wanted = Frame::from(base_from_tip);
        let mut joints = *start;
        let mut nearest = self.descend(&wanted, &mut joints);
        if self.reached(&nearest) {
            return Ok(IkAnswer { joints, residual: nearest, restarts: 0 });
        }
        if let (true, Some(form)) = (self.settings.closed_form, &self.chain.closed_form) {
            let (branches, is_complete) = self.branches_of(form, &wanted, start);
            let distance =
                |joints: &Joints| joints.iter().zip(start).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let least = branches.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            if let Some(mut joints) = least {
                let residual = self.descend(&wanted, &mut joints);
                if self.reached(&residual) {
                    return Ok(IkAnswer { joints, residual, restarts: 0 });
                }
            } else if is_complete {
                return Err(self.out_of_reach(nearest, 0));
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for restarts in 1..=self.settings.max_restarts {
            let mut joints = self.random_posture(&mut rng);
            let residual = self.descend(&wanted, &mut joints);
            if self.reached(&residual) {
                return Ok(IkAnswer { joints, residual, restarts });
            }
            if residual.position_m + residual.rotation_rad < nearest.position_m + nearest.rotation_rad {
                nearest = residual;
            }
        }
        Err(self.out_of_reach(nearest, self.settings.max_restarts))
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
        let residual = self.descend(&Frame::from(base_from_tip), &mut joints);
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

    pub(crate) fn reached(&self, residual: &Residual) -> bool {
        residual.position_m <= self.settings.position_tolerance_m
            && residual.rotation_rad <= self.settings.rotation_tolerance_rad
    }

    /// One descent; leaves the best posture in `joints` and returns its residual.
    pub(crate) fn descend(&self, base_from_tip: &Frame, joints: &mut Joints) -> Residual {
        match self.chain.dof() {
            1 => self.descend_in::<1>(base_from_tip, joints),
            2 => self.descend_in::<2>(base_from_tip, joints),
            3 => self.descend_in::<3>(base_from_tip, joints),
            4 => self.descend_in::<4>(base_from_tip, joints),
            5 => self.descend_in::<5>(base_from_tip, joints),
            6 => self.descend_in::<6>(base_from_tip, joints),
            7 => self.descend_in::<7>(base_from_tip, joints),
            _ => self.descend_in::<MAX_JOINTS>(base_from_tip, joints),
        }
    }

    fn descend_in<const N: usize>(&self, base_from_tip: &Frame, joints: &mut Joints) -> Residual {
        let mut values = [0.0; N];
        values.copy_from_slice(joints);
        let residual = descend(&self.chain.axes, &self.settings, base_from_tip, &mut values);
        joints.copy_from_slice(&values);
        residual
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

pub(crate) fn check_finite(pose: &Isometry3<f64>) -> Result<(), IkError> {
    let finite = pose.translation.vector.iter().chain(pose.rotation.coords.iter()).all(|v| v.is_finite());
    if finite { Ok(()) } else { Err(IkError::NotFinite) }
}

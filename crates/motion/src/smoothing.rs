//! Evens out the motion of an arm that has a joint more than the tool needs, so that time is stretched less.

use dreamitate_kinematics::{IkSettings, InverseKinematics, Joints, MAX_JOINTS};
use nalgebra::{DMatrix, DVector, Isometry3, Matrix6, Vector6};

use crate::arm::Arm;
use crate::arm_plan::joints_of;
use crate::cubic_spline::CubicSpline;

const ROUNDS: usize = 8;
/// The exponent of the sum of velocities and accelerations. The larger, the more peaks count: the stretch is the peak's.
const EXPONENT: f64 = 12.0;
/// The farthest that a posture is moved in one round, rad.
const LARGEST_STEP_RAD: f64 = 0.2;
/// Parts of a step that are tried.
const STEPS: [f64; 3] = [1.0, 0.4, 0.1];

/// Postures at waypoints and the joint path that follows the tool's path through them.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub postures: Vec<Joints>,
    pub path: CubicSpline<MAX_JOINTS>,
}

/// What a path is made smoother by.
pub(crate) struct Smoothing<'a> {
    pub arm: &'a Arm,
    /// The flange's pose at each waypoint.
    pub base_from_flange: &'a [Isometry3<f64>],
    pub times_s: &'a [f64],
    /// The path through postures, unless it cannot be followed.
    pub follow: &'a dyn Fn(&[Joints]) -> Option<CubicSpline<MAX_JOINTS>>,
    /// Whether postures may be taken.
    pub is_good: &'a dyn Fn(&[Joints]) -> bool,
    /// The stretch of time that a path needs.
    pub time_scale: &'a dyn Fn(&CubicSpline<MAX_JOINTS>) -> f64,
}

impl Smoothing<'_> {
    /// The same tool path with less stretching of time; `None` where there is none to be had.
    ///
    /// Each posture is moved along its null space. The path's velocities and accelerations are nearly linear in these
    /// moves, so that the moves that make the sum of their powers least are found by weighted least squares, over and over
    /// (iteratively reweighted least squares); each time the postures are put back onto the tool's poses.
    pub(crate) fn smoothed(&self, plain: &Followed) -> Option<Followed> {
        if self.arm.chain.dof() <= 6 || plain.postures.len() < 3 {
            return None;
        }
        let ik = InverseKinematics::with_settings(
            &self.arm.chain,
            IkSettings { max_restarts: 0, ..IkSettings::default() },
        );
        let influence = influences(self.times_s, plain.path.times_s())?;
        let mut best = None;
        let mut at = plain.clone();
        for _ in 0..ROUNDS {
            let scale = (self.time_scale)(&at.path);
            if scale <= 1.0 {
                break;
            }
            let free: Vec<Joints> =
                at.postures.iter().map(|q| null_direction(self.arm, q)).collect::<Option<_>>()?;
            let moves = self.moves(&at, &free, &influence, scale)?;
            let largest = LARGEST_STEP_RAD / moves.amax().max(LARGEST_STEP_RAD);
            let better = STEPS.into_iter().find_map(|step| {
                let moved = at.postures.iter().zip(&free).zip(self.base_from_flange).enumerate().map(
                    |(index, ((joints, free), pose))| {
                        let length = step * largest * moves[index];
                        let start = joints.iter().zip(free).map(|(q, n)| q + length * n).collect();
                        ik.follow(pose, &start).ok().map(|a| a.joints)
                    },
                );
                let postures: Vec<Joints> = moved.collect::<Option<_>>()?;
                let path = (self.is_good)(&postures).then(|| (self.follow)(&postures)).flatten()?;
                ((self.time_scale)(&path) < scale - 1e-3).then_some(Followed { postures, path })
            });
            let Some(better) = better else { break };
            best = Some(better.clone());
            at = better;
        }
        best
    }

    /// The moves along the null directions that make the sum of powers smaller.
    fn moves(
        &self,
        at: &Followed,
        free: &[Joints],
        influence: &DMatrix<f64>,
        scale: f64,
    ) -> Option<DVector<f64>> {
        /// Keeps moves that do nothing for the motion at nothing.
        const DAMPING: f64 = 1e-3;
        let (count, dof) = (free.len(), self.arm.chain.dof());
        let knots_s = at.path.times_s();
        let states: Vec<_> = knots_s.iter().map(|&t| at.path.at(t)).collect();
        // How each knot's joints move with each posture: as the spline through the postures does, of which the tool's
        // pose lets only the part along the knot's own null direction pass.
        let mut shifts = vec![DMatrix::zeros(knots_s.len(), count); dof];
        for (knot, state) in states.iter().enumerate() {
            let own = null_direction(self.arm, &joints_of(&state.value, dof))?;
            for (posture, free) in free.iter().enumerate() {
                let along: f64 = own.iter().zip(free).map(|(a, b)| a * b).sum();
                for (joint, shift) in shifts.iter_mut().enumerate() {
                    shift[(knot, posture)] = own[joint] * along * influence[(knot, posture)];
                }
            }
        }
        let mut normal = DMatrix::zeros(count, count);
        let mut right = DVector::zeros(count);
        let mut add = |value: f64, slopes: DVector<f64>| {
            let weight = value.abs().max(0.3).powf(EXPONENT - 2.0);
            normal.ger(weight, &slopes, &slopes, 1.0);
            right.axpy(-weight * value, &slopes, 1.0);
        };
        for (joint, shift) in shifts.iter().enumerate() {
            // At the present stretch both are 1 at their limits.
            let velocity = self.arm.limits.velocity_rad_s[joint] * scale;
            let acceleration = self.arm.limits.acceleration_rad_s2[joint] * scale * scale;
            for knot in 1..knots_s.len().saturating_sub(1) {
                let (before_s, after_s) =
                    (knots_s[knot] - knots_s[knot - 1], knots_s[knot + 1] - knots_s[knot]);
                let rate = (shift.row(knot + 1) - shift.row(knot - 1)) / ((before_s + after_s) * velocity);
                let bend = ((shift.row(knot + 1) - shift.row(knot)) / after_s
                    - (shift.row(knot) - shift.row(knot - 1)) / before_s)
                    * (2.0 / ((before_s + after_s) * acceleration));
                add(states[knot].velocity[joint] / velocity, rate.transpose());
                add(states[knot].acceleration[joint] / acceleration, bend.transpose());
            }
        }
        let damping = DAMPING * normal.diagonal().amax();
        for k in 0..count {
            normal[(k, k)] += damping;
        }
        normal.cholesky().map(|c| c.solve(&right))
    }
}

/// How far each knot of a spline at rest at both ends goes with each of the values that it is laid through; a row a knot.
fn influences(times_s: &[f64], knots_s: &[f64]) -> Option<DMatrix<f64>> {
    let mut matrix = DMatrix::zeros(knots_s.len(), times_s.len());
    for column in 0..times_s.len() {
        let unit = (0..times_s.len()).map(|i| [f64::from(u8::from(i == column))]).collect();
        let spline = CubicSpline::at_rest(times_s.to_vec(), unit)?;
        for (row, &knot_s) in knots_s.iter().enumerate() {
            matrix[(row, column)] = spline.at(knot_s).value[0];
        }
    }
    Some(matrix)
}

/// A joint motion of length 1 that does not move the tip.
fn null_direction(arm: &Arm, joints: &Joints) -> Option<Joints> {
    let jacobian = arm.chain.jacobian(&arm.chain.joint_frames(joints));
    let gram: Matrix6<f64> = jacobian.iter().map(|c| c.0 * c.0.transpose()).sum();
    let inverse = gram.try_inverse()?;
    // The projection of each joint's own motion; the longest one is the least rounded.
    let projected = jacobian.iter().enumerate().map(|(own, column)| {
        let image: Vector6<f64> = inverse * column.0;
        let direction: Joints = jacobian
            .iter()
            .enumerate()
            .map(|(j, c)| f64::from(u8::from(j == own)) - c.0.dot(&image))
            .collect();
        let length = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        (length, direction)
    });
    let (length, direction) = projected.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (length > 1e-6).then(|| direction.iter().map(|v| v / length).collect())
}

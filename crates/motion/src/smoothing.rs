//! Evens out the accelerations of an arm that has a joint more than the tool needs.

use dreamitate_kinematics::{IkSettings, InverseKinematics, Joints};
use nalgebra::{DMatrix, DVector, Isometry3, Matrix6, Vector6};

use crate::arm::Arm;
use crate::cubic_spline::second_derivatives;

const ROUNDS: usize = 8;
/// The exponent of the accelerations' sum. The larger, the more the peak counts: the stretch of time is the peak's.
const EXPONENT: f64 = 8.0;
/// The farthest that a posture is moved in one round, rad.
const LARGEST_STEP_RAD: f64 = 0.15;

/// Postures of the same tool poses with lower peaks of acceleration, or `None` where there are none to be had.
///
/// Each posture is moved along its null space. The accelerations of the spline through all postures are linear in these
/// moves, so that the moves that make the sum of their powers least are found by weighted least squares, over and over
/// (iteratively reweighted least squares); each time the postures are put back onto the tool's poses. `is_good`
/// says whether two consecutive postures may follow one another and whether a posture may be taken.
pub(crate) fn smoothed(
    arm: &Arm,
    base_from_flange: &[Isometry3<f64>],
    times_s: &[f64],
    postures: &[Joints],
    is_good: &dyn Fn(&[Joints]) -> bool,
) -> Option<Vec<Joints>> {
    let count = postures.len();
    if arm.chain.dof() <= 6 || count < 3 {
        return None;
    }
    let ik =
        InverseKinematics::with_settings(&arm.chain, IkSettings { max_restarts: 0, ..IkSettings::default() });
    let spline = second_derivative_matrix(times_s);
    let mut at = postures.to_vec();
    let (mut best, mut least) = (None, peak(&accelerations(arm, &spline, &at)));
    for _ in 0..ROUNDS {
        let free: Vec<Joints> = at.iter().map(|q| null_direction(arm, q)).collect::<Option<_>>()?;
        let now = accelerations(arm, &spline, &at);
        let moves = moves(arm, &spline, &free, &now)?;
        let step = LARGEST_STEP_RAD / moves.amax().max(LARGEST_STEP_RAD);
        for (index, (joints, pose)) in at.iter_mut().zip(base_from_flange).enumerate() {
            let moved: Joints =
                joints.iter().zip(&free[index]).map(|(q, n)| q + step * moves[index] * n).collect();
            *joints = ik.follow(pose, &moved).ok()?.joints;
        }
        let found = peak(&accelerations(arm, &spline, &at));
        if found < least && is_good(&at) {
            (best, least) = (Some(at.clone()), found);
        }
    }
    best
}

/// Accelerations over their limits; a row a posture, a column a joint.
fn accelerations(arm: &Arm, spline: &DMatrix<f64>, postures: &[Joints]) -> DMatrix<f64> {
    let limits = &arm.limits.acceleration_rad_s2;
    let over_limits = DMatrix::from_fn(postures.len(), arm.chain.dof(), |i, j| postures[i][j] / limits[j]);
    spline * over_limits
}

fn peak(accelerations: &DMatrix<f64>) -> f64 {
    accelerations.amax()
}

/// The moves along the null directions that make the sum of powers of the accelerations smaller.
fn moves(
    arm: &Arm,
    spline: &DMatrix<f64>,
    free: &[Joints],
    accelerations: &DMatrix<f64>,
) -> Option<DVector<f64>> {
    /// Keeps moves that do nothing for the accelerations at nothing.
    const DAMPING: f64 = 1e-4;
    let (count, dof) = (free.len(), arm.chain.dof());
    let largest = peak(accelerations);
    if largest <= 0.0 {
        return None;
    }
    let mut normal = DMatrix::zeros(count, count);
    let mut right = DVector::zeros(count);
    for joint in 0..dof {
        let limit = arm.limits.acceleration_rad_s2[joint];
        for row in 0..count {
            let value = accelerations[(row, joint)];
            let weight = (value.abs() / largest).max(0.05).powf(EXPONENT - 2.0);
            let slopes = DVector::from_fn(count, |k, _| spline[(row, k)] * free[k][joint] / limit);
            normal.ger(weight, &slopes, &slopes, 1.0);
            right.axpy(-weight * value, &slopes, 1.0);
        }
    }
    let damping = DAMPING * normal.diagonal().amax();
    for k in 0..count {
        normal[(k, k)] += damping;
    }
    normal.cholesky().map(|c| c.solve(&right))
}

/// Second derivatives at the knots of the spline at rest at both ends, as a matrix on the values at the knots.
fn second_derivative_matrix(times_s: &[f64]) -> DMatrix<f64> {
    let count = times_s.len();
    let mut matrix = DMatrix::zeros(count, count);
    for column in 0..count {
        let unit: Vec<f64> = (0..count).map(|i| f64::from(u8::from(i == column))).collect();
        matrix.set_column(column, &DVector::from_vec(second_derivatives(times_s, &unit)));
    }
    matrix
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

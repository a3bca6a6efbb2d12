use crate::{
    Board, CalibrateError, PairCorners, StereoFit,
    least_squares::{minimise, twist},
    stereo::{middle, pair_residuals, rms},
};
use dreamitate_geometry::{Pose, perturbed};
use nalgebra::{DMatrix, DVector, Matrix3, Point3, Rotation3, UnitQuaternion, Vector3};

const LEAST_TOUCHED: usize = 4;
/// Touched points must lie this far from any line.
const LEAST_SPREAD_M: f64 = 0.03;
const MOST_TOUCHED_MM: f64 = 3.0;

const LEAST_FLANGE: usize = 5;
/// The flange must turn this much about two axes.
const LEAST_TURN_DEG: f64 = 8.0;
const MOST_FLANGE_RMS_PX: f64 = 1.0;

/// A corner of the board on the table that an arm touched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TouchedPoint {
    /// Where the tip was, in the arm's base frame.
    pub in_base: Point3<f64>,
    /// Where the corner is, in the world.
    pub in_world: Point3<f64>,
}

/// An arm's place from touched points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TouchedFit {
    /// Where its base is.
    pub world_from_base: Pose,
    /// Root mean square of the points' distances, metres.
    pub rms_m: f64,
}

/// An arm's place from the board on its flange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlangeFit {
    /// Where the top camera is in the arm's base frame.
    pub base_from_top: Pose,
    /// How the board sits on the flange.
    pub flange_from_board: Pose,
    /// Root mean square of the corners' distances from where they should be, px.
    pub rms_px: f64,
}

/// The rotation that turns the first vectors onto the second ones best (Kabsch 1976).
fn rotation_between(pairs: &[(Vector3<f64>, Vector3<f64>)]) -> Rotation3<f64> {
    let covariance: Matrix3<f64> = pairs.iter().map(|(from, to)| to * from.transpose()).sum();
    let svd = covariance.svd(true, true);
    // Both were asked for.
    let (u, v_t) = (svd.u.unwrap_or_default(), svd.v_t.unwrap_or_default());
    let mirrored = Matrix3::from_diagonal(&Vector3::new(1.0, 1.0, (u * v_t).determinant().signum()));
    Rotation3::from_matrix_unchecked(u * mirrored * v_t)
}

/// The square root of the second largest eigenvalue of the vectors' mean scatter: how far they are from one line.
fn second_spread(vectors: &[Vector3<f64>]) -> f64 {
    let scatter: Matrix3<f64> = vectors.iter().map(|v| v * v.transpose()).sum();
    let mut values: Vec<f64> = scatter.symmetric_eigenvalues().iter().copied().collect();
    values.sort_by(f64::total_cmp);
    (values[1].max(0.0) / vectors.len().max(1) as f64).sqrt()
}

/// Finds where an arm stands from points that it touched.
///
/// # Errors
/// Too few points, all on a line, or one that the others contradict.
pub fn solve_touched(points: &[TouchedPoint]) -> Result<TouchedFit, CalibrateError> {
    if points.len() < LEAST_TOUCHED {
        return Err(CalibrateError::FewMeasurements { found: points.len(), least: LEAST_TOUCHED });
    }
    let count = points.len() as f64;
    let base_mean = points.iter().map(|p| p.in_base.coords).sum::<Vector3<f64>>() / count;
    let world_mean = points.iter().map(|p| p.in_world.coords).sum::<Vector3<f64>>() / count;
    let centred: Vec<_> =
        points.iter().map(|p| (p.in_base.coords - base_mean, p.in_world.coords - world_mean)).collect();
    let spread_m = second_spread(&centred.iter().map(|(_, in_world)| *in_world).collect::<Vec<_>>());
    if spread_m < LEAST_SPREAD_M {
        return Err(CalibrateError::Collinear { spread_m, least_m: LEAST_SPREAD_M });
    }
    let rotation = UnitQuaternion::from_rotation_matrix(&rotation_between(&centred));
    let world_from_base = Pose::from_parts((world_mean - rotation * base_mean).into(), rotation);
    let errors_m: Vec<f64> =
        points.iter().map(|p| (world_from_base * p.in_base - p.in_world).norm()).collect();
    let worst = (0..errors_m.len()).max_by(|&a, &b| errors_m[a].total_cmp(&errors_m[b])).unwrap_or(0);
    let error_mm = 1e3 * errors_m[worst];
    if error_mm > MOST_TOUCHED_MM || !error_mm.is_finite() {
        return Err(CalibrateError::Touched { index: worst, error_mm, limit_mm: MOST_TOUCHED_MM });
    }
    Ok(TouchedFit { world_from_base, rms_m: rms(&errors_m) })
}

/// Finds where an arm stands, and how the board sits on its flange, from the flange's poses in the arm's base frame
/// when pairs of pictures were taken: those of `flange`, by the pairs' names.
///
/// # Errors
/// A pair that was not used for the cameras, too few, turns about one axis only, or residuals beyond the limit.
pub fn solve_flange(
    board: &Board,
    fit: &StereoFit,
    flange: &[(String, Pose)],
) -> Result<FlangeFit, CalibrateError> {
    let used = flange
        .iter()
        .map(|(name, base_from_flange)| {
            let (pair, top_from_board) =
                fit.pair(name).ok_or_else(|| CalibrateError::NoPair { pair: name.clone() })?;
            Ok((pair, *base_from_flange, *top_from_board))
        })
        .collect::<Result<Vec<(&PairCorners, Pose, Pose)>, CalibrateError>>()?;
    if used.len() < LEAST_FLANGE {
        return Err(CalibrateError::FewMeasurements { found: used.len(), least: LEAST_FLANGE });
    }
    let start = first_guess(&used)?;
    let residuals = |[base_from_top, flange_from_board]: &[Pose; 2]| {
        let all = used.iter().flat_map(|(pair, base_from_flange, _)| {
            let top_from_board = base_from_top.inverse() * base_from_flange * flange_from_board;
            pair_residuals(&fit.cameras, &fit.side_from_top, board, pair, &top_from_board)
        });
        DVector::from_vec(all.collect())
    };
    let moved = |poses: &[Pose; 2], step: &DVector<f64>| {
        std::array::from_fn(|k| perturbed(&poses[k], &twist(step, k)))
    };
    let found = minimise(start, 12, residuals, moved);
    let rms_px = rms(found.residuals.as_slice());
    if rms_px > MOST_FLANGE_RMS_PX || !rms_px.is_finite() {
        return Err(CalibrateError::Residual {
            rms_px,
            limit_px: MOST_FLANGE_RMS_PX,
            hint: "are the flange's poses those of these pairs, in the arm's base frame?",
        });
    }
    let [base_from_top, flange_from_board] = found.state;
    Ok(FlangeFit { base_from_top, flange_from_board, rms_px })
}

/// `base_from_top` and `flange_from_board` of the motions between pairs: rotation first, then place (Park and Martin
/// 1994, "Robot sensor calibration: solving AX = XB").
fn first_guess(used: &[(&PairCorners, Pose, Pose)]) -> Result<[Pose; 2], CalibrateError> {
    let mut motions = Vec::new();
    for (index, (_, flange_a, board_a)) in used.iter().enumerate() {
        for (_, flange_b, board_b) in &used[..index] {
            motions.push((flange_b.inverse() * flange_a, board_b.inverse() * board_a));
        }
    }
    let turns: Vec<_> = motions
        .iter()
        .map(|(of_flange, of_board)| (of_board.rotation.scaled_axis(), of_flange.rotation.scaled_axis()))
        .collect();
    let found_deg = second_spread(&turns.iter().map(|(_, turn)| *turn).collect::<Vec<_>>()).to_degrees();
    if found_deg < LEAST_TURN_DEG {
        return Err(CalibrateError::OneAxis { found_deg, least_deg: LEAST_TURN_DEG });
    }
    let rotation = UnitQuaternion::from_rotation_matrix(&rotation_between(&turns));
    let mut left = DMatrix::zeros(3 * motions.len(), 3);
    let mut right = DVector::zeros(3 * motions.len());
    for (k, (of_flange, of_board)) in motions.iter().enumerate() {
        let turn = of_flange.rotation.to_rotation_matrix().into_inner() - Matrix3::identity();
        left.fixed_view_mut::<3, 3>(3 * k, 0).copy_from(&turn);
        let moved = rotation * of_board.translation.vector - of_flange.translation.vector;
        right.fixed_rows_mut::<3>(3 * k).copy_from(&moved);
    }
    // Two axes were checked, so that this has a solution.
    let place = left.svd(true, true).solve(&right, 1e-9).unwrap_or_else(|_| DVector::zeros(3));
    let flange_from_board = Pose::from_parts(Vector3::new(place[0], place[1], place[2]).into(), rotation);
    let tops: Vec<Pose> =
        used.iter().map(|(_, flange, board)| flange * flange_from_board * board.inverse()).collect();
    Ok([middle(&tops), flange_from_board])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_is_found_by_what_it_touched() {
        let world_from_base = Pose::new(Vector3::new(-0.6, 0.1, 0.02), Vector3::new(0.01, -0.02, 1.2));
        let mut points: Vec<TouchedPoint> = [(0.0, 0.0), (0.24, 0.0), (0.24, 0.15), (0.0, 0.15), (0.1, 0.1)]
            .map(|(x, y)| {
                let in_world = Point3::new(x, y, 0.0);
                TouchedPoint { in_base: world_from_base.inverse() * in_world, in_world }
            })
            .to_vec();
        let found = solve_touched(&points).unwrap();
        assert!(
            (found.world_from_base.translation.vector - world_from_base.translation.vector).norm() < 1e-9
        );
        assert!(found.world_from_base.rotation.angle_to(&world_from_base.rotation) < 1e-6);
        points[4].in_base.z += 0.02;
        assert!(matches!(solve_touched(&points), Err(CalibrateError::Touched { index: 4, .. })));
        let on_a_line: Vec<_> = points
            .iter()
            .map(|p| TouchedPoint { in_world: Point3::new(p.in_world.x, 0.0, 0.0), ..*p })
            .collect();
        assert!(matches!(solve_touched(&on_a_line), Err(CalibrateError::Collinear { .. })));
        assert!(matches!(
            solve_touched(&points[..3]),
            Err(CalibrateError::FewMeasurements { found: 3, least: 4 })
        ));
    }
}

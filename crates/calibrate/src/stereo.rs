use crate::{
    Board, CalibrateError, Corner,
    homography::camera_from_board,
    least_squares::{Minimum, minimise, twist},
};
use dreamitate_geometry::{PinholeCamera, Pose, View, mean_rotation, median, perturbed};
use nalgebra::{DVector, Point2};

/// A pair needs this many corners in each view.
const LEAST_CORNERS: usize = 12;
const LEAST_PAIRS: usize = 8;
/// The board's normals must be this far apart somewhere.
const LEAST_TILT_DEG: f64 = 20.0;
/// The corners must fill this share of each image's width and height.
const LEAST_COVERAGE: f64 = 0.4;
/// Residuals beyond these are no calibration: of all corners, and of a pair's.
const MOST_RMS_PX: f64 = 0.5;
const MOST_PAIR_RMS_PX: f64 = 1.0;
/// A pair of other moments is off by more than this from the start, px, and by as many times what the pairs usually are.
const OTHER_MOMENT_PX: f64 = 20.0;
const OTHER_MOMENT_TIMES: f64 = 5.0;
/// Corners this many times farther off than usual are not corners, but none nearer than this, px.
const STRAY_TIMES: f64 = 4.0;
const STRAY_PX: f64 = 0.5;
/// Given intrinsics may put a corner of the image this far from where the pictures put it, px, or as many standard
/// deviations.
const MOST_INTRINSICS_PX: f64 = 5.0;
const INTRINSICS_DEVIATIONS: f64 = 4.0;
/// The residual of a corner that would lie behind a camera, px.
const BEHIND_PX: f64 = 1e4;

/// The board's corners in both views of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct PairCorners {
    /// The pair's name.
    pub name: String,
    /// The corners in the order of [`View::ALL`].
    pub corners: [Vec<Corner>; 2],
}

/// Where two cameras are, and what they saw.
#[derive(Clone, Debug)]
pub struct StereoFit {
    /// The cameras in the order of [`View::ALL`].
    pub cameras: [PinholeCamera; 2],
    /// The cameras as the pictures alone have them.
    pub seen_cameras: [PinholeCamera; 2],
    /// Standard deviations of their `fx, fy, cx, cy`, px.
    pub camera_deviations_px: [[f64; 4]; 2],
    /// Where the side camera is.
    pub side_from_top: Pose,
    /// Standard deviations of its rotation (rad) and place (m): each the largest of three axes.
    pub side_from_top_deviation: (f64, f64),
    /// The pairs that were used, without corners that were none.
    pub pairs: Vec<PairCorners>,
    /// Where the board was in each of them.
    pub top_from_board: Vec<Pose>,
    /// Root mean square of the corners' distances from where they should be, px: along each axis.
    pub rms_px: f64,
    /// The worst pair and its own.
    pub worst_pair: (String, f64),
}

/// What is looked for.
#[derive(Clone)]
struct Unknowns {
    cameras: [PinholeCamera; 2],
    side_from_top: Pose,
    top_from_board: Vec<Pose>,
}

impl Unknowns {
    /// Moved by a step: the side camera's pose, each board's pose, and the intrinsics where they are in it.
    fn moved(&self, step: &DVector<f64>) -> Self {
        let mut next = self.clone();
        next.side_from_top = perturbed(&self.side_from_top, &twist(step, 0));
        for (k, pose) in next.top_from_board.iter_mut().enumerate() {
            *pose = perturbed(pose, &twist(step, k + 1));
        }
        let poses = 6 * (1 + self.top_from_board.len());
        if step.len() > poses {
            for (k, camera) in next.cameras.iter_mut().enumerate() {
                let change = step.rows(poses + 4 * k, 4);
                camera.fx_px += change[0];
                camera.fy_px += change[1];
                camera.cx_px += change[2];
                camera.cy_px += change[3];
            }
        }
        next
    }

    fn residuals_of(&self, board: &Board, pair: &PairCorners, top_from_board: &Pose) -> Vec<f64> {
        pair_residuals(&self.cameras, &self.side_from_top, board, pair, top_from_board)
    }

    /// Each pair's root mean square, px.
    fn rms_of_pairs(&self, board: &Board, pairs: &[&PairCorners]) -> Vec<f64> {
        let each = pairs.iter().zip(&self.top_from_board);
        each.map(|(pair, pose)| rms(&self.residuals_of(board, pair, pose))).collect()
    }
}

/// A pair's corners less where they should be, px: u, v, u, v, … of the top view, then of the side view.
pub(crate) fn pair_residuals(
    cameras: &[PinholeCamera; 2],
    side_from_top: &Pose,
    board: &Board,
    pair: &PairCorners,
    top_from_board: &Pose,
) -> Vec<f64> {
    let camera_from_board = [*top_from_board, side_from_top * top_from_board];
    let views = cameras.iter().zip(&camera_from_board).zip(&pair.corners);
    views.flat_map(|((camera, pose), corners)| reprojection(camera, board, pose, corners)).collect()
}

/// Corners less where they should be, px: u, v, u, v, …
fn reprojection(
    camera: &PinholeCamera,
    board: &Board,
    camera_from_board: &Pose,
    corners: &[Corner],
) -> Vec<f64> {
    corners
        .iter()
        .flat_map(|corner| {
            let at = board.corner(corner.id).and_then(|at| camera.project(&(camera_from_board * at)));
            at.map_or([BEHIND_PX; 2], |at| (corner.pixel - at).into())
        })
        .collect()
}

/// The root mean square of residuals.
pub(crate) fn rms(residuals: &[f64]) -> f64 {
    (residuals.iter().map(|r| r * r).sum::<f64>() / residuals.len().max(1) as f64).sqrt()
}

/// Finds where the side camera is, seen from the top camera, from what both saw of the board; with `free_intrinsics`
/// also focal lengths and principal points, which else are those given.
///
/// # Errors
/// Too few pairs, always the same tilt or part of the image; residuals beyond a limit, of all or of one pair; given
/// intrinsics that the pictures contradict.
pub fn solve_stereo(
    board: &Board,
    pairs: &[PairCorners],
    cameras: [PinholeCamera; 2],
    free_intrinsics: bool,
) -> Result<StereoFit, CalibrateError> {
    let seen = |pair: &&PairCorners| pair.corners.iter().all(|corners| corners.len() >= LEAST_CORNERS);
    let first = |pair: &PairCorners| {
        let pose = |view: View| {
            let index = view.index();
            camera_from_board(&cameras[index], board, &pair.corners[index])
        };
        Some([pose(View::Top)?, pose(View::Side)?])
    };
    let (pairs, guesses): (Vec<&PairCorners>, Vec<[Pose; 2]>) =
        pairs.iter().filter(seen).filter_map(|pair| Some((pair, first(pair)?))).unzip();
    if pairs.len() < LEAST_PAIRS {
        return Err(CalibrateError::FewPairs {
            found: pairs.len(),
            corners: LEAST_CORNERS,
            least: LEAST_PAIRS,
        });
    }
    check_tilt(&guesses)?;
    check_coverage(&pairs, &cameras)?;

    let relative: Vec<Pose> = guesses.iter().map(|[top, side]| side * top.inverse()).collect();
    let start = Unknowns {
        cameras,
        side_from_top: middle(&relative),
        top_from_board: guesses.iter().map(|[top, _]| *top).collect(),
    };
    check_moments(board, &pairs, &start)?;
    // Once with all corners, then without those that are none.
    let first = fit(board, &pairs, start, free_intrinsics);
    let strayed = without_strays(board, &pairs, &first.state)?;
    let kept: Vec<&PairCorners> = strayed.iter().collect();
    let found = fit(board, &kept, first.state, free_intrinsics);
    let rms_px = rms(found.residuals.as_slice());
    let worst_pair = worst_pair(board, &kept, &found.state);
    check_residuals(rms_px, &worst_pair, free_intrinsics)?;
    // The given intrinsics are checked against those that the pictures have.
    let freed = fit(board, &kept, found.state.clone(), true);
    let poses = 6 * (1 + kept.len());
    let camera_deviations_px =
        View::ALL.map(|view| std::array::from_fn(|k| freed.deviation(poses + 4 * view.index() + k)));
    let largest = |from: usize| (from..from + 3).map(|k| found.deviation(k)).fold(0.0, f64::max);
    let fit = StereoFit {
        seen_cameras: freed.state.cameras,
        camera_deviations_px,
        side_from_top_deviation: (largest(0), largest(3)),
        worst_pair,
        cameras: found.state.cameras,
        side_from_top: found.state.side_from_top,
        top_from_board: found.state.top_from_board,
        pairs: strayed,
        rms_px,
    };
    fit.check_cameras()?;
    Ok(fit)
}

/// The unknowns that fit best, from a start.
fn fit(board: &Board, pairs: &[&PairCorners], start: Unknowns, free_intrinsics: bool) -> Minimum<Unknowns> {
    let residuals = |state: &Unknowns| {
        let all = pairs.iter().zip(&state.top_from_board);
        DVector::from_vec(all.flat_map(|(pair, pose)| state.residuals_of(board, pair, pose)).collect())
    };
    let unknowns = 6 * (1 + pairs.len()) + if free_intrinsics { 8 } else { 0 };
    minimise(start, unknowns, residuals, Unknowns::moved)
}

/// Fails if a pair's views are not of the same moment, which the others' relation of the cameras shows.
fn check_moments(board: &Board, pairs: &[&PairCorners], start: &Unknowns) -> Result<(), CalibrateError> {
    let usual_px = median(start.rms_of_pairs(board, pairs)).unwrap_or(0.0);
    let (pair, rms_px) = worst_pair(board, pairs, start);
    let limit_px = OTHER_MOMENT_PX.max(OTHER_MOMENT_TIMES * usual_px);
    if rms_px > limit_px {
        return Err(CalibrateError::Pair { pair, rms_px, limit_px });
    }
    Ok(())
}

/// The pairs without corners that are much farther off than usual.
///
/// # Errors
/// A pair has too few others: it contradicts the rest.
fn without_strays(
    board: &Board,
    pairs: &[&PairCorners],
    state: &Unknowns,
) -> Result<Vec<PairCorners>, CalibrateError> {
    let off_px = |pair: &PairCorners, pose: &Pose| -> Vec<f64> {
        state.residuals_of(board, pair, pose).chunks(2).map(|uv| uv[0].hypot(uv[1])).collect()
    };
    let each = || pairs.iter().copied().zip(&state.top_from_board);
    let usual_px = median(each().flat_map(|(pair, pose)| off_px(pair, pose))).unwrap_or(0.0);
    let limit_px = STRAY_PX.max(STRAY_TIMES * usual_px);
    each()
        .map(|(pair, pose)| {
            let mut off_px = off_px(pair, pose).into_iter();
            let mut kept = pair.clone();
            for corners in &mut kept.corners {
                corners.retain(|_| off_px.next().is_some_and(|px| px <= limit_px));
            }
            if kept.corners.iter().any(|corners| corners.len() < LEAST_CORNERS) {
                let rms_px = rms(&state.residuals_of(board, pair, pose));
                return Err(CalibrateError::Pair { pair: kept.name, rms_px, limit_px });
            }
            Ok(kept)
        })
        .collect()
}

/// The pair that is farthest off, and its root mean square, px.
fn worst_pair(board: &Board, pairs: &[&PairCorners], state: &Unknowns) -> (String, f64) {
    let all = pairs.iter().map(|pair| pair.name.clone()).zip(state.rms_of_pairs(board, pairs));
    all.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default()
}

/// Fails if all corners, or those of the worst pair, are too far from where they should be.
fn check_residuals(
    rms_px: f64,
    (worst, worst_px): &(String, f64),
    free_intrinsics: bool,
) -> Result<(), CalibrateError> {
    if rms_px > MOST_RMS_PX {
        let hint = if free_intrinsics {
            "are the pictures sharp, without distortion, and of this board?"
        } else {
            "are these the cameras' intrinsics? they can be found too"
        };
        return Err(CalibrateError::Residual { rms_px, limit_px: MOST_RMS_PX, hint });
    }
    if *worst_px > MOST_PAIR_RMS_PX {
        let (pair, rms_px) = (worst.clone(), *worst_px);
        return Err(CalibrateError::Pair { pair, rms_px, limit_px: MOST_PAIR_RMS_PX });
    }
    Ok(())
}

impl StereoFit {
    /// A pair that was used, and where the board was in it.
    pub fn pair(&self, name: &str) -> Option<(&PairCorners, &Pose)> {
        self.pairs.iter().zip(&self.top_from_board).find(|(pair, _)| pair.name == name)
    }

    /// How far the given intrinsics put a corner of a view's image from where the pictures put it, px: the largest.
    pub fn intrinsics_apart_px(&self, view: View) -> f64 {
        let (given, seen) = (&self.cameras[view.index()], &self.seen_cameras[view.index()]);
        let (right, below) = (f64::from(given.width) - 1.0, f64::from(given.height) - 1.0);
        [[0.0, 0.0], [right, 0.0], [0.0, below], [right, below]]
            .into_iter()
            .filter_map(|[u, v]| {
                let pixel = Point2::new(u, v);
                Some((seen.project(&given.direction(&pixel).into())? - pixel).norm())
            })
            .fold(0.0, f64::max)
    }

    fn check_cameras(&self) -> Result<(), CalibrateError> {
        for view in View::ALL {
            let PinholeCamera { fx_px, fy_px, cx_px, cy_px, width, height } = self.cameras[view.index()];
            PinholeCamera::new((fx_px, fy_px), (cx_px, cy_px), (width, height))
                .map_err(|source| CalibrateError::Camera { view, source })?;
            let apart_px = self.intrinsics_apart_px(view);
            let known_px = self.camera_deviations_px[view.index()].iter().copied().fold(0.0, f64::max);
            let known_px = if known_px.is_finite() { known_px } else { 0.0 };
            let limit_px = MOST_INTRINSICS_PX.max(INTRINSICS_DEVIATIONS * known_px);
            if apart_px > limit_px {
                return Err(CalibrateError::Intrinsics { view, apart_px, limit_px });
            }
        }
        Ok(())
    }
}

/// A pose that most agree on: the mean rotation, and the median along each axis.
pub(crate) fn middle(poses: &[Pose]) -> Pose {
    let rotations: Vec<_> = poses.iter().map(|pose| pose.rotation).collect();
    let along = |axis: usize| median(poses.iter().map(|pose| pose.translation.vector[axis])).unwrap_or(0.0);
    let place = nalgebra::Vector3::from_fn(|axis, _| along(axis));
    Pose::from_parts(place.into(), mean_rotation(&rotations).unwrap_or_default())
}

fn check_tilt(guesses: &[[Pose; 2]]) -> Result<(), CalibrateError> {
    let normals: Vec<_> = guesses.iter().map(|[top, _]| top.rotation * nalgebra::Vector3::z()).collect();
    let apart = |a: &nalgebra::Vector3<f64>| normals.iter().map(|b| a.angle(b)).fold(0.0, f64::max);
    let found_deg = normals.iter().map(apart).fold(0.0, f64::max).to_degrees();
    if found_deg < LEAST_TILT_DEG {
        return Err(CalibrateError::OneTilt { found_deg, least_deg: LEAST_TILT_DEG });
    }
    Ok(())
}

fn check_coverage(pairs: &[&PairCorners], cameras: &[PinholeCamera; 2]) -> Result<(), CalibrateError> {
    for view in View::ALL {
        let pixels: Vec<Point2<f64>> =
            pairs.iter().flat_map(|pair| &pair.corners[view.index()]).map(|corner| corner.pixel).collect();
        let camera = &cameras[view.index()];
        for (axis, side, size_px) in [(0, "width", camera.width), (1, "height", camera.height)] {
            let (low, high) = pixels.iter().fold((f64::MAX, f64::MIN), |(low, high), pixel| {
                (low.min(pixel[axis]), high.max(pixel[axis]))
            });
            let found = (high - low) / f64::from(size_px);
            if found < LEAST_COVERAGE {
                return Err(CalibrateError::Coverage { view, side, found, least: LEAST_COVERAGE });
            }
        }
    }
    Ok(())
}

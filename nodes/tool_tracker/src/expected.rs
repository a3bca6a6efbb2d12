use crate::refine::Prior;
use dreamitate_geometry::{Gaussian6, Pose};
use dreamitate_track::{FusedPose, FusedTrack, strays};
use nalgebra::{Matrix3, Matrix6, SymmetricEigen, Vector3, Vector6};

/// Where a view's camera has a tool in one frame, as all views together saw the clip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// The fused pose; where there is none, what lies between those of other frames.
    pub fused: Option<Gaussian6>,
    /// Whether a view sees it in this frame.
    pub is_seen: bool,
    /// Whether the pose so far is doubted: the fused one strays from its neighbours.
    pub strays: bool,
    /// Where it may be by the frames before and after: halfway, or still or already where it is there.
    pub starts: Vec<Pose>,
    /// Where other tools are.
    pub taken: Vec<Vector3<f64>>,
}

/// Poses that are nearer lead to the same.
const SAME_RAD: f64 = 2e-3;
const SAME_M: f64 = 3e-4;

/// A position that is known worse than this, one standard deviation, is sought along the line on which it is known least,
/// metres; at so many standard deviations from the middle.
const VAGUE_M: f64 = 0.01;
const ALONG: [f64; 6] = [-2.0, -1.33, -0.67, 0.67, 1.33, 2.0];

impl Expected {
    /// Starts near the prior that the fused pose is. What one other view has seen is vague in that view's depth, which this view
    /// sees sideways.
    pub fn near(&self, prior: &Prior) -> Vec<Pose> {
        let seen = self.fused.as_ref().filter(|_| self.is_seen);
        let vague = seen.map_or_else(Vector3::zeros, |fused| {
            longest_axis(&fused.covariance.fixed_view::<3, 3>(3, 3).into())
        });
        let beside = ALONG.map(|sigmas| sigmas * vague);
        let shifts = beside.into_iter().filter(|_| vague.norm() > VAGUE_M).chain([Vector3::zeros()]);
        let Pose { translation, rotation } = prior.camera_from_tool;
        shifts.map(|shift| Pose::from_parts((translation.vector + shift).into(), rotation)).collect()
    }

    /// Whether nothing that matters is otherwise.
    pub fn is_nearly(&self, other: &Self) -> bool {
        let same = |a: &Pose, b: &Pose| {
            a.rotation.angle_to(&b.rotation) < SAME_RAD
                && (a.translation.vector - b.translation.vector).norm() < SAME_M
        };
        let fused = match (&self.fused, &other.fused) {
            (Some(a), Some(b)) => same(&a.mean, &b.mean),
            (a, b) => a.is_none() && b.is_none(),
        };
        let starts = self.starts.iter().zip(&other.starts).all(|(a, b)| same(a, b));
        fused && starts && self.starts.len() == other.starts.len() && self.strays == other.strays
    }
}

/// How far a tool strays from the even way between two poses, one standard deviation a frame from the nearer one.
const STRAY_RAD: f64 = 0.3;
const STRAY_M: f64 = 0.03;

/// What a fused track makes a camera expect of frames 0 to `frame_count`. `is_refined`: the views' poses knew of fused ones
/// already, so that one which even so was not accepted is no more believed than its neighbours are.
pub(crate) fn expected(
    fused: &FusedTrack,
    camera_from_world: &Pose,
    frame_count: usize,
    is_refined: bool,
) -> Vec<Expected> {
    let strays = strays(&fused.poses);
    let blank = |frame| Expected { strays: strays.contains(&frame), ..Expected::default() };
    let mut all: Vec<Expected> = (0..frame_count).map(blank).collect();
    // A frame beyond the clip's is nobody's.
    let steady = fused.poses.iter().filter(|pose| pose.frame < frame_count && !strays.contains(&pose.frame));
    let seen = |pose: &FusedPose| Some((pose.frame, pose.world_from_tool.as_ref()?.moved(camera_from_world)));
    let accepted: Vec<(usize, Gaussian6)> =
        steady.clone().filter(|pose| pose.accepted).filter_map(seen).collect();
    for pose in steady.filter(|pose| pose.accepted || !is_refined) {
        let expected = &mut all[pose.frame];
        expected.fused = seen(pose).map(|(_, gaussian)| gaussian);
        expected.is_seen = expected.fused.is_some();
    }
    for (frame, expected) in all.iter_mut().enumerate() {
        let before = accepted.iter().rev().find(|(other, _)| *other < frame);
        let after = accepted.iter().find(|(other, _)| *other > frame);
        if let Some((before, after)) = before.zip(after) {
            let bridge = between(before, after, frame);
            expected.starts.push(bridge.mean);
            expected.fused.get_or_insert(bridge);
        }
        for (_, gaussian) in before.into_iter().chain(after).filter(|(other, _)| other.abs_diff(frame) == 1) {
            expected.starts.push(gaussian.mean);
            expected.fused.get_or_insert_with(|| Gaussian6 {
                mean: gaussian.mean,
                covariance: gaussian.covariance + astray(1),
            });
        }
    }
    // Far from all that is known anything is better than nothing.
    for (frame, gaussian) in fused.poses.iter().filter_map(seen) {
        let unknown = all.get_mut(frame).filter(|expected| !expected.strays && expected.fused.is_none());
        if let Some(expected) = unknown {
            (expected.fused, expected.is_seen) = (Some(gaussian), true);
        }
    }
    all
}

/// The direction in which a position is known least, as long as one standard deviation.
fn longest_axis(covariance: &Matrix3<f64>) -> Vector3<f64> {
    let eigen = SymmetricEigen::new(*covariance);
    let longest = eigen.eigenvalues.imax();
    eigen.eigenvectors.column(longest) * eigen.eigenvalues[longest].max(0.0).sqrt()
}

/// On the even way between two frames.
fn between((before, from): &(usize, Gaussian6), (after, to): &(usize, Gaussian6), frame: usize) -> Gaussian6 {
    let share = (frame - before) as f64 / (after - before) as f64;
    Gaussian6 {
        mean: from.mean.lerp_slerp(&to.mean, share),
        covariance: astray((frame - before).min(after - frame)) + 0.5 * (from.covariance + to.covariance),
    }
}

/// How far a tool strays in so many frames.
fn astray(frames: usize) -> Matrix6<f64> {
    let [turn, shift] = [STRAY_RAD, STRAY_M].map(|stray| (frames as f64 * stray).powi(2));
    Matrix6::from_diagonal(&Vector6::new(turn, turn, turn, shift, shift, shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(poses: &[(usize, f64, bool)]) -> FusedTrack {
        let pose = |&(frame, x_m, accepted): &(usize, f64, bool)| FusedPose {
            world_from_tool: Some(Gaussian6 {
                mean: Pose::translation(x_m, 0.0, 0.8),
                covariance: Matrix6::identity() * 1e-6,
            }),
            accepted,
            ..FusedPose::lost(frame)
        };
        FusedTrack::judged(poses.iter().map(pose).collect(), 2)
    }

    fn micrometres(pose: &Pose) -> i64 {
        (1e6 * pose.translation.x).round() as i64
    }

    #[test]
    fn a_gap_is_bridged_and_what_is_known_stays() {
        // Frame 12 is beyond the clip's.
        let seen = [(1, 0.0, true), (4, 9.0, false), (6, 0.5, true), (7, 3.0, false), (9, 4.0, false)];
        let track = track(&[seen.as_slice(), &[(12, 0.0, true)]].concat());
        let at = |frame: usize, is_refined: bool| {
            expected(&track, &Pose::identity(), 10, is_refined)[frame].fused.clone()
        };
        let x_um =
            |is_refined: bool, frame: usize| at(frame, is_refined).map(|fused| micrometres(&fused.mean));
        let mm = |x_mm: i64| Some(1000 * x_mm);
        assert_eq!([2, 4, 5, 7, 9].map(|frame| x_um(false, frame)), [100, 9000, 400, 3000, 4000].map(mm));
        // What was refined and even so not accepted is where its neighbours are; far from them it is better than nothing.
        assert_eq!([2, 4, 5, 7, 9].map(|frame| x_um(true, frame)), [100, 300, 400, 500, 4000].map(mm));
        assert_eq!([x_um(true, 8), x_um(true, 0)], [None, mm(0)]);
        let stray_m = |frame: usize| at(frame, true).unwrap().covariance[(3, 3)].sqrt();
        assert!((stray_m(2) - STRAY_M).abs() < 1e-3 && (stray_m(3) - 2.0 * STRAY_M).abs() < 1e-3);
        assert!((stray_m(7) - STRAY_M).abs() < 1e-3 && stray_m(6) < 2e-3);
    }

    #[test]
    fn a_tool_may_be_halfway_or_where_it_is_in_the_frames_beside() {
        let track = track(&[(1, 0.0, true), (2, 0.2, true), (4, 0.4, true)]);
        let all = expected(&track, &Pose::identity(), 7, false);
        let starts_um = |frame: usize| all[frame].starts.iter().map(micrometres).collect::<Vec<_>>();
        assert_eq!(starts_um(2), [133_333, 0]);
        assert_eq!(starts_um(3), [300_000, 200_000, 400_000]);
        assert_eq!(starts_um(5), [400_000]);
        assert!(starts_um(6).is_empty() && all[6].fused.is_none());
    }
}

use dreamitate_geometry::Gaussian6;

/// A tool's pose at one frame, fused over the views.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedPose {
    /// The frame, from 0.
    pub frame: usize,
    /// The pose `world_from_tool` and the covariance of its twist along world axes; `None` where no view has
    /// a pose.
    pub world_from_tool: Option<Gaussian6>,
    /// How far the pose keeps from the limits, 0 to 1: the smallest of `1 − value / limit` over residuals,
    /// ray gap and rotation gap.
    pub confidence: f64,
    /// Distance at which the views' rays through the tool's origin pass, metres; NaN with one view.
    pub ray_gap_m: f64,
    /// Angle between the views' rotations, radians; NaN with one view.
    pub rotation_gap_rad: f64,
    /// The views' residuals, levels, in the order of the views.
    pub residuals: Vec<f64>,
    /// Whether an arm may follow it.
    pub accepted: bool,
    /// Why not, with the value and the limit.
    pub reason: String,
}

/// What became of a clip's tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From the first accepted frame to the last frame all are accepted.
    Accepted,
    /// Enough frames are accepted, but with gaps.
    Partial,
    /// Too few frames are accepted: dream again.
    Rejected,
}

/// A tool's fused trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedTrack {
    /// In the order of frames.
    pub poses: Vec<FusedPose>,
    /// The verdict.
    pub outcome: Outcome,
    /// Why the verdict is not [`Outcome::Accepted`].
    pub reason: String,
}

impl FusedTrack {
    /// Judges a sequence of poses: at least `min_accepted` of them must be accepted.
    pub fn judged(poses: Vec<FusedPose>, min_accepted: usize) -> Self {
        let accepted = poses.iter().filter(|p| p.accepted).count();
        let gaps = poses.iter().skip_while(|p| !p.accepted).filter(|p| !p.accepted).count();
        let (outcome, reason) = if accepted < min_accepted {
            let count = poses.len();
            let most = poses.iter().find(|p| !p.accepted).map_or("", |p| p.reason.as_str());
            let because =
                if most.is_empty() { String::new() } else { format!(" (the first rejected: {most})") };
            (
                Outcome::Rejected,
                format!("{accepted} of {count} frames accepted, at least {min_accepted} needed{because}"),
            )
        } else if gaps > 0 {
            (Outcome::Partial, format!("{gaps} frame(s) rejected after the first accepted one"))
        } else {
            (Outcome::Accepted, String::new())
        };
        Self { poses, outcome, reason }
    }
}

impl FusedPose {
    /// A frame without a pose.
    pub fn lost(frame: usize) -> Self {
        Self {
            frame,
            world_from_tool: None,
            confidence: 0.0,
            ray_gap_m: f64::NAN,
            rotation_gap_rad: f64::NAN,
            residuals: Vec::new(),
            accepted: false,
            reason: String::new(),
        }
    }

    /// The pose without its uncertainty.
    pub fn world_from_tool_mean(&self) -> Option<dreamitate_geometry::Pose> {
        self.world_from_tool.as_ref().map(|gaussian| gaussian.mean)
    }
}

/// A tool that is turned farther than this from halfway between its neighbours in time, and back, was rather seen wrongly,
/// radians; hands that dig and pour stay below 0.32.
pub const STEADY_RAD: f64 = 0.42;

/// Returns the frames, in their order, whose pose is turned by more than [`STEADY_RAD`] from halfway between the accepted
/// poses of the frames before and after, and by more than these are from their own neighbours.
pub fn strays(poses: &[FusedPose]) -> Vec<usize> {
    let stray_rad = |index: usize| {
        let [before, pose, after] = [index.checked_sub(1)?, index, index + 1].map(|i| poses.get(i));
        let (before, pose, after) = (before?, pose?, after?);
        if !before.accepted || !after.accepted || before.frame + 2 != after.frame {
            return None;
        }
        let rotation = |pose: &FusedPose| Some(pose.world_from_tool_mean()?.rotation);
        let halfway = rotation(before)?.try_slerp(&rotation(after)?, 0.5, 1e-9)?;
        Some(halfway.angle_to(&rotation(pose)?))
    };
    let strays_rad: Vec<Option<f64>> = (0..poses.len()).map(stray_rad).collect();
    let at = |index: usize| strays_rad.get(index).copied().flatten().unwrap_or(0.0);
    let is_stray = |index: &usize| {
        let stray_rad = at(*index);
        stray_rad > STEADY_RAD && stray_rad >= at(index.wrapping_sub(1)) && stray_rad >= at(index + 1)
    };
    (0..poses.len()).filter(is_stray).map(|index| poses[index].frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Matrix6, Vector3};

    #[test]
    fn a_pose_that_is_turned_and_back_strays_and_a_steady_turn_does_not() {
        let turned = |frame: usize, rad: f64| FusedPose {
            frame,
            world_from_tool: Some(Gaussian6 {
                mean: dreamitate_geometry::Pose::rotation(Vector3::z() * rad),
                covariance: Matrix6::identity(),
            }),
            confidence: 1.0,
            ray_gap_m: 0.0,
            rotation_gap_rad: 0.0,
            residuals: Vec::new(),
            accepted: true,
            reason: String::new(),
        };
        let steady: Vec<_> = (1..8).map(|frame| turned(frame, 0.6 * frame as f64)).collect();
        assert!(strays(&steady).is_empty());
        let mut one = steady.clone();
        // So far that the frames beside it seem to stray as well.
        one[3] = turned(4, 2.4 + 1.2);
        assert_eq!(strays(&one), [4]);
        one[3].accepted = false;
        assert_eq!(strays(&one), [4], "a rejected pose may stray, too");
        one.remove(2);
        assert!(strays(&one).is_empty(), "who has no neighbour is not judged");
    }
}

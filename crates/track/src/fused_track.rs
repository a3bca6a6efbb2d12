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
    /// The pose without its uncertainty.
    pub fn world_from_tool_mean(&self) -> Option<dreamitate_geometry::Pose> {
        self.world_from_tool.as_ref().map(|gaussian| gaussian.mean)
    }
}

use dreamitate_geometry::Pose;
use nalgebra::Matrix6;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The pose explains the picture.
    Accepted,
    /// A pose was found that explains it badly.
    Rejected,
    /// The tool is not in the picture.
    Lost,
}

/// A tool's pose in one frame of one view.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedPose {
    /// The frame, from 0.
    pub frame: usize,
    /// The pose in the camera's optical frame.
    pub camera_from_tool: Pose,
    /// Inverse covariance of the pose's twist (rad, m; camera axes, about the tool's origin) as the picture
    /// alone determines it.
    pub information: Matrix6<f64>,
    /// Mean colour difference inside the outline, levels.
    pub residual: f64,
    /// Part of the outline's area that is in the image and not covered by a hand.
    pub visible_fraction: f64,
    /// Whether to use it.
    pub status: Status,
    /// Why not, with the value and the limit.
    pub reason: String,
}

/// A tool's poses through one view, a frame each from frame 1 on.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ToolTrack {
    /// In the order of frames.
    pub poses: Vec<TrackedPose>,
}

impl ToolTrack {
    /// The pose of a frame.
    pub fn at(&self, frame: usize) -> Option<&TrackedPose> {
        self.poses.iter().find(|pose| pose.frame == frame)
    }

    /// Frames 1 to `frame_count` without a pose.
    pub fn lost(frame_count: usize, reason: &str) -> Self {
        Self { poses: (1..frame_count).map(|frame| TrackedPose::lost(frame, reason)).collect() }
    }
}

impl TrackedPose {
    /// A frame without a pose.
    pub fn lost(frame: usize, reason: &str) -> Self {
        Self {
            frame,
            camera_from_tool: Pose::identity(),
            information: Matrix6::zeros(),
            residual: f64::INFINITY,
            visible_fraction: 0.0,
            status: Status::Lost,
            reason: reason.to_owned(),
        }
    }
}

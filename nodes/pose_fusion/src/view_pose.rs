use dreamitate_geometry::{Gaussian6, Pose, Symmetry, ViewTie};
use dreamitate_track::{Status, ToolTrack};
use nalgebra::{Matrix6, Vector6};
use std::f64::consts::PI;

/// A tool's pose as one view has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewPose {
    /// Where the camera stands.
    pub world_from_camera: Pose,
    /// The pose in the camera's frame.
    pub camera_from_tool: Pose,
    /// Inverse covariance of its twist, camera axes.
    pub information: Matrix6<f64>,
    /// Residual, levels.
    pub residual: f64,
    /// Whether the tracker accepts it.
    pub accepted: bool,
    /// Why not.
    pub reason: String,
    /// The view's name, for messages.
    pub view: String,
    /// By how much its rotation is doubted beside the other views', one standard deviation, radians.
    pub(crate) doubt_rad: f64,
}

/// No rotation is less certain than half a turn, and no position than a metre: what a picture does not tell at all (a
/// round tool's turn about its axis) has a covariance too.
const LEAST_INFORMATION: [f64; 2] = [1.0 / (PI * PI), 1.0];

impl ViewPose {
    pub(crate) fn world_from_tool(&self) -> Pose {
        self.world_from_camera * self.camera_from_tool
    }

    /// The pose in the world, with the uncertainty of the picture and of how far views disagree.
    pub(crate) fn in_world(&self, tie: &ViewTie) -> Option<Gaussian6> {
        let [turn, shift] = LEAST_INFORMATION;
        let least = Matrix6::from_diagonal(&Vector6::new(turn, turn, turn, shift, shift, shift));
        let of_picture = (self.information + least).try_inverse()?;
        let tie = tie.covariance(&self.camera_from_tool.translation.vector)?;
        let doubt = self.doubt_rad.powi(2);
        let doubt = Matrix6::from_diagonal(&Vector6::new(doubt, doubt, doubt, 0.0, 0.0, 0.0));
        let in_camera = Gaussian6 { mean: self.camera_from_tool, covariance: of_picture + tie + doubt };
        Some(in_camera.moved(&self.world_from_camera))
    }

    /// The same where the tool is turned, by a turn that nobody sees, to lie near a pose in the world.
    fn turned_near(&self, symmetry: &Symmetry, world_from_tool: &Pose) -> Self {
        let reference = self.world_from_camera.inverse() * world_from_tool;
        Self { camera_from_tool: symmetry.nearest(&self.camera_from_tool, &reference), ..self.clone() }
    }
}

/// What the views have of a frame.
pub(crate) fn poses_at(views: &[(&str, Pose, &ToolTrack)], frame: usize) -> Vec<ViewPose> {
    let seen = views.iter().filter_map(|(view, world_from_camera, track)| {
        let pose = track.at(frame)?;
        Some(ViewPose {
            world_from_camera: *world_from_camera,
            camera_from_tool: pose.camera_from_tool,
            information: pose.information,
            residual: pose.residual,
            accepted: pose.status == Status::Accepted,
            reason: pose.reason.clone(),
            view: (*view).to_owned(),
            doubt_rad: 0.0,
        })
    });
    seen.collect()
}

/// Turns the tool, by turns that nobody sees, from view to view and from frame to frame as little as possible.
pub(crate) fn turn_alike(symmetry: &Symmetry, seen: &mut [(usize, Vec<ViewPose>)]) {
    let mut last: Option<Pose> = None;
    for view in seen.iter_mut().flat_map(|(_, views)| views).filter(|view| view.accepted) {
        if let Some(last) = &last {
            *view = view.turned_near(symmetry, last);
        }
        last = Some(view.world_from_tool());
    }
}

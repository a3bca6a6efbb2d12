//! Poses, pinhole cameras, rays, two-view fusion and image crops: the mathematics that nodes share.
//!
//! Conventions: SI units; a transform `a_from_b` maps points given in frame `b` to frame `a`; camera
//! frames are optical frames (x right, y down, z forward); a pixel's centre has integer coordinates.

mod align;
mod camera;
mod crop;
mod frame;
mod fuse;
mod median;
mod pose;
mod ray;
mod rig;
mod symmetry;
mod view;
mod view_tie;

pub use align::{TrackAlignment, align_tracks};
pub use camera::{CameraError, PinholeCamera};
pub use crop::CropResize;
pub use frame::{WORLD_FRAME, camera_frame, prefixed_frame, tool_frame};
pub use fuse::{FuseError, Gaussian6, midpoint_pose, weighted_mean_pose};
pub use median::median;
pub use pose::{
    Pose, Twist6, mean_rotation, perturbed, pose_from_rows, pose_to_rows, relative_twist, rotation_angle_rad,
};
pub use ray::{ClosestPoints, Ray, RayError};
pub use rig::{ArmMount, Obstacle, Rig, RigCamera, RigError, XyzRpy};
pub use symmetry::Symmetry;
pub use view::View;
pub use view_tie::ViewTie;

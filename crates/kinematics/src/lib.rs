//! Serial chains from URDF: forward kinematics, Jacobian and inverse kinematics with limits.
//!
//! A [`Chain`] is read once from a URDF and validated; all that follows is pure functions on the stack.
//! Poses are named `a_from_b`: they take coordinates in frame b to frame a. Metres, radians.
//!
//! ```
//! use dreamitate_kinematics::{Chain, InverseKinematics};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let urdf = concat!(env!("CARGO_MANIFEST_DIR"), "/../../urdf/robots/xarm7.urdf");
//! let chain = Chain::from_urdf_file(urdf, "link_base", "link_eef")?;
//! let posture = chain.joints(&[0.1, -0.5, 0.0, 0.8, 0.0, 1.3, 0.0])?;
//! let base_from_tip = chain.tip_pose(&posture);
//! let answer = InverseKinematics::new(&chain).solve(&base_from_tip, &chain.middle(), 7)?;
//! let error_m = (chain.tip_pose(&answer.joints).translation.vector - base_from_tip.translation.vector).norm();
//! assert!(error_m < 1e-5);
//! # Ok(())
//! # }
//! ```

mod axis_chain;
mod branches;
mod chain;
mod closed_form;
mod descent;
mod description;
mod forward;
mod inverse;
mod self_motion;
mod shape;
mod solutions;
mod symmetric;
mod wraps;

pub use branches::Branches;
pub use chain::{Chain, ChainError, ChainJoint, JointKind, JointLimits, Joints, MAX_JOINTS};
pub use description::{DescriptionError, DescriptionReader};
pub use forward::{Jacobian, JointFrames};
pub use inverse::{IkAnswer, IkError, IkSettings, InverseKinematics, Residual};
pub use shape::{Capsule, ShapeError};
pub use wraps::nearest_wrap;

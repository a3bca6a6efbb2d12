//! Forward kinematics: where the links are, and how the tip moves with the joints.

use nalgebra::{Isometry3, Matrix6, Translation3, UnitQuaternion, Vector3, Vector6};
use tinyvec::ArrayVec;

use crate::chain::{Chain, ChainJoint, JointKind, Joints, MAX_JOINTS};

/// One column a joint: the tip's linear velocity (m) above its angular velocity (rad), in the base frame, for one
/// unit a second of that joint.
pub type Jacobian = ArrayVec<[Column; MAX_JOINTS]>;

/// A column of a [`Jacobian`]; dereferences to the vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column(pub Vector6<f64>);

impl Default for Column {
    fn default() -> Self {
        Self(Vector6::zeros())
    }
}

impl std::ops::Deref for Column {
    type Target = Vector6<f64>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The frames of all moving joints in the base frame, after the joint has moved, and the tip's.
#[derive(Debug, Clone, Copy)]
pub struct JointFrames {
    base_from_joint: [Isometry3<f64>; MAX_JOINTS],
    /// The tip's pose.
    pub base_from_tip: Isometry3<f64>,
}

impl Chain {
    /// The frames of all joints and the tip.
    ///
    /// # Panics
    /// If `joints` has another length than the chain: make it with [`Chain::joints`].
    pub fn joint_frames(&self, joints: &[f64]) -> JointFrames {
        assert_eq!(joints.len(), self.dof(), "joint values");
        let mut base_from_joint = [Isometry3::identity(); MAX_JOINTS];
        let mut base_from_here = Isometry3::identity();
        for ((joint, &value), frame) in self.joints.iter().zip(joints).zip(&mut base_from_joint) {
            base_from_here = base_from_here * joint.previous_from_joint * joint.motion(value);
            *frame = base_from_here;
        }
        JointFrames { base_from_joint, base_from_tip: base_from_here * self.last_joint_from_tip }
    }

    /// The tip's pose in the base frame.
    ///
    /// # Panics
    /// As [`Chain::joint_frames`].
    pub fn tip_pose(&self, joints: &[f64]) -> Isometry3<f64> {
        self.joint_frames(joints).base_from_tip
    }

    /// The pose of every link from base to tip in the base frame, in the order of [`Chain::link_names`].
    pub fn link_poses<'a>(&'a self, frames: &'a JointFrames) -> impl Iterator<Item = Isometry3<f64>> + 'a {
        self.links.iter().map(|link| match link.joints_before.checked_sub(1) {
            None => link.joint_from_link,
            Some(joint) => frames.base_from_joint[joint] * link.joint_from_link,
        })
    }

    /// The geometric Jacobian of the tip in the base frame.
    pub fn jacobian(&self, frames: &JointFrames) -> Jacobian {
        let tip = frames.base_from_tip.translation.vector;
        self.joints
            .iter()
            .zip(&frames.base_from_joint)
            .map(|(joint, frame)| {
                let axis = frame.rotation * joint.axis.into_inner();
                let (linear, angular) = match joint.kind {
                    JointKind::Turning => (axis.cross(&(tip - frame.translation.vector)), axis),
                    JointKind::Sliding => (axis, Vector3::zeros()),
                };
                Column(Vector6::new(linear.x, linear.y, linear.z, angular.x, angular.y, angular.z))
            })
            .collect()
    }

    /// The Jacobian's smallest singular value: 0 where some motion of the tip is lost.
    ///
    /// Metres and radians are mixed as they come, so compare it along one arm's path, not between arms.
    pub fn smallest_singular_value(&self, joints: &[f64]) -> f64 {
        let lowest = self.gram(joints).symmetric_eigenvalues().min();
        lowest.max(0.0).sqrt()
    }

    /// Yoshikawa's manipulability √det(J·Jᵀ) (Int. J. Robotics Research 4(2), 1985).
    pub fn manipulability(&self, joints: &[f64]) -> f64 {
        self.gram(joints).determinant().max(0.0).sqrt()
    }

    fn gram(&self, joints: &[f64]) -> Matrix6<f64> {
        let jacobian = self.jacobian(&self.joint_frames(joints));
        jacobian.iter().map(|c| c.0 * c.0.transpose()).sum()
    }

    /// How near the nearest limit is: 1 in the middle of all ranges, 0 at a limit; wide ranges count as ±π.
    pub fn limit_margin(&self, joints: &Joints) -> f64 {
        self.joints
            .iter()
            .zip(joints)
            .map(|(joint, value)| {
                let room = (value - joint.limits.lower).min(joint.limits.upper - value);
                let half_range = 0.5 * (joint.limits.upper - joint.limits.lower);
                (room / half_range.min(std::f64::consts::PI)).clamp(0.0, 1.0)
            })
            .fold(1.0, f64::min)
    }
}

impl ChainJoint {
    /// The joint's own motion at a value.
    fn motion(&self, value: f64) -> Isometry3<f64> {
        match self.kind {
            JointKind::Turning => Isometry3::from_parts(
                Translation3::identity(),
                UnitQuaternion::from_axis_angle(&self.axis, value),
            ),
            JointKind::Sliding => Isometry3::from_parts(
                Translation3::from(self.axis.into_inner() * value),
                UnitQuaternion::identity(),
            ),
        }
    }
}

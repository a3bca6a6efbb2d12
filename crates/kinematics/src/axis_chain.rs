//! The chain as the solvers see it: every joint turns about, or slides along, the z axis of its own frame.
//!
//! Frames are rotation matrices here, by columns: turning about z then mixes two columns, which is less work than a
//! product of quaternions, and the third column is the Jacobian's axis.

use nalgebra::{Isometry3, Matrix3, Rotation3, Unit, UnitQuaternion, Vector3};

use crate::chain::{ChainJoint, JointKind, MAX_JOINTS};

/// A pose as the columns of its rotation matrix and its origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) x: Vector3<f64>,
    pub(crate) y: Vector3<f64>,
    pub(crate) z: Vector3<f64>,
    pub(crate) origin: Vector3<f64>,
}

impl Frame {
    pub(crate) const IDENTITY: Self = Self {
        x: Vector3::new(1.0, 0.0, 0.0),
        y: Vector3::new(0.0, 1.0, 0.0),
        z: Vector3::new(0.0, 0.0, 1.0),
        origin: Vector3::new(0.0, 0.0, 0.0),
    };

    /// A direction of this frame in the outer one.
    #[inline(always)]
    pub(crate) fn turn(&self, v: &Vector3<f64>) -> Vector3<f64> {
        self.x * v.x + self.y * v.y + self.z * v.z
    }

    /// A direction of the outer frame in this one.
    #[inline(always)]
    pub(crate) fn turn_back(&self, v: &Vector3<f64>) -> Vector3<f64> {
        Vector3::new(self.x.dot(v), self.y.dot(v), self.z.dot(v))
    }

    /// A point of this frame in the outer one.
    #[inline(always)]
    pub(crate) fn carry(&self, point: &Vector3<f64>) -> Vector3<f64> {
        self.origin + self.turn(point)
    }

    /// The product of the two poses.
    #[inline(always)]
    pub(crate) fn times(&self, inner: &Self) -> Self {
        Self {
            x: self.turn(&inner.x),
            y: self.turn(&inner.y),
            z: self.turn(&inner.z),
            origin: self.carry(&inner.origin),
        }
    }

    /// This frame turned about its own z.
    #[inline(always)]
    pub(crate) fn turned(&self, sin: f64, cos: f64) -> Self {
        Self {
            x: self.x * cos + self.y * sin,
            y: self.y * cos - self.x * sin,
            z: self.z,
            origin: self.origin,
        }
    }

    /// This frame moved along its own z.
    #[inline(always)]
    fn slid(&self, by: f64) -> Self {
        Self { origin: self.origin + self.z * by, ..*self }
    }

    /// The inverse pose.
    pub(crate) fn inverse(&self) -> Self {
        let rows = [0, 1, 2].map(|axis| Vector3::new(self.x[axis], self.y[axis], self.z[axis]));
        let [x, y, z] = rows;
        Self { x, y, z, origin: -self.turn_back(&self.origin) }
    }
}

impl From<&Isometry3<f64>> for Frame {
    fn from(pose: &Isometry3<f64>) -> Self {
        let m: Matrix3<f64> = pose.rotation.to_rotation_matrix().into_inner();
        Self {
            x: m.column(0).into_owned(),
            y: m.column(1).into_owned(),
            z: m.column(2).into_owned(),
            origin: pose.translation.vector,
        }
    }
}

impl From<&Frame> for Isometry3<f64> {
    fn from(frame: &Frame) -> Self {
        let matrix = Matrix3::from_columns(&[frame.x, frame.y, frame.z]);
        let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(matrix));
        Isometry3::from_parts(frame.origin.into(), rotation)
    }
}

/// A chain whose joints all act along their own z; places beyond the chain's joints hold nothing of meaning.
#[derive(Debug, Clone)]
pub(crate) struct AxisChain {
    /// Each joint's frame at zero in the frame of the joint before it, or of the base.
    pub(crate) previous_from_joint: [Frame; MAX_JOINTS],
    pub(crate) is_sliding: [bool; MAX_JOINTS],
    pub(crate) last_joint_from_tip: Frame,
    pub(crate) lower: [f64; MAX_JOINTS],
    pub(crate) upper: [f64; MAX_JOINTS],
}

/// The axes of the joints of a posture in the base frame, each through a point of it, and the tip.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PosedAxes<const N: usize> {
    pub(crate) directions: [Vector3<f64>; N],
    pub(crate) points: [Vector3<f64>; N],
    pub(crate) base_from_tip: Frame,
}

impl AxisChain {
    pub(crate) fn new(joints: &[ChainJoint], last_joint_from_tip: &Isometry3<f64>) -> Self {
        let mut chain = Self {
            previous_from_joint: [Frame::IDENTITY; MAX_JOINTS],
            is_sliding: [false; MAX_JOINTS],
            last_joint_from_tip: Frame::IDENTITY,
            lower: [0.0; MAX_JOINTS],
            upper: [0.0; MAX_JOINTS],
        };
        // What turned the joint before back from its own z.
        let mut aligned_from_previous = UnitQuaternion::identity();
        for (index, joint) in joints.iter().enumerate().take(MAX_JOINTS) {
            let joint_from_aligned = from_z(&joint.axis);
            let pose = aligned_from_previous * joint.previous_from_joint * joint_from_aligned;
            chain.previous_from_joint[index] = Frame::from(&pose);
            chain.is_sliding[index] = joint.kind == JointKind::Sliding;
            chain.lower[index] = joint.limits.lower;
            chain.upper[index] = joint.limits.upper;
            aligned_from_previous = joint_from_aligned.inverse();
        }
        chain.last_joint_from_tip = Frame::from(&(aligned_from_previous * last_joint_from_tip));
        chain
    }

    /// Axes and tip of a posture.
    #[inline(always)]
    pub(crate) fn pose<const N: usize>(&self, joints: &[f64; N]) -> PosedAxes<N> {
        let mut turns = [(0.0, 1.0); N];
        for (turn, joint) in turns.iter_mut().zip(joints) {
            *turn = joint.sin_cos();
        }
        let mut posed = PosedAxes {
            directions: [Vector3::zeros(); N],
            points: [Vector3::zeros(); N],
            base_from_tip: Frame::IDENTITY,
        };
        let mut here = Frame::IDENTITY;
        for index in 0..N {
            let fixed = &self.previous_from_joint[index];
            let at_zero = if index == 0 { *fixed } else { here.times(fixed) };
            posed.directions[index] = at_zero.z;
            posed.points[index] = at_zero.origin;
            here = if self.is_sliding[index] {
                at_zero.slid(joints[index])
            } else {
                let (sin, cos) = turns[index];
                at_zero.turned(sin, cos)
            };
        }
        posed.base_from_tip = here.times(&self.last_joint_from_tip);
        posed
    }
}

/// The shortest turn that takes z to the axis.
fn from_z(axis: &Unit<Vector3<f64>>) -> UnitQuaternion<f64> {
    // Opposite directions have no single shortest turn; half a turn about x is one.
    UnitQuaternion::rotation_between(&Vector3::z(), axis)
        .unwrap_or_else(|| UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI))
}

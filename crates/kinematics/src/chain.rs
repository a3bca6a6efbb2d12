//! A serial chain of joints between two links of a URDF.

use std::path::Path;

use nalgebra::{Isometry3, Translation3, Unit, UnitQuaternion, Vector3};
use tinyvec::ArrayVec;

use crate::axis_chain::AxisChain;
use crate::closed_form::ClosedForm;
use crate::description::{DescriptionError, DescriptionReader};
use crate::shape::{Capsule, ShapeError, capsules_of, is_mesh};

/// The most moving joints a chain may have; joint vectors live on the stack because of it.
pub const MAX_JOINTS: usize = 8;

/// One value a moving joint, base to tip: rad for a turning joint, m for a sliding one.
pub type Joints = ArrayVec<[f64; MAX_JOINTS]>;

/// Why a chain could not be read, or a joint vector does not fit it.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The file cannot be read or expanded.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The text is not a URDF.
    #[error("cannot read URDF '{path}': {reason}")]
    Unreadable {
        /// The file, or "text" for a string.
        path: String,
        /// The parser's own words.
        reason: String,
    },
    /// A link that was asked for is not in the URDF.
    #[error("URDF of robot '{robot}' has no link '{link}'")]
    NoSuchLink {
        /// The robot's name in the URDF.
        robot: String,
        /// The link asked for.
        link: String,
    },
    /// The tip does not hang below the base.
    #[error("URDF of robot '{robot}': link '{tip}' does not hang below link '{base}' (its root is '{root}')")]
    NotConnected {
        /// The robot's name in the URDF.
        robot: String,
        /// The base link asked for.
        base: String,
        /// The tip link asked for.
        tip: String,
        /// Where the way up from the tip ended.
        root: String,
    },
    /// A joint between base and tip that a serial chain cannot have.
    #[error("joint '{joint}': {reason}")]
    BadJoint {
        /// The joint's name.
        joint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More or fewer moving joints than a chain can have.
    #[error("{count} moving joints between '{base}' and '{tip}', from 1 to {MAX_JOINTS} are possible")]
    JointCount {
        /// Moving joints found.
        count: usize,
        /// The base link.
        base: String,
        /// The tip link.
        tip: String,
    },
    /// A collision shape is malformed.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A joint vector has another length than the chain.
    #[error("{found} joint values, the chain has {expected} joints")]
    WrongLength {
        /// Values given.
        found: usize,
        /// Moving joints of the chain.
        expected: usize,
    },
    /// A joint value is NaN, infinite or beyond its limits.
    #[error("joint '{joint}' is at {value}, its limits are {lower} to {upper}")]
    OutOfLimits {
        /// The joint's name.
        joint: String,
        /// The value given.
        value: f64,
        /// Lower limit, rad or m.
        lower: f64,
        /// Upper limit, rad or m.
        upper: f64,
    },
}

/// How a joint moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JointKind {
    /// Turns about its axis; rad.
    Turning,
    /// Slides along its axis; m.
    Sliding,
}

/// What a joint may do: rad and rad/s, or m and m/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointLimits {
    /// Lowest position; −∞ for a continuous joint.
    pub lower: f64,
    /// Highest position; +∞ for a continuous joint.
    pub upper: f64,
    /// Highest speed.
    pub velocity: f64,
}

/// One moving joint.
#[derive(Debug, Clone)]
pub struct ChainJoint {
    /// Name in the URDF.
    pub name: String,
    /// How it moves.
    pub kind: JointKind,
    /// Its limits.
    pub limits: JointLimits,
    /// Pose at zero in the frame of the joint before it (or of the base); fixed joints are folded in.
    pub(crate) previous_from_joint: Isometry3<f64>,
    /// Axis in the joint's own frame.
    pub(crate) axis: Unit<Vector3<f64>>,
}

/// A link rigidly behind a moving joint.
#[derive(Debug, Clone)]
pub(crate) struct ChainLink {
    pub(crate) name: String,
    /// How many moving joints lie between the base and this link.
    pub(crate) joints_before: usize,
    pub(crate) joint_from_link: Isometry3<f64>,
    pub(crate) capsules: Vec<Capsule>,
    /// Its collision shape is in mesh files.
    pub(crate) is_mesh: bool,
}

/// A serial chain from a base link to a tip link, fixed joints folded in.
#[derive(Debug, Clone)]
pub struct Chain {
    pub(crate) joints: Vec<ChainJoint>,
    pub(crate) links: Vec<ChainLink>,
    pub(crate) last_joint_from_tip: Isometry3<f64>,
    /// The same joints as the solvers see them.
    pub(crate) axes: AxisChain,
    pub(crate) closed_form: Option<ClosedForm>,
}

impl Chain {
    /// The chain between two links of a URDF file, or of a xacro file that needs no arguments ([`DescriptionReader`] gives it
    /// some).
    ///
    /// # Errors
    /// See [`ChainError`]; the file, link or joint at fault is named.
    pub fn from_urdf_file(
        path: impl AsRef<Path>,
        base_link: &str,
        tip_link: &str,
    ) -> Result<Self, ChainError> {
        let path = path.as_ref();
        let unreadable = |reason: String| ChainError::Unreadable { path: path.display().to_string(), reason };
        let text = DescriptionReader::default().read(path)?;
        let robot = urdf_rs::read_from_string(&text).map_err(|e| unreadable(e.to_string()))?;
        Self::from_robot(&robot, base_link, tip_link)
    }

    /// The chain between two links of a URDF text (the `robot_description` of ROS).
    ///
    /// # Errors
    /// See [`ChainError`]; the link or joint at fault is named.
    pub fn from_urdf_text(text: &str, base_link: &str, tip_link: &str) -> Result<Self, ChainError> {
        let robot = urdf_rs::read_from_string(text)
            .map_err(|e| ChainError::Unreadable { path: "text".into(), reason: e.to_string() })?;
        Self::from_robot(&robot, base_link, tip_link)
    }

    fn from_robot(robot: &urdf_rs::Robot, base_link: &str, tip_link: &str) -> Result<Self, ChainError> {
        let find_link = |name: &str| {
            robot
                .links
                .iter()
                .find(|l| l.name == name)
                .ok_or_else(|| ChainError::NoSuchLink { robot: robot.name.clone(), link: name.into() })
        };
        find_link(base_link)?;
        find_link(tip_link)?;

        // A URDF is a tree: the way is unique from the tip up, so it is walked from there and turned round.
        let mut way_up = Vec::new();
        let mut at = tip_link;
        while at != base_link {
            let parent_joint = robot.joints.iter().find(|j| j.child.link == at);
            match parent_joint {
                // A loop of joints is not a tree; the way is then longer than there are joints.
                Some(joint) if way_up.len() < robot.joints.len() => {
                    way_up.push(joint);
                    at = &joint.parent.link;
                }
                _ => {
                    return Err(ChainError::NotConnected {
                        robot: robot.name.clone(),
                        base: base_link.into(),
                        tip: tip_link.into(),
                        root: at.into(),
                    });
                }
            }
        }

        let mut joints = Vec::new();
        let mut links = vec![ChainLink {
            name: base_link.into(),
            joints_before: 0,
            joint_from_link: Isometry3::identity(),
            capsules: capsules_of(find_link(base_link)?)?,
            is_mesh: is_mesh(find_link(base_link)?),
        }];
        let mut joint_from_here = Isometry3::identity();
        for joint in way_up.into_iter().rev() {
            joint_from_here *= pose(&joint.origin);
            if let Some(moving) = moving_joint(joint, joint_from_here)? {
                joints.push(moving);
                joint_from_here = Isometry3::identity();
            }
            links.push(ChainLink {
                name: joint.child.link.clone(),
                joints_before: joints.len(),
                joint_from_link: joint_from_here,
                capsules: capsules_of(find_link(&joint.child.link)?)?,
                is_mesh: is_mesh(find_link(&joint.child.link)?),
            });
        }
        if joints.is_empty() || joints.len() > MAX_JOINTS {
            return Err(ChainError::JointCount {
                count: joints.len(),
                base: base_link.into(),
                tip: tip_link.into(),
            });
        }
        let axes = AxisChain::new(&joints, &joint_from_here);
        let closed_form = ClosedForm::of(&axes, joints.len());
        let mut chain = Self { joints, links, last_joint_from_tip: joint_from_here, axes, closed_form };
        chain.fill_links_of_meshes();
        Ok(chain)
    }

    /// Number of moving joints.
    pub fn dof(&self) -> usize {
        self.joints.len()
    }

    /// Whether all postures of a pose come from a formula: the arm is built like a Universal Robots one, exactly or,
    /// after calibration, nearly so.
    pub fn has_closed_form(&self) -> bool {
        self.closed_form.is_some()
    }

    /// The moving joints, base to tip.
    pub fn moving_joints(&self) -> &[ChainJoint] {
        &self.joints
    }

    /// Names of all links from base to tip, both included.
    pub fn link_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.links.iter().map(|l| l.name.as_str())
    }

    /// How many moving joints lie between the base and each link, in the order of [`Chain::link_names`].
    pub fn joints_before_links(&self) -> impl ExactSizeIterator<Item = usize> {
        self.links.iter().map(|l| l.joints_before)
    }

    /// A joint vector of this chain: the right length, finite and within limits.
    ///
    /// # Errors
    /// [`ChainError::WrongLength`] or [`ChainError::OutOfLimits`] with the joint's name.
    pub fn joints(&self, values: &[f64]) -> Result<Joints, ChainError> {
        if values.len() != self.dof() {
            return Err(ChainError::WrongLength { found: values.len(), expected: self.dof() });
        }
        for (joint, &value) in self.joints.iter().zip(values) {
            let JointLimits { lower, upper, .. } = joint.limits;
            // NaN is in no range.
            if !(value.is_finite() && (lower..=upper).contains(&value)) {
                return Err(ChainError::OutOfLimits { joint: joint.name.clone(), value, lower, upper });
            }
        }
        Ok(values.iter().copied().collect())
    }

    /// The posture in the middle of all limits; zero for a joint without.
    pub fn middle(&self) -> Joints {
        self.joints
            .iter()
            .map(|j| {
                let middle = 0.5 * (j.limits.lower + j.limits.upper);
                if middle.is_finite() { middle } else { 0.0 }
            })
            .collect()
    }
}

/// The moving joint of a URDF joint, or `None` if it is fixed.
fn moving_joint(
    joint: &urdf_rs::Joint,
    previous_from_joint: Isometry3<f64>,
) -> Result<Option<ChainJoint>, ChainError> {
    let bad = |reason: &str| ChainError::BadJoint { joint: joint.name.clone(), reason: reason.into() };
    let (kind, bounded) = match joint.joint_type {
        urdf_rs::JointType::Fixed => return Ok(None),
        urdf_rs::JointType::Revolute => (JointKind::Turning, true),
        urdf_rs::JointType::Continuous => (JointKind::Turning, false),
        urdf_rs::JointType::Prismatic => (JointKind::Sliding, true),
        _ => return Err(bad("only revolute, continuous, prismatic and fixed joints are possible")),
    };
    if joint.mimic.is_some() {
        return Err(bad("a joint that mimics another is not possible in an arm's chain"));
    }
    let axis =
        Unit::try_new(Vector3::from(joint.axis.xyz.0), 1e-9).ok_or_else(|| bad("its axis has no length"))?;
    let (lower, upper) =
        if bounded { (joint.limit.lower, joint.limit.upper) } else { (f64::NEG_INFINITY, f64::INFINITY) };
    let is_range = lower <= upper && (!bounded || (lower.is_finite() && upper.is_finite()));
    if !is_range {
        return Err(bad(&format!("its limits {lower} to {upper} are not a range")));
    }
    // A continuous joint may leave its limit out; zero then means that none was given.
    let velocity = if joint.limit.velocity > 0.0 { joint.limit.velocity } else { f64::INFINITY };
    let limits = JointLimits { lower, upper, velocity };
    Ok(Some(ChainJoint { name: joint.name.clone(), kind, limits, previous_from_joint, axis }))
}

/// The isometry of a URDF origin (rpy: fixed axes x, then y, then z).
pub(crate) fn pose(origin: &urdf_rs::Pose) -> Isometry3<f64> {
    let [x, y, z] = origin.xyz.0;
    let [roll, pitch, yaw] = origin.rpy.0;
    Isometry3::from_parts(Translation3::new(x, y, z), UnitQuaternion::from_euler_angles(roll, pitch, yaw))
}

#[cfg(test)]
mod tests {
    use super::*;

    //  world ──fixed──▶ base ──turn z──▶ arm ──fixed──▶ hand
    const TOY: &str = r#"<robot name="toy">
        <link name="base"/><link name="arm"/><link name="hand"/><link name="stray"/>
        <joint name="turn" type="revolute"><parent link="base"/><child link="arm"/>
          <origin xyz="0 0 1" rpy="0 0 0"/><axis xyz="0 0 2"/><limit lower="-1" upper="2" velocity="3" effort="1"/></joint>
        <joint name="weld" type="fixed"><parent link="arm"/><child link="hand"/>
          <origin xyz="0.5 0 0" rpy="0 0 0"/></joint>
      </robot>"#;

    #[test]
    fn reads_a_toy() {
        let chain = Chain::from_urdf_text(TOY, "base", "hand").unwrap();
        assert_eq!(chain.dof(), 1);
        assert_eq!(chain.link_names().collect::<Vec<_>>(), ["base", "arm", "hand"]);
        assert_eq!(chain.middle().as_slice(), [0.5]);
    }

    #[test]
    fn names_what_is_missing() {
        let text = |base, tip| Chain::from_urdf_text(TOY, base, tip).unwrap_err().to_string();
        assert!(text("base", "flange").contains("no link 'flange'"));
        assert!(text("base", "stray").contains("'stray' does not hang below link 'base'"));
        assert!(text("arm", "hand").contains("0 moving joints"));
        let file = Chain::from_urdf_file("nowhere.urdf", "a", "b").unwrap_err().to_string();
        assert!(file.contains("nowhere.urdf"), "{file}");
    }

    #[test]
    fn refuses_joints_it_cannot_move() {
        let floating = TOY.replace("revolute", "floating");
        let text = Chain::from_urdf_text(&floating, "base", "hand").unwrap_err().to_string();
        assert!(text.contains("joint 'turn'"), "{text}");
        for limit in ["lower=\"3\"", "lower=\"-inf\"", "lower=\"NaN\""] {
            let text =
                Chain::from_urdf_text(&TOY.replace("lower=\"-1\"", limit), "base", "hand").unwrap_err();
            assert!(text.to_string().contains("not a range"), "{text}");
        }
        let no_axis = TOY.replace("0 0 2", "0 0 0");
        assert!(Chain::from_urdf_text(&no_axis, "base", "hand").is_err());
    }

    #[test]
    fn a_joint_vector_is_checked() {
        let chain = Chain::from_urdf_text(TOY, "base", "hand").unwrap();
        assert!(chain.joints(&[1.9]).is_ok());
        assert!(matches!(chain.joints(&[]), Err(ChainError::WrongLength { found: 0, expected: 1 })));
        assert!(chain.joints(&[f64::NAN]).is_err());
        let text = chain.joints(&[2.5]).unwrap_err().to_string();
        assert!(text.contains("'turn'") && text.contains("2.5"), "{text}");
    }
}

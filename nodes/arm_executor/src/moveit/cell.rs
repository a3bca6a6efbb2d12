//! The arms of a request, and the names by which it speaks of them.

use std::sync::Arc;

use dreamitate_clip::pose_from_message;
use dreamitate_geometry::{WORLD_FRAME, prefixed_frame};
use dreamitate_kinematics::Joints;
use dreamitate_motion::{Arm, ClearanceLimits, JointTrajectory, TrajectoryPoint, check_clearance};
use dreamitate_msgs::{
    geometry_msgs,
    moveit_msgs::{Constraints, MoveItErrorCodes, RobotState},
};
use nalgebra::Isometry3;

use super::Refusal;

/// One arm of a cell.
#[derive(Clone, Debug)]
pub(crate) struct CellArm {
    pub arm: Arc<Arm>,
    /// Its planning group in the vendor's way, `L_xarm7`.
    pub group: String,
    /// Where it is; `None` before its first joint states.
    pub now: Option<Joints>,
}

/// All arms at the time of a request.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub arms: Vec<CellArm>,
    pub limits: ClearanceLimits,
}

/// A frame that moves with an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// A link of the chain, counted from the base.
    OfChain(usize),
    /// The tool's frame.
    Tool,
}

impl Cell {
    /// The arm of a planning group; the only one where the name is empty.
    pub fn group(&self, name: &str) -> Result<&CellArm, Refusal> {
        let found = self.arms.iter().find(|a| a.arm.name == name || a.group == name);
        match (found, self.arms.as_slice()) {
            (Some(arm), _) => Ok(arm),
            (None, [only]) if name.is_empty() => Ok(only),
            _ => {
                let known: Vec<&str> =
                    self.arms.iter().flat_map(|a| [a.arm.name.as_str(), &a.group]).collect();
                let message = format!("no group {name:?}; there are {known:?}");
                Err(Refusal::new(MoveItErrorCodes::INVALID_GROUP_NAME, message))
            }
        }
    }

    /// The link of a name, and whose it is.
    pub fn link(&self, name: &str) -> Result<(&CellArm, Link), Refusal> {
        self.arms.iter().find_map(|arm| Some((arm, self.link_of(arm, name)?))).ok_or_else(|| {
            Refusal::new(MoveItErrorCodes::INVALID_LINK_NAME, format!("no arm has a link {name:?}"))
        })
    }

    /// The frame of an arm that a request moves: its flange where the name is empty.
    pub fn tip_of(&self, arm: &CellArm, name: &str) -> Result<Link, Refusal> {
        let flange = Link::OfChain(arm.arm.chain.link_names().count() - 1);
        match self.link_of(arm, name) {
            None if name.is_empty() => Ok(flange),
            Some(link) if link == flange || link == Link::Tool => Ok(link),
            _ => Err(Refusal::new(
                MoveItErrorCodes::INVALID_LINK_NAME,
                format!("{name:?} is neither the flange nor the tool of arm {:?}", arm.arm.name),
            )),
        }
    }

    fn link_of(&self, arm: &CellArm, name: &str) -> Option<Link> {
        let said = |link: &str| {
            name == prefixed_frame(&arm.arm.name, link)
                || name == format!("{}{link}", arm.arm.joint_prefix)
                    && (self.arms.len() == 1 || !arm.arm.joint_prefix.is_empty())
        };
        if said("tool") {
            return Some(Link::Tool);
        }
        arm.arm.chain.link_names().position(said).map(Link::OfChain)
    }

    /// The pose in the world of what a request gives in a frame: the world, or an arm's base.
    pub fn in_world(&self, frame: &str, pose: &geometry_msgs::Pose) -> Result<Isometry3<f64>, Refusal> {
        let frame_from_it = pose_from_message(pose).map_err(|error| {
            Refusal::new(MoveItErrorCodes::INVALID_GOAL_CONSTRAINTS, format!("the pose is refused: {error}"))
        })?;
        Ok(self.world_from_frame(frame)? * frame_from_it)
    }

    /// A fixed frame's pose in the world.
    pub fn world_from_frame(&self, frame: &str) -> Result<Isometry3<f64>, Refusal> {
        if frame.is_empty() || frame == WORLD_FRAME {
            return Ok(Isometry3::identity());
        }
        match self.link(frame) {
            Ok((arm, Link::OfChain(0))) => Ok(arm.arm.world_from_base),
            _ => Err(Refusal::new(
                MoveItErrorCodes::FRAME_TRANSFORM_FAILURE,
                format!("poses may be given in {WORLD_FRAME:?} or the base of an arm, not in {frame:?}"),
            )),
        }
    }

    /// The arm's posture in a request: joints that it names, else where the arm is.
    pub fn posture(&self, arm: &CellArm, state: &RobotState) -> Result<Joints, Refusal> {
        let invalid = |message: String| Refusal::new(MoveItErrorCodes::INVALID_ROBOT_STATE, message);
        let (names, positions) = (&state.joint_state.name, &state.joint_state.position);
        if names.len() != positions.len() {
            return Err(invalid(format!("{} joint names, {} positions", names.len(), positions.len())));
        }
        let mut posture: Vec<Option<f64>> = match arm.now {
            Some(now) => now.iter().copied().map(Some).collect(),
            None => vec![None; arm.arm.chain.dof()],
        };
        for (place, own) in posture.iter_mut().zip(arm.arm.joint_names()) {
            if let Some(at) = names.iter().position(|name| *name == own) {
                *place = Some(positions[at]);
            }
        }
        let known: Option<Vec<f64>> = posture.into_iter().collect();
        let known = known.ok_or_else(|| {
            invalid(format!(
                "arm {:?} has no joint_states yet, and the request does not say all its joints",
                arm.arm.name
            ))
        })?;
        arm.arm.chain.joints(&known).map_err(|error| invalid(format!("arm {:?}: {error}", arm.arm.name)))
    }

    /// The same cell with its arms where a request says, else where they are.
    ///
    /// # Errors
    /// Some joints of an arm of which nothing else is known, or something that is held or moves without joints.
    pub fn as_said(&self, state: &RobotState) -> Result<Self, Refusal> {
        let invalid = |message: String| Refusal::new(MoveItErrorCodes::INVALID_ROBOT_STATE, message);
        if let Some(held) = state.attached_collision_objects.first() {
            return Err(invalid(format!(
                "{:?} is held by {:?}; besides its tool no arm is known to hold anything",
                held.object.id, held.link_name
            )));
        }
        if let Some(joint) = state.multi_dof_joint_state.joint_names.first() {
            return Err(invalid(format!("{joint:?} is no joint of an arm")));
        }
        let mut said = self.clone();
        for (arm, now) in self.arms.iter().zip(&mut said.arms) {
            let names = arm.arm.joint_names();
            if state.joint_state.name.iter().any(|name| names.contains(name)) {
                now.now = Some(self.posture(arm, state)?);
            }
        }
        Ok(said)
    }

    /// The state of the robot with one arm in a posture and the others where they are.
    pub fn state_with(&self, moved: &CellArm, posture: &Joints) -> RobotState {
        let mut state = RobotState::default();
        for arm in &self.arms {
            let joints = if arm.arm.name == moved.arm.name { Some(*posture) } else { arm.now };
            for (name, value) in arm.arm.joint_names().into_iter().zip(joints.iter().flatten()) {
                state.joint_state.name.push(name);
                state.joint_state.position.push(*value);
            }
        }
        state
    }

    /// Refuses a posture that is too near to the table, the other arms or itself, or where another arm's place is not
    /// known.
    pub fn check_clear(&self, moved: &CellArm, posture: &Joints) -> Result<(), String> {
        let way = |arm: &CellArm| match arm.arm.name == moved.arm.name {
            true => Ok(standing(&arm.arm, posture)),
            false => arm.standing(),
        };
        let ways: Vec<(&Arm, JointTrajectory)> =
            self.arms.iter().map(|arm| Ok((&*arm.arm, way(arm)?))).collect::<Result<_, String>>()?;
        let ways: Vec<(&Arm, &JointTrajectory)> = ways.iter().map(|(arm, way)| (*arm, way)).collect();
        check_clearance(&ways, &self.limits).map(|_| ()).map_err(|error| error.to_string())
    }
}

/// A posture as a trajectory without any motion.
fn standing(arm: &Arm, joints: &Joints) -> JointTrajectory {
    let still: Joints = joints.iter().map(|_| 0.0).collect();
    let point = TrajectoryPoint { time_s: 0.0, positions: *joints, velocities: still, accelerations: still };
    JointTrajectory {
        joint_names: arm.joint_names(),
        points: vec![point],
        waypoint_times_s: Vec::new(),
        time_scale: 1.0,
    }
}

impl CellArm {
    /// The arm where it is, as a trajectory without any motion.
    ///
    /// # Errors
    /// Nobody knows where it is.
    pub fn standing(&self) -> Result<JointTrajectory, String> {
        let now = self.now.ok_or_else(|| {
            format!(
                "arm {:?} has no fresh joint_states: whether it is in the way is not known",
                self.arm.name
            )
        })?;
        Ok(standing(&self.arm, &now))
    }

    /// A link's pose in the world.
    pub fn world_from(&self, link: Link, posture: &Joints) -> Isometry3<f64> {
        match link {
            Link::Tool => self.arm.world_from_tool(posture),
            Link::OfChain(index) => {
                let frames = self.arm.chain.joint_frames(posture);
                let base_from_link =
                    self.arm.chain.link_poses(&frames).nth(index).unwrap_or(frames.base_from_tip);
                self.arm.world_from_base * base_from_link
            }
        }
    }

    /// The flange's pose in the base that puts a tip at a pose in the world.
    pub fn base_from_flange(&self, tip: Link, world_from_tip: &Isometry3<f64>) -> Isometry3<f64> {
        match tip {
            Link::Tool => self.arm.base_from_flange(world_from_tip),
            Link::OfChain(_) => self.arm.world_from_base.inv_mul(world_from_tip),
        }
    }
}

/// Constraints are refused: to ignore them would be to answer another question.
pub(crate) fn without(constraints: &Constraints) -> Result<(), Refusal> {
    let count = constraints.joint_constraints.len()
        + constraints.position_constraints.len()
        + constraints.orientation_constraints.len()
        + constraints.visibility_constraints.len();
    if count == 0 {
        return Ok(());
    }
    let message = format!("{count} constraints are given, and none are supported");
    Err(Refusal::new(MoveItErrorCodes::INVALID_GOAL_CONSTRAINTS, message))
}

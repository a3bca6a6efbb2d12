//! A robot's arm for MuJoCo, from its URDF: links with their masses and collision shapes, joints with their limits, and
//! motors that follow positions and speeds as far as the joints' efforts allow.

use crate::{
    ToolPieces, WorldError,
    thing::{Kind, Shape, Surface, geom, placed},
};
use arm_executor::{ConfiguredArm, arms_of_task};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, XyzRpy};
use dreamitate_motion::{Arm, RobotConfig};
use std::{fmt::Write, path::PathBuf};
use urdf_rs::{Geometry, Robot};

/// Torque for an error of one radian, as a multiple of the joint's effort.
const STIFFNESS: f64 = 100.0;
/// Stiffness over damping, 1/s: a joint comes back from an error at about this rate.
const RATE_PER_S: f64 = 60.0;
/// Inertia of a motor behind its gears, kg·m².
const ARMATURE_KG_M2: f64 = 0.1;
const LINK_SURFACE: Surface = Surface { friction: 0.3, torsional_m: 0.005, condim: 3 };
/// What holds the tool at the flange: its mass, kg.
const ADAPTER_KG: f64 = 0.25;

/// An arm of the world.
#[derive(Clone, Debug)]
pub struct WorldArm {
    /// The arm that plans are made for.
    pub arm: Arm,
    /// The tool's name in topics.
    pub tool: String,
    urdf: PathBuf,
    base_link: String,
    tip_link: String,
}

impl WorldArm {
    /// The arm of a robot's file with a tool.
    pub fn new(arm: Arm, tool: String, robot: &RobotConfig) -> Self {
        let RobotConfig { urdf, base_link, tip_link, .. } = robot;
        Self { arm, tool, urdf: urdf.clone(), base_link: base_link.clone(), tip_link: tip_link.clone() }
    }

    /// The arms of a task, each with its tool, in the order of the tools.
    ///
    /// # Errors
    /// A file of the arms or the tools' pieces cannot be used.
    pub fn of_task(config: &ConfigFolder, task: &Task) -> Result<Vec<(Self, ToolPieces)>, WorldError> {
        let tools = ToolPieces::of_task(config, task)?;
        let arms = arms_of_task(config, task)?.into_iter();
        let arms = arms.map(|ConfiguredArm { arm, tool, robot, .. }| Self::new(arm, tool, &robot));
        Ok(arms.zip(tools.into_iter().map(|(_, pieces)| pieces)).collect())
    }

    fn refused(&self, why: String) -> WorldError {
        WorldError::Robot { path: self.urdf.clone(), why }
    }

    fn read_robot(&self) -> Result<Robot, WorldError> {
        let text = std::fs::read_to_string(&self.urdf).map_err(|error| self.refused(error.to_string()))?;
        urdf_rs::read_from_string(&text).map_err(|error| self.refused(error.to_string()))
    }

    /// Writes the arm's bodies and actuators; the names of its links' bodies, from the base on.
    pub(crate) fn write_mjcf(
        &self,
        tool: &ToolPieces,
        bodies: &mut String,
        assets: &mut String,
        actuators: &mut String,
    ) -> Result<Vec<String>, WorldError> {
        let robot = self.read_robot()?;
        let mut world_from_link = self.arm.world_from_base;
        let mut link = self.base_link.clone();
        let mut joint = String::new();
        let mut names = Vec::new();
        let joints = joints_to(&robot, &self.base_link, &self.tip_link).map_err(|why| self.refused(why))?;
        for next in joints.into_iter().map(Some).chain([None]) {
            let name = format!("{}/{link}", self.arm.name);
            let at = placed(&world_from_link);
            let _ = writeln!(bodies, r#"<body name="{name}" gravcomp="1" {at}>{joint}"#);
            names.push(name);
            self.write_link(&robot, &link, bodies, assets);
            let Some(next) = next else { break };
            world_from_link = pose(&next.origin);
            link.clone_from(&next.child.link);
            joint.clear();
            if !matches!(next.joint_type, urdf_rs::JointType::Fixed) {
                let name = format!("{}{}", self.arm.joint_prefix, next.name);
                let [x, y, z] = next.axis.xyz.0;
                let urdf_rs::JointLimit { lower, upper, effort, .. } = next.limit;
                let kind = if next.joint_type == urdf_rs::JointType::Prismatic { "slide" } else { "hinge" };
                let _ = write!(
                    joint,
                    r#"<joint name="{name}" type="{kind}" axis="{x} {y} {z}" range="{lower} {upper}" limited="{}" armature="{ARMATURE_KG_M2}" actuatorfrcrange="-{effort} {effort}"/>"#,
                    upper > lower
                );
                let (kp, kv) = (STIFFNESS * effort, STIFFNESS * effort / RATE_PER_S);
                let _ = writeln!(
                    actuators,
                    r#"<position joint="{name}" kp="{kp}"/><velocity joint="{name}" kv="{kv}"/>"#
                );
            }
        }
        let _ = writeln!(
            bodies,
            r#"<body name="tool.{}" gravcomp="1" {}><inertial pos="0 0 0" mass="{}" diaginertia="0.0005 0.0005 0.0005"/>"#,
            self.tool,
            placed(&self.arm.flange_from_tool),
            tool.mass_kg + ADAPTER_KG
        );
        tool.write_geoms(&self.tool, bodies, assets);
        bodies.push_str("</body>\n");
        bodies.push_str(&"</body>\n".repeat(names.len()));
        Ok(names)
    }

    fn write_link(&self, robot: &Robot, name: &str, bodies: &mut String, assets: &mut String) {
        let Some(link) = robot.links.iter().find(|link| link.name == name) else { return };
        let urdf_rs::Inertial { origin, mass, inertia } = &link.inertial;
        if mass.value > 0.0 {
            let urdf_rs::Inertia { ixx, ixy, ixz, iyy, iyz, izz } = inertia;
            let about = pose(origin);
            let turn = about.rotation.to_rotation_matrix();
            let in_link = turn.matrix()
                * nalgebra::Matrix3::new(*ixx, *ixy, *ixz, *ixy, *iyy, *iyz, *ixz, *iyz, *izz)
                * turn.matrix().transpose();
            let (p, i) = (about.translation.vector, in_link);
            let _ = writeln!(
                bodies,
                r#"<inertial pos="{} {} {}" mass="{}" fullinertia="{} {} {} {} {} {}"/>"#,
                p.x, p.y, p.z, mass.value, i.m11, i.m22, i.m33, i.m12, i.m13, i.m23
            );
        }
        for (index, collision) in link.collision.iter().enumerate() {
            // A mesh is no volume that is read here; the clearance check knows it as a capsule.
            let Some(shape) = shape(&collision.geometry) else { continue };
            let mesh = format!("{}/{name}.{index}", self.arm.name);
            let geom = geom(&shape, &pose(&collision.origin), Kind::Arm, &LINK_SURFACE, &mesh, assets);
            let _ = writeln!(bodies, r#"{geom} mass="0"/>"#);
        }
    }

    /// What is seen of the arm, link by link: shapes, and where they sit in the link.
    ///
    /// # Errors
    /// The URDF cannot be read.
    pub(crate) fn looks(&self) -> Result<Vec<Vec<(Shape, Pose)>>, WorldError> {
        let robot = self.read_robot()?;
        let joints = joints_to(&robot, &self.base_link, &self.tip_link).map_err(|why| self.refused(why))?;
        let names =
            std::iter::once(self.base_link.as_str()).chain(joints.iter().map(|j| j.child.link.as_str()));
        let looks = names.map(|name| {
            let link = robot.links.iter().find(|link| link.name == name);
            link.into_iter()
                .flat_map(|link| &link.visual)
                .filter_map(|visual| Some((shape(&visual.geometry)?, pose(&visual.origin))))
                .collect()
        });
        Ok(looks.collect())
    }
}

/// The joints on the way from a link down to another.
fn joints_to<'a>(robot: &'a Robot, base: &str, tip: &str) -> Result<Vec<&'a urdf_rs::Joint>, String> {
    let mut joints = Vec::new();
    let mut link = tip;
    while link != base {
        let joint = robot.joints.iter().find(|joint| joint.child.link == link);
        let joint = joint.ok_or_else(|| format!("the link {tip:?} does not hang below {base:?}"))?;
        link = &joint.parent.link;
        joints.push(joint);
    }
    joints.reverse();
    Ok(joints)
}

fn shape(geometry: &Geometry) -> Option<Shape> {
    match geometry {
        Geometry::Box { size } => Some(Shape::Box { half_m: size.0.map(|side| side / 2.0) }),
        Geometry::Sphere { radius } => Some(Shape::Sphere { radius_m: *radius }),
        Geometry::Cylinder { radius, length } => {
            Some(Shape::Cylinder { radius_m: *radius, half_length_m: length / 2.0 })
        }
        Geometry::Capsule { radius, length } => {
            Some(Shape::Capsule { radius_m: *radius, half_length_m: length / 2.0 })
        }
        Geometry::Mesh { .. } => None,
    }
}

fn pose(origin: &urdf_rs::Pose) -> Pose {
    XyzRpy { xyz_m: origin.xyz.0, rpy_rad: origin.rpy.0 }.into()
}

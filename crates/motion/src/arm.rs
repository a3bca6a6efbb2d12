//! One arm on the table with a tool on its flange.

use dreamitate_geometry::{ArmMount, Obstacle};
use dreamitate_kinematics::{Chain, ChainError, Joints};
use nalgebra::{Isometry3, Point3};

use crate::arm_shape::ArmShape;
use crate::config::{ConfigError, RobotConfig, ToolMount};
use crate::solid::Solid;

/// Why an arm cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// The robot's file or URDF.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The home posture.
    #[error("home posture: {0}")]
    Home(#[from] ChainError),
    /// The tool has no points, or one that is no number.
    #[error("the tool's body has {points} points, {not_finite} of them not finite; it needs at least one")]
    ToolBody {
        /// Points given.
        points: usize,
        /// Points with NaN or infinity.
        not_finite: usize,
    },
}

/// The highest speed and acceleration of each joint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmLimits {
    /// rad/s.
    pub velocity_rad_s: Joints,
    /// rad/s².
    pub acceleration_rad_s2: Joints,
    /// Of the tool's working point, m/s.
    pub tool_speed_m_s: f64,
}

/// The tool's volume: the convex hull of its points.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolBody {
    pub(crate) points_in_tool: Vec<Point3<f64>>,
    lowest: Point3<f64>,
    highest: Point3<f64>,
}

impl ToolBody {
    /// A body from the vertices of the tool's mesh, in metres in the tool's frame.
    ///
    /// # Errors
    /// [`ArmError::ToolBody`] without points or with one that is not finite.
    pub fn from_points(points_in_tool: Vec<Point3<f64>>) -> Result<Self, ArmError> {
        let not_finite = points_in_tool.iter().filter(|p| !p.iter().all(|c| c.is_finite())).count();
        let Some(first) = points_in_tool.first().filter(|_| not_finite == 0) else {
            return Err(ArmError::ToolBody { points: points_in_tool.len(), not_finite });
        };
        let (mut lowest, mut highest) = (*first, *first);
        for point in &points_in_tool {
            lowest = lowest.inf(point);
            highest = highest.sup(point);
        }
        Ok(Self { points_in_tool, lowest, highest })
    }

    /// The point of the bounding box nearest to a point.
    pub(crate) fn nearest_point(&self, point: Point3<f64>) -> Point3<f64> {
        point.sup(&self.lowest).inf(&self.highest)
    }
}

/// An arm with its tool.
#[derive(Debug, Clone)]
pub struct Arm {
    /// Its name in messages and frames, `left` or `right`.
    pub name: String,
    /// Base to flange.
    pub chain: Chain,
    /// What the driver puts before each joint's name.
    pub joint_prefix: String,
    /// Speed and acceleration.
    pub limits: ArmLimits,
    /// Where it stands.
    pub world_from_base: Isometry3<f64>,
    /// How the tool sits on the flange.
    pub flange_from_tool: Isometry3<f64>,
    /// The tool's working point (TCP), in the tool's frame.
    pub tcp_in_tool: Point3<f64>,
    /// Where it waits, rad.
    pub home: Joints,
    /// The tool's volume.
    pub tool: ToolBody,
    /// Volumes of the links, the adapter and the tool.
    pub(crate) shape: ArmShape,
    pub(crate) obstacles: Vec<Obstacle>,
    pub(crate) obstacle_solids: Vec<Solid>,
}

impl Arm {
    /// Puts an arm together from the files of robot, rig and tool.
    ///
    /// # Errors
    /// [`ArmError`] if the URDF cannot be read or the home posture does not fit it.
    pub fn new(
        name: &str,
        robot: &RobotConfig,
        mount: &ArmMount,
        tool_mount: &ToolMount,
        tool: ToolBody,
    ) -> Result<Self, ArmError> {
        let chain = robot.chain()?;
        let limits = ArmLimits {
            velocity_rad_s: chain
                .moving_joints()
                .iter()
                .map(|j| j.limits.velocity.min(robot.max_velocity_rad_s))
                .collect(),
            acceleration_rad_s2: chain
                .moving_joints()
                .iter()
                .map(|_| robot.max_acceleration_rad_s2)
                .collect(),
            tool_speed_m_s: robot.max_tcp_speed_m_s,
        };
        let flange_from_tool = tool_mount.flange_from_tool.into();
        let tcp_in_tool = tool_mount.tool_from_tcp.map_or_else(Point3::origin, |tcp| tcp.xyz_m.into());
        let shape = ArmShape::new(&robot.urdf, &chain, &flange_from_tool, &tool);
        let mut arm = Self {
            name: name.into(),
            home: chain.joints(&robot.home_rad)?,
            joint_prefix: mount.joint_prefix.clone(),
            limits,
            world_from_base: mount.world_from_base.into(),
            flange_from_tool,
            tcp_in_tool,
            tool,
            chain,
            shape: ArmShape::default(),
            obstacles: Vec::new(),
            obstacle_solids: Vec::new(),
        };
        let home = arm.home;
        arm.shape = shape.with_pairs(&arm, &home);
        Ok(arm)
    }

    /// Joint names as the driver says them.
    pub fn joint_names(&self) -> Vec<String> {
        self.chain.moving_joints().iter().map(|j| format!("{}{}", self.joint_prefix, j.name)).collect()
    }

    /// The tool's pose in a posture.
    pub fn world_from_tool(&self, joints: &Joints) -> Isometry3<f64> {
        self.world_from_base * self.chain.tip_pose(joints) * self.flange_from_tool
    }

    /// The flange's pose in the base that puts the tool at a pose.
    pub fn base_from_flange(&self, world_from_tool: &Isometry3<f64>) -> Isometry3<f64> {
        self.world_from_base.inv_mul(world_from_tool) * self.flange_from_tool.inverse()
    }

    /// The same arm among obstacles.
    #[must_use]
    pub fn with_obstacles(mut self, obstacles: &[Obstacle]) -> Self {
        self.obstacle_solids = obstacles.iter().map(Solid::obstacle).collect();
        self.obstacles = obstacles.to_vec();
        self
    }

    /// The obstacles that it keeps clear of, besides the table.
    pub fn obstacles(&self) -> &[Obstacle] {
        &self.obstacles
    }

    /// Names of parts that touch one another at home or with all joints at zero as they are drawn, and that are
    /// therefore not kept apart.
    pub fn parts_not_kept_apart(&self) -> &[(String, String)] {
        &self.shape.never_apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_points_is_refused() {
        assert!(ToolBody::from_points(vec![]).is_err());
        let text = ToolBody::from_points(vec![Point3::new(f64::NAN, 0.0, 0.0)]).unwrap_err().to_string();
        assert!(text.contains("1 of them not finite"), "{text}");
    }
}

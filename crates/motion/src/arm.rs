//! One arm on the table with a tool on its flange.

use dreamitate_geometry::ArmMount;
use dreamitate_kinematics::{Capsule, Chain, ChainError, Joints};
use nalgebra::{Isometry3, Point3, Vector3};

use crate::config::{ConfigError, RobotConfig, ToolMount};

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
}

/// The tool's volume: its points, for the table, and capsules that hold its bounding box, for the other arm.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolBody {
    pub(crate) points_in_tool: Vec<Point3<f64>>,
    pub(crate) capsules_in_tool: Vec<Capsule>,
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
        let capsules_in_tool = capsules_of_box(lowest, highest);
        Ok(Self { points_in_tool, capsules_in_tool, lowest, highest })
    }

    /// The point of the bounding box nearest to a point.
    fn nearest_point(&self, point: Point3<f64>) -> Point3<f64> {
        point.sup(&self.lowest).inf(&self.highest)
    }
}

/// Four parallel capsules along the box's longest side that hold the whole box.
fn capsules_of_box(lowest: Point3<f64>, highest: Point3<f64>) -> Vec<Capsule> {
    const LINES: usize = 4;
    let half: Vector3<f64> = (highest - lowest) * 0.5;
    let centre = lowest + half;
    let long = half.iamax();
    let thin = half.iamin();
    let middle = (0..3).find(|axis| *axis != long && *axis != thin).unwrap_or(thin);
    // A line stands in the middle of a strip; its farthest point is the strip's corner, and at the box's ends the
    // corner `inset` further on.
    let strip = half[middle] / LINES as f64;
    let inset = half[thin];
    let radius_m = (half[thin].powi(2) + strip.powi(2) + inset.powi(2)).sqrt();
    (0..LINES)
        .map(|line| {
            let mut start = centre;
            start[middle] += strip * (2.0 * line as f64 + 1.0) - half[middle];
            let mut end = start;
            start[long] -= half[long] - inset;
            end[long] += half[long] - inset;
            Capsule { start, end, radius_m }
        })
        .collect()
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
    /// Where it waits, rad.
    pub home: Joints,
    /// The tool's volume.
    pub tool: ToolBody,
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
        };
        Ok(Self {
            name: name.into(),
            home: chain.joints(&robot.home_rad)?,
            joint_prefix: mount.joint_prefix.clone(),
            limits,
            world_from_base: mount.world_from_base.into(),
            flange_from_tool: tool_mount.flange_from_tool.into(),
            tool,
            chain,
        })
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

    /// The capsules of all links from the base on, then the adapter's, then the tool's.
    pub(crate) fn capsules_in_world(&self, joints: &Joints) -> ArmCapsules {
        /// Radius of the printed part between flange and tool.
        const ADAPTER_RADIUS_M: f64 = 0.025;
        let frames = self.chain.joint_frames(joints);
        let mut all = Vec::with_capacity(32);
        let mut base_count = 0;
        let links = self.chain.link_poses(&frames).zip(self.chain.link_capsules());
        for ((base_from_link, capsules), joints_before) in links.zip(self.chain.joints_before_links()) {
            let world_from_link = self.world_from_base * base_from_link;
            all.extend(capsules.iter().map(|c| c.transformed(&world_from_link)));
            // The first link only turns on the base: neither comes nearer to the table than they were bolted.
            if joints_before <= 1 {
                base_count = all.len();
            }
        }
        let world_from_flange = self.world_from_base * frames.base_from_tip;
        let world_from_tool = world_from_flange * self.flange_from_tool;
        let flange_in_tool = Point3::from(self.flange_from_tool.inverse().translation.vector);
        let adapter = Capsule {
            start: flange_in_tool,
            end: self.tool.nearest_point(flange_in_tool),
            radius_m: ADAPTER_RADIUS_M,
        };
        all.push(adapter.transformed(&world_from_tool));
        let tool_starts = all.len();
        all.extend(self.tool.capsules_in_tool.iter().map(|c| c.transformed(&world_from_tool)));
        ArmCapsules { all, base_count, tool_starts, world_from_tool }
    }
}

/// An arm's volume in one posture, in the world.
#[derive(Debug, Clone)]
pub(crate) struct ArmCapsules {
    /// Base, links, adapter, tool.
    pub all: Vec<Capsule>,
    /// How many at the start belong to the base and the link that turns on it.
    pub base_count: usize,
    /// Where the tool's begin.
    pub tool_starts: usize,
    /// The tool's pose.
    pub world_from_tool: Isometry3<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_capsules_hold_every_point(points in prop::collection::vec(prop::array::uniform3(-0.1f64..0.1), 2..40)) {
            let points: Vec<_> = points.into_iter().map(Point3::from).collect();
            let body = ToolBody::from_points(points.clone()).unwrap();
            for point in points {
                let inside = body.capsules_in_tool.iter().any(|c| {
                    crate::segment_distance_m([point, point], [c.start, c.end]) <= c.radius_m + 1e-9
                });
                prop_assert!(inside, "{point} is outside");
            }
        }
    }

    #[test]
    fn a_body_without_points_is_refused() {
        assert!(ToolBody::from_points(vec![]).is_err());
        let text = ToolBody::from_points(vec![Point3::new(f64::NAN, 0.0, 0.0)]).unwrap_err().to_string();
        assert!(text.contains("1 of them not finite"), "{text}");
    }
}

//! The volume of an arm with its tool, part by part, and which parts are looked at for touching one another.

use std::path::Path;

use dreamitate_kinematics::{Capsule, Chain, JointKind, Joints};
use nalgebra::{Isometry3, Point3, Translation3, UnitQuaternion, Vector3};

use crate::arm::{Arm, ToolBody};
use crate::solid::{Placed, Solid};

/// A convex volume that moves with one link, or with the flange.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The link's name, `adapter` or `tool`.
    pub name: String,
    /// Moving joints between it and the base: parts with the same number move together.
    body: usize,
    /// Of the chain's links; `None` for what the flange holds.
    link: Option<usize>,
    pub solid: Solid,
}

/// An arm's parts from the base on, then the adapter, then the tool.
#[derive(Debug, Clone, Default)]
pub(crate) struct ArmShape {
    pub parts: Vec<Part>,
    /// Parts of the base and of the link that turns on it: neither comes nearer to the table than they were bolted.
    pub base_count: usize,
    /// Parts that can touch one another.
    pub pairs: Vec<(usize, usize)>,
    /// Names of parts that touch one another as they are drawn, and so are not looked at.
    pub never_apart: Vec<(String, String)>,
}

/// An arm's parts in the world in one posture.
pub(crate) struct PlacedArm<'a> {
    pub shape: &'a ArmShape,
    world_from_part: Vec<Isometry3<f64>>,
    /// A ball about each part's bounds: its centre and radius.
    balls: Vec<(Point3<f64>, f64)>,
    /// Bounds of all parts one after the other, and where each part's end.
    bounds: Vec<Capsule>,
    bounds_end: Vec<usize>,
}

impl ArmShape {
    /// The shapes of the URDF's links (capsules where it has meshes or cannot be read as it is), of the adapter and of the tool.
    pub(crate) fn new(
        urdf: &Path,
        chain: &Chain,
        flange_from_tool: &Isometry3<f64>,
        tool: &ToolBody,
    ) -> Self {
        /// Radius of the printed part between flange and tool.
        const ADAPTER_RADIUS_M: f64 = 0.025;
        let robot = std::fs::read_to_string(urdf).ok().and_then(|text| urdf_rs::read_from_string(&text).ok());
        let mut parts = Vec::new();
        let links = chain.link_names().zip(chain.joints_before_links()).zip(chain.link_capsules());
        for (index, ((name, body), capsules)) in links.enumerate() {
            let link = robot.as_ref().and_then(|r| r.links.iter().find(|l| l.name == name));
            let exact: Option<Vec<Solid>> =
                link.and_then(|l| l.collision.iter().map(solid_of).collect::<Option<_>>());
            let solids = exact.unwrap_or_else(|| capsules.iter().copied().map(Solid::capsule).collect());
            let part = |solid| Part { name: name.into(), body, link: Some(index), solid };
            parts.extend(solids.into_iter().map(part));
        }
        // What only turns on the base stands where it stands; what slides on it goes elsewhere.
        let turns = chain.moving_joints().first().is_none_or(|joint| joint.kind == JointKind::Turning);
        let base_count = parts.iter().take_while(|p| p.body <= usize::from(turns)).count();
        let body = chain.dof();
        let flange_in_tool = Point3::from(flange_from_tool.inverse().translation.vector);
        let adapter = Capsule {
            start: flange_from_tool * flange_in_tool,
            end: flange_from_tool * tool.nearest_point(flange_in_tool),
            radius_m: ADAPTER_RADIUS_M,
        };
        parts.push(Part { name: "adapter".into(), body, link: None, solid: Solid::capsule(adapter) });
        let points: Vec<_> = tool.points_in_tool.iter().map(|p| flange_from_tool * p).collect();
        parts.push(Part { name: "tool".into(), body, link: None, solid: Solid::hull(&points) });
        Self { parts, base_count, ..Self::default() }
    }

    /// The same shape that knows which parts are to be looked at: bodies that no joint joins, without links that touch
    /// at home or with all joints at zero. Those overlap as they are drawn; on the real arm its joint limits keep them apart.
    pub(crate) fn with_pairs(mut self, arm: &Arm, home: &Joints) -> Self {
        let zero = arm.chain.joints(&vec![0.0; arm.chain.dof()]).unwrap_or(*home);
        let placed = [home, &zero].map(|joints| PlacedArm::of_shape(&self, arm, joints));
        let mut touching: Vec<(String, String)> = Vec::new();
        let mut pairs = Vec::new();
        for (index, first) in self.parts.iter().enumerate() {
            for (second_index, second) in self.parts.iter().enumerate().skip(index + 1) {
                if second.body.abs_diff(first.body) < 2 {
                    continue;
                }
                let names = (first.name.clone(), second.name.clone());
                if placed.iter().all(|p| p.part(index).distance_m(&p.part(second_index)) > 0.0) {
                    pairs.push((index, second_index, names));
                } else if !touching.contains(&names) {
                    touching.push(names);
                }
            }
        }
        // A link of several solids touches as a whole.
        pairs.retain(|(.., names)| !touching.contains(names));
        self.pairs = pairs.into_iter().map(|(first, second, _)| (first, second)).collect();
        self.never_apart = touching;
        self
    }
}

impl<'a> PlacedArm<'a> {
    /// An arm in a posture.
    pub(crate) fn new(arm: &'a Arm, joints: &Joints) -> Self {
        Self::of_shape(&arm.shape, arm, joints)
    }

    pub(crate) fn of_shape(shape: &'a ArmShape, arm: &Arm, joints: &Joints) -> Self {
        let frames = arm.chain.joint_frames(joints);
        let world_from_flange = arm.world_from_base * frames.base_from_tip;
        let mut placed = Self {
            shape,
            world_from_part: Vec::with_capacity(shape.parts.len()),
            balls: Vec::with_capacity(shape.parts.len()),
            bounds: Vec::with_capacity(shape.parts.len() + 4),
            bounds_end: Vec::with_capacity(shape.parts.len()),
        };
        let mut links = arm.chain.link_poses(&frames).enumerate();
        let mut at = None;
        for part in &shape.parts {
            let world_from_part = match part.link {
                None => world_from_flange,
                Some(link) => {
                    // Parts are in the order of links.
                    while at.is_none_or(|(index, _)| index < link) {
                        let Some(next) = links.next() else { break };
                        at = Some(next);
                    }
                    arm.world_from_base * at.map_or(frames.base_from_tip, |(_, pose)| pose)
                }
            };
            placed.bounds.extend(part.solid.bounds.iter().map(|c| c.transformed(&world_from_part)));
            let (centre, radius_m) = part.solid.ball;
            placed.balls.push((world_from_part * centre, radius_m));
            placed.bounds_end.push(placed.bounds.len());
            placed.world_from_part.push(world_from_part);
        }
        placed
    }

    /// A part's exact volume.
    pub(crate) fn part(&self, index: usize) -> Placed<'_> {
        Placed { solid: &self.shape.parts[index].solid, world_from_part: self.world_from_part[index] }
    }

    /// Whether the balls about two parts are a distance apart.
    pub(crate) fn apart(
        &self,
        index: usize,
        other: &PlacedArm<'_>,
        other_index: usize,
        distance_m: f64,
    ) -> bool {
        let ((a, a_m), (b, b_m)) = (self.balls[index], other.balls[other_index]);
        let least = distance_m + a_m + b_m;
        least <= 0.0 || (a - b).norm_squared() >= least * least
    }

    /// Capsules that hold a part.
    pub(crate) fn bounds(&self, index: usize) -> &[Capsule] {
        let start = index.checked_sub(1).map_or(0, |before| self.bounds_end[before]);
        &self.bounds[start..self.bounds_end[index]]
    }
}

/// The volume of a URDF collision shape in its link's frame; `None` for a mesh.
fn solid_of(collision: &urdf_rs::Collision) -> Option<Solid> {
    let [x, y, z] = collision.origin.xyz.0;
    let [roll, pitch, yaw] = collision.origin.rpy.0;
    let link_from_shape = Isometry3::from_parts(
        Translation3::new(x, y, z),
        UnitQuaternion::from_euler_angles(roll, pitch, yaw),
    );
    match &collision.geometry {
        urdf_rs::Geometry::Cylinder { radius, length } => {
            Some(Solid::cylinder(link_from_shape, *radius, *length))
        }
        urdf_rs::Geometry::Box { size } => Some(Solid::cuboid(link_from_shape, Vector3::from(size.0))),
        urdf_rs::Geometry::Capsule { radius, length } => {
            let half = Vector3::z() * (0.5 * length);
            let (start, end) = (link_from_shape * Point3::from(-half), link_from_shape * Point3::from(half));
            Some(Solid::capsule(Capsule { start, end, radius_m: *radius }))
        }
        urdf_rs::Geometry::Sphere { radius } => {
            let centre = link_from_shape * Point3::origin();
            Some(Solid::capsule(Capsule { start: centre, end: centre, radius_m: *radius }))
        }
        urdf_rs::Geometry::Mesh { .. } => None,
    }
}

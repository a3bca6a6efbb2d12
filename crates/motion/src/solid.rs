//! A rigid volume: its exact shape, and capsules about it that are quickly looked at.
//!
//! Only this file knows parry, whose nalgebra is of another version than ours.

use dreamitate_geometry::Obstacle;
use dreamitate_kinematics::Capsule;
use nalgebra::{Isometry3, Point3, UnitQuaternion, Vector3};
use parry3d_f64::math::{Isometry as ParryPose, Point as ParryPoint, Vector as ParryVector};
use parry3d_f64::na;
use parry3d_f64::query;
use parry3d_f64::shape::{ConvexPolyhedron, SharedShape};
use parry3d_f64::transformation::try_convex_hull;

/// A convex volume in the frame of the part that it belongs to.
#[derive(Clone)]
pub(crate) struct Solid {
    shape: SharedShape,
    part_from_shape: Isometry3<f64>,
    /// Hold the whole solid, in the part's frame: nothing is nearer to the solid than to one of them.
    pub bounds: Vec<Capsule>,
    /// The centre, in the part's frame, and the radius of a ball that holds the bounds.
    pub ball: (Point3<f64>, f64),
}

impl std::fmt::Debug for Solid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Solid({:?})", self.shape.shape_type())
    }
}

/// A solid somewhere in the world.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub solid: &'a Solid,
    pub world_from_part: Isometry3<f64>,
}

impl Solid {
    fn new(shape: SharedShape, part_from_shape: Isometry3<f64>, bounds: Vec<Capsule>) -> Self {
        let ends = || bounds.iter().flat_map(|c| [(c.start, c.radius_m), (c.end, c.radius_m)]);
        let count = ends().count().max(1) as f64;
        let centre = Point3::from(ends().map(|(p, _)| p.coords).sum::<Vector3<f64>>() / count);
        let radius_m = ends().map(|(p, radius_m)| (p - centre).norm() + radius_m).fold(0.0, f64::max);
        Self { shape, part_from_shape, bounds, ball: (centre, radius_m) }
    }

    /// The points within a distance of a segment.
    pub(crate) fn capsule(capsule: Capsule) -> Self {
        let (start, end) = (parry_point(capsule.start), parry_point(capsule.end));
        let shape = SharedShape::capsule(start, end, capsule.radius_m);
        Self::new(shape, Isometry3::identity(), vec![capsule])
    }

    /// A cylinder about the z axis of its own frame, which is the convention of URDF; parry's is y.
    pub(crate) fn cylinder(part_from_cylinder: Isometry3<f64>, radius_m: f64, length_m: f64) -> Self {
        let z_from_y = UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::FRAC_PI_2);
        let half = Point3::new(0.0, 0.0, 0.5 * length_m);
        let bound = Capsule { start: -half, end: half, radius_m }.transformed(&part_from_cylinder);
        let shape = SharedShape::cylinder(0.5 * length_m, radius_m);
        Self::new(shape, part_from_cylinder * z_from_y, vec![bound])
    }

    /// A box about the middle of its own frame.
    pub(crate) fn cuboid(part_from_box: Isometry3<f64>, size_m: Vector3<f64>) -> Self {
        let half = 0.5 * size_m;
        let bounds = capsules_of_box(half).iter().map(|c| c.transformed(&part_from_box)).collect();
        Self::new(SharedShape::cuboid(half.x, half.y, half.z), part_from_box, bounds)
    }

    /// The convex hull of points; their bounding box where they are flat.
    pub(crate) fn hull(points: &[Point3<f64>]) -> Self {
        /// A box thinner than this is no volume to parry.
        const THINNEST_M: f64 = 1e-4;
        let start = points.first().copied().unwrap_or_else(Point3::origin);
        let (lowest, highest) = points.iter().fold((start, start), |(l, h), p| (l.inf(p), h.sup(p)));
        let size_m = (highest - lowest).map(|side| side.max(THINNEST_M));
        let part_from_box =
            Isometry3::from(nalgebra::Translation3::from(nalgebra::center(&lowest, &highest).coords));
        let bounding_box = Self::cuboid(part_from_box, size_m);
        let parry_points: Vec<_> = points.iter().copied().map(parry_point).collect();
        let hull = try_convex_hull(&parry_points)
            .ok()
            .and_then(|(corners, faces)| ConvexPolyhedron::from_convex_mesh(corners, &faces));
        match hull {
            Some(hull) => Self::new(SharedShape::new(hull), Isometry3::identity(), bounding_box.bounds),
            None => bounding_box,
        }
    }

    /// An obstacle in the world.
    pub(crate) fn obstacle(obstacle: &Obstacle) -> Self {
        Self::cuboid(obstacle.world_from_box.into(), Vector3::from(obstacle.size_m))
    }
}

impl Placed<'_> {
    /// The height of the lowest point.
    pub(crate) fn lowest_z_m(&self) -> f64 {
        let world_from_shape = self.world_from_part * self.solid.part_from_shape;
        let down = world_from_shape.rotation.inverse() * -Vector3::z();
        let Some(shape) = self.solid.shape.as_support_map() else { return f64::NEG_INFINITY };
        let lowest = shape.local_support_point(&ParryVector::new(down.x, down.y, down.z));
        let lowest_in_world: Point3<f64> = world_from_shape * Point3::new(lowest.x, lowest.y, lowest.z);
        lowest_in_world.z
    }

    /// The distance to another solid; below zero the depth of the overlap.
    pub(crate) fn distance_m(&self, other: &Placed<'_>) -> f64 {
        let (a, b) = (self.parry_pose(), other.parry_pose());
        let (shape_a, shape_b) = (self.solid.shape.as_ref(), other.solid.shape.as_ref());
        // All shapes made above are convex, which parry can compare with one another; were one not, it would be refused.
        match query::distance(&a, shape_a, &b, shape_b) {
            Ok(distance_m) if distance_m > 0.0 => distance_m,
            Ok(_) => query::contact(&a, shape_a, &b, shape_b, 0.0).ok().flatten().map_or(0.0, |c| c.dist),
            Err(_) => f64::NEG_INFINITY,
        }
    }

    fn parry_pose(&self) -> ParryPose<f64> {
        let pose = self.world_from_part * self.solid.part_from_shape;
        let (p, q) = (pose.translation.vector, pose.rotation.coords);
        ParryPose::from_parts(
            na::Translation3::new(p.x, p.y, p.z),
            na::UnitQuaternion::new_unchecked(na::Quaternion::new(q.w, q.x, q.y, q.z)),
        )
    }
}

fn parry_point(point: Point3<f64>) -> ParryPoint<f64> {
    ParryPoint::new(point.x, point.y, point.z)
}

/// Four parallel capsules along a box's longest side that hold the whole box, which is about the origin.
fn capsules_of_box(half: Vector3<f64>) -> Vec<Capsule> {
    const LINES: usize = 4;
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
            let mut start = Point3::origin();
            start[middle] += strip * (2.0 * line as f64 + 1.0) - half[middle];
            let mut end = start;
            start[long] -= half[long] - inset;
            end[long] += half[long] - inset;
            Capsule { start, end, radius_m }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment_distance::segment_distance_m;
    use proptest::prelude::*;

    fn placed<'a>(solid: &'a Solid, shift: [f64; 3], turn: [f64; 3]) -> Placed<'a> {
        Placed { solid, world_from_part: Isometry3::new(Vector3::from(shift), Vector3::from(turn)) }
    }

    #[test]
    fn known_distances() {
        let still = Isometry3::identity();
        let cylinder = Solid::cylinder(still, 0.1, 0.4);
        let block = Solid::cuboid(still, Vector3::new(0.2, 0.4, 0.6));
        let at = |x, y, z| placed(&block, [x, y, z], [0.0; 3]);
        let upright = placed(&cylinder, [0.0; 3], [0.0; 3]);
        // Across the flat end, where a capsule would be 0.1 m nearer; beside the round side; and inside.
        assert!((upright.distance_m(&at(0.0, 0.0, 0.7)) - 0.2).abs() < 1e-9);
        assert!((upright.distance_m(&at(0.5, 0.0, 0.0)) - 0.3).abs() < 1e-9);
        assert!((upright.distance_m(&at(0.15, 0.0, 0.0)) + 0.05).abs() < 1e-6);
        assert!((upright.lowest_z_m() + 0.2).abs() < 1e-12);
        let lying = placed(&cylinder, [0.0, 0.0, 0.3], [std::f64::consts::FRAC_PI_2, 0.0, 0.0]);
        assert!((lying.lowest_z_m() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn flat_points_are_a_thin_box() {
        let flat = Solid::hull(&[Point3::new(-0.1, 0.0, 0.0), Point3::new(0.1, 0.05, 0.0)]);
        assert!((placed(&flat, [0.0, 0.0, 0.2], [0.0; 3]).lowest_z_m() - 0.2).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn the_bounds_hold_every_point_of_a_hull(points in prop::collection::vec(prop::array::uniform3(-0.1f64..0.1), 2..40)) {
            let points: Vec<_> = points.into_iter().map(Point3::from).collect();
            let hull = Solid::hull(&points);
            for point in points {
                let inside = hull.bounds.iter().any(|c| {
                    segment_distance_m([point, point], [c.start, c.end]) <= c.radius_m + 1e-9
                });
                prop_assert!(inside, "{point} is outside");
            }
        }

        #[test]
        fn no_solid_is_nearer_than_its_bounds(
            shift in prop::array::uniform3(-0.6f64..0.6), turn in prop::array::uniform3(-3.0f64..3.0),
            size in prop::array::uniform3(0.02f64..0.4), radius in 0.02f64..0.1, length in 0.02f64..0.5,
        ) {
            let still = Isometry3::identity();
            let solids = [Solid::cylinder(still, radius, length), Solid::cuboid(still, Vector3::from(size))];
            let (a, b) = (placed(&solids[0], [0.0; 3], [0.0; 3]), placed(&solids[1], shift, turn));
            let bound = crate::clearance::bound_distance_m(
                &a.solid.bounds,
                &b.solid.bounds.iter().map(|c| c.transformed(&b.world_from_part)).collect::<Vec<_>>(),
            );
            let distance = a.distance_m(&b);
            prop_assert!((distance - b.distance_m(&a)).abs() < 1e-6);
            if distance > 0.0 {
                prop_assert!(bound <= distance + 1e-6, "{bound} {distance}");
            }
        }
    }
}

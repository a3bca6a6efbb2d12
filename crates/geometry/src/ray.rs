use nalgebra::{Matrix3, Point3, Vector3};

/// A half-line from a camera's centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ray {
    origin: Point3<f64>,
    direction: Vector3<f64>,
}

/// Where two rays pass each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClosestPoints {
    /// The point of the first ray.
    pub on_first: Point3<f64>,
    /// The point of the second ray.
    pub on_second: Point3<f64>,
}

/// Why two rays have no closest points to use.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RayError {
    /// The direction is zero or not a number.
    #[error("ray direction {0:?} has no length")]
    NoDirection([f64; 3]),
    /// The rays are (nearly) parallel, so that depth is undetermined.
    #[error("rays are {angle_deg:.3}° from parallel, less than the limit of {limit_deg}°")]
    Parallel {
        /// Angle between the rays, degrees.
        angle_deg: f64,
        /// Smallest accepted, degrees.
        limit_deg: f64,
    },
    /// The rays meet behind a camera.
    #[error("rays meet {depth_m:.3} m behind a camera")]
    Behind {
        /// Distance behind, metres.
        depth_m: f64,
    },
}

/// Rays closer to parallel than this do not determine depth: 0.5° at 0.8 m turns 1 px into 9 cm.
const PARALLEL_LIMIT_DEG: f64 = 0.5;

impl Ray {
    /// Returns the ray from `origin` along `direction` (any length).
    ///
    /// # Errors
    /// The direction has no length or is not finite.
    pub fn new(origin: Point3<f64>, direction: Vector3<f64>) -> Result<Self, RayError> {
        let norm = direction.norm();
        if !norm.is_finite() || norm < 1e-12 {
            return Err(RayError::NoDirection(direction.into()));
        }
        Ok(Self::from_unit(origin, direction / norm))
    }

    pub(crate) fn from_unit(origin: Point3<f64>, direction: Vector3<f64>) -> Self {
        Self { origin, direction }
    }

    /// The point at a distance along the ray, in metres.
    pub fn at(&self, distance_m: f64) -> Point3<f64> {
        self.origin + self.direction * distance_m
    }

    /// The unit direction.
    pub fn direction(&self) -> Vector3<f64> {
        self.direction
    }

    /// The distance of a point from the ray's line, in metres.
    pub fn distance_to(&self, point: &Point3<f64>) -> f64 {
        (point - self.origin).cross(&self.direction).norm()
    }

    /// Returns the points of both rays that are nearest to each other.
    ///
    /// # Errors
    /// The rays are within 0.5° of parallel, or meet behind one of the cameras.
    pub fn closest_points(&self, other: &Ray) -> Result<ClosestPoints, RayError> {
        let cos = self.direction.dot(&other.direction);
        let sin_squared = self.direction.cross(&other.direction).norm_squared();
        let angle_deg = sin_squared.sqrt().min(1.0).asin().to_degrees();
        if angle_deg < PARALLEL_LIMIT_DEG {
            return Err(RayError::Parallel { angle_deg, limit_deg: PARALLEL_LIMIT_DEG });
        }
        let between = other.origin - self.origin;
        let (along_first, along_second) = (between.dot(&self.direction), between.dot(&other.direction));
        let first_m = (along_first - cos * along_second) / sin_squared;
        let second_m = (cos * along_first - along_second) / sin_squared;
        let nearest_m = first_m.min(second_m);
        if nearest_m < 0.0 {
            return Err(RayError::Behind { depth_m: -nearest_m });
        }
        Ok(ClosestPoints { on_first: self.at(first_m), on_second: other.at(second_m) })
    }

    /// The point whose squared distances from the rays' lines sum up to the least: between two it is halfway. `None` of
    /// fewer than two rays, or if all are parallel.
    pub fn nearest_point(rays: &[Ray]) -> Option<Point3<f64>> {
        let (mut across_all, mut toward) = (Matrix3::zeros(), Vector3::zeros());
        for ray in rays {
            let across = Matrix3::identity() - ray.direction * ray.direction.transpose();
            across_all += across;
            toward += across * ray.origin.coords;
        }
        let is_determined = across_all.symmetric_eigenvalues().min() > 1e-9;
        is_determined.then(|| across_all.cholesky()).flatten().map(|solver| solver.solve(&toward).into())
    }
}

impl ClosestPoints {
    /// The distance at which the rays pass, in metres.
    pub fn gap_m(&self) -> f64 {
        nalgebra::distance(&self.on_first, &self.on_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rays_through_one_point_meet_there(
            target in prop::array::uniform3(-0.5f64..0.5),
            a in prop::array::uniform3(1.0f64..2.0),
            b in prop::array::uniform3(-2.0f64..-1.0),
        ) {
            let target = Point3::from(target);
            let (a, b) = (Point3::from(a), Point3::from([b[0], -b[1], b[2]]));
            let first = Ray::new(a, target - a).unwrap();
            let second = Ray::new(b, target - b).unwrap();
            if let Ok(closest) = first.closest_points(&second) {
                prop_assert!(closest.gap_m() < 1e-9);
                prop_assert!((Ray::nearest_point(&[first, second]).unwrap() - target).norm() < 1e-9);
            }
        }

        #[test]
        fn the_gap_is_perpendicular_to_both_rays(
            origins in prop::array::uniform6(-1.0f64..1.0),
            directions in prop::array::uniform6(-1.0f64..1.0),
        ) {
            let [ax, ay, az, bx, by, bz] = origins;
            let [dx, dy, dz, ex, ey, ez] = directions;
            prop_assume!(Vector3::new(dx, dy, dz).norm() > 0.1 && Vector3::new(ex, ey, ez).norm() > 0.1);
            let first = Ray::new(Point3::new(ax, ay, az), Vector3::new(dx, dy, dz)).unwrap();
            let second = Ray::new(Point3::new(bx, by, bz), Vector3::new(ex, ey, ez)).unwrap();
            if let Ok(closest) = first.closest_points(&second) {
                let gap = closest.on_second - closest.on_first;
                prop_assert!(gap.dot(&first.direction()).abs() < 1e-6 * (1.0 + gap.norm()));
                prop_assert!(gap.dot(&second.direction()).abs() < 1e-6 * (1.0 + gap.norm()));
                let halfway = nalgebra::center(&closest.on_first, &closest.on_second);
                let nearest = Ray::nearest_point(&[first, second]).unwrap();
                prop_assert!((nearest - halfway).norm() < 1e-6 * (1.0 + halfway.coords.norm()));
            }
        }
    }

    #[test]
    fn parallel_rays_are_refused_with_the_angle() {
        let first = Ray::new(Point3::origin(), Vector3::z()).unwrap();
        let second = Ray::new(Point3::new(0.1, 0.0, 0.0), Vector3::new(1e-4, 0.0, 1.0)).unwrap();
        let error = first.closest_points(&second).unwrap_err();
        assert!(error.to_string().contains("0.006° from parallel"), "{error}");
    }

    #[test]
    fn rays_that_part_meet_behind_the_camera() {
        let first = Ray::new(Point3::origin(), Vector3::new(-0.5, 0.0, 1.0)).unwrap();
        let second = Ray::new(Point3::new(1.0, 0.0, 0.0), Vector3::new(0.5, 0.0, 1.0)).unwrap();
        assert!(matches!(first.closest_points(&second), Err(RayError::Behind { .. })));
    }
}

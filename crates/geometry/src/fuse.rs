use crate::{
    Ray, RayError,
    pose::{Pose, Twist6, mean_rotation, perturbed, relative_twist},
};
use nalgebra::{Matrix6, Point3};

/// A pose with its uncertainty: the covariance of the [`Twist6`] that moves the mean to the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian6 {
    /// The most likely pose.
    pub mean: Pose,
    /// Rotation (rad²) in the upper left block, translation (m²) in the lower right.
    pub covariance: Matrix6<f64>,
}

impl Gaussian6 {
    /// The same pose and uncertainty in another frame: of `b_from_x` and `a_from_b` makes `a_from_x`.
    pub fn moved(&self, a_from_b: &Pose) -> Self {
        let turn = a_from_b.rotation.to_rotation_matrix();
        let mut turn6 = Matrix6::zeros();
        turn6.fixed_view_mut::<3, 3>(0, 0).copy_from(turn.matrix());
        turn6.fixed_view_mut::<3, 3>(3, 3).copy_from(turn.matrix());
        Self { mean: a_from_b * self.mean, covariance: turn6 * self.covariance * turn6.transpose() }
    }
}

/// Why poses cannot be fused.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FuseError {
    /// Nothing was given.
    #[error("no pose was given to fuse")]
    Empty,
    /// A covariance without an inverse.
    #[error("the covariance of pose {index} has no inverse")]
    Singular {
        /// Which pose, from 0.
        index: usize,
    },
    /// The views' rays determine no depth.
    #[error(transparent)]
    Ray(#[from] RayError),
}

/// Returns the most likely pose given several of one frame, each with its covariance, and its covariance.
///
/// Gauss-Newton on `Σ ‖poseᵢ ⊖ mean‖²` in the metric of each covariance; it settles in a few steps since the
/// poses are near one another.
///
/// # Errors
/// No pose, or a singular covariance.
pub fn weighted_mean_pose(poses: &[Gaussian6]) -> Result<Gaussian6, FuseError> {
    let first = poses.first().ok_or(FuseError::Empty)?;
    let weights = poses
        .iter()
        .enumerate()
        .map(|(index, pose)| pose.covariance.try_inverse().ok_or(FuseError::Singular { index }))
        .collect::<Result<Vec<_>, _>>()?;
    let total: Matrix6<f64> = weights.iter().sum();
    let covariance = total.try_inverse().ok_or(FuseError::Singular { index: 0 })?;
    let mut mean = first.mean;
    for _ in 0..10 {
        let pull: Twist6 =
            poses.iter().zip(&weights).map(|(pose, weight)| weight * relative_twist(&mean, &pose.mean)).sum();
        let step = covariance * pull;
        mean = perturbed(&mean, &step);
        if step.norm() < 1e-12 {
            break;
        }
    }
    Ok(Gaussian6 { mean, covariance })
}

/// Returns the paper's fusion of views of a tool: the point nearest to the rays through its centre, which for two is
/// the midpoint between them, and the mean of the rotations; with the largest distance between two rays, metres.
///
/// `camera_centres`, one a pose, are in the same frame as the poses.
///
/// # Errors
/// Fewer than two poses, or two rays that are parallel or meet behind a camera.
pub fn midpoint_pose(poses: &[Pose], camera_centres: &[Point3<f64>]) -> Result<(Pose, f64), FuseError> {
    let rays: Vec<Ray> = poses
        .iter()
        .zip(camera_centres)
        .map(|(pose, centre)| Ray::new(*centre, pose.translation.vector - centre.coords))
        .collect::<Result<_, _>>()?;
    let mut gap_m = 0f64;
    for (index, first) in rays.iter().enumerate() {
        for second in &rays[index + 1..] {
            gap_m = gap_m.max(first.closest_points(second)?.gap_m());
        }
    }
    let position = Ray::nearest_point(&rays).ok_or(FuseError::Empty)?;
    let rotations: Vec<_> = poses.iter().map(|pose| pose.rotation).collect();
    let rotation = mean_rotation(&rotations).ok_or(FuseError::Empty)?;
    Ok((Pose::from_parts(position.coords.into(), rotation), gap_m))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PinholeCamera, pose::tests::any_pose, rotation_angle_rad};
    use nalgebra::{Point2, Vector6};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn project_ray_fuse_returns_the_pose(
            x in -0.2f64..0.2, y in -0.2f64..0.2, z in 0.6f64..0.9, turn in prop::array::uniform3(-0.5f64..0.5),
        ) {
            let camera = PinholeCamera::new((566.0, 566.0), (384.0, 224.0), (768, 448)).unwrap();
            let truth = Pose::new(nalgebra::Vector3::new(x, y, z), nalgebra::Vector3::from(turn));
            let second_from_first = Pose::new(nalgebra::Vector3::new(0.0, 0.4, 0.2), nalgebra::Vector3::new(0.6, 0.0, 0.0));
            let first_from_second = second_from_first.inverse();
            let seen = |a_from_camera: &Pose| -> Pose {
                let point = a_from_camera.inverse() * Point3::from(truth.translation.vector);
                let pixel: Point2<f64> = camera.project(&point).unwrap();
                // A view knows the ray but errs in depth.
                let ray = camera.ray(a_from_camera, &pixel);
                Pose::from_parts(ray.at(0.9 * point.coords.norm()).coords.into(), truth.rotation)
            };
            let poses = [seen(&Pose::identity()), seen(&first_from_second)];
            let centres = [Point3::origin(), first_from_second.translation.vector.into()];
            let (fused, gap_m) = midpoint_pose(&poses, &centres).unwrap();
            prop_assert!((fused.translation.vector - truth.translation.vector).norm() < 1e-9);
            prop_assert!(rotation_angle_rad(&fused, &truth) < 1e-7);
            prop_assert!(gap_m < 1e-9);
        }

        #[test]
        fn equal_weights_give_the_middle_and_half_the_covariance(a in any_pose(), step in prop::array::uniform6(-0.1f64..0.1)) {
            let b = perturbed(&a, &Vector6::from(step));
            let covariance = Matrix6::from_diagonal_element(4.0);
            let fused = weighted_mean_pose(&[
                Gaussian6 { mean: a, covariance }, Gaussian6 { mean: b, covariance },
            ]).unwrap();
            prop_assert!((relative_twist(&fused.mean, &a) + relative_twist(&fused.mean, &b)).norm() < 1e-9);
            prop_assert!((fused.covariance - covariance / 2.0).amax() < 1e-12);
        }
    }

    #[test]
    fn a_certain_pose_outweighs_a_doubtful_one() {
        let certain =
            Gaussian6 { mean: Pose::translation(1.0, 0.0, 0.0), covariance: Matrix6::identity() * 1e-6 };
        let doubtful = Gaussian6 { mean: Pose::translation(2.0, 0.0, 0.0), covariance: Matrix6::identity() };
        let fused = weighted_mean_pose(&[doubtful, certain]).unwrap();
        assert!((fused.mean.translation.x - 1.0).abs() < 1e-5);
    }

    #[test]
    fn nothing_fuses_to_an_error() {
        assert_eq!(weighted_mean_pose(&[]), Err(FuseError::Empty));
        let flat = Gaussian6 { mean: Pose::identity(), covariance: Matrix6::zeros() };
        assert_eq!(weighted_mean_pose(&[flat]), Err(FuseError::Singular { index: 0 }));
    }
}

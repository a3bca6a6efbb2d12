use nalgebra::{
    Isometry3, Matrix3, Matrix4, Quaternion, Rotation3, Translation3, UnitQuaternion, Vector3, Vector6,
};

/// A rigid transform, named `a_from_b` where it is used.
pub type Pose = Isometry3<f64>;

/// A small motion: rotation vector (rad) in the first three rows, translation (m) in the last three, both
/// along the axes of the frame in which the pose is given. The rotation turns about the moved frame's origin.
pub type Twist6 = Vector6<f64>;

/// Returns `pose` moved by `twist`: `R ← exp(ω)·R`, `t ← t + v`.
pub fn perturbed(pose: &Pose, twist: &Twist6) -> Pose {
    let turn = UnitQuaternion::from_scaled_axis(twist.fixed_rows::<3>(0).into_owned());
    Pose::from_parts(
        Translation3::from(pose.translation.vector + twist.fixed_rows::<3>(3)),
        turn * pose.rotation,
    )
}

/// Returns the twist that moves `from` to `to`; the inverse of [`perturbed`].
pub fn relative_twist(from: &Pose, to: &Pose) -> Twist6 {
    let turn = (to.rotation * from.rotation.inverse()).scaled_axis();
    let shift = to.translation.vector - from.translation.vector;
    Twist6::new(turn.x, turn.y, turn.z, shift.x, shift.y, shift.z)
}

/// Returns the angle between two orientations, in radians, 0 to π.
pub fn rotation_angle_rad(a: &Pose, b: &Pose) -> f64 {
    a.rotation.angle_to(&b.rotation)
}

/// Returns the mean of rotations: the quaternion nearest to all of them up to sign.
///
/// It is the eigenvector of the largest eigenvalue of `Σ qᵢ qᵢᵀ` (Markley et al. 2007, "Averaging
/// quaternions"). `None` for an empty slice.
pub fn mean_rotation(rotations: &[UnitQuaternion<f64>]) -> Option<UnitQuaternion<f64>> {
    if rotations.is_empty() {
        return None;
    }
    let mut scatter = Matrix4::zeros();
    for rotation in rotations {
        scatter += rotation.coords * rotation.coords.transpose();
    }
    let eigen = scatter.symmetric_eigen();
    let mean = eigen.eigenvectors.column(eigen.eigenvalues.imax()).into_owned();
    Some(UnitQuaternion::from_quaternion(Quaternion::from(mean)))
}

/// Returns the pose of three rows `[R | t]`, or `None` where R is not a rotation within 1e-3 (files round).
pub fn pose_from_rows(rows: &[[f64; 4]; 3]) -> Option<Pose> {
    let matrix = Matrix3::from_fn(|r, c| rows[r][c]);
    let is_rotation = (matrix * matrix.transpose() - Matrix3::identity()).amax() < 1e-3
        && (matrix.determinant() - 1.0).abs() < 1e-3;
    let translation = Vector3::new(rows[0][3], rows[1][3], rows[2][3]);
    (is_rotation && translation.iter().all(|v| v.is_finite())).then(|| {
        let rotation = Rotation3::from_matrix_eps(&matrix, 1e-12, 50, Rotation3::identity());
        Pose::from_parts(translation.into(), UnitQuaternion::from_rotation_matrix(&rotation))
    })
}

/// Returns the three rows `[R | t]` of a pose.
pub fn pose_to_rows(pose: &Pose) -> [[f64; 4]; 3] {
    let m = pose.to_homogeneous();
    std::array::from_fn(|r| std::array::from_fn(|c| m[(r, c)]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        /// Any pose within two metres.
        pub(crate) fn any_pose()(
            axis in prop::array::uniform3(-1.7f64..1.7),
            shift in prop::array::uniform3(-2.0f64..2.0),
        ) -> Pose {
            Pose::new(Vector3::from(shift), Vector3::from(axis))
        }
    }

    proptest! {
        #[test]
        fn a_twist_between_two_poses_moves_one_to_the_other(a in any_pose(), b in any_pose()) {
            let moved = perturbed(&a, &relative_twist(&a, &b));
            prop_assert!(rotation_angle_rad(&moved, &b) < 1e-9);
            prop_assert!((moved.translation.vector - b.translation.vector).norm() < 1e-12);
        }

        #[test]
        fn rows_round_trip(pose in any_pose()) {
            let back = pose_from_rows(&pose_to_rows(&pose)).unwrap();
            prop_assert!(rotation_angle_rad(&back, &pose) < 1e-6);
        }

        #[test]
        fn the_mean_of_two_rotations_is_halfway(a in any_pose(), turn in prop::array::uniform3(-0.8f64..0.8)) {
            let b = UnitQuaternion::from_scaled_axis(Vector3::from(turn)) * a.rotation;
            let mean = mean_rotation(&[a.rotation, b]).unwrap();
            prop_assert!((mean.angle_to(&a.rotation) - mean.angle_to(&b)).abs() < 1e-7);
            prop_assert!((mean.angle_to(&a.rotation) * 2.0 - a.rotation.angle_to(&b)).abs() < 1e-7);
        }

        #[test]
        fn composition_is_associative(a in any_pose(), b in any_pose(), c in any_pose()) {
            let left = (a * b) * c;
            let right = a * (b * c);
            prop_assert!(rotation_angle_rad(&left, &right) < 1e-7);
            prop_assert!((left.translation.vector - right.translation.vector).norm() < 1e-9);
        }
    }

    #[test]
    fn a_reflection_is_no_pose() {
        let rows = [[-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        assert!(pose_from_rows(&rows).is_none());
    }
}

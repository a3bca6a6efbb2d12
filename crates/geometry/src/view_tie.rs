use nalgebra::{Matrix3, Matrix6, Vector3};

/// How far the poses of one tool in two views of one dream disagree, as standard deviations: each view is
/// generated on its own, so that errors of depth do not cancel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewTie {
    /// Rotation, radians.
    pub rotation_rad: f64,
    /// Across the line of sight, metres.
    pub lateral_m: f64,
    /// Along the line of sight, metres.
    pub depth_m: f64,
}

impl ViewTie {
    /// As measured on dreams of Stable Video Diffusion fine-tuned on a task.
    pub const DREAMED: ViewTie = ViewTie { rotation_rad: 0.052, lateral_m: 0.003, depth_m: 0.03 };

    /// The same with variances `factor` times as large.
    pub fn scaled(&self, factor: f64) -> Self {
        let root = factor.sqrt();
        let Self { rotation_rad, lateral_m, depth_m } = *self;
        Self { rotation_rad: root * rotation_rad, lateral_m: root * lateral_m, depth_m: root * depth_m }
    }

    /// Returns the covariance of a twist in the frame in which the ray from the camera to the tool is given;
    /// `None` for a ray without length.
    pub fn covariance(&self, ray: &Vector3<f64>) -> Option<Matrix6<f64>> {
        let along = ray.try_normalize(1e-9)?;
        let along = along * along.transpose();
        let across = Matrix3::identity() - along;
        let mut covariance = Matrix6::identity() * self.rotation_rad.powi(2);
        covariance
            .fixed_view_mut::<3, 3>(3, 3)
            .copy_from(&(across * self.lateral_m.powi(2) + along * self.depth_m.powi(2)));
        Some(covariance)
    }
}

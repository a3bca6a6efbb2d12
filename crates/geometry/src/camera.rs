use crate::{Ray, pose::Pose};
use nalgebra::{Matrix2x3, Point2, Point3, Vector3};

/// A pinhole camera without distortion. Pixel centres have integer coordinates: the image spans
/// `-0.5 … width-0.5`.
///
/// Each view has an object of its own: sharing one between two views is an 11 px error on the paper's rig.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PinholeCamera {
    /// Focal length along x, in pixels.
    pub fx_px: f64,
    /// Focal length along y, in pixels.
    pub fy_px: f64,
    /// Principal point's column, in pixels.
    pub cx_px: f64,
    /// Principal point's row, in pixels.
    pub cy_px: f64,
    /// Image width, in pixels.
    pub width: u32,
    /// Image height, in pixels.
    pub height: u32,
}

/// Why numbers do not describe a camera.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CameraError {
    /// A size of zero.
    #[error("image size {width}×{height} px has no pixels")]
    EmptyImage {
        /// Given width, px.
        width: u32,
        /// Given height, px.
        height: u32,
    },
    /// A focal length that no lens of this image size has.
    #[error(
        "focal length {axis} = {value_px} px is outside {min_px:.0} to {max_px:.0} px for an image {width} px wide"
    )]
    FocalLength {
        /// `fx` or `fy`.
        axis: &'static str,
        /// Given value.
        value_px: f64,
        /// Smallest accepted.
        min_px: f64,
        /// Largest accepted.
        max_px: f64,
        /// Image width, px.
        width: u32,
    },
    /// A principal point far from the middle: intrinsics of another image size, most often.
    #[error(
        "principal point ({cx_px:.1}, {cy_px:.1}) px is outside the middle third of a {width}×{height} px image; are these the intrinsics of another image size?"
    )]
    PrincipalPoint {
        /// Given column, px.
        cx_px: f64,
        /// Given row, px.
        cy_px: f64,
        /// Image width, px.
        width: u32,
        /// Image height, px.
        height: u32,
    },
}

impl PinholeCamera {
    /// Returns a camera whose numbers are plausible.
    ///
    /// # Errors
    /// The size is zero, a focal length is outside 0.2 to 10 image widths, or the principal point is
    /// outside the middle third of the image.
    pub fn new(
        focal_px: (f64, f64),
        principal_px: (f64, f64),
        size: (u32, u32),
    ) -> Result<Self, CameraError> {
        let (width, height) = size;
        if width == 0 || height == 0 {
            return Err(CameraError::EmptyImage { width, height });
        }
        let (min_px, max_px) = (0.2 * f64::from(width), 10.0 * f64::from(width));
        for (axis, value_px) in [("fx", focal_px.0), ("fy", focal_px.1)] {
            if !(min_px..=max_px).contains(&value_px) {
                return Err(CameraError::FocalLength { axis, value_px, min_px, max_px, width });
            }
        }
        let (cx_px, cy_px) = principal_px;
        let (w, h) = (f64::from(width), f64::from(height));
        if !(w / 3.0..=w * 2.0 / 3.0).contains(&cx_px) || !(h / 3.0..=h * 2.0 / 3.0).contains(&cy_px) {
            return Err(CameraError::PrincipalPoint { cx_px, cy_px, width, height });
        }
        Ok(Self { fx_px: focal_px.0, fy_px: focal_px.1, cx_px, cy_px, width, height })
    }

    /// Returns the pixel of a point in the camera's optical frame, or `None` behind the camera.
    pub fn project(&self, point_in_cam: &Point3<f64>) -> Option<Point2<f64>> {
        (point_in_cam.z > 1e-6).then(|| {
            Point2::new(
                self.fx_px * point_in_cam.x / point_in_cam.z + self.cx_px,
                self.fy_px * point_in_cam.y / point_in_cam.z + self.cy_px,
            )
        })
    }

    /// Returns the derivative of [`Self::project`] by the point, in pixels per metre.
    pub fn project_jacobian(&self, point_in_cam: &Point3<f64>) -> Matrix2x3<f64> {
        let inv_z = 1.0 / point_in_cam.z;
        Matrix2x3::new(
            self.fx_px * inv_z,
            0.0,
            -self.fx_px * point_in_cam.x * inv_z * inv_z,
            0.0,
            self.fy_px * inv_z,
            -self.fy_px * point_in_cam.y * inv_z * inv_z,
        )
    }

    /// Returns the unit direction, in the camera's frame, of the points seen at a pixel.
    pub fn direction(&self, pixel: &Point2<f64>) -> Vector3<f64> {
        Vector3::new((pixel.x - self.cx_px) / self.fx_px, (pixel.y - self.cy_px) / self.fy_px, 1.0)
            .normalize()
    }

    /// Returns the ray through a pixel in the frame `a` of `a_from_camera`.
    pub fn ray(&self, a_from_camera: &Pose, pixel: &Point2<f64>) -> Ray {
        Ray::from_unit(
            a_from_camera.translation.vector.into(),
            a_from_camera.rotation * self.direction(pixel),
        )
    }

    /// Whether a pixel lies inside the image, `margin_px` from its border.
    pub fn contains(&self, pixel: &Point2<f64>, margin_px: f64) -> bool {
        pixel.x >= margin_px - 0.5
            && pixel.y >= margin_px - 0.5
            && pixel.x <= f64::from(self.width) - 0.5 - margin_px
            && pixel.y <= f64::from(self.height) - 0.5 - margin_px
    }

    /// Returns the camera of the image made smaller by an integer factor (by averaging blocks of pixels).
    pub fn reduced(&self, factor: u32) -> Self {
        let f = f64::from(factor);
        Self {
            fx_px: self.fx_px / f,
            fy_px: self.fy_px / f,
            cx_px: (self.cx_px + 0.5) / f - 0.5,
            cy_px: (self.cy_px + 0.5) / f - 0.5,
            width: self.width / factor,
            height: self.height / factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn camera() -> PinholeCamera {
        PinholeCamera::new((566.37, 565.92), (390.48, 232.62), (768, 448)).unwrap()
    }

    proptest! {
        #[test]
        fn a_projected_point_lies_on_the_ray_of_its_pixel(x in -0.4f64..0.4, y in -0.3f64..0.3, z in 0.3f64..2.0) {
            let camera = camera();
            let point = Point3::new(x, y, z);
            let ray = camera.ray(&Pose::identity(), &camera.project(&point).unwrap());
            prop_assert!(ray.distance_to(&point) < 1e-12);
        }

        #[test]
        fn the_jacobian_agrees_with_finite_differences(x in -0.4f64..0.4, y in -0.3f64..0.3, z in 0.3f64..2.0) {
            let camera = camera();
            let point = Point3::new(x, y, z);
            let jacobian = camera.project_jacobian(&point);
            for axis in 0..3 {
                let mut step = Vector3::zeros();
                step[axis] = 1e-6;
                let numeric = (camera.project(&(point + step)).unwrap() - camera.project(&(point - step)).unwrap()) / 2e-6;
                prop_assert!((numeric - jacobian.column(axis)).norm() < 1e-3);
            }
        }

        #[test]
        fn reducing_keeps_the_rays(u in 0.0f64..767.0, v in 0.0f64..447.0) {
            let (full, half) = (camera(), camera().reduced(2));
            let in_half = Point2::new((u + 0.5) / 2.0 - 0.5, (v + 0.5) / 2.0 - 0.5);
            prop_assert!((full.direction(&Point2::new(u, v)) - half.direction(&in_half)).norm() < 1e-12);
        }
    }

    #[test]
    fn intrinsics_of_another_image_size_are_refused() {
        let error = PinholeCamera::new((566.4, 565.9), (390.5, 232.6), (1280, 720)).unwrap_err();
        assert!(error.to_string().contains("another image size"), "{error}");
    }

    #[test]
    fn nothing_is_seen_behind_the_camera() {
        assert!(camera().project(&Point3::new(0.0, 0.0, -1.0)).is_none());
    }
}

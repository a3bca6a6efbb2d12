use dreamitate_geometry::{CameraError, PinholeCamera, Pose};
use dreamitate_msgs::{geometry_msgs, sensor_msgs::CameraInfo, std_msgs::Header};
use nalgebra::{Quaternion, UnitQuaternion, Vector3};

/// Why a message's calibration is not that of a pinhole camera in a place.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CalibrationMessageError {
    /// The intrinsics are not finite.
    #[error("element {index} of the intrinsics K is {value}")]
    NotFinite {
        /// Which of K's nine numbers, row by row.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// K is no pinhole camera's matrix.
    #[error("element {index} of the intrinsics K is {value}, a camera without skew has {expected}")]
    NotPinhole {
        /// Which of K's nine numbers, row by row.
        index: usize,
        /// Its value.
        value: f64,
        /// What it must be.
        expected: f64,
    },
    /// The images are distorted, which a clip's are not.
    #[error("distortion coefficient {index} is {value}, a clip's images have none: undistort them first")]
    Distorted {
        /// Which coefficient.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// Size, focal length or principal point are implausible.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// A coordinate of a pose is not finite.
    #[error("coordinate {index} of a position is {value}")]
    Position {
        /// 0 to 2 for x, y, z.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A quaternion that is no rotation.
    #[error("a rotation's quaternion has the norm {norm}; it must be 1 within {tolerance}")]
    QuaternionNorm {
        /// The norm.
        norm: f64,
        /// How far it may be from 1.
        tolerance: f64,
    },
}

/// Files and other programs round quaternions.
const NORM_TOLERANCE: f64 = 1e-3;

/// Returns a camera as `sensor_msgs/CameraInfo` without distortion; the stamp is left at zero.
pub fn camera_to_message(camera: &PinholeCamera, frame_id: &str) -> CameraInfo {
    let PinholeCamera { fx_px, fy_px, cx_px, cy_px, width, height } = *camera;
    CameraInfo {
        header: Header { frame_id: frame_id.to_owned(), ..Header::default() },
        height,
        width,
        distortion_model: "plumb_bob".to_owned(),
        d: vec![0.0; 5],
        k: [fx_px, 0.0, cx_px, 0.0, fy_px, cy_px, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [fx_px, 0.0, cx_px, 0.0, 0.0, fy_px, cy_px, 0.0, 0.0, 0.0, 1.0, 0.0],
        ..CameraInfo::default()
    }
}

/// Returns the pinhole camera of a `sensor_msgs/CameraInfo`, from its size and K.
///
/// # Errors
/// K is not finite, has skew, or is implausible for the size; or the images are distorted.
pub fn camera_from_message(message: &CameraInfo) -> Result<PinholeCamera, CalibrationMessageError> {
    let k = &message.k;
    if let Some((index, &value)) = k.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(CalibrationMessageError::NotFinite { index, value });
    }
    for (index, expected) in [(1, 0.0), (3, 0.0), (6, 0.0), (7, 0.0), (8, 1.0)] {
        if (k[index] - expected).abs() > 1e-6 {
            return Err(CalibrationMessageError::NotPinhole { index, value: k[index], expected });
        }
    }
    // Written so that NaN counts as distortion.
    if let Some((index, &value)) = message.d.iter().enumerate().find(|(_, v)| **v != 0.0) {
        return Err(CalibrationMessageError::Distorted { index, value });
    }
    Ok(PinholeCamera::new((k[0], k[4]), (k[2], k[5]), (message.width, message.height))?)
}

/// Returns a pose as `geometry_msgs/Pose`.
pub fn pose_to_message(pose: &Pose) -> geometry_msgs::Pose {
    let (t, q) = (&pose.translation.vector, &pose.rotation);
    geometry_msgs::Pose {
        position: geometry_msgs::Point { x: t.x, y: t.y, z: t.z },
        orientation: geometry_msgs::Quaternion { x: q.i, y: q.j, z: q.k, w: q.w },
    }
}

/// Returns the pose of a `geometry_msgs/Pose`; its quaternion is normalised.
///
/// # Errors
/// A coordinate is not finite, or the quaternion's norm is not 1 within 1e-3.
pub fn pose_from_message(message: &geometry_msgs::Pose) -> Result<Pose, CalibrationMessageError> {
    let (p, q) = (&message.position, &message.orientation);
    let position = [p.x, p.y, p.z];
    if let Some((index, &value)) = position.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        return Err(CalibrationMessageError::Position { index, value });
    }
    let quaternion = Quaternion::new(q.w, q.x, q.y, q.z);
    let norm = quaternion.norm();
    let tolerance = NORM_TOLERANCE;
    if !(1.0 - tolerance..=1.0 + tolerance).contains(&norm) {
        return Err(CalibrationMessageError::QuaternionNorm { norm, tolerance });
    }
    Ok(Pose::from_parts(Vector3::from(position).into(), UnitQuaternion::from_quaternion(quaternion)))
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
        fn a_pose_survives(axis in prop::array::uniform3(-1.7f64..1.7), shift in prop::array::uniform3(-2.0f64..2.0)) {
            let pose = Pose::new(Vector3::from(shift), Vector3::from(axis));
            let back = pose_from_message(&pose_to_message(&pose)).unwrap();
            prop_assert_eq!(back.translation, pose.translation);
            prop_assert!(back.rotation.angle_to(&pose.rotation) < 1e-7);
        }
    }

    #[test]
    fn a_camera_survives_exactly() {
        assert_eq!(camera_from_message(&camera_to_message(&camera(), "top")), Ok(camera()));
    }

    #[test]
    fn damaged_calibration_is_refused_with_its_value() {
        let refused = |edit: fn(&mut CameraInfo)| {
            let mut damaged = camera_to_message(&camera(), "top");
            edit(&mut damaged);
            camera_from_message(&damaged).unwrap_err().to_string()
        };
        assert_eq!(refused(|m| m.k[4] = f64::NAN), "element 4 of the intrinsics K is NaN");
        assert!(refused(|m| m.k[1] = 3.5).contains("element 1 of the intrinsics K is 3.5"));
        assert!(refused(|m| m.d[2] = 0.125).contains("distortion coefficient 2 is 0.125"));
        assert!(refused(|m| m.d[0] = f64::NAN).contains("distortion coefficient 0 is NaN"));
        assert!(refused(|m| m.k[2] = 20.0).contains("principal point (20.0"));
        assert!(refused(|m| m.width = 0).contains("0×448 px has no pixels"));
    }

    #[test]
    fn a_pose_that_is_none_is_refused_with_its_value() {
        let refused = |edit: fn(&mut geometry_msgs::Pose)| {
            let mut damaged = pose_to_message(&Pose::identity());
            edit(&mut damaged);
            pose_from_message(&damaged).unwrap_err().to_string()
        };
        assert!(refused(|m| m.orientation.w = 0.9).contains("norm 0.9; it must be 1 within 0.001"));
        assert!(refused(|m| m.orientation.x = f64::NAN).contains("norm NaN"));
        assert_eq!(refused(|m| m.position.z = f64::INFINITY), "coordinate 2 of a position is inf");
    }
}

use crate::{Board, Corner};
use dreamitate_geometry::{PinholeCamera, Pose};
use nalgebra::{Matrix3, Rotation3, SMatrix, SVector, UnitQuaternion};

/// A first guess of where the board is (Zhang 2000, section 3.1), from the homography of at least 4 corners; `None`
/// where they do not give one.
pub(crate) fn camera_from_board(camera: &PinholeCamera, board: &Board, corners: &[Corner]) -> Option<Pose> {
    // In squares and focal lengths all numbers are about one.
    let mut scatter = SMatrix::<f64, 9, 9>::zeros();
    for corner in corners {
        let at = board.corner(corner.id)? / board.square_m;
        let ray = camera.direction(&corner.pixel);
        let (u, v) = (ray.x / ray.z, ray.y / ray.z);
        for (row, value) in [(0, u), (3, v)] {
            let mut equation = SVector::<f64, 9>::zeros();
            for (k, a) in [at.x, at.y, 1.0].into_iter().enumerate() {
                equation[row + k] = a;
                equation[6 + k] = -value * a;
            }
            scatter += equation * equation.transpose();
        }
    }
    let eigen = scatter.symmetric_eigen();
    let least = eigen.eigenvectors.column(eigen.eigenvalues.imin()).into_owned();
    let h = Matrix3::from_row_slice(least.as_slice());
    let scale = (h.column(0).norm() + h.column(1).norm()) / 2.0;
    // The board lies before the camera.
    let h = h / (scale * h[(2, 2)].signum());
    let (x, y) = (h.column(0).into_owned(), h.column(1).into_owned());
    let rotation = Rotation3::from_matrix(&Matrix3::from_columns(&[x, y, x.cross(&y)]));
    let pose = Pose::from_parts(
        (h.column(2) * board.square_m).into(),
        UnitQuaternion::from_rotation_matrix(&rotation),
    );
    let is_finite = pose.translation.vector.iter().chain(pose.rotation.coords.iter()).all(|v| v.is_finite());
    is_finite.then_some(pose)
}

use dreamitate_geometry::Pose;
use nalgebra::{Matrix3, Rotation3, UnitQuaternion};

/// The world's frame from a board that lies on the table: z up from the table, the origin below the middle between the
/// cameras, x to the right in the top camera's image. `board_m` is how thick the board is: the world is on the table.
///
/// `None` where the rows of its image stand upright on the table: a camera that is rolled by 90°.
pub fn world_from_top(top_from_board: &Pose, side_from_top: &Pose, board_m: f64) -> Option<Pose> {
    // The board's z points into the table.
    let up = top_from_board.rotation * -nalgebra::Vector3::z();
    let on_table = top_from_board.translation.vector - up * board_m;
    let between = side_from_top.inverse().translation.vector / 2.0;
    let origin = between - up * up.dot(&(between - on_table));
    let right = nalgebra::Vector3::x();
    let x = (right - up * up.dot(&right)).try_normalize(1e-6)?;
    let rotation = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[x, up.cross(&x), up]));
    let top_from_world = Pose::from_parts(origin.into(), UnitQuaternion::from_rotation_matrix(&rotation));
    Some(top_from_world.inverse())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_geometry::Rig;
    use std::path::Path;

    /// The paper's rig has its world where this puts it.
    #[test]
    fn the_paper_rig_is_found_again() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/rigs/paper.yaml");
        let rig = Rig::read(Path::new(file)).unwrap();
        let (top, side) = (rig.top.world_from_camera, rig.side.world_from_camera);
        let flat = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.7);
        let world_from_board = Pose::from_parts(nalgebra::Vector3::new(0.1, -0.05, 0.003).into(), flat);
        let found =
            world_from_top(&(top.inverse() * world_from_board), &(side.inverse() * top), 0.003).unwrap();
        assert!(found.rotation.angle_to(&top.rotation) < 1e-6);
        assert!((found.translation.vector - top.translation.vector).norm() < 1e-6, "{found}");
    }
}

use dreamitate_geometry::Pose;
use nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};

/// The world's frame from boards that lie on the table, one picture pair each: z up from the table, the origin below the
/// middle between the cameras, x to the right in the top camera's image. `board_m` is how thick the board is: the world
/// is on the table. Boards in several places say better how the table leans than one does.
///
/// `None` without a board, and where the rows of the top camera's image stand upright on the table: a camera that is
/// rolled by 90°.
pub fn world_from_top(top_from_boards: &[Pose], side_from_top: &Pose, board_m: f64) -> Option<Pose> {
    // The board's z points into the table.
    let upward = |board: &Pose| board.rotation * -Vector3::z();
    let up = top_from_boards.iter().map(upward).sum::<Vector3<f64>>().try_normalize(1e-6)?;
    let heights = top_from_boards.iter().map(|board| up.dot(&board.translation.vector) - board_m);
    let table = heights.sum::<f64>() / top_from_boards.len() as f64;
    let between = side_from_top.inverse().translation.vector / 2.0;
    let origin = between - up * (up.dot(&between) - table);
    let right = Vector3::x();
    let x = (right - up * up.dot(&right)).try_normalize(1e-6)?;
    let rotation = Rotation3::from_matrix_unchecked(Matrix3::from_columns(&[x, up.cross(&x), up]));
    let top_from_world = Pose::from_parts(origin.into(), UnitQuaternion::from_rotation_matrix(&rotation));
    Some(top_from_world.inverse())
}

/// The pose of a board that is known to lie on the table, nearest to the one that was seen: its z down, `board_m` high.
pub fn laid_flat(world_from_board: &Pose, board_m: f64) -> Pose {
    let down = world_from_board.rotation * Vector3::z();
    let level = UnitQuaternion::rotation_between(&down, &-Vector3::z()).unwrap_or_default();
    let at = world_from_board.translation.vector;
    Pose::from_parts(Vector3::new(at.x, at.y, board_m).into(), level * world_from_board.rotation)
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
        let world_from_board = Pose::from_parts(Vector3::new(0.1, -0.05, 0.003).into(), flat);
        let found =
            world_from_top(&[top.inverse() * world_from_board], &(side.inverse() * top), 0.003).unwrap();
        assert!(found.rotation.angle_to(&top.rotation) < 1e-6);
        assert!((found.translation.vector - top.translation.vector).norm() < 1e-6, "{found}");
    }
}

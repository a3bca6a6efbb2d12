//! Pictures of a printed board, as a rig's cameras take them.

use dreamitate_calibrate::{Board, Page};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::TexturedMesh;
use dreamitate_scene::{Body, develop, draw};
use image::RgbImage;
use nalgebra::{Point3, UnitQuaternion, Vector3};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::{path::Path, sync::Arc};

/// Noise of a sensor in a lit room, grey levels, and a lens's blur, px.
const NOISE: f32 = 3.0;
const BLUR_PX: f32 = 0.7;

/// A file of the repository.
pub fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A sheet with the printed board in the board's frame.
pub fn sheet(board: &Board) -> TexturedMesh {
    let (_, png) = board.print(Page { size_mm: None }, 200).unwrap();
    let texture = image::load_from_memory(&png).unwrap().into_rgb8();
    let [width, height] = [board.columns, board.rows].map(|n| (f64::from(n + 2) * board.square_m) as f32);
    let margin = board.square_m as f32;
    let corner = |x: f32, y: f32| Point3::new(x * width - margin, y * height - margin, 0.0);
    let at = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let vertices = at.map(|[x, y]| corner(x, y)).to_vec();
    let triangles = [([0, 1, 2], [at[0], at[1], at[2]]), ([0, 2, 3], [at[0], at[2], at[3]])];
    TexturedMesh::from_parts(vertices, &triangles, texture)
}

/// The board lies on the table in so many pairs, the first ones.
pub const ON_TABLE: usize = 4;

/// The board lies on the table, and is held before both cameras in later pairs, at most 35° from facing up.
pub fn place(index: usize, random: &mut ChaCha8Rng, board: &Board) -> Pose {
    let middle = Vector3::new(f64::from(board.columns), f64::from(board.rows), 0.0) * board.square_m / 2.0;
    let face_up = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    let mut within = |half: f64| random.random_range(-half..half);
    let (turn, at) = if index < ON_TABLE {
        (
            UnitQuaternion::from_euler_angles(0.0, 0.0, within(0.5)),
            Vector3::new(within(0.15), within(0.05), 0.0),
        )
    } else {
        let tilt = UnitQuaternion::from_scaled_axis(Vector3::new(within(0.6), within(0.6), within(0.8)));
        (tilt, Vector3::new(within(0.2), within(0.12), 0.12 + within(0.1)))
    };
    let rotation = turn * face_up;
    Pose::from_parts((at - rotation * middle).into(), rotation)
}

/// What a camera takes of the board over a grey table.
pub fn shoot(
    mesh: &Arc<TexturedMesh>,
    camera: &PinholeCamera,
    world_from_camera: &Pose,
    world_from_board: &Pose,
    random: &mut ChaCha8Rng,
) -> RgbImage {
    let table = vec![[120.0; 3]; (camera.width * camera.height) as usize];
    let body = Body { mesh: mesh.clone(), world_from_mesh: *world_from_board };
    develop(&draw(&[body], camera, world_from_camera, table), camera, BLUR_PX, NOISE, random)
}

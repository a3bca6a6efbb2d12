//! Cartons and bottles.

use crate::shapes::{cuboid, lathe};
use dreamitate_render::TexturedMesh;
use image::RgbImage;
use nalgebra::{Point3, Vector3};
use rand::{Rng, RngExt};

/// A carton or a bottle of any colour that lies along x on its frame's plane, z up.
pub fn any_thing(half_length_m: f64, half_width_m: f64, random: &mut impl Rng) -> TexturedMesh {
    let colour = OBJECT_COLOURS[random.random_range(0..OBJECT_COLOURS.len())];
    if random.random() {
        carton(half_length_m, half_width_m, colour)
    } else {
        bottle(half_length_m, half_width_m, colour)
    }
}

const OBJECT_COLOURS: [[u8; 3]; 4] = [[196, 160, 58], [178, 62, 48], [62, 140, 84], [206, 120, 52]];

fn carton(half_length_m: f64, half_width_m: f64, colour: [u8; 3]) -> TexturedMesh {
    let tone = |factor: f64| image::Rgb(colour.map(|c| (f64::from(c) * factor) as u8));
    let faces = RgbImage::from_fn(6, 1, |face, _| tone([0.75, 0.75, 0.85, 0.85, 1.0, 1.0][face as usize]));
    let mut mesh = cuboid(Vector3::new(half_length_m, half_width_m, half_width_m), faces);
    for vertex in &mut mesh.vertices {
        vertex.z += half_width_m as f32;
    }
    mesh
}

/// A bottle lying along x, its cap at +x.
fn bottle(half_length_m: f64, radius_m: f64, colour: [u8; 3]) -> TexturedMesh {
    let [base, cap] = [-half_length_m, half_length_m].map(|x| Point3::new(x, 0.0, radius_m));
    let length = 2.0 * half_length_m;
    let rings = [
        (0.0, 0.0),
        (0.0, 0.92),
        (0.03, 1.0),
        (0.3, 1.0),
        (0.62, 1.0),
        (0.72, 0.85),
        (0.8, 0.45),
        (0.87, 0.42),
        (0.87, 0.5),
        (1.0, 0.5),
        (1.0, 0.0),
    ]
    .map(|(way, radius)| (way * length, radius * radius_m));
    // Ring 3 to 4 is the label, ring 8 on the cap.
    let texture = RgbImage::from_fn(1, 10, |_, row| {
        image::Rgb(match row {
            3 => [205, 205, 196],
            8.. => [190, 190, 198],
            _ => colour,
        })
    });
    lathe(base, cap, &rings, texture)
}

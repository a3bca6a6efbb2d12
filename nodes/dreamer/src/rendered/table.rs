use super::scene::Shade;
use dreamitate_geometry::{PinholeCamera, Pose};
use nalgebra::{Point2, Point3};
use rand::{Rng, RngExt};

/// The colour of the cloth on the table, grey levels.
const CLOTH: [f32; 3] = [13.0, 19.0, 23.0];
/// Light that a body keeps from the table right below it, as a share.
const DARKEST: f32 = 0.65;

/// The table as a camera sees it without anything on it.
pub(super) struct Table {
    /// For each pixel the point of the table, metres in the world's plane.
    points_m: Vec<[f32; 2]>,
    colours: Vec<[f32; 3]>,
}

/// The cloth's folds and dust: the same in all views, since it lies on the table.
pub(super) struct Cloth {
    waves: Vec<[f32; 4]>,
}

impl Cloth {
    pub(super) fn new(random: &mut impl Rng) -> Self {
        let waves = (0..14)
            .map(|k| {
                let per_m = 6.0 * 1.35f32.powi(k);
                let angle: f32 = random.random_range(0.0..std::f32::consts::TAU);
                let phase = random.random_range(0.0..std::f32::consts::TAU);
                [per_m * angle.cos(), per_m * angle.sin(), phase, 1.6 / (1.0 + 0.25 * k as f32)]
            })
            .collect();
        Self { waves }
    }

    /// Brightness added at a point of the table, grey levels.
    fn brightness(&self, x_m: f32, y_m: f32) -> f32 {
        self.waves.iter().map(|[kx, ky, phase, amount]| amount * (kx * x_m + ky * y_m + phase).sin()).sum()
    }
}

impl Table {
    pub(super) fn seen(cloth: &Cloth, camera: &PinholeCamera, world_from_camera: &Pose) -> Self {
        let mut points_m = Vec::with_capacity((camera.width * camera.height) as usize);
        let mut colours = Vec::with_capacity(points_m.capacity());
        for row in 0..camera.height {
            for column in 0..camera.width {
                let pixel = Point2::new(f64::from(column), f64::from(row));
                let direction = world_from_camera.rotation * camera.direction(&pixel);
                let eye = world_from_camera.translation.vector;
                // A camera that looks beside the table sees its far end.
                let way = if direction.z < -1e-3 { -eye.z / direction.z } else { 1e3 };
                let point = eye + way * direction;
                let [x, y] = [point.x as f32, point.y as f32];
                let bright = cloth.brightness(x, y);
                points_m.push([x, y]);
                colours.push(CLOTH.map(|c| (c + bright * (0.7 + c / 80.0)).max(0.0)));
            }
        }
        Self { points_m, colours }
    }

    /// The table's colours, grey levels, under these shades.
    pub(super) fn under(&self, shades: &[Shade]) -> Vec<[f32; 3]> {
        struct Flat {
            shade_from_world: nalgebra::Isometry3<f32>,
            half_m: [f32; 2],
            softness_m: f32,
        }
        let flats: Vec<Flat> = shades
            .iter()
            .map(|shade| Flat {
                shade_from_world: shade.world_from_shade.inverse().cast(),
                half_m: shade.half_m.map(|h| h as f32),
                // The room is lit from everywhere: what is higher shades more softly.
                softness_m: (0.02 + 0.5 * shade.world_from_shade.translation.z.max(0.0)) as f32,
            })
            .collect();
        let shaded = |([x, y], colour): (&[f32; 2], &[f32; 3])| {
            let mut light = 1.0;
            for Flat { shade_from_world, half_m, softness_m } in &flats {
                let local = shade_from_world * Point3::new(*x, *y, 0.0);
                let beyond = [local.x.abs() - half_m[0], local.y.abs() - half_m[1]].map(|d| d.max(0.0));
                let nearness = 1.0 - (beyond[0].hypot(beyond[1]) / softness_m).min(1.0);
                light *= 1.0 - DARKEST * nearness * nearness * (0.02 / softness_m).sqrt();
            }
            colour.map(|c| c * light)
        };
        self.points_m.iter().zip(&self.colours).map(shaded).collect()
    }
}

use crate::Shade;
use dreamitate_geometry::{PinholeCamera, Pose};
use nalgebra::Point2;
use rand::{Rng, RngExt};

/// The usual colour of the cloth on the table, grey levels.
const CLOTH: [f32; 3] = [13.0, 19.0, 23.0];
/// Light that a body keeps from the table right below it, as a share.
const DARKEST: f32 = 0.65;

/// The table as a camera sees it without anything on it.
pub struct Table {
    /// For each pixel the point of the table, metres in the world's plane.
    points_m: Vec<[f32; 2]>,
    /// For each [`BLOCK`] of them the box about them: middle and half of its size.
    boxes_m: Vec<[[f32; 2]; 2]>,
    colours: Vec<[f32; 3]>,
}

/// Pixels side by side that a shade reaches, or not, together.
const BLOCK: usize = 32;

/// The cloth's colour, folds and dust: the same in all views, since it lies on the table.
pub struct Cloth {
    /// Grey levels.
    pub colour: [f32; 3],
    waves: Vec<[f32; 4]>,
}

impl Cloth {
    /// The usual cloth with folds of its own.
    pub fn new(random: &mut impl Rng) -> Self {
        let waves = (0..14)
            .map(|k| {
                let per_m = 6.0 * 1.35f32.powi(k);
                let angle: f32 = random.random_range(0.0..std::f32::consts::TAU);
                let phase = random.random_range(0.0..std::f32::consts::TAU);
                [per_m * angle.cos(), per_m * angle.sin(), phase, 1.6 / (1.0 + 0.25 * k as f32)]
            })
            .collect();
        Self { colour: CLOTH, waves }
    }

    /// Brightness added at a point of the table, grey levels.
    fn brightness(&self, x_m: f32, y_m: f32) -> f32 {
        self.waves.iter().map(|[kx, ky, phase, amount]| amount * (kx * x_m + ky * y_m + phase).sin()).sum()
    }
}

impl Table {
    pub fn seen(cloth: &Cloth, camera: &PinholeCamera, world_from_camera: &Pose) -> Self {
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
                colours.push(cloth.colour.map(|c| (c + bright * (0.7 + c / 80.0)).max(0.0)));
            }
        }
        let boxes_m = points_m.chunks(BLOCK).map(|points| {
            let ends = [0, 1].map(|axis| {
                let values = points.iter().map(|point| point[axis]);
                values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
            });
            [ends.map(|(low, high)| (low + high) / 2.0), ends.map(|(low, high)| (high - low) / 2.0)]
        });
        Self { boxes_m: boxes_m.collect(), points_m, colours }
    }

    /// The table's colours, grey levels, under these shades.
    pub fn under(&self, shades: &[Shade]) -> Vec<[f32; 3]> {
        let flats: Vec<Flat> = shades.iter().map(Flat::of).collect();
        let mut shaded = self.colours.clone();
        let blocks = self.points_m.chunks(BLOCK).zip(shaded.chunks_mut(BLOCK));
        for (about, (points, colours)) in self.boxes_m.iter().zip(blocks) {
            for flat in flats.iter().filter(|flat| flat.reaches(about)) {
                for (point, colour) in points.iter().zip(&mut *colours) {
                    let light = flat.light(*point);
                    *colour = colour.map(|c| c * light);
                }
            }
        }
        shaded
    }
}

/// A shade, ready for many points of the table.
struct Flat {
    /// The shade's x and y of a point of the table: `[by x, by y, constant]`.
    rows: [[f32; 3]; 2],
    half_m: [f32; 2],
    /// Beyond this along x or y it is light.
    reach_m: [f32; 2],
    round: bool,
    softness_m: f32,
    depth: f32,
}

impl Flat {
    fn of(shade: &Shade) -> Self {
        let shade_from_world = shade.world_from_shade.inverse().to_homogeneous();
        // The room is lit from everywhere: what is higher shades more softly, and less.
        let softness_m = (0.02 + 0.5 * shade.world_from_shade.translation.z.max(0.0)) as f32;
        let half_m = shade.half_m.map(|h| h as f32);
        let reach_m = match shade.round {
            true => half_m.map(|half| half * (1.0 + softness_m / half_m[0].min(half_m[1]))),
            false => half_m.map(|half| half + softness_m),
        };
        Self {
            rows: [0, 1].map(|row| [0, 1, 3].map(|column| shade_from_world[(row, column)] as f32)),
            half_m,
            reach_m,
            round: shade.round,
            softness_m,
            depth: DARKEST * (0.02 / softness_m).sqrt(),
        }
    }

    /// Whether it darkens any point of a box, given by its middle and half of its size, metres; it may say so of one just
    /// beyond.
    fn reaches(&self, [middle, half]: &[[f32; 2]; 2]) -> bool {
        (0..2).all(|i| {
            let [by_x, by_y, constant] = self.rows[i];
            let beside = (by_x * middle[0] + by_y * middle[1] + constant).abs();
            beside - (by_x.abs() * half[0] + by_y.abs() * half[1]) < self.reach_m[i]
        })
    }

    /// The share of light that reaches a point of the table.
    fn light(&self, [x, y]: [f32; 2]) -> f32 {
        let at = self.rows.map(|[by_x, by_y, constant]| (by_x * x + by_y * y + constant).abs());
        if at[0] >= self.reach_m[0] || at[1] >= self.reach_m[1] {
            return 1.0;
        }
        let beyond: [f32; 2] = if self.round {
            let [a, b] = self.half_m;
            let from_middle = ((at[0] / a).powi(2) + (at[1] / b).powi(2)).sqrt();
            [(from_middle - 1.0).max(0.0) * a.min(b), 0.0]
        } else {
            std::array::from_fn(|i| (at[i] - self.half_m[i]).max(0.0))
        };
        let squared = beyond[0] * beyond[0] + beyond[1] * beyond[1];
        if squared >= self.softness_m * self.softness_m {
            return 1.0;
        }
        let nearness = 1.0 - squared.sqrt() / self.softness_m;
        1.0 - self.depth * nearness * nearness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shade_is_darkest_below_and_ends_at_its_softness() {
        let shade = Shade::rectangle(Pose::translation(0.1, 0.2, 0.0), [0.05, 0.02]);
        let flat = Flat::of(&shade);
        assert!((flat.light([0.1, 0.2]) - (1.0 - DARKEST)).abs() < 1e-5);
        assert_eq!(flat.light([0.1, 0.2421]), 1.0);
        let near = flat.light([0.1, 0.23]);
        assert!(near < 1.0 && near > 1.0 - DARKEST, "{near}");
        let high = Shade::rectangle(Pose::translation(0.1, 0.2, 0.1), [0.05, 0.02]);
        assert!(Flat::of(&high).light([0.1, 0.2]) > flat.light([0.1, 0.2]));
        // An ellipse leaves the rectangle's corners in the light.
        let round = Flat::of(&Shade { round: true, ..shade });
        assert!(round.light([0.149, 0.219]) > flat.light([0.149, 0.219]));
        assert_eq!(round.light([0.1, 0.2]), flat.light([0.1, 0.2]));
    }
}

use crate::Body;
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::{Window, rasterise};
use image::RgbImage;
use nalgebra::{Point3, Vector3};
use rand::{Rng, RngExt};

/// Samples a pixel along each axis.
const SAMPLES: usize = 2;
/// Light from everywhere, and light from above.
const AMBIENT: f32 = 0.68;
const DIFFUSE: f32 = 0.35;
/// Waves of which a picture's wobble is made, and the shortest and longest, px.
const WAVES: usize = 6;
const WAVE_PX: std::ops::Range<f32> = 40.0..160.0;

/// A picture in grey levels, before blur and noise: `[H·W]`, RGB.
pub type Exposure = Vec<[f32; 3]>;

/// Draws bodies before a background.
pub fn draw(
    bodies: &[Body],
    camera: &PinholeCamera,
    world_from_camera: &Pose,
    mut picture: Exposure,
) -> Exposure {
    let camera_from_world = world_from_camera.inverse();
    let window = Window::whole(camera);
    let (columns, rows) = (window.width * SAMPLES, window.height * SAMPLES);
    let mut nearness = vec![0f32; columns * rows];
    let mut colour = vec![[0u8; 3]; columns * rows];
    for Body { mesh, world_from_mesh } in bodies {
        let eye =
            (world_from_mesh.inverse() * Point3::from(world_from_camera.translation.vector)).cast::<f32>();
        let to_light =
            (world_from_mesh.rotation.inverse() * Vector3::new(0.25, -0.15, 1.0).normalize()).cast::<f32>();
        let light: Vec<f32> = mesh
            .triangles
            .iter()
            .map(|triangle| {
                // Only sides that face the camera are seen, whichever way the mesh is wound.
                let corner = mesh.vertices[triangle.corners[0] as usize];
                let facing = triangle.normal.dot(&(eye - corner)).signum();
                AMBIENT + DIFFUSE * (facing * triangle.normal.dot(&to_light)).max(0.0)
            })
            .collect();
        let camera_from_mesh = camera_from_world * world_from_mesh;
        rasterise(mesh, camera, &camera_from_mesh, window, SAMPLES, &mut nearness, |sample| {
            let light = light[sample.triangle];
            let [u, v] = sample.uv();
            colour[sample.index] = mesh.colour_at(u, v).map(|c| (f32::from(c) * light).min(255.0) as u8);
        });
    }
    let share = 1.0 / (SAMPLES * SAMPLES) as f32;
    for (y, line) in picture.chunks_exact_mut(window.width).enumerate() {
        for (x, pixel) in line.iter_mut().enumerate() {
            let mut drawn = [0.0; 3];
            let mut covered = 0.0;
            for at in (0..SAMPLES).map(|dy| (y * SAMPLES + dy) * columns + x * SAMPLES) {
                for index in (at..at + SAMPLES).filter(|&index| nearness[index] > 0.0) {
                    covered += share;
                    for (sum, c) in drawn.iter_mut().zip(colour[index]) {
                        *sum += share * f32::from(c);
                    }
                }
            }
            if covered > 0.0 {
                for (behind, front) in pixel.iter_mut().zip(drawn) {
                    *behind = *behind * (1.0 - covered) + front;
                }
            }
        }
    }
    picture
}

/// The mean of several pictures: a shutter that was open while things moved.
pub fn mean(pictures: impl IntoIterator<Item = Exposure>) -> Exposure {
    let mut count = 0.0;
    let mut sum = Exposure::new();
    for picture in pictures {
        count += 1.0;
        if sum.is_empty() {
            sum = picture;
            continue;
        }
        for (sum, value) in sum.iter_mut().zip(picture) {
            *sum = std::array::from_fn(|c| sum[c] + value[c]);
        }
    }
    sum.iter_mut().for_each(|pixel| *pixel = pixel.map(|v| v / count));
    sum
}

/// The picture with pixels that wandered by `deviation_px` (one standard deviation along each axis), neighbours alike.
pub fn wobbled(picture: &Exposure, width: usize, deviation_px: f32, random: &mut impl Rng) -> Exposure {
    let height = picture.len() / width;
    // The sum of sines of a random phase has half a variance each.
    let amplitude = deviation_px * (2.0 / WAVES as f32).sqrt();
    let mut waves = || -> [[f32; 3]; WAVES] {
        std::array::from_fn(|_| {
            let angle = random.random_range(0.0..std::f32::consts::TAU);
            let per_px = std::f32::consts::TAU / random.random_range(WAVE_PX);
            [per_px * angle.cos(), per_px * angle.sin(), random.random_range(0.0..std::f32::consts::TAU)]
        })
    };
    let axes = [waves(), waves()];
    let shift = |axis: usize, x: f32, y: f32| {
        amplitude * axes[axis].iter().map(|[kx, ky, phase]| (kx * x + ky * y + phase).sin()).sum::<f32>()
    };
    let at = |x: usize, y: usize| picture[y.min(height - 1) * width + x.min(width - 1)];
    (0..picture.len())
        .map(|index| {
            let (x, y) = ((index % width) as f32, (index / width) as f32);
            let from = [x + shift(0, x, y), y + shift(1, x, y)].map(|v| v.max(0.0));
            let [column, row] = from.map(|v| v as usize);
            let (right, below) = (from[0] - column as f32, from[1] - row as f32);
            let [a, b, c, d] =
                [at(column, row), at(column + 1, row), at(column, row + 1), at(column + 1, row + 1)];
            std::array::from_fn(|i| {
                (1.0 - below) * ((1.0 - right) * a[i] + right * b[i])
                    + below * ((1.0 - right) * c[i] + right * d[i])
            })
        })
        .collect()
}

/// The image that a camera makes of it: with the lens's blur (px) and the sensor's noise (grey levels), one standard
/// deviation each.
pub fn develop(
    picture: &Exposure,
    camera: &PinholeCamera,
    blur_px: f32,
    noise: f32,
    random: &mut impl Rng,
) -> RgbImage {
    let width = camera.width as usize;
    let blurred = blurred(picture, width, blur_px);
    let mut pixels = Vec::with_capacity(blurred.len() * 3);
    for value in blurred.as_flattened() {
        // The sum of four dice is near enough to a bell; its deviation is 2·73.9 sides.
        let dice = random.next_u32().to_le_bytes().map(u16::from).iter().sum::<u16>();
        let dice = f32::from(dice) - 510.0;
        pixels.push((value + noise / 147.8 * dice + 0.5).clamp(0.0, 255.0) as u8);
    }
    // Never of another size: three values a pixel.
    RgbImage::from_raw(camera.width, camera.height, pixels).unwrap_or_default()
}

/// Blurs along rows and columns. The border's pixels are repeated.
fn blurred(picture: &Exposure, width: usize, blur_px: f32) -> Exposure {
    let reach = (2.5 * blur_px).ceil() as usize;
    let weight = |d: usize| (-((d * d) as f32) / (2.0 * blur_px * blur_px)).exp();
    let beside: f32 = (1..=reach).map(weight).sum();
    let weights: Vec<f32> =
        (0..=2 * reach).map(|at| weight(at.abs_diff(reach)) / (1.0 + 2.0 * beside)).collect();
    // Whole lines are added to whole lines: fast, since that is done many numbers at a time.
    let add = |sum: &mut [[f32; 3]], weight: f32, line: &[[f32; 3]]| {
        for (sum, value) in sum.as_flattened_mut().iter_mut().zip(line.as_flattened()) {
            *sum += weight * value;
        }
    };
    let mut along = vec![[0.0; 3]; picture.len()];
    let mut padded = Vec::with_capacity(width + 2 * reach);
    for (line, sum) in picture.chunks_exact(width).zip(along.chunks_exact_mut(width)) {
        padded.clear();
        padded.extend(std::iter::repeat_n(line[0], reach));
        padded.extend_from_slice(line);
        padded.extend(std::iter::repeat_n(line[width - 1], reach));
        for (offset, weight) in weights.iter().enumerate() {
            add(sum, *weight, &padded[offset..offset + width]);
        }
    }
    let mut both = vec![[0.0; 3]; picture.len()];
    let last = picture.len() / width - 1;
    for (row, sum) in both.chunks_exact_mut(width).enumerate() {
        for (offset, weight) in weights.iter().enumerate() {
            let from = (row + offset).saturating_sub(reach).min(last);
            add(sum, *weight, &along[from * width..(from + 1) * width]);
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_body;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn camera() -> PinholeCamera {
        PinholeCamera::new((50.0, 50.0), (29.5, 19.5), (60, 40)).unwrap()
    }

    #[test]
    fn what_is_nearer_covers_and_the_rest_is_background() {
        let background = vec![[9.0, 9.0, 9.0]; 60 * 40];
        let bodies = [
            test_body(0.1, [200, 0, 0], Pose::translation(0.0, 0.0, 1.0)),
            test_body(0.2, [0, 200, 0], Pose::translation(0.0, 0.0, 2.0)),
        ];
        let picture = draw(&bodies, &camera(), &Pose::identity(), background);
        let [red, green, _] = picture[19 * 60 + 29];
        assert!(red > 90.0 && green == 0.0, "{red} {green}");
        assert_eq!(picture[0], [9.0, 9.0, 9.0]);
    }

    #[test]
    fn noise_and_blur_have_their_deviations() {
        let camera = camera();
        let flat = vec![[100.0; 3]; 60 * 40];
        let image = develop(&flat, &camera, 0.7, 2.0, &mut ChaCha8Rng::seed_from_u64(1));
        let values: Vec<f64> = image.as_raw().iter().map(|v| f64::from(*v)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!((mean - 100.0).abs() < 0.15 && (deviation - 2.0).abs() < 0.1, "{mean} {deviation}");
        let mut point = vec![[0.0; 3]; 60 * 40];
        point[20 * 60 + 30] = [1.0; 3];
        let spread = blurred(&point, 60, 0.7);
        let variance: f32 =
            spread.iter().enumerate().map(|(i, p)| ((i % 60) as f32 - 30.0).powi(2) * p[0]).sum();
        assert!((spread.iter().map(|p| p[0]).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((variance.sqrt() - 0.7).abs() < 0.03, "{}", variance.sqrt());
    }
}

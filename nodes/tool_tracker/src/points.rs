use crate::{
    equations::weight,
    pixel::{Pixel, between, difference, dot, norm_squared},
};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::Window;
use nalgebra::Vector6;
use pulp::Arch;

/// A pixel of a drawing as a point in space with its colour and the drawing's slope there.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    /// In the camera's frame at the pose at which the drawing was made, metres.
    pub position: [f32; 3],
    pub colour: Pixel,
    /// Change of colour from one pixel to the next.
    pub along_x: Pixel,
    pub along_y: Pixel,
}

/// How pixels move with the tool's pose, in the camera's axes and about the tool's origin.
#[derive(Clone, Copy)]
pub(crate) struct Motion {
    focal_px: [f32; 2],
    origin: [f32; 3],
}

impl Motion {
    pub fn new(camera: &PinholeCamera, camera_from_tool: &Pose) -> Self {
        let origin = camera_from_tool.translation.vector.cast::<f32>().into();
        Self { focal_px: [camera.fx_px as f32, camera.fy_px as f32], origin }
    }

    /// The pixel's change with a twist of the tool (rotation, translation; two zeros fill the vector
    /// registers), for a point of the tool: `∂u/∂ξ`, `∂v/∂ξ`.
    #[inline(always)]
    pub fn of_pixel(&self, position: [f32; 3]) -> ([f32; 8], [f32; 8]) {
        let near = 1.0 / position[2];
        let (ux, vy) = (self.focal_px[0] * near, self.focal_px[1] * near);
        let (uz, vz) = (-ux * position[0] * near, -vy * position[1] * near);
        let p: [f32; 3] = std::array::from_fn(|i| position[i] - self.origin[i]);
        // ∂X/∂ω = −[p]×, ∂X/∂v = I.
        let du = [uz * p[1], ux * p[2] - uz * p[0], -ux * p[1], ux, 0.0, uz, 0.0, 0.0];
        let dv = [-vy * p[2] + vz * p[1], -vz * p[0], vy * p[0], 0.0, vy, vz, 0.0, 0.0];
        (du, dv)
    }
}

/// A blurred picture in a window, and which of its pixels count.
pub(crate) struct Picture<'a> {
    pub image: &'a [Pixel],
    pub valid: &'a [bool],
    pub camera: &'a PinholeCamera,
    pub window: Window,
    /// A difference of this size counts half, levels.
    pub half_weight: f32,
}

impl Picture<'_> {
    /// Compares the points of a drawing made at the pose `drawn`, moved along to the pose `moved`, with the
    /// picture where they come to lie: their mean squared difference and the descent direction. The drawing is not
    /// made again, so this holds for small moves.
    pub fn compare(&self, points: &[Point], drawn: &Pose, moved: &Pose) -> (f64, Vector6<f64>) {
        struct Job<'a, 'b>(&'a Picture<'b>, &'a [Point], &'a Pose, &'a Pose);
        impl pulp::NullaryFnOnce for Job<'_, '_> {
            type Output = (f64, Vector6<f64>);
            #[inline(always)]
            fn call(self) -> Self::Output {
                self.0.compare_wide(self.1, self.2, self.3)
            }
        }
        Arch::new().dispatch(Job(self, points, drawn, moved))
    }

    #[inline(always)]
    fn compare_wide(&self, points: &[Point], drawn: &Pose, moved: &Pose) -> (f64, Vector6<f64>) {
        let motion = Motion::new(self.camera, drawn);
        let step = moved * drawn.inverse();
        let turn = step.rotation.to_rotation_matrix().matrix().cast::<f32>();
        let shift = step.translation.vector.cast::<f32>();
        let Window { x_px, y_px, width, height } = self.window;
        let (fx, fy) = (self.camera.fx_px as f32, self.camera.fy_px as f32);
        let cx = (self.camera.cx_px - f64::from(x_px)) as f32;
        let cy = (self.camera.cy_px - f64::from(y_px)) as f32;
        let (last_x, last_y) = ((width - 1) as f32, (height - 1) as f32);
        let mut descent = [0f64; 8];
        let (mut energy, mut count) = (0f64, 0u32);
        // Sums of many floats are taken in parts, so that none is lost beside a large one.
        for part in points.chunks(128) {
            let mut part_descent = [0f32; 8];
            let mut part_energy = 0f32;
            for point in part {
                let [x, y, z] = point.position;
                let to: [f32; 3] = std::array::from_fn(|i| {
                    turn[(i, 0)] * x + turn[(i, 1)] * y + turn[(i, 2)] * z + shift[i]
                });
                let near = 1.0 / to[2];
                let (u, v) = (fx * to[0] * near + cx, fy * to[1] * near + cy);
                if !(u >= 0.0 && v >= 0.0 && u < last_x && v < last_y) {
                    continue;
                }
                let (column, row) = (u as usize, v as usize);
                let (right, below) = (u - column as f32, v - row as f32);
                let at = row * width + column;
                let nearest = at + usize::from(right > 0.5) + if below > 0.5 { width } else { 0 };
                if !self.valid[nearest] {
                    continue;
                }
                let seen = between(self.image, width, at, [right, below]);
                let missing = difference(seen, point.colour);
                let squared = norm_squared(missing);
                let weight = weight(squared, self.half_weight);
                part_energy += weight * squared;
                count += 1;
                let (du, dv) = motion.of_pixel(point.position);
                let (xr, yr) = (weight * dot(point.along_x, missing), weight * dot(point.along_y, missing));
                for j in 0..8 {
                    part_descent[j] -= du[j] * xr + dv[j] * yr;
                }
            }
            energy += f64::from(part_energy);
            descent.iter_mut().zip(part_descent).for_each(|(sum, value)| *sum += f64::from(value));
        }
        (energy / f64::from(count.max(1)), Vector6::from_fn(|i, _| descent[i]))
    }
}

use crate::{
    equations::weight,
    pixel::{Pixel, between, difference, dot, norm_squared},
};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::Window;
use nalgebra::{Matrix6, Vector6};
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
    /// Products of these, `xx`, `xy` and `yy`, and of each with what the picture has more than the drawing, all weighted.
    pub steepness: [f32; 3],
    pub pull: [f32; 2],
}

/// Points, by eights: what is done alike with all of them is done with a vector register of them at once.
#[derive(Default)]
pub(crate) struct Points {
    eights: Vec<Eight>,
    count: usize,
}

/// A number of each point.
type Lanes = [f32; LANES];
const LANES: usize = 8;

/// The sum of all lanes.
#[inline(always)]
fn total(lanes: &Lanes) -> f64 {
    lanes.iter().map(|lane| f64::from(*lane)).sum()
}

/// Sums of many floats are taken in parts of so many eights, so that none is lost beside a large one.
const PART: usize = 16;

#[derive(Clone, Copy)]
struct Eight {
    position: [Lanes; 3],
    colours: [Pixel; LANES],
    along_x: [Pixel; LANES],
    along_y: [Pixel; LANES],
    steepness: [Lanes; 3],
    pull: [Lanes; 2],
}

impl Eight {
    /// Any points, at which no division is by 0 and which weigh nothing.
    const BLANK: Self = {
        let (black, nothing) = ([[0.0; 4]; LANES], [0.0; LANES]);
        Self {
            position: [[1.0; LANES]; 3],
            colours: black,
            along_x: black,
            along_y: black,
            steepness: [nothing; 3],
            pull: [nothing; 2],
        }
    };
}

impl Points {
    pub fn clear(&mut self) {
        self.eights.clear();
        self.count = 0;
    }

    #[inline(always)]
    pub fn push(&mut self, point: Point) {
        let lane = self.count % LANES;
        if lane == 0 {
            self.eights.push(Eight::BLANK);
        }
        self.count += 1;
        if let Some(eight) = self.eights.last_mut() {
            let set = |lanes: &mut [Lanes], values: &[f32]| {
                lanes.iter_mut().zip(values).for_each(|(lanes, value)| lanes[lane] = *value);
            };
            set(&mut eight.position, &point.position);
            set(&mut eight.steepness, &point.steepness);
            set(&mut eight.pull, &point.pull);
            eight.colours[lane] = point.colour;
            eight.along_x[lane] = point.along_x;
            eight.along_y[lane] = point.along_y;
        }
    }
}

/// How pixels move with the tool's pose, in the camera's axes and about the tool's origin.
#[derive(Clone, Copy)]
struct Motion {
    focal_px: [f32; 2],
    origin: [f32; 3],
}

impl Motion {
    fn new(camera: &PinholeCamera, camera_from_tool: &Pose) -> Self {
        let origin = camera_from_tool.translation.vector.cast::<f32>().into();
        Self { focal_px: [camera.fx_px as f32, camera.fy_px as f32], origin }
    }

    /// The pixel's change with a twist of the tool (rotation, translation) for a point of the tool: `∂u/∂ξ`, `∂v/∂ξ`.
    #[inline(always)]
    fn of_pixel(&self, position: [f32; 3]) -> [[f32; 6]; 2] {
        let near = 1.0 / position[2];
        let (ux, vy) = (self.focal_px[0] * near, self.focal_px[1] * near);
        let (uz, vz) = (-ux * position[0] * near, -vy * position[1] * near);
        let p: [f32; 3] = std::array::from_fn(|i| position[i] - self.origin[i]);
        // ∂X/∂ω = −[p]×, ∂X/∂v = I.
        let du = [uz * p[1], ux * p[2] - uz * p[0], -ux * p[1], ux, 0.0, uz];
        let dv = [-vy * p[2] + vz * p[1], -vz * p[0], vy * p[0], 0.0, vy, vz];
        [du, dv]
    }
}

impl Points {
    /// The normal equations at the pose at which the points were drawn: the Hessian, and minus the gradient of half the
    /// weighted sum of squares.
    #[inline(always)]
    pub fn equations(&self, camera: &PinholeCamera, camera_from_tool: &Pose) -> (Matrix6<f64>, Vector6<f64>) {
        let motion = Motion::new(camera, camera_from_tool);
        let mut hessian = [[0f64; 6]; 6];
        let mut descent = [0f64; 6];
        for part in self.eights.chunks(PART) {
            let mut part_hessian = [[[0f32; LANES]; 6]; 6];
            let mut part_descent = [[0f32; LANES]; 6];
            for Eight { position, steepness, pull, .. } in part {
                let (mut du, mut dv) = ([[0f32; LANES]; 6], [[0f32; LANES]; 6]);
                for i in 0..LANES {
                    let [of_u, of_v] = motion.of_pixel([position[0][i], position[1][i], position[2][i]]);
                    for j in 0..6 {
                        (du[j][i], dv[j][i]) = (of_u[j], of_v[j]);
                    }
                }
                // Moving the tool by +d moves the drawing by +d: ∂drawing/∂ξ = −∇·∂pixel/∂ξ.
                for j in 0..6 {
                    for i in 0..LANES {
                        part_descent[j][i] -= du[j][i] * pull[0][i] + dv[j][i] * pull[1][i];
                    }
                }
                for row in 0..6 {
                    let (mut mu, mut mv) = ([0f32; LANES], [0f32; LANES]);
                    for i in 0..LANES {
                        mu[i] = steepness[0][i] * du[row][i] + steepness[1][i] * dv[row][i];
                        mv[i] = steepness[1][i] * du[row][i] + steepness[2][i] * dv[row][i];
                    }
                    for column in row..6 {
                        for i in 0..LANES {
                            part_hessian[row][column][i] += mu[i] * du[column][i] + mv[i] * dv[column][i];
                        }
                    }
                }
            }
            for row in 0..6 {
                descent[row] += total(&part_descent[row]);
                for column in row..6 {
                    hessian[row][column] += total(&part_hessian[row][column]);
                }
            }
        }
        let upper = |i: usize, j: usize| hessian[i.min(j)][i.max(j)];
        (Matrix6::from_fn(upper), Vector6::from(descent))
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
    /// picture where they come to lie: their mean squared difference (infinite if none lies on it) and the descent direction. The drawing is not
    /// made again, so this holds for small moves.
    pub fn compare(&self, points: &Points, drawn: &Pose, moved: &Pose) -> (f64, Vector6<f64>) {
        struct Job<'a, 'b>(&'a Picture<'b>, &'a Points, &'a Pose, &'a Pose);
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
    fn compare_wide(&self, points: &Points, drawn: &Pose, moved: &Pose) -> (f64, Vector6<f64>) {
        let step = moved * drawn.inverse();
        let turn: [[f32; 3]; 3] =
            step.rotation.to_rotation_matrix().matrix().transpose().cast::<f32>().into();
        let shift: [f32; 3] = step.translation.vector.cast::<f32>().into();
        let origin: [f32; 3] = drawn.translation.vector.cast::<f32>().into();
        let (fx, fy) = (self.camera.fx_px as f32, self.camera.fy_px as f32);
        let cx = (self.camera.cx_px - f64::from(self.window.x_px)) as f32;
        let cy = (self.camera.cy_px - f64::from(self.window.y_px)) as f32;
        let mut descent = [0f64; 6];
        let (mut energy, mut count) = (0f64, 0u32);
        let mut left = points.count;
        for part in points.eights.chunks(PART) {
            let mut part_descent = [[0f32; LANES]; 6];
            let mut part_energy = 0f32;
            for eight in part {
                let [x, y, z] = &eight.position;
                let (mut u, mut v) = ([0f32; LANES], [0f32; LANES]);
                for i in 0..LANES {
                    let to = |row: usize| {
                        turn[row][0] * x[i] + turn[row][1] * y[i] + turn[row][2] * z[i] + shift[row]
                    };
                    let near = 1.0 / to(2);
                    u[i] = fx * to(0) * near + cx;
                    v[i] = fy * to(1) * near + cy;
                }
                // By how much brightness pulls each point to the right and down.
                let (mut right, mut down) = ([0f32; LANES], [0f32; LANES]);
                for i in 0..left.min(LANES) {
                    let Some(seen) = self.colour([u[i], v[i]]) else { continue };
                    let missing = difference(seen, eight.colours[i]);
                    let squared = norm_squared(missing);
                    let weight = weight(squared, self.half_weight);
                    part_energy += weight * squared;
                    count += 1;
                    right[i] = weight * dot(eight.along_x[i], missing);
                    down[i] = weight * dot(eight.along_y[i], missing);
                }
                left = left.saturating_sub(LANES);
                // Pulls in the picture are forces in space, which turn the tool about its origin.
                for i in 0..LANES {
                    let near = 1.0 / z[i];
                    let (force_x, force_y) = (fx * near * right[i], fy * near * down[i]);
                    let force_z = -(force_x * x[i] + force_y * y[i]) * near;
                    let [px, py, pz] = [x[i] - origin[0], y[i] - origin[1], z[i] - origin[2]];
                    part_descent[0][i] -= py * force_z - pz * force_y;
                    part_descent[1][i] -= pz * force_x - px * force_z;
                    part_descent[2][i] -= px * force_y - py * force_x;
                    part_descent[3][i] -= force_x;
                    part_descent[4][i] -= force_y;
                    part_descent[5][i] -= force_z;
                }
            }
            energy += f64::from(part_energy);
            for (sum, lanes) in descent.iter_mut().zip(&part_descent) {
                *sum += total(lanes);
            }
        }
        let mean = if count == 0 { f64::INFINITY } else { energy / f64::from(count) };
        (mean, Vector6::from(descent))
    }

    /// The colour at a place in the window; `None` outside and where the nearest pixel does not count.
    #[inline(always)]
    fn colour(&self, [u, v]: [f32; 2]) -> Option<Pixel> {
        let Window { width, height, .. } = self.window;
        if !(u >= 0.0 && v >= 0.0 && u < (width - 1) as f32 && v < (height - 1) as f32) {
            return None;
        }
        let (column, row) = (u as i32 as usize, v as i32 as usize);
        let (right, below) = (u - column as f32, v - row as f32);
        let at = row * width + column;
        let nearest = at + usize::from(right > 0.5) + if below > 0.5 { width } else { 0 };
        self.valid[nearest].then(|| between(self.image, width, at, [right, below]))
    }
}

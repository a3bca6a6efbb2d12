use crate::{
    pixel::{Area, Pixel, change_squared, difference, dot, half_difference, norm_squared},
    points::{Point, Points},
    synthesis::Synthesis,
};
use dreamitate_geometry::{PinholeCamera, Pose};
use dreamitate_render::Window;
use nalgebra::{Matrix6, Vector6};
use pulp::Arch;

/// Differences count up to this in the energy, levels: what covers the tool must not decide.
pub(crate) const ENERGY_CAP: f32 = 120.0;
/// Outside the outline larger differences are something else: the object held, the other tool.
const OUTSIDE_CAP: f32 = 110.0;
/// How much a pixel of the untracked part counts when poses are compared; it never moves them.
pub(crate) const UNTRACKED_WEIGHT: f32 = 0.25;
/// How much it counts, when poses are compared, that a drawing explains the picture better than one colour inside its
/// outline would: any patch of the tool's colour looks like a side of the tool on which nothing is printed.
pub(crate) const STRUCTURE_WEIGHT: f64 = 0.4;
/// A drawing that is flatter than this at a pixel says nothing about motion, squared levels a pixel.
const MIN_GRADIENT_SQUARED: f32 = 16.0;
/// A drawing whose colours spread by less is of one colour, levels.
const PLAIN: f64 = 40.0;
/// Fewer pixels inside the outline are no tool.
const MIN_INSIDE: u32 = 20;

/// A drawing compared with a picture, both blurred: the normal equations of the twist that brings them together,
/// and how far apart they are.
pub(crate) struct NormalEquations {
    pub hessian: Matrix6<f64>,
    /// Minus the gradient of half the weighted sum of squares.
    pub descent: Vector6<f64>,
    /// RMS colour difference over the outline and its surroundings, levels.
    pub energy: f64,
    /// Mean colour difference inside the outline, levels.
    pub residual: f64,
    /// By how much the drawing explains the picture better than the photo alone does: a difference of sums of squares.
    pub gain: f64,
    /// Pixels compared.
    pub count: f64,
    /// The part of what differs from the photo inside the outline that the drawing explains; below 0 if the photo
    /// explains more.
    pub explained: f64,
    /// The part of what differs inside the outline from one colour that the drawing explains; below 0 if one colour explains
    /// more. 1 for a drawing that is itself of hardly more than one colour.
    pub structured: f64,
    /// Mean squared difference of one channel inside and around the outline.
    pub variance: f64,
}

/// What is behind the tool: a whole picture, blurred as the others are.
#[derive(Clone, Copy)]
pub(crate) struct Background<'a> {
    pub picture: &'a [Pixel],
    pub width: usize,
    /// The window's first column and row.
    pub corner: [i32; 2],
}

impl Background<'_> {
    /// The colour behind a pixel of the window that is inside the picture.
    #[inline(always)]
    fn at(&self, x: usize, y: usize) -> Pixel {
        let [x, y] =
            [(x, self.corner[0]), (y, self.corner[1])].map(|(at, first)| (at as i32 + first) as usize);
        self.picture[y * self.width + x]
    }
}

/// What is compared, in one window.
pub(crate) struct Comparison<'a> {
    pub image: &'a [Pixel],
    pub painted: &'a [Pixel],
    pub background: Background<'a>,
    pub valid: &'a [bool],
    /// Pixels that look as much like a glove as like the tool: they move the pose and say nothing for it.
    pub silent: &'a [bool],
    pub drawing: &'a Synthesis,
    pub camera: &'a PinholeCamera,
    pub window: Window,
    pub area: Area,
    /// A difference of this size counts half, levels.
    pub half_weight: f32,
    /// Of each row every so many pixels become points, a power of two.
    pub point_step: usize,
}

/// A comparison to be made as wide as the processor allows.
struct Job<'a, 'b, const MOVES: bool>(&'a Comparison<'b>, &'a Pose, &'a mut Points);

impl<const MOVES: bool> pulp::NullaryFnOnce for Job<'_, '_, MOVES> {
    type Output = Option<NormalEquations>;
    #[inline(always)]
    fn call(self) -> Self::Output {
        self.0.sum::<MOVES>(self.1, self.2)
    }
}

impl Comparison<'_> {
    /// Sets up the equations at the pose at which the drawing was made, and keeps the pixels that take part as
    /// `points`. `None` where too little of the tool is seen.
    pub fn linearise(&self, camera_from_tool: &Pose, points: &mut Points) -> Option<NormalEquations> {
        Arch::new().dispatch(Job::<true>(self, camera_from_tool, points))
    }

    /// The same without what moves the pose: neither equations, which are 0, nor points.
    pub fn judge(&self, camera_from_tool: &Pose) -> Option<NormalEquations> {
        Arch::new().dispatch(Job::<false>(self, camera_from_tool, &mut Points::default()))
    }

    #[inline(always)]
    fn sum<const MOVES: bool>(
        &self,
        camera_from_tool: &Pose,
        points: &mut Points,
    ) -> Option<NormalEquations> {
        let Self { image, painted, background, valid, silent, drawing, window, .. } = *self;
        let width = window.width;
        let first = [
            (f64::from(window.x_px) - self.camera.cx_px) / self.camera.fx_px,
            (f64::from(window.y_px) - self.camera.cy_px) / self.camera.fy_px,
        ]
        .map(|v| v as f32);
        let step = [1.0 / self.camera.fx_px as f32, 1.0 / self.camera.fy_px as f32];
        points.clear();
        let (mut energy, mut count) = (0f64, 0u32);
        let (mut inside_sum, mut inside_count) = (0f64, 0u32);
        let (mut gain, mut inside_before, mut inside_after) = (0f64, 0f64, 0f64);
        let (mut colour_sum, mut colour_squares) = ([0f64; 4], 0f64);
        let (mut drawn_sum, mut drawn_squares) = ([0f64; 4], 0f64);
        for y in self.area.y0.max(1)..self.area.y1.min(window.height - 1) {
            let (mut row_energy, mut row_inside) = (0f32, 0f32);
            let (mut row_gain, mut row_before, mut row_after) = (0f32, 0f32, 0f32);
            let (mut row_sum, mut row_squares): (Pixel, f32) = ([0.0; 4], 0.0);
            let (mut row_drawn, mut row_drawn_squares): (Pixel, f32) = ([0.0; 4], 0.0);
            for x in self.area.x0.max(1)..self.area.x1.min(width - 1) {
                let at = y * width + x;
                let nearness = drawing.nearness[at];
                if drawing.hides(at) && valid[at] {
                    let before = change_squared(image[at], background.at(x, y)).min(ENERGY_CAP * ENERGY_CAP);
                    let after = norm_squared(difference(image[at], painted[at])).min(ENERGY_CAP * ENERGY_CAP);
                    row_gain += UNTRACKED_WEIGHT * (before - after);
                    continue;
                }
                if nearness == 0.0 || !valid[at] {
                    continue;
                }
                let missing = difference(image[at], painted[at]);
                let squared = norm_squared(missing);
                let inside = drawing.coverage[at] > 0;
                if !inside && squared > OUTSIDE_CAP * OUTSIDE_CAP {
                    continue;
                }
                let capped = squared.min(ENERGY_CAP * ENERGY_CAP);
                row_energy += capped;
                count += 1;
                if inside && !silent[at] {
                    row_sum = std::array::from_fn(|c| row_sum[c] + image[at][c]);
                    row_squares += norm_squared(image[at]);
                    row_drawn = std::array::from_fn(|c| row_drawn[c] + painted[at][c]);
                    row_drawn_squares += norm_squared(painted[at]);
                    let before = change_squared(image[at], background.at(x, y)).min(ENERGY_CAP * ENERGY_CAP);
                    row_gain += before - capped;
                    row_inside += capped.sqrt();
                    row_before += before;
                    row_after += capped;
                    inside_count += 1;
                }
                if !MOVES || (x + y) & (self.point_step - 1) != 0 {
                    continue;
                }
                let along_x = half_difference(painted[at + 1], painted[at - 1]);
                let along_y = half_difference(painted[at + width], painted[at - width]);
                let (xx, yy) = (norm_squared(along_x), norm_squared(along_y));
                if xx + yy < MIN_GRADIENT_SQUARED {
                    continue;
                }
                let depth = 1.0 / nearness;
                let position =
                    [(first[0] + x as f32 * step[0]) * depth, (first[1] + y as f32 * step[1]) * depth, depth];
                let weight = weight(squared, self.half_weight);
                let steepness = [xx, dot(along_x, along_y), yy].map(|product| weight * product);
                let pull = [along_x, along_y].map(|slope| weight * dot(slope, missing));
                points.push(Point { position, colour: painted[at], along_x, along_y, steepness, pull });
            }
            energy += f64::from(row_energy);
            inside_sum += f64::from(row_inside);
            gain += f64::from(row_gain);
            colour_sum.iter_mut().zip(row_sum).for_each(|(sum, value)| *sum += f64::from(value));
            colour_squares += f64::from(row_squares);
            drawn_sum.iter_mut().zip(row_drawn).for_each(|(sum, value)| *sum += f64::from(value));
            drawn_squares += f64::from(row_drawn_squares);
            inside_before += f64::from(row_before);
            inside_after += f64::from(row_after);
        }
        if inside_count < MIN_INSIDE {
            return None;
        }
        let mean = energy / f64::from(count);
        // What differs inside the outline from one colour all over.
        let spread = |squares: f64, sum: [f64; 4]| {
            squares - sum.iter().map(|sum| sum * sum).sum::<f64>() / f64::from(inside_count)
        };
        let structure = spread(colour_squares, colour_sum);
        let is_plain = spread(drawn_squares, drawn_sum) < f64::from(inside_count) * PLAIN * PLAIN;
        gain += STRUCTURE_WEIGHT * (structure - inside_after);
        let (hessian, descent) = if MOVES {
            let (hessian, descent) = points.equations(self.camera, camera_from_tool);
            // Each point stands for so many pixels.
            let pixels = self.point_step as f64;
            (pixels * hessian, pixels * descent)
        } else {
            (Matrix6::zeros(), Vector6::zeros())
        };
        Some(NormalEquations {
            hessian,
            descent,
            energy: mean.sqrt(),
            residual: inside_sum / f64::from(inside_count),
            gain,
            count: f64::from(count),
            explained: 1.0 - inside_after / inside_before.max(1.0),
            structured: if is_plain { 1.0 } else { 1.0 - inside_after / structure.max(1.0) },
            variance: mean / 3.0,
        })
    }
}

/// The weight of a squared colour difference (Geman and McClure's, but for a square).
#[inline(always)]
pub(crate) fn weight(squared: f32, half_weight: f32) -> f32 {
    1.0 / (1.0 + squared / (half_weight * half_weight))
}

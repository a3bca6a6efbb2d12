use crate::{
    appearance::{Appearance, distance},
    blur::blur,
    levels::{Levels, Scale},
    synthesis::Synthesis,
};
use dreamitate_geometry::{PinholeCamera, Pose, Twist6, perturbed, relative_twist};
use dreamitate_render::{ToolModel, Window};
use nalgebra::{Matrix6, Point3, Vector6};

/// A picture in which a tool is sought.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub tool: &'a ToolModel,
    pub camera: &'a PinholeCamera,
    pub frame: &'a Levels,
    /// The photo: what is behind the tool.
    pub background: &'a Levels,
}

/// One step of the descent from coarse to fine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub scale: Scale,
    /// Blur, in pixels of the scale.
    pub sigma_px: f32,
    pub iterations: usize,
}

/// Blurs of 5, 2.5, 1.5 and 0.8 pixels of the full picture.
pub(crate) const COARSE: Stage = Stage { scale: Scale::Quarter, sigma_px: 1.25, iterations: 6 };
pub(crate) const MIDDLE: Stage = Stage { scale: Scale::Half, sigma_px: 1.25, iterations: 5 };
pub(crate) const FINE: [Stage; 2] = [
    Stage { scale: Scale::Full, sigma_px: 1.5, iterations: 4 },
    Stage { scale: Scale::Full, sigma_px: 0.8, iterations: 5 },
];

/// Where a pose is expected before the picture is seen.
#[derive(Clone, Debug)]
pub(crate) struct Prior {
    pub camera_from_tool: Pose,
    /// Inverse covariance of the twist from it, camera axes.
    pub information: Matrix6<f64>,
}

/// A pose that the descent ended in.
#[derive(Clone, Debug)]
pub(crate) struct Refined {
    pub pose: Pose,
    /// RMS colour difference over the outline and its surroundings, levels.
    pub energy: f64,
    /// Mean colour difference inside the outline, levels.
    pub residual: f64,
    pub information: Matrix6<f64>,
    pub visible_fraction: f64,
}

/// Differences count up to this in the energy, levels: what covers the tool must not decide.
const ENERGY_CAP: f32 = 120.0;
/// Outside the outline larger differences are something else: the object held, the other tool.
const OUTSIDE_CAP: f32 = 110.0;
/// The surroundings of the outline that take part, pixels of the full picture.
const SURROUND_PX: f32 = 5.0;
/// Room for the outline to move within a stage, pixels of its scale.
const ROOM_PX: i32 = 6;
/// Largest step of one iteration.
const MAX_TURN_RAD: f64 = 0.12;
const MAX_SHIFT_M: f64 = 0.02;
/// Smaller steps end a stage.
const SETTLED_RAD: f64 = 1e-4;
const SETTLED_M: f64 = 3e-5;
/// Neighbouring pixels err together (the mesh, the light, the dream's softness), so that far fewer count than
/// there are. Set so that the stated covariance fits the errors on rendered dreams.
const CORRELATED_PIXELS: f64 = 40.0;

/// The buffers of the descent, kept between calls.
#[derive(Default)]
pub(crate) struct Scratch {
    drawing: Synthesis,
    appearance: Appearance,
    sharp: Vec<[f32; 3]>,
    image: Vec<[f32; 3]>,
    background: Vec<[f32; 3]>,
    valid: Vec<bool>,
    painted: Vec<[f32; 3]>,
    blurred: Vec<[f32; 3]>,
}

struct NormalEquations {
    hessian: Matrix6<f64>,
    gradient: Vector6<f64>,
    energy: f64,
    residual: f64,
    /// Mean squared difference of one channel inside and around the outline.
    variance: f64,
}

/// Returns the pose that the descent through `stages` ends in, or `None` where the tool leaves the picture.
pub(crate) fn refine(
    scene: &Scene<'_>,
    start: &Pose,
    stages: &[Stage],
    prior: Option<&Prior>,
    scratch: &mut Scratch,
) -> Option<Refined> {
    let mut pose = *start;
    let mut last = None;
    for stage in stages {
        last = Some(descend(scene, &mut pose, *stage, prior, scratch)?);
    }
    last
}

fn descend(
    scene: &Scene<'_>,
    pose: &mut Pose,
    stage: Stage,
    prior: Option<&Prior>,
    scratch: &mut Scratch,
) -> Option<Refined> {
    let camera = stage.scale.camera(scene.camera);
    let level = scene.frame.at(stage.scale);
    let surround = (SURROUND_PX / stage.scale.factor() as f32).ceil().max(2.0) as usize;
    let margin = surround as i32 + (3.0 * stage.sigma_px).ceil() as i32 + ROOM_PX;
    let window = Window::around(&scene.tool.mesh, &camera, pose, margin)?;
    level.crop_rgb(window, &mut scratch.sharp);
    level.crop_valid(window, &mut scratch.valid);
    scene.background.at(stage.scale).crop_rgb(window, &mut scratch.background);
    scratch.image.clone_from(&scratch.sharp);
    blur(&mut scratch.image, window.width, stage.sigma_px, &mut scratch.blurred);

    let mut best: Option<Refined> = None;
    let mut damping = 1e-3;
    let mut trial = *pose;
    for _ in 0..=stage.iterations {
        let system = linearise(scene, &camera, &trial, window, stage, surround, scratch)?;
        let noise = system.variance.max(16.0) * CORRELATED_PIXELS / f64::from(stage.scale.factor()).powi(2);
        let mut hessian = system.hessian / noise;
        let mut gradient = system.gradient / noise;
        let mut cost = system.energy;
        let information = hessian;
        if let Some(prior) = prior {
            let pull = relative_twist(&trial, &prior.camera_from_tool);
            hessian += prior.information;
            gradient += prior.information * pull;
            // In the energy's units, so that both are weighed alike when poses are compared.
            cost = (cost.powi(2) + pull.dot(&(prior.information * pull)) * PRIOR_LEVELS_SQUARED).sqrt();
        }
        let improves = best.as_ref().is_none_or(|b| cost < b.energy);
        if improves {
            best = Some(Refined {
                pose: trial,
                energy: cost,
                residual: system.residual,
                information,
                visible_fraction: 0.0,
            });
            damping *= 0.5;
        } else {
            damping = (damping * 8.0f64).min(1.0);
        }
        for i in 0..6 {
            hessian[(i, i)] *= 1.0 + damping;
        }
        let step = clamped(hessian.cholesky()?.solve(&gradient));
        trial = perturbed(&trial, &step);
        if step.fixed_rows::<3>(0).norm() < SETTLED_RAD && step.fixed_rows::<3>(3).norm() < SETTLED_M {
            break;
        }
    }
    let mut best = best?;
    *pose = best.pose;
    scratch.drawing.draw(scene.tool, &camera, pose, window);
    best.visible_fraction = scratch.drawing.visible_fraction(level, window);
    Some(best)
}

/// What one squared standard deviation from the prior weighs against squared levels of energy.
const PRIOR_LEVELS_SQUARED: f64 = 4.0;

fn clamped(step: Twist6) -> Twist6 {
    let turn = step.fixed_rows::<3>(0).norm();
    let shift = step.fixed_rows::<3>(3).norm();
    step * (MAX_TURN_RAD / turn.max(1e-12)).min(MAX_SHIFT_M / shift.max(1e-12)).min(1.0)
}

/// Draws the tool at a pose and compares.
fn linearise(
    scene: &Scene<'_>,
    camera: &PinholeCamera,
    pose: &Pose,
    window: Window,
    stage: Stage,
    surround: usize,
    scratch: &mut Scratch,
) -> Option<NormalEquations> {
    let Scratch { drawing, appearance, sharp, image, background, valid, painted, blurred } = scratch;
    let width = window.width;
    drawing.draw(scene.tool, camera, pose, window);
    appearance.fit(scene.tool.facets.list(), drawing, sharp, valid, width);
    drawing.paint(&appearance.colours, background, width, painted);
    blur(painted, width, stage.sigma_px, blurred);
    drawing.grow(width, surround);

    let k = 25.0 * (1.0 + 0.3 * stage.sigma_px * stage.scale.factor() as f32);
    let origin: Point3<f64> = pose.translation.vector.into();
    let mut hessian = Matrix6::zeros();
    let mut gradient = Vector6::zeros();
    let (mut energy, mut count) = (0f64, 0u32);
    let (mut inside_sum, mut inside_count) = (0f64, 0u32);
    for y in 1..window.height - 1 {
        let mut row_hessian = [0f32; 21];
        let mut row_gradient = [0f32; 6];
        for x in 1..width - 1 {
            let at = y * width + x;
            let depth = drawing.depth_m[at];
            if depth == 0.0 || !valid[at] {
                continue;
            }
            let residual: [f32; 3] = std::array::from_fn(|c| image[at][c] - painted[at][c]);
            let size = distance(image[at], painted[at]);
            let inside = drawing.coverage[at] > 0;
            if !inside && size > OUTSIDE_CAP {
                continue;
            }
            let counted = f64::from(size.min(ENERGY_CAP)).powi(2);
            energy += counted;
            count += 1;
            if inside {
                inside_sum += f64::from(size.min(ENERGY_CAP));
                inside_count += 1;
            }
            let weight = 1.0 / (1.0 + (size / k).powi(2));
            // Structure tensor of the drawing and its product with the difference, over the channels.
            let (mut xx, mut xy, mut yy, mut xr, mut yr) = (0f32, 0f32, 0f32, 0f32, 0f32);
            for c in 0..3 {
                let gx = 0.5 * (painted[at + 1][c] - painted[at - 1][c]);
                let gy = 0.5 * (painted[at + width][c] - painted[at - width][c]);
                xx += gx * gx;
                xy += gx * gy;
                yy += gy * gy;
                xr += gx * residual[c];
                yr += gy * residual[c];
            }
            if xx + yy < 1.0 {
                continue;
            }
            // The point seen at this pixel, and how the pixel moves with the pose.
            let (fx, fy) = (camera.fx_px as f32, camera.fy_px as f32);
            let nx = ((window.x_px + x as i32) as f32 - camera.cx_px as f32) / fx;
            let ny = ((window.y_px + y as i32) as f32 - camera.cy_px as f32) / fy;
            let (ux, uz) = (fx / depth, -fx * nx / depth);
            let (vy, vz) = (fy / depth, -fy * ny / depth);
            let p = [nx * depth - origin.x as f32, ny * depth - origin.y as f32, depth - origin.z as f32];
            // ∂X/∂ω = −[p]×, ∂X/∂v = I.
            let du = [-uz * -p[1], ux * p[2] - uz * p[0], -ux * p[1], ux, 0.0, uz];
            let dv = [-vy * p[2] + vz * p[1], -vz * p[0], vy * p[0], 0.0, vy, vz];
            let mut next = 0;
            for i in 0..6 {
                // Moving the tool by +d moves the drawing by +d: ∂drawing/∂ξ = −∇·∂pixel/∂ξ.
                row_gradient[i] -= weight * (du[i] * xr + dv[i] * yr);
                let (mu, mv) = (weight * (du[i] * xx + dv[i] * xy), weight * (du[i] * xy + dv[i] * yy));
                for j in i..6 {
                    row_hessian[next] += mu * du[j] + mv * dv[j];
                    next += 1;
                }
            }
        }
        let mut next = 0;
        for i in 0..6 {
            gradient[i] += f64::from(row_gradient[i]);
            for j in i..6 {
                hessian[(i, j)] += f64::from(row_hessian[next]);
                next += 1;
            }
        }
    }
    if inside_count < 20 {
        return None;
    }
    hessian.fill_lower_triangle_with_upper_triangle();
    Some(NormalEquations {
        hessian,
        gradient,
        energy: (energy / f64::from(count)).sqrt(),
        residual: inside_sum / f64::from(inside_count),
        variance: energy / f64::from(count) / 3.0,
    })
}

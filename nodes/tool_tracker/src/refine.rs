use crate::{
    appearance::Appearance,
    blur::{blur, reach_px},
    equations::{Background, Comparison},
    levels::{Levels, Scale},
    look::Shot,
    pixel::{Area, Pixel, distance},
    points::{Picture, Points},
    synthesis::Synthesis,
};
use dreamitate_geometry::{PinholeCamera, Pose, Twist6, perturbed, relative_twist};
use dreamitate_render::{ToolModel, Window};
use nalgebra::Matrix6;

/// A picture in which a tool is sought.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub tool: &'a ToolModel,
    /// Its facets' printed colours in the clip's light.
    pub printed: &'a [Pixel],
    pub camera: &'a PinholeCamera,
    pub frame: &'a Levels,
    /// What is behind the tool.
    pub shot: &'a Shot,
}

/// One step of the descent from coarse to fine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub scale: Scale,
    /// Blur, in pixels of the scale.
    pub sigma_px: f32,
    /// How often the tool is drawn anew.
    pub drawings: usize,
    /// How often one drawing is moved along.
    pub moves: usize,
    /// Whether it is asked how well the last drawing's pose is known.
    pub informs: bool,
}

/// Blurs of 5, 2.5, 1.5 and 0.8 pixels of the full picture.
pub(crate) const COARSE: Stage =
    Stage { scale: Scale::Quarter, sigma_px: 1.25, drawings: 2, moves: 3, informs: false };
/// How well a start fits as it is, or nearly.
pub(crate) const GLANCE: Stage = Stage { drawings: 0, moves: 0, ..COARSE };
pub(crate) const MIDDLE: Stage =
    Stage { scale: Scale::Half, sigma_px: 1.25, drawings: 1, moves: 4, informs: false };
pub(crate) const FINE: [Stage; 2] = [
    Stage { scale: Scale::Half, sigma_px: 0.75, drawings: 1, moves: 4, informs: true },
    Stage { scale: Scale::Full, sigma_px: 0.8, drawings: 1, moves: 4, informs: true },
];

/// Where a pose is expected before the picture is seen.
#[derive(Clone, Debug)]
pub(crate) struct Prior {
    pub camera_from_tool: Pose,
    /// Inverse covariance of the twist from it, camera axes.
    pub information: Matrix6<f64>,
}

impl Prior {
    /// The twist from a pose to the expected one.
    fn pull(&self, camera_from_tool: &Pose) -> Twist6 {
        relative_twist(camera_from_tool, &self.camera_from_tool)
    }

    /// How far a pose is from the expected one, squared standard deviations.
    pub fn strain(&self, camera_from_tool: &Pose) -> f64 {
        let pull = self.pull(camera_from_tool);
        pull.dot(&(self.information * pull))
    }
}

/// A pose that the descent ended in.
#[derive(Clone, Debug)]
pub(crate) struct Refined {
    pub pose: Pose,
    /// Where the picture alone, without the prior, would have it: what views tell each other must not be what each has heard
    /// from the others.
    pub unheld: Pose,
    /// RMS colour difference over the outline and its surroundings, levels.
    pub energy: f64,
    /// By how much it explains the picture better than the photo alone does, a difference of sums of squares; only for
    /// comparing poses in one picture at one scale.
    pub gain: f64,
    /// The part of what changed inside the outline that it explains.
    pub explained: f64,
    /// The part of what differs inside the outline from one colour that it explains; 1 for a tool of one colour.
    pub structured: f64,
    /// Mean colour difference inside the outline, levels.
    pub residual: f64,
    pub information: Matrix6<f64>,
    pub visible_fraction: f64,
}

/// The surroundings of the outline that take part, pixels of the full picture.
const SURROUND_PX: f32 = 5.0;
/// Room for the outline to move within a stage, pixels of its scale.
const ROOM_PX: i32 = 4;
/// Largest step of one iteration.
const MAX_TURN_RAD: f64 = 0.12;
const MAX_SHIFT_M: f64 = 0.02;
/// Smaller steps end a stage.
const SETTLED_RAD: f64 = 1e-4;
const SETTLED_M: f64 = 3e-5;
/// A drawing that was moved by no more is as good as one made there, pixels of the scale.
const SAME_PX: f64 = 0.4;
/// What is farther than this from the drawing is unlike it, levels.
const UNLIKE_DRAWN: f32 = 45.0;
/// Neighbouring pixels err together (the mesh, the light, the dream's softness), so that far fewer count than
/// there are. Set so that the stated covariance fits the errors on rendered dreams.
const CORRELATED_PIXELS: f64 = 40.0;

/// The buffers of the descent, kept between calls.
#[derive(Default)]
pub(crate) struct Scratch {
    drawing: Synthesis,
    appearance: Appearance,
    sharp: Vec<[u8; 4]>,
    image: Vec<Pixel>,
    background: Vec<[u8; 4]>,
    beside: Vec<bool>,
    before: Vec<bool>,
    bare: Vec<bool>,
    silent: Vec<bool>,
    valid: Vec<bool>,
    painted: Vec<Pixel>,
    blurred: Vec<Pixel>,
    points: Points,
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
    for (index, stage) in stages.iter().enumerate() {
        // What a pose is worth is asked of the last stage only.
        let judge = index + 1 == stages.len();
        let refined = descend(scene, &pose, *stage, judge, prior, scratch)?;
        pose = refined.pose;
        last = Some(refined);
    }
    last
}

/// Draws the tool, moves the drawing along until it fits best, and draws again where it came to lie.
fn descend(
    scene: &Scene<'_>,
    start: &Pose,
    stage: Stage,
    judge: bool,
    prior: Option<&Prior>,
    scratch: &mut Scratch,
) -> Option<Refined> {
    let camera = stage.scale.camera(scene.camera);
    let level = scene.frame.at(stage.scale);
    let surround = (SURROUND_PX / stage.scale.factor() as f32).ceil().max(2.0) as usize;
    let reach = reach_px(stage.sigma_px);
    let window = Window::around(&scene.tool.mesh, &camera, start, (surround + reach) as i32 + ROOM_PX)?;
    let (width, height) = (window.width, window.height);
    let half_weight = 25.0 * (1.0 + 0.3 * stage.sigma_px * stage.scale.factor() as f32);
    // A full picture has more points than a move needs.
    let point_step = if stage.scale == Scale::Full { 2 } else { 1 };
    let Scratch {
        drawing,
        appearance,
        sharp,
        image,
        background,
        beside,
        before,
        bare,
        silent,
        valid,
        painted,
        blurred,
        points,
    } = scratch;
    level.crop_rgb(window, sharp);
    level.crop_valid(window, &level.masks.hands, beside);
    level.crop_valid(window, &level.masks.shades, before);
    level.crop_valid(window, &level.masks.gloves, bare);
    scene.shot.photo.levels.at(stage.scale).crop_rgb(window, background);
    image.clear();
    image.extend(sharp.iter().map(|colour| colour.map(f32::from)));
    blur(image, width, Area::whole(width, height), stage.sigma_px, blurred);

    let mut best: Option<Refined> = None;
    let mut damping = 1e-3;
    let mut trial = *start;
    for drawn in 0..=stage.drawings {
        let is_last = drawn == stage.drawings;
        if is_last && !judge {
            return best.map(|best| Refined { pose: trial, unheld: trial, ..best });
        }
        if !drawing.draw(scene.tool, &camera, &trial, window) {
            break;
        }
        // A shade is the table's, and a hand's where the tool should be.
        valid.clone_from(beside);
        for at in drawing.area.rows(width).flatten() {
            valid[at] &= before[at] || (drawing.coverage[at] == 0 && !drawing.hides(at));
        }
        appearance.fit(scene.printed, drawing, sharp, valid, width);
        let surroundings = drawing.area.grown(surround + 1, width, height);
        let area = surroundings.grown(reach, width, height);
        drawing.paint(&appearance.colours, background, width, area, painted);
        // Where a glove may be that has a colour of the tool: what is unlike the drawing is the glove's, and what is like it
        // may be either's.
        silent.clear();
        silent.resize(width * height, false);
        for at in drawing.area.rows(width).flatten().filter(|at| !bare[*at] && drawing.coverage[*at] > 0) {
            if distance(painted[at], sharp[at].map(f32::from)) > UNLIKE_DRAWN {
                valid[at] = false;
            } else {
                silent[at] = scene.shot.look.came_with_tools(sharp[at]);
            }
        }
        blur(painted, width, area, stage.sigma_px, blurred);
        drawing.grow(width, surround as u8, surroundings);
        let compared = Comparison {
            image,
            painted,
            background: Background {
                picture: scene.shot.photo.blurred(&stage),
                width: level.width,
                corner: [window.x_px, window.y_px],
            },
            valid,
            silent,
            drawing,
            camera: &camera,
            window,
            area: surroundings,
            half_weight,
            point_step,
        };
        let system = if is_last && !stage.informs {
            compared.judge(&trial)
        } else {
            compared.linearise(&trial, points)
        };
        let Some(system) = system else { break };

        let noise = system.variance.max(16.0) * CORRELATED_PIXELS / f64::from(stage.scale.factor()).powi(2);
        let information = system.hessian / noise;
        // In the energy's units, so that both are weighed alike when poses are compared.
        let strain = prior.map_or(0.0, |prior| prior.strain(&trial));
        let energy = (system.energy.powi(2) + strain * PRIOR_LEVELS_SQUARED).sqrt();
        if best.as_ref().is_none_or(|best| energy < best.energy) {
            let unheld = prior.and_then(|prior| {
                let pulled = information + FAINT * prior.information + held(scene.tool, &trial);
                Some(pulled.cholesky()?.solve(&(system.descent / noise)))
            });
            best = Some(Refined {
                pose: trial,
                unheld: unheld.map_or(trial, |step| perturbed(&trial, &clamped(step))),
                energy,
                gain: system.gain - strain * PRIOR_LEVELS_SQUARED * system.count,
                explained: system.explained,
                structured: system.structured,
                residual: system.residual,
                information,
                visible_fraction: drawing
                    .visible_fraction(scene.tool, &camera, &trial, window, |at| valid[at] && !silent[at]),
            });
            damping *= 0.5;
        } else {
            damping = (damping * 8.0f64).min(1.0);
        }
        if is_last {
            break;
        }

        let tie = prior.map_or_else(Matrix6::zeros, |prior| prior.information) + held(scene.tool, &trial);
        let mut hessian = information + tie;
        for i in 0..6 {
            hessian[(i, i)] *= 1.0 + damping;
        }
        let solver = hessian.cholesky()?;
        let picture = Picture { image, valid, camera: &camera, window, half_weight };
        let made_at = trial;
        let pull = |pose: &Pose| prior.map_or_else(Twist6::zeros, |prior| prior.pull(pose));
        let mut descent = system.descent / noise + tie * pull(&trial);
        let mut least = f64::INFINITY;
        for _ in 0..stage.moves {
            let step = clamped(solver.solve(&descent));
            let next = perturbed(&trial, &step);
            let settled =
                step.fixed_rows::<3>(0).norm() < SETTLED_RAD && step.fixed_rows::<3>(3).norm() < SETTLED_M;
            let (difference, uphill) = picture.compare(points, &made_at, &next);
            if difference >= least {
                break;
            }
            least = difference;
            trial = next;
            if settled {
                break;
            }
            descent = uphill * (point_step as f64 / noise) + tie * pull(&trial);
        }
        // A drawing that hardly moved need not be made again.
        if let Some(best) = best.as_mut().filter(|best| best.pose == made_at)
            && moved_px(scene.tool, &camera, &made_at, &trial) <= SAME_PX
        {
            best.pose = trial;
            if prior.is_none() {
                best.unheld = trial;
            }
            break;
        }
    }
    best
}

/// Whether a gain, which may be negative, is at least so large a `part` of the best one.
pub(crate) fn is_nearly(gain: f64, best: f64, part: f64) -> bool {
    best - gain <= (1.0 - part) * best.abs()
}

/// How far a move takes the tool's pixels at most, or nearly.
fn moved_px(tool: &ToolModel, camera: &PinholeCamera, from: &Pose, to: &Pose) -> f64 {
    let shift_m = (to.translation.vector - from.translation.vector).norm();
    let turn_m = from.rotation.angle_to(&to.rotation) * tool.radius_m();
    camera.fx_px * (shift_m + turn_m) / from.translation.z
}

/// Holds a round tool's turn about its axis, which no picture shows: a step along it, which means nothing, would else
/// be the longest.
fn held(tool: &ToolModel, camera_from_tool: &Pose) -> Matrix6<f64> {
    /// Thousandths of a radian.
    const INFORMATION: f64 = 1e6;
    let mut held = Matrix6::zeros();
    if let Some(axis) = tool.config.symmetry.and_then(|symmetry| symmetry.round_about()) {
        let axis = camera_from_tool.rotation * axis.into_inner();
        held.fixed_view_mut::<3, 3>(0, 0).copy_from(&(INFORMATION * axis * axis.transpose()));
    }
    held
}

/// What is left of the prior where a pose is freed of it, so that what the picture says nothing about stays.
const FAINT: f64 = 1.0 / 30.0;

/// What one squared standard deviation from the prior weighs against squared levels of energy.
const PRIOR_LEVELS_SQUARED: f64 = 4.0;

fn clamped(step: Twist6) -> Twist6 {
    let turn = step.fixed_rows::<3>(0).norm();
    let shift = step.fixed_rows::<3>(3).norm();
    step * (MAX_TURN_RAD / turn.max(1e-12)).min(MAX_SHIFT_M / shift.max(1e-12)).min(1.0)
}

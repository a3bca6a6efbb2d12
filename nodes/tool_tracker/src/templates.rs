use crate::{
    appearance::mixed,
    equations::{ENERGY_CAP, STRUCTURE_WEIGHT, UNTRACKED_WEIGHT},
    levels::{Level, Scale},
    pixel::{change_squared, distance, norm_squared},
    refine::Scene,
    synthesis::{NOTHING, draw_facets},
};
use dreamitate_geometry::{PinholeCamera, Pose, Symmetry};
use dreamitate_render::{ToolModel, Window};
use nalgebra::{Rotation2, Unit, UnitQuaternion, Vector2, Vector3};

/// Turns about the line of sight.
const TURNS: usize = 24;
/// Directions in which the tool leans, at each lean but none.
const LEANS: usize = 8;
const LEAN_STEP_DEG: f64 = 20.0;
/// Attitudes of a symmetric tool that are nearer than this look alike: less than half a step.
const ALIKE_RAD: f64 = 0.1;
/// Distances tried, as parts of the distance to the table.
const DISTANCES: [f64; 3] = [0.98, 0.88, NEAREST];
const NEAREST: f64 = 0.78;
/// Offsets of a drawing from a region's centre, pixels of the quarter picture.
const OFFSETS: [i32; 3] = [-3, 0, 3];
/// Of each drawing every so many pixels are compared first, and so many drawings are looked at closely.
const ROUGH_STEP: usize = 3;
const ROUGH_KEPT: usize = 160;
/// A drawing of which the picture shows less says nothing.
const MIN_SEEN: f32 = 0.5;

/// A drawing of the tool at one attitude and distance, small.
struct Template {
    /// Attitude relative to the line of sight.
    ray_from_tool: UnitQuaternion<f64>,
    distance: f64,
    /// Pixels relative to the tool's origin, and the facet that each shows.
    pixels: Vec<(i16, i16, u8)>,
    /// Their mean; and that of the tracked ones, if not all are.
    middles: Vec<[i32; 2]>,
}

/// Drawings of a tool at all attitudes that its `facing` allows.
pub(crate) struct TemplateBank {
    templates: Vec<Template>,
    camera: PinholeCamera,
    table_distance_m: f64,
}

impl TemplateBank {
    /// `camera` is that of the quarter-size picture.
    pub fn new(tool: &ToolModel, camera: PinholeCamera, table_distance_m: f64) -> Self {
        let mut templates: Vec<Template> = Vec::new();
        for leaning in leaning_attitudes(tool) {
            let Some(drawing) = Drawing::of(tool, &camera, leaning, NEAREST * table_distance_m) else {
                continue;
            };
            for turn in 0..TURNS {
                let turn_rad = turn as f64 / TURNS as f64 * std::f64::consts::TAU;
                let ray_from_tool = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), turn_rad) * leaning;
                // Of attitudes that look alike, one.
                let looks_alike = |symmetry: &Symmetry| {
                    templates.iter().any(|other| {
                        let other = &other.ray_from_tool;
                        symmetry.nearest_rotation(&ray_from_tool, other).angle_to(other) < ALIKE_RAD
                    })
                };
                if tool.config.symmetry.as_ref().is_some_and(looks_alike) {
                    continue;
                }
                templates.extend(DISTANCES.map(|part| {
                    let distance = part * table_distance_m;
                    let pixels = drawing.moved(&camera, turn_rad, distance);
                    let mut middles = vec![middle(pixels.iter())];
                    if tool.untracked.is_some() {
                        let first_untracked = tool.facets.list().len() as u8;
                        middles.push(middle(pixels.iter().filter(|(.., facet)| *facet < first_untracked)));
                    }
                    Template { ray_from_tool, distance, pixels, middles }
                }));
            }
        }
        Self { templates, camera, table_distance_m }
    }

    /// Returns the `most` best poses (camera from tool) near a pixel of the quarter picture, best first, no two
    /// alike.
    pub fn best_poses(&self, scene: &Scene<'_>, centre: [f32; 2], most: usize) -> Vec<Pose> {
        let level = scene.frame.at(Scale::Quarter);
        let seen = seen(level, scene.shot.photo.levels.at(Scale::Quarter));
        let mut sums = Vec::new();
        let mut score = |template: &Template, at: [i32; 2], step: usize| {
            template.gain(scene, level, &seen, at, step, &mut sums).map(|gain| -gain)
        };
        // A drawing's middle, not the tool's origin, belongs on the region's centre.
        let on_centre = |middle: [i32; 2], [dx, dy]: [i32; 2]| {
            [centre[0] as i32 + dx - middle[0], centre[1] as i32 + dy - middle[1]]
        };
        // All drawings where the region is, by few of their pixels; the best of them beside it, by all.
        let places = self.templates.iter().enumerate().flat_map(|(index, template)| {
            template.middles.iter().map(move |middle| (index, template, *middle))
        });
        let mut rough: Vec<(f32, usize, [i32; 2])> = places
            .filter_map(|(index, template, middle)| {
                let score = score(template, on_centre(middle, [0, 0]), ROUGH_STEP)?;
                Some((score, index, middle))
            })
            .collect();
        rough.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        rough.truncate(ROUGH_KEPT);
        let mut scored: Vec<(f32, usize, [i32; 2])> = Vec::new();
        for (_, index, middle) in rough {
            let template = &self.templates[index];
            for offset in OFFSETS.iter().flat_map(|dy| OFFSETS.map(|dx| [dx, *dy])) {
                let at = on_centre(middle, offset);
                scored.extend(score(template, at, 1).map(|score| (score, index, at)));
            }
        }
        scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut poses: Vec<Pose> = Vec::new();
        for (_, index, at) in scored {
            let pose = self.pose(&self.templates[index], at);
            let differs = |other: &Pose| {
                other.rotation.angle_to(&pose.rotation) > 0.3
                    || (other.translation.vector - pose.translation.vector).norm()
                        > 0.06 * self.table_distance_m
            };
            if poses.iter().all(differs) {
                poses.push(pose);
                if poses.len() == most {
                    break;
                }
            }
        }
        poses
    }

    /// The pose of a template drawn at a pixel: turned along with the line of sight.
    fn pose(&self, template: &Template, at: [i32; 2]) -> Pose {
        let direction = self.camera.direction(&[f64::from(at[0]), f64::from(at[1])].into());
        let camera_from_ray = UnitQuaternion::rotation_between(&Vector3::z(), &direction)
            .unwrap_or_else(UnitQuaternion::identity);
        // The distance along the optical axis is kept, and so is the size.
        let position = direction * (template.distance / direction.z);
        Pose::from_parts(position.into(), camera_from_ray * template.ray_from_tool)
    }
}

/// What a pixel adds to the sums over a facet: its red, green and blue, their squares, 1, and by how much it changed against
/// the photo, squared; nothing where a hand is. Two zeros fill the vector registers.
type Share = [f32; 8];

fn seen(level: &Level, photo: &Level) -> Vec<Share> {
    let share = |at: usize| {
        let colour = level.colour(at);
        let [r, g, b, _] = colour;
        let change = change_squared(colour, photo.colour(at)).min(ENERGY_CAP * ENERGY_CAP);
        let share = [r, g, b, norm_squared(colour), 1.0, change, 0.0, 0.0];
        if level.masks.shades[at] { [0.0; 8] } else { share }
    };
    (0..level.rgb.len()).map(share).collect()
}

impl Template {
    /// By how much the drawing, each facet in the picture's colour, explains the picture better than the photo does:
    /// a difference of sums of squares, over every `step`th pixel.
    fn gain(
        &self,
        scene: &Scene<'_>,
        level: &Level,
        seen: &[Share],
        at: [i32; 2],
        step: usize,
        sums: &mut Vec<Share>,
    ) -> Option<f32> {
        sums.clear();
        sums.resize(scene.printed.len(), [0.0; 8]);
        for &(dx, dy, facet) in self.pixels.iter().step_by(step) {
            let Some(i) = level.index(at[0] + i32::from(dx), at[1] + i32::from(dy)) else { continue };
            let Some(sum) = sums.get_mut(usize::from(facet)) else { continue };
            *sum = std::array::from_fn(|part| sum[part] + seen[i][part]);
        }
        let (mut gain, mut seen) = (0f32, 0f32);
        let (mut sum_all, mut squares, mut explained, mut count) = ([0f32; 3], 0f32, 0f32, 0f32);
        let tracked = scene.tool.facets.list().len();
        for (index, (sum, printed)) in
            sums.iter().zip(scene.printed).enumerate().filter(|(_, (sum, _))| sum[4] > 0.0)
        {
            let n = sum[4];
            let mean = [sum[0] / n, sum[1] / n, sum[2] / n, 0.0];
            let spread = sum[3] - n * (mean[0].powi(2) + mean[1].powi(2) + mean[2].powi(2));
            let after = spread + n * distance(mean, mixed(*printed, Some(mean))).powi(2);
            let weight = if index < tracked { 1.0 } else { UNTRACKED_WEIGHT };
            gain += weight * (sum[5] - after);
            seen += n;
            if index < tracked {
                sum_all = std::array::from_fn(|c| sum_all[c] + sum[c]);
                squares += sum[3];
                explained += after;
                count += n;
            }
        }
        let structure = squares - sum_all.iter().map(|sum| sum * sum).sum::<f32>() / count.max(1.0);
        gain += STRUCTURE_WEIGHT as f32 * (structure - explained);
        (seen * step as f32 > MIN_SEEN * self.pixels.len() as f32).then_some(gain * step as f32)
    }
}

/// The mean of a drawing's pixels.
fn middle<'a>(pixels: impl Iterator<Item = &'a (i16, i16, u8)>) -> [i32; 2] {
    let [x, y, count] =
        pixels.fold([0i32; 3], |[x, y, n], pixel| [x + i32::from(pixel.0), y + i32::from(pixel.1), n + 1]);
    [x / count.max(1), y / count.max(1)]
}

/// A drawing of the tool at one attitude, in front of the camera. Turned about the line of sight and moved along it, the tool
/// looks so nearly the same that such drawings are made of this one.
struct Drawing {
    window: Window,
    facets: Vec<u8>,
    /// The pixel of the tool's origin.
    centre_px: f64,
    focal_px: f64,
    distance_m: f64,
}

impl Drawing {
    /// Twice as sharp as `camera`, so that little is lost. Of what is not tracked only that is drawn which lies in the box of
    /// the tracked part.
    fn of(
        tool: &ToolModel,
        camera: &PinholeCamera,
        ray_from_tool: UnitQuaternion<f64>,
        distance_m: f64,
    ) -> Option<Self> {
        /// Room for a tool of any size.
        const SIZE_PX: u32 = 4096;
        let (focal_px, centre_px) = (2.0 * camera.fx_px, f64::from(SIZE_PX / 2));
        let camera = PinholeCamera {
            fx_px: focal_px,
            fy_px: focal_px,
            cx_px: centre_px,
            cy_px: centre_px,
            width: SIZE_PX,
            height: SIZE_PX,
        };
        let pose = Pose::from_parts(Vector3::new(0.0, 0.0, distance_m).into(), ray_from_tool);
        let window = Window::around(&tool.tracked, &camera, &pose, 1)?;
        let mut nearness = vec![0f32; window.width * window.height];
        let mut facets = vec![NOTHING; nearness.len()];
        draw_facets(tool, &camera, &pose, window, 1, &mut nearness, &mut facets);
        Some(Self { window, facets, centre_px, focal_px, distance_m })
    }

    /// The pixels of `camera` relative to that of the tool's origin, and the facets that they show, after a turn and at
    /// another distance.
    fn moved(&self, camera: &PinholeCamera, turn_rad: f64, distance_m: f64) -> Vec<(i16, i16, u8)> {
        let Window { x_px, y_px, width, height } = self.window;
        let turned = Rotation2::new(turn_rad);
        let nearer = self.distance_m / distance_m / self.focal_px;
        let scale = Vector2::new(camera.fx_px, camera.fy_px) * nearer;
        let first = Vector2::new(f64::from(x_px), f64::from(y_px)).add_scalar(-self.centre_px);
        let size = Vector2::new(width as f64, height as f64);
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
            .map(|part| (turned * (first + size.component_mul(&Vector2::from(part)))).component_mul(&scale));
        let range = |axis: usize| {
            let values = corners.map(|corner| corner[axis]);
            let low = values.iter().copied().fold(f64::INFINITY, f64::min).floor() as i16;
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil() as i16;
            low..=high
        };
        let mut pixels = Vec::new();
        for y in range(1) {
            for x in range(0) {
                let here = Vector2::new(f64::from(x), f64::from(y)).component_div(&scale);
                let there = (turned.inverse() * here - first).map(f64::round);
                let inside = there.x >= 0.0 && there.y >= 0.0 && there.x < size.x && there.y < size.y;
                if inside {
                    let facet = self.facets[there.y as usize * width + there.x as usize];
                    if facet != NOTHING {
                        pixels.push((x, y, facet));
                    }
                }
            }
        }
        pixels
    }
}

/// Attitudes of the tool relative to the line of sight: `facing.axis` toward the camera, leaning up to
/// `facing.max_tilt_deg` in all directions.
fn leaning_attitudes(tool: &ToolModel) -> Vec<UnitQuaternion<f64>> {
    let facing = tool.config.facing;
    let to_camera = Vector3::new(0.0, 0.0, -1.0);
    let upright = UnitQuaternion::rotation_between(&Vector3::from(facing.axis), &to_camera)
        .unwrap_or_else(|| UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI));
    let mut attitudes = vec![upright];
    for lean in 1..=(facing.max_tilt_deg / LEAN_STEP_DEG).floor() as usize {
        for direction in 0..LEANS {
            let angle = direction as f64 / LEANS as f64 * std::f64::consts::TAU;
            let axis = Unit::new_normalize(Vector3::new(angle.cos(), angle.sin(), 0.0));
            let lean_rad = (lean as f64 * LEAN_STEP_DEG).to_radians();
            attitudes.push(UnitQuaternion::from_axis_angle(&axis, lean_rad) * upright);
        }
    }
    attitudes
}

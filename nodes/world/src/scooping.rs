//! Scooping: one hand with a scoop takes grains from a full bowl into an empty one.

use crate::{
    Judge, Kind, Mobility, PhysicsOptions, Piece, Scene, Score, Shape, Split, Surface, Thing, ToolPath,
    World, WorldError,
    act::{FIRST_FRAME, LAST_FRAME, about, attitude},
    draw::{Draw, STYLES},
    lists::{Bystanders, Lists, Obstacle, lattice},
    scene,
};
use dreamitate_geometry::Pose;
use dreamitate_scene::lathe;
use image::{Rgb, RgbImage};
use nalgebra::{Point3, Rotation2, SVector, Vector2, Vector3};
use serde::Deserialize;
use std::{
    f64::consts::{FRAC_PI_2, PI, TAU},
    sync::Arc,
};

/// The scene's first things are the full bowl and the empty one.
const FULL: usize = 0;
const EMPTY: usize = 1;
const BOWLS: usize = 2;

/// `config/worlds/scooping.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    physics: PhysicsOptions,
    scene: Placing,
    style: Style,
    score: Limits,
    bowls: Lists<Bowl>,
    grains: Lists<Grain>,
    distractors: Lists<Obstacle>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placing {
    settle_s: f64,
    walls: usize,
    fill: [f64; 2],
    packing: f64,
    count: [usize; 2],
    middle_x_m: [f64; 2],
    bowl_y_m: [f64; 2],
    bowl_gap_m: [f64; 2],
    bowl_friction: f64,
    distractors: [usize; 2],
    distractor_friction: f64,
}

/// How a hand scoops: ranges from which each demonstration draws, and the keys of its way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Style {
    tries: u64,
    good_grains: f64,
    good_spilled_share: f64,
    dig_pitch_deg: [f64; 2],
    carry_pitch_deg: [f64; 2],
    yaw_deg: [f64; 2],
    delay_frames: [f64; 2],
    from_x_m: [f64; 2],
    entry_m: [f64; 2],
    pour_at_m: [f64; 2],
    pour_pitch_deg: f64,
    leave_pitch_deg: f64,
    bottom_frame: f64,
    front_frame: f64,
    leave_frame: f64,
    lifted_frame: f64,
    over_frame: f64,
    tipping_frame: f64,
    poured_frame: f64,
    floor_clearance_m: f64,
    wall_clearance_m: f64,
    rim_clearance_m: f64,
    rim_gap_m: f64,
    carry_over_rim_m: f64,
    wall_m: f64,
    floor_m: f64,
    /// The middle of the lip's lower edge in the tool's frame, and half of its width, metres.
    tool_from_lip_m: [f64; 3],
    lip_half_m: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    least_grains: usize,
    most_spilled_share: f64,
    most_moved_m: f64,
    most_bowl_moved_m: f64,
    most_bowl_tilt_deg: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bowl {
    name: String,
    floor_radius_m: f64,
    top_radius_m: f64,
    height_m: f64,
    mass_kg: f64,
    rgb: [u8; 3],
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grain {
    name: String,
    radius_m: f64,
    density_kg_m3: f64,
    friction: f64,
    rgb: [u8; 3],
}

impl Bowl {
    /// Inner radius at a height.
    fn radius_m(&self, height_m: f64) -> f64 {
        let share = (height_m / self.height_m).clamp(0.0, 1.0);
        self.floor_radius_m + (self.top_radius_m - self.floor_radius_m) * share
    }

    fn volume_m3(&self, height_m: f64) -> f64 {
        let (low, high) = (self.floor_radius_m, self.radius_m(height_m));
        PI * height_m / 3.0 * (low * low + low * high + high * high)
    }

    /// A floor and a ring of leaning walls, whose inner faces meet the radii.
    fn thing(&self, name: &str, at: Vector2<f64>, placing: &Placing, style: &Style) -> Thing {
        let Style { wall_m, floor_m, .. } = style;
        let rise = self.top_radius_m - self.floor_radius_m;
        let lean = rise.atan2(self.height_m);
        let radius_m = (self.floor_radius_m + self.top_radius_m) / 2.0 + wall_m / 2.0 * lean.cos();
        let middle_m = self.height_m / 2.0 - wall_m / 2.0 * lean.sin();
        let half_width_m = self.top_radius_m * (PI / placing.walls as f64).tan();
        let wall = Shape::Box { half_m: [wall_m / 2.0, half_width_m, rise.hypot(self.height_m) / 2.0] };
        let floor = Shape::Cylinder { radius_m: self.floor_radius_m + 0.003, half_length_m: floor_m / 2.0 };
        let mut pieces = vec![Piece::at(floor, 0.0, 0.0, floor_m / 2.0, self.rgb)];
        for index in 0..placing.walls {
            let around = TAU * index as f64 / placing.walls as f64;
            let place = Vector3::new(radius_m * around.cos(), radius_m * around.sin(), middle_m);
            let turn = about(Vector3::z_axis(), around) * about(Vector3::y_axis(), lean);
            let at = Pose::from_parts(place.into(), turn);
            pieces.push(Piece { kind: Some(Kind::Wall), ..Piece::new(wall.clone(), at, self.rgb) });
        }
        Thing {
            name: name.to_owned(),
            world_from_thing: Pose::translation(at.x, at.y, 0.0),
            pieces,
            mobility: Mobility::Free,
            kind: Kind::Object,
            mass_kg: self.mass_kg,
            surface: Surface::sliding(placing.bowl_friction),
            look: Some(Arc::new(self.look(*wall_m, *floor_m))),
        }
    }

    /// The bowl as it is seen: round.
    fn look(&self, wall_m: f64, floor_m: f64) -> dreamitate_render::TexturedMesh {
        let (low, high) = (Point3::origin(), Point3::new(0.0, 0.0, self.height_m));
        // From the middle of the underside out, up, over the rim, down inside and to the middle of the floor.
        let rings = [
            (0.0, 0.0),
            (0.0, self.floor_radius_m + wall_m),
            (self.height_m, self.top_radius_m + wall_m),
            (self.height_m, self.top_radius_m),
            (floor_m, self.floor_radius_m),
            (floor_m, 0.0),
        ];
        let dark = |factor: f64| Rgb(self.rgb.map(|c| (f64::from(c) * factor) as u8));
        let texture =
            RgbImage::from_fn(1, 6, |_, ring| dark([0.7, 0.85, 1.0, 1.0, 0.75, 0.65][ring as usize]));
        lathe(low, high, &rings, texture)
    }
}

/// What this task's scenes have of their own.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    full: Bowl,
    empty: Bowl,
    full_m: Vector2<f64>,
    empty_m: Vector2<f64>,
    distractors: usize,
    grain_radius_m: f64,
    /// Height of the grains' surface over the table; known once they lie.
    level_m: f64,
    style: Style,
    limits: Limits,
}

pub(crate) fn scene(file: &File, seed: u64, split: Split) -> Result<Scene, WorldError> {
    let (placing, style) = (&file.scene, &file.style);
    let bowls = file.bowls.of(split, "bowls")?;
    let grains = file.grains.of(split, "grains")?;
    let kinds = file.distractors.of(split, "distractors")?;
    let mut draw = Draw::new(seed, split.stream());
    let mut found = None;
    for _ in 0..1000 {
        let (full, empty) = (draw.one_of(bowls).clone(), draw.one_of(bowls).clone());
        let grain = draw.one_of(grains).clone();
        let volume_m3 = full.volume_m3(draw.within(placing.fill) * full.height_m);
        let grain_m3 = Shape::Sphere { radius_m: grain.radius_m }.volume_m3();
        let count = (volume_m3 * placing.packing / grain_m3) as usize;
        if full.name == empty.name || count < placing.count[0] || count > placing.count[1] {
            continue;
        }
        let side = draw.sign();
        let apart_m =
            full.top_radius_m + empty.top_radius_m + 2.0 * style.wall_m + draw.within(placing.bowl_gap_m);
        let middle_m = draw.within(placing.middle_x_m);
        let full_m = Vector2::new(middle_m + side * apart_m / 2.0, draw.within(placing.bowl_y_m));
        let empty_m = Vector2::new(middle_m - side * apart_m / 2.0, draw.within(placing.bowl_y_m));
        let mut around: Vec<(Obstacle, Vector2<f64>, f64)> = Vec::new();
        for _ in 0..draw.whole(placing.distractors) {
            let kind = draw.one_of(kinds).clone();
            let yaw = draw.within([-PI, PI]);
            let (radius_m, _) = kind.hull_m();
            for _ in 0..60 {
                let at = Vector2::new(draw.within([-0.25, 0.25]), draw.within([-0.17, 0.18]));
                // The tool's corridor: before and between the bowls.
                let beside = 0.09 + radius_m;
                let (first, last) = (full_m.x.min(empty_m.x) - beside, full_m.x.max(empty_m.x) + beside);
                let in_the_way = (first..last).contains(&at.x) && at.y < full_m.y.max(empty_m.y) + 0.02;
                let near = |bowl: Vector2<f64>, rim_m: f64| (at - bowl).norm() < rim_m + radius_m + 0.02;
                let crowded = around
                    .iter()
                    .any(|(other, place, _)| (at - place).norm() < radius_m + other.hull_m().0 + 0.01);
                if !in_the_way
                    && !near(full_m, full.top_radius_m)
                    && !near(empty_m, empty.top_radius_m)
                    && !crowded
                {
                    around.push((kind, at, yaw));
                    break;
                }
            }
        }
        if around.len() >= placing.distractors[0] {
            found = Some((full, empty, full_m, empty_m, grain, count, around));
            break;
        }
    }
    let (full, empty, full_m, empty_m, grain, count, around) = found.ok_or(WorldError::NoRoom(seed))?;
    let mut things =
        vec![full.thing("full", full_m, placing, style), empty.thing("empty", empty_m, placing, style)];
    for (index, (kind, at, yaw)) in around.iter().enumerate() {
        things.push(kind.thing(format!("distractor{index}"), *at, *yaw, placing.distractor_friction));
    }
    let places = poured(&mut draw, &full, full_m, style.floor_m, grain.radius_m, count);
    let count = places.len();
    if count == 0 {
        return Err(WorldError::NoRoom(seed));
    }
    things.extend(crate::thing::grains(
        &places,
        grain.radius_m,
        grain.density_kg_m3,
        grain.friction,
        grain.rgb,
    ));
    let names: Vec<&str> = around.iter().map(|(kind, ..)| kind.name.as_str()).collect();
    let about =
        format!("{count} {} from {} to {} beside {}", grain.name, full.name, empty.name, names.join(", "));
    let details = Details {
        full,
        empty,
        full_m,
        empty_m,
        distractors: around.len(),
        grain_radius_m: grain.radius_m,
        level_m: 0.0,
        style: style.clone(),
        limits: file.score,
    };
    let mut scene = Scene {
        task: "scooping".to_owned(),
        seed,
        split,
        about,
        things,
        marks: Vec::new(),
        options: file.physics.clone(),
        frame_period_s: 0.0,
        details: scene::Details::Scooping(Box::new(details)),
    };
    scene.settle(placing.settle_s)?;
    let mut heights: Vec<f64> =
        scene.things[BOWLS + around.len()..].iter().map(|t| t.world_from_thing.translation.z).collect();
    heights.sort_by(f64::total_cmp);
    if let scene::Details::Scooping(details) = &mut scene.details {
        let highest = heights[(0.97 * (heights.len() - 1) as f64).round() as usize];
        details.level_m = highest + details.grain_radius_m;
    }
    Ok(scene)
}

/// Grains in layers over a bowl's floor, from which they fall into a heap.
fn poured(
    draw: &mut Draw,
    bowl: &Bowl,
    bowl_m: Vector2<f64>,
    floor_m: f64,
    radius_m: f64,
    count: usize,
) -> Vec<Vector3<f64>> {
    let step = 2.12 * radius_m;
    let reach = (bowl.floor_radius_m / step) as i32 + 2;
    let mut places = Vec::new();
    for layer in 0.. {
        let turn = Rotation2::new(draw.within([0.0, PI]));
        for cell in lattice(reach, step) {
            if cell.norm() + radius_m < bowl.floor_radius_m - 0.001 && places.len() < count {
                let jitter =
                    0.05 * radius_m * Vector2::new(draw.within([-1.0, 1.0]), draw.within([-1.0, 1.0]));
                let at = bowl_m + turn * cell + jitter;
                let height = floor_m + radius_m + 0.0005 + 2.02 * radius_m * f64::from(layer);
                places.push(Vector3::new(at.x, at.y, height));
            }
        }
        if places.len() == count || layer > 1000 {
            break;
        }
    }
    places
}

/// How one demonstration scoops.
struct Scoop {
    dig_rad: f64,
    carry_rad: f64,
    yaw_full_rad: f64,
    yaw_empty_rad: f64,
    delay: f64,
    from_x_m: f64,
    entry_m: f64,
    pour_at_m: f64,
}

/// A place of the lip, and the tool's yaw and pitch.
type Key = SVector<f64, 5>;

/// A curve through keys that never goes beyond them, at rest at both ends (Fritsch and Carlson's cubics).
struct Keyed {
    times: Vec<f64>,
    keys: Vec<Key>,
    slopes: Vec<Key>,
}

impl Keyed {
    fn new(times: Vec<f64>, keys: Vec<Key>) -> Self {
        let mut slopes = vec![Key::zeros(); keys.len()];
        for i in 1..keys.len().saturating_sub(1) {
            let (before, after) = (times[i] - times[i - 1], times[i + 1] - times[i]);
            let (rise, next) = ((keys[i] - keys[i - 1]) / before, (keys[i + 1] - keys[i]) / after);
            let (w1, w2) = (2.0 * after + before, after + 2.0 * before);
            slopes[i] =
                rise.zip_map(&next, |a, b| if a * b > 0.0 { (w1 + w2) / (w1 / a + w2 / b) } else { 0.0 });
        }
        Self { times, keys, slopes }
    }

    fn at(&self, time: f64) -> Key {
        let last = self.times.len() - 1;
        let i = self.times.partition_point(|t| *t <= time).clamp(1, last) - 1;
        let h = self.times[i + 1] - self.times[i];
        let s = ((time - self.times[i]) / h).clamp(0.0, 1.0);
        let (s2, s3) = (s * s, s * s * s);
        (2.0 * s3 - 3.0 * s2 + 1.0) * self.keys[i]
            + (s3 - 2.0 * s2 + s) * h * self.slopes[i]
            + (3.0 * s2 - 2.0 * s3) * self.keys[i + 1]
            + (s3 - s2) * h * self.slopes[i + 1]
    }
}

impl Details {
    pub fn paths(&self, seed: u64) -> impl Iterator<Item = ToolPath> {
        let details = Arc::new(self.clone());
        let mut draw = Draw::new(seed, STYLES);
        (0..self.style.tries).map(move |_| {
            let style = &details.style;
            let scoop = Scoop {
                dig_rad: draw.within(style.dig_pitch_deg).to_radians(),
                carry_rad: draw.within(style.carry_pitch_deg).to_radians(),
                yaw_full_rad: FRAC_PI_2 + draw.within(style.yaw_deg).to_radians(),
                yaw_empty_rad: FRAC_PI_2 + draw.within(style.yaw_deg).to_radians(),
                delay: draw.within(style.delay_frames),
                from_x_m: draw.within(style.from_x_m),
                entry_m: draw.within(style.entry_m),
                pour_at_m: draw.within(style.pour_at_m),
            };
            let keyed = details.keyed(&scoop);
            let lip = Vector3::from(style.tool_from_lip_m);
            Arc::new(move |_: usize, time: f64| {
                let key = keyed.at(time);
                let rotation = attitude(key[3], key[4], 0.0);
                Pose::from_parts((key.fixed_rows::<3>(0) - rotation * lip).into(), rotation)
            }) as ToolPath
        })
    }

    /// How far before a bowl's centre the lip may go at a height: its corners keep off the round wall.
    fn front_m(&self, bowl: &Bowl, height_m: f64) -> f64 {
        let style = &self.style;
        let up = (height_m / bowl.height_m).clamp(0.0, 1.3);
        let keep_off = style.wall_clearance_m + (style.rim_gap_m - style.wall_clearance_m) * up;
        let radius_m = bowl.radius_m(height_m) - keep_off;
        (radius_m * radius_m - style.lip_half_m * style.lip_half_m).max(1e-6).sqrt()
    }

    /// Least height of the lip at a place before the centre, so that the tool's underside passes over the near rim and
    /// keeps off the floor.
    fn least_height_m(&self, bowl: &Bowl, ahead_m: f64, pitch_rad: f64) -> f64 {
        let style = &self.style;
        let over_rim = bowl.height_m + style.rim_clearance_m
            - (ahead_m + bowl.top_radius_m + style.wall_m) * pitch_rad.tan();
        (style.floor_m + style.floor_clearance_m).max(over_rim)
    }

    fn keyed(&self, scoop: &Scoop) -> Keyed {
        let (style, full, empty) = (&self.style, &self.full, &self.empty);
        let Scoop { dig_rad: dig, carry_rad: carry, delay, entry_m: entry, .. } = *scoop;
        let floor_m = style.floor_m + style.floor_clearance_m;
        let mut times = Vec::new();
        let mut keys = Vec::new();
        let mut key = |time: f64, place: Vector2<f64>, height_m: f64, yaw: f64, pitch: f64| {
            times.push(time);
            keys.push(Key::from([place.x, place.y, height_m, yaw, pitch]));
        };
        let ahead = |yaw: f64| Vector2::new(yaw.cos(), yaw.sin());
        let yaw = scoop.yaw_full_rad;
        let into = |ahead_m: f64| self.full_m + ahead_m * ahead(yaw);
        let come = self.full_m + Vector2::new(scoop.from_x_m, -0.10);
        key(FIRST_FRAME, come, full.height_m + 0.12, yaw, 0.5 * dig);
        key(3.0, into(entry - 0.012), full.height_m + 0.035, yaw, dig);
        let least = |ahead_m: f64, pitch: f64| self.least_height_m(full, ahead_m, pitch);
        let surface = (self.level_m + 0.005).max(least(entry - 0.010, dig));
        key(4.0 + delay, into(entry - 0.010), surface, yaw, dig);
        let bottom = floor_m.max(least(entry + 0.004, dig));
        key(style.bottom_frame + delay, into(entry + 0.004), bottom, yaw, dig);
        let low = floor_m.max(least(self.front_m(full, floor_m), dig));
        key(style.front_frame + delay, into(self.front_m(full, low) - 0.001), low, yaw, dig);
        // Up along the front wall, as steep as the near rim allows: the pitch falls, the height follows from it.
        const PARTS: u32 = 5;
        let mut last_m = 0.0;
        for part in 1..=PARTS {
            let share = f64::from(part) / f64::from(PARTS);
            let pitch = dig + (style.leave_pitch_deg.to_radians() - dig) * share;
            let mut height_m = low;
            for _ in 0..5 {
                height_m = low.max(least(self.front_m(full, height_m), pitch));
            }
            last_m = self.front_m(full, height_m);
            let time = style.front_frame + delay + (style.leave_frame - style.front_frame) * share;
            key(time, into(last_m), height_m, yaw, pitch);
        }
        let top_m = full.height_m.max(empty.height_m) + style.carry_over_rim_m;
        key(style.lifted_frame + delay, into(last_m - 0.006), top_m + 0.012, yaw, carry);
        let yaw = scoop.yaw_empty_rad;
        let over = |ahead_m: f64| self.empty_m + (scoop.pour_at_m + ahead_m) * ahead(yaw);
        key(style.over_frame, over(-0.004), top_m + 0.006, yaw, 0.7 * carry);
        key(style.tipping_frame, over(0.0), empty.height_m + 0.010, yaw, 22f64.to_radians());
        for time in [style.poured_frame, LAST_FRAME] {
            key(time, over(0.004), empty.height_m - 0.002, yaw, style.pour_pitch_deg.to_radians());
        }
        Keyed::new(times, keys)
    }

    pub fn good_value(&self) -> f64 {
        self.style.good_grains
    }

    pub fn judge(&self) -> Box<dyn Judge + Send> {
        let beside = Bystanders::new(BOWLS..BOWLS + self.distractors);
        Box::new(Scooped { details: self.clone(), beside })
    }
}

/// Counts grains, and looks whether anything else was touched.
struct Scooped {
    details: Details,
    /// The distractors, and before them the bowls.
    beside: Bystanders,
}

impl Scooped {
    fn distractors(&self) -> std::ops::Range<usize> {
        BOWLS..BOWLS + self.details.distractors
    }

    /// Grains in the empty bowl, grains that are nowhere where they should be, and all grains.
    fn count(&self, world: &World) -> (usize, usize, usize) {
        let inside = |grain: Vector3<f64>, bowl: &Bowl, thing: usize| {
            let off = grain - world.thing(thing).translation.vector;
            off.xy().norm() < bowl.radius_m(off.z) + 0.002 && (0.0..bowl.height_m + 0.004).contains(&off.z)
        };
        let world_from_tool = world.tool(0);
        let held = |grain: Vector3<f64>| {
            let at = world_from_tool.inverse() * Point3::from(grain);
            (0.03..0.115).contains(&at.x) && at.y.abs() < 0.032 && (-0.045..0.01).contains(&at.z)
        };
        let first = self.distractors().end;
        let (mut brought, mut spilled) = (0, 0);
        for index in first..world.thing_count() {
            let grain = world.thing(index).translation.vector;
            // What is still in the scoop is not brought, nor spilled.
            if held(grain) {
                continue;
            }
            let there = inside(grain, &self.details.empty, EMPTY);
            brought += usize::from(there);
            spilled += usize::from(!there && !inside(grain, &self.details.full, FULL));
        }
        (brought, spilled, world.thing_count() - first)
    }

    fn tilt_deg(&self, world: &World) -> f64 {
        let tilt = |bowl: usize| (world.thing(bowl).rotation * Vector3::z()).z.clamp(-1.0, 1.0).acos();
        (0..BOWLS).map(tilt).fold(0.0, f64::max).to_degrees()
    }
}

impl Judge for Scooped {
    fn watch(&mut self, world: &World) {
        self.beside.watch(world);
    }

    fn score(&self, world: &World) -> Score {
        let (brought, spilled, all) = self.count(world);
        let spilled_share = spilled as f64 / all.max(1) as f64;
        let moved_m = self.beside.moved_m(world, self.distractors());
        let (bowl_moved_m, tilt_deg) = (self.beside.moved_m(world, 0..BOWLS), self.tilt_deg(world));
        let limits = self.details.limits;
        let failure = if brought < limits.least_grains {
            Some(format!("{brought} grains in the empty bowl, at least {}", limits.least_grains))
        } else if spilled_share > limits.most_spilled_share {
            Some(format!(
                "spilled {spilled} of {all} grains, at most {:.0} %",
                100.0 * limits.most_spilled_share
            ))
        } else if self.beside.touched {
            Some("touched a thing beside".to_owned())
        } else if moved_m > limits.most_moved_m {
            Some(format!("moved a thing beside by {moved_m:.3} m, at most {}", limits.most_moved_m))
        } else if bowl_moved_m > limits.most_bowl_moved_m {
            Some(format!("moved a bowl by {bowl_moved_m:.3} m, at most {}", limits.most_bowl_moved_m))
        } else if tilt_deg > limits.most_bowl_tilt_deg {
            Some(format!("tipped a bowl by {tilt_deg:.0}°, at most {}°", limits.most_bowl_tilt_deg))
        } else {
            None
        };
        Score {
            success: failure.is_none(),
            figures: vec![("grains", brought as f64), ("spilled_share", spilled_share)],
            failure,
        }
    }

    fn value(&self, world: &World) -> f64 {
        let (brought, spilled, all) = self.count(world);
        let good = spilled as f64 <= self.details.style.good_spilled_share * all as f64;
        if good { brought as f64 } else { brought as f64 - spilled as f64 }
    }
}

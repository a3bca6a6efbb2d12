//! Sweeping: one hand with a sweeper brings grains to a zone on the table, past obstacles.

use crate::{
    Judge, Mark, PhysicsOptions, Scene, Score, Split, ToolPath, World, WorldError,
    act::{FIRST_FRAME, about, attitude, between},
    draw::{Draw, STYLES},
    lists::{Bystanders, Lists, Obstacle, lattice},
    scene,
};
use dreamitate_geometry::Pose;
use nalgebra::{Vector2, Vector3};
use serde::Deserialize;
use std::{
    f64::consts::{FRAC_PI_2, PI},
    sync::Arc,
};

const GRAIN_HEAP: f64 = 0.80;

/// `config/worlds/sweeping.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    physics: PhysicsOptions,
    scene: Placing,
    style: Style,
    score: Limits,
    grains: Lists<Grain>,
    obstacles: Lists<Obstacle>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placing {
    settle_s: f64,
    patch_x_m: [f64; 2],
    patch_y_m: [f64; 2],
    distance_m: [f64; 2],
    heading_deg: [f64; 2],
    most_x_m: f64,
    most_y_m: f64,
    bend_deg: [f64; 2],
    patch_radius_scale: [f64; 2],
    target_half_m: [f64; 2],
    obstacle_gap_m: [f64; 2],
    obstacles: [usize; 2],
    obstacle_friction: f64,
    target_rgb: [u8; 3],
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Style {
    blade_height_m: f64,
    blade_half_m: f64,
    behind_patch_m: f64,
    touch_frame: [f64; 2],
    end_frame: [f64; 2],
    bends_deg: Vec<f64>,
    /// An obstacle nearer than this is worth a longer way.
    comfortable_m: f64,
    least_clearance_m: f64,
    /// How much farther back than the middle of its heap a stroke may end.
    back_m: Vec<f64>,
    ways: usize,
    good_fraction: f64,
    approach_tilt_deg: [f64; 2],
    /// The middle of the blade's lower edge in the tool's frame, metres.
    tool_from_edge_m: [f64; 3],
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    least_fraction: f64,
    most_moved_m: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grain {
    name: String,
    radius_m: f64,
    density_kg_m3: f64,
    friction: f64,
    count: [usize; 2],
    rgb: [u8; 3],
}

/// A round hull on the table.
#[derive(Clone, Copy, Debug)]
struct Round {
    at: Vector2<f64>,
    radius_m: f64,
}

/// What this task's scenes have of their own.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    patch_m: Vector2<f64>,
    patch_radius_m: f64,
    target_m: Vector2<f64>,
    target_yaw_rad: f64,
    target_half_m: [f64; 2],
    /// Length of the heap before the blade, metres.
    heap_m: f64,
    /// The scene's first things; the others are grains.
    obstacles: Vec<Round>,
    style: Style,
    limits: Limits,
}

/// The direction of a heading: 0 is y, away from the operator; positive is to the left.
fn direction(heading_rad: f64) -> Vector2<f64> {
    Vector2::new(-heading_rad.sin(), heading_rad.cos())
}

/// The blade's middle from start to end, by the way along it.
struct Way {
    /// Way, place and heading.
    points: Vec<(f64, Vector2<f64>, f64)>,
}

impl Way {
    const PARTS: usize = 100;

    /// A cubic that leaves and arrives with headings.
    fn new(start: Vector2<f64>, leaves_rad: f64, end: Vector2<f64>, arrives_rad: f64) -> Self {
        let speed = (end - start).norm();
        let (leaving, arriving) = (speed * direction(leaves_rad), speed * direction(arrives_rad));
        let mut points: Vec<(f64, Vector2<f64>, f64)> = Vec::with_capacity(Self::PARTS + 1);
        for part in 0..=Self::PARTS {
            let u = part as f64 / Self::PARTS as f64;
            let (u2, u3) = (u * u, u * u * u);
            let place = (2.0 * u3 - 3.0 * u2 + 1.0) * start
                + (u3 - 2.0 * u2 + u) * leaving
                + (3.0 * u2 - 2.0 * u3) * end
                + (u3 - u2) * arriving;
            let slope = (6.0 * u2 - 6.0 * u) * start
                + (3.0 * u2 - 4.0 * u + 1.0) * leaving
                + (6.0 * u - 6.0 * u2) * end
                + (3.0 * u2 - 2.0 * u) * arriving;
            let heading = (-slope.x).atan2(slope.y);
            let (way, heading) = match points.last() {
                Some((way, before, last)) => {
                    (way + (place - before).norm(), last + crate::act::wrapped(heading - last))
                }
                None => (0.0, heading),
            };
            points.push((way, place, heading));
        }
        Self { points }
    }

    fn length_m(&self) -> f64 {
        self.points[Self::PARTS].0
    }

    fn at(&self, way_m: f64) -> (Vector2<f64>, f64) {
        let after = self.points.partition_point(|(way, ..)| *way < way_m).clamp(1, Self::PARTS);
        let (a, b) = (&self.points[after - 1], &self.points[after]);
        let share = if b.0 > a.0 { ((way_m - a.0) / (b.0 - a.0)).clamp(0.0, 1.0) } else { 0.0 };
        (a.1.lerp(&b.1, share), a.2 + share * (b.2 - a.2))
    }

    /// The least distance between the tool on its way and round hulls: blade and body, in the plane.
    fn clearance_m(&self, obstacles: &[Round], blade_half_m: f64) -> f64 {
        let tool = [(-0.0015, 0.0015, blade_half_m), (-0.106, 0.024, 0.032)];
        let mut least = 1.0f64;
        for (_, place, heading) in self.points.iter().step_by(4) {
            let ahead = direction(*heading);
            for obstacle in obstacles {
                let off = obstacle.at - place;
                let (x, y) = (off.dot(&ahead), ahead.perp(&off));
                for (back, front, half) in tool {
                    let along = (back - x).max(x - front).max(0.0);
                    let across = (y.abs() - half).max(0.0);
                    least = least.min(along.hypot(across) - obstacle.radius_m);
                }
            }
        }
        least
    }
}

impl Details {
    /// From behind the patch into the target, `back_m` before its middle, with a bend to one side.
    fn way(&self, bend_rad: f64, back_m: f64) -> Way {
        let to_target = self.target_m - self.patch_m;
        let straight = (-to_target.x).atan2(to_target.y);
        let (leaves, arrives) = (straight + bend_rad, straight - bend_rad);
        let start = self.patch_m - direction(leaves) * (self.patch_radius_m + self.style.behind_patch_m);
        Way::new(start, leaves, self.target_m - direction(arrives) * back_m, arrives)
    }
}

pub(crate) fn scene(file: &File, seed: u64, split: Split) -> Result<Scene, WorldError> {
    let placing = &file.scene;
    let grains = file.grains.of(split, "grains")?;
    let kinds = file.obstacles.of(split, "obstacles")?;
    let mut draw = Draw::new(seed, split.stream());
    let mut found = None;
    for _ in 0..1000 {
        let grain = draw.one_of(grains).clone();
        let count = draw.whole(grain.count);
        let patch_m = Vector2::new(draw.within(placing.patch_x_m), draw.within(placing.patch_y_m));
        let straight = draw.within(placing.heading_deg).to_radians();
        let target_m = patch_m + draw.within(placing.distance_m) * direction(straight);
        let bend = draw.within(placing.bend_deg).to_radians() * draw.sign();
        let patch_radius_m =
            (count as f64 / GRAIN_HEAP).sqrt() * grain.radius_m * draw.within(placing.patch_radius_scale);
        let mut details = Details {
            patch_m,
            patch_radius_m,
            target_m,
            target_yaw_rad: straight - bend + draw.within([-0.2, 0.2]),
            target_half_m: placing.target_half_m,
            heap_m: count as f64 * (2.0 * grain.radius_m).powi(2) * GRAIN_HEAP / 0.115,
            obstacles: Vec::new(),
            style: file.style.clone(),
            limits: file.score,
        };
        let free = details.way(bend, details.heap_m / 2.0);
        if target_m.x.abs() > placing.most_x_m || target_m.y > placing.most_y_m || free.points[0].1.y < -0.19
        {
            continue;
        }
        let mut obstacles = Vec::new();
        for number in 0..draw.whole(placing.obstacles) {
            let kind = draw.one_of(kinds).clone();
            let yaw = draw.within([-PI, PI]);
            // The first stands on the bend's inner side, the second on its outer.
            let side = if (bend > 0.0) == (number == 0) { -1.0 } else { 1.0 };
            for _ in 0..30 {
                let (place, heading) = free.at(free.length_m() * draw.within([0.25, 0.85]));
                let left = direction(heading + FRAC_PI_2);
                let (radius_m, _) = kind.hull_m();
                let at = if number < 2 {
                    let off = details.style.blade_half_m + radius_m + draw.within(placing.obstacle_gap_m);
                    place + side * off * left
                } else {
                    Vector2::new(draw.within([-0.25, 0.25]), draw.within([-0.15, 0.18]))
                };
                let round = Round { at, radius_m };
                if details.has_room_for(round, &free) {
                    details.obstacles.push(round);
                    obstacles.push((kind, at, yaw));
                    break;
                }
            }
        }
        if obstacles.len() >= placing.obstacles[0] {
            found = Some((grain, count, details, obstacles));
            break;
        }
    }
    let (grain, count, details, obstacles) = found.ok_or(WorldError::NoRoom(seed))?;
    let mut things = Vec::new();
    for (index, (kind, at, yaw)) in obstacles.iter().enumerate() {
        things.push(kind.thing(format!("obstacle{index}"), *at, *yaw, placing.obstacle_friction));
    }
    let places = heap(&mut draw, &details, grain.radius_m, count);
    things.extend(crate::thing::grains(
        &places,
        grain.radius_m,
        grain.density_kg_m3,
        grain.friction,
        grain.rgb,
    ));
    let [across, along] = details.target_half_m;
    let world_from_mark = Pose::from_parts(
        Vector3::new(details.target_m.x, details.target_m.y, 0.0).into(),
        about(Vector3::z_axis(), details.target_yaw_rad),
    );
    let outline = vec![[-across, -along], [across, -along], [across, along], [-across, along]];
    let mark = Mark { world_from_mark, outlines_m: vec![outline], colour: placing.target_rgb };
    let names: Vec<&str> = obstacles.iter().map(|(kind, ..)| kind.name.as_str()).collect();
    let mut scene = Scene {
        task: "sweeping".to_owned(),
        seed,
        split,
        about: format!("{} {} among {}", places.len(), grain.name, names.join(", ")),
        things,
        marks: vec![mark],
        options: file.physics.clone(),
        frame_period_s: 0.0,
        details: scene::Details::Sweeping(Box::new(details)),
    };
    scene.settle(placing.settle_s)?;
    Ok(scene)
}

/// Where grains lie: a round patch of hexagons with gaps, and some on top.
fn heap(draw: &mut Draw, details: &Details, radius_m: f64, count: usize) -> Vec<Vector3<f64>> {
    let step = 2.0 * radius_m * 1.04;
    let reach = (details.patch_radius_m / step) as i32 + 2;
    let mut grid: Vec<Vector2<f64>> = lattice(reach, step).collect();
    grid.sort_by(|a, b| a.norm().total_cmp(&b.norm()));
    let turn = nalgebra::Rotation2::new(draw.within([0.0, PI]));
    let mut places = Vec::new();
    for layer in 0..3 {
        for cell in &grid {
            let reach_m = details.patch_radius_m * (1.0 - 0.25 * f64::from(layer));
            if cell.norm() + radius_m > reach_m || places.len() == count {
                break;
            }
            if layer == 0 && draw.within([0.0, 1.0]) < 0.1 {
                continue;
            }
            let jitter = 0.04 * radius_m * Vector2::new(draw.within([-1.0, 1.0]), draw.within([-1.0, 1.0]));
            let at = details.patch_m + turn * cell + jitter;
            places.push(Vector3::new(at.x, at.y, radius_m + 0.0005 + 2.1 * radius_m * f64::from(layer)));
        }
    }
    places
}

/// How one demonstration sweeps.
#[derive(Clone, Copy)]
struct Sweep {
    touch_frame: f64,
    end_frame: f64,
    from_m: Vector2<f64>,
    tilt_rad: f64,
}

impl Details {
    fn has_room_for(&self, obstacle: Round, free: &Way) -> bool {
        let off = obstacle.at - self.target_m;
        let ahead = direction(self.target_yaw_rad);
        let [across, along] = self.target_half_m;
        let beside = (ahead.perp(&off).abs() - across).max(0.0);
        let to_target = beside.hypot((off.dot(&ahead).abs() - along).max(0.0));
        let apart =
            |other: &Round| (obstacle.at - other.at).norm() > obstacle.radius_m + other.radius_m + 0.01;
        (obstacle.at - self.patch_m).norm() > self.patch_radius_m + obstacle.radius_m + 0.012
            && to_target > obstacle.radius_m + 0.008
            && obstacle.at.x.abs() < 0.26
            && obstacle.at.y.abs() < 0.19
            && self.obstacles.iter().all(apart)
            && free.clearance_m(&[obstacle], self.style.blade_half_m) > 0.014
    }

    /// Short ways first, but a comfortable distance from obstacles is worth a bend.
    pub fn paths(&self, seed: u64) -> impl Iterator<Item = ToolPath> {
        let style = &self.style;
        let mut ranked: Vec<(f64, f64)> = style
            .bends_deg
            .iter()
            .filter_map(|bend| {
                let way = self.way(bend.to_radians(), self.heap_m / 2.0);
                let clearance_m = way.clearance_m(&self.obstacles, style.blade_half_m);
                let cost = bend.abs() + (style.comfortable_m - clearance_m).max(0.0) * 4000.0;
                (clearance_m > style.least_clearance_m).then_some((cost, *bend))
            })
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut draw = Draw::new(seed, STYLES);
        let sweep = Sweep {
            touch_frame: draw.within(style.touch_frame),
            end_frame: draw.within(style.end_frame),
            from_m: Vector2::new(self.patch_m.x * 0.6 + draw.within([-0.04, 0.04]), -0.24),
            tilt_rad: draw.within(style.approach_tilt_deg).to_radians(),
        };
        let details = Arc::new(self.clone());
        let ways = ranked.into_iter().take(style.ways).map(|(_, bend)| bend.to_radians());
        let tries: Vec<_> =
            ways.flat_map(|bend| details.style.back_m.iter().map(move |back_m| (bend, *back_m))).collect();
        tries.into_iter().map(move |(bend, back_m)| {
            let way = details.way(bend, details.heap_m / 2.0 - back_m);
            let details = details.clone();
            Arc::new(move |_: usize, time: f64| details.world_from_tool(&sweep, &way, time)) as ToolPath
        })
    }

    fn world_from_tool(&self, sweep: &Sweep, way: &Way, time: f64) -> Pose {
        let low_m = self.style.blade_height_m;
        if time < sweep.touch_frame {
            // From the operator's side down behind the patch.
            let down = between(time, FIRST_FRAME, sweep.touch_frame);
            let there = between(time, FIRST_FRAME, sweep.touch_frame - 0.25);
            let (start, heading) = way.at(0.0);
            let place = sweep.from_m.lerp(&start, there);
            return self.tool_with_edge_at(
                place,
                heading * there,
                low_m + 0.13 * (1.0 - down),
                sweep.tilt_rad * (1.0 - down),
            );
        }
        let go = (sweep.touch_frame + 0.05).max(4.0);
        let (place, heading) = way.at(way.length_m() * between(time, go, sweep.end_frame));
        self.tool_with_edge_at(place, heading, low_m, 0.0)
    }

    fn tool_with_edge_at(&self, place: Vector2<f64>, heading: f64, height_m: f64, pitch_rad: f64) -> Pose {
        let rotation = attitude(heading + FRAC_PI_2, pitch_rad, 0.0);
        let edge = Vector3::new(place.x, place.y, height_m);
        Pose::from_parts((edge - rotation * Vector3::from(self.style.tool_from_edge_m)).into(), rotation)
    }

    pub fn good_value(&self) -> f64 {
        self.style.good_fraction
    }

    pub fn judge(&self) -> Box<dyn Judge + Send> {
        let obstacles = Bystanders::new(0..self.obstacles.len());
        Box::new(Swept { details: self.clone(), obstacles })
    }
}

/// Looks where grains end, and whether an obstacle was touched.
struct Swept {
    details: Details,
    obstacles: Bystanders,
}

impl Swept {
    fn fraction(&self, world: &World) -> f64 {
        let ahead = direction(self.details.target_yaw_rad);
        let [across, along] = self.details.target_half_m;
        let grains = self.details.obstacles.len()..world.thing_count();
        let count = grains.len();
        let inside = grains.filter(|index| {
            let off = world.thing(*index).translation.vector.xy() - self.details.target_m;
            ahead.perp(&off).abs() < across && off.dot(&ahead).abs() < along
        });
        inside.count() as f64 / count.max(1) as f64
    }
}

impl Judge for Swept {
    fn watch(&mut self, world: &World) {
        self.obstacles.watch(world);
    }

    fn score(&self, world: &World) -> Score {
        let fraction = self.fraction(world);
        let moved_m = self.obstacles.moved_m(world, 0..self.details.obstacles.len());
        let limits = self.details.limits;
        let failure = if fraction < limits.least_fraction {
            Some(format!(
                "{:.0} % in the zone, at least {:.0} %",
                100.0 * fraction,
                100.0 * limits.least_fraction
            ))
        } else if self.obstacles.touched {
            Some("touched an obstacle".to_owned())
        } else if moved_m > limits.most_moved_m {
            Some(format!("moved an obstacle by {moved_m:.3} m, at most {}", limits.most_moved_m))
        } else {
            None
        };
        Score {
            success: failure.is_none(),
            figures: vec![("fraction", fraction), ("obstacle_moved_mm", 1e3 * moved_m)],
            failure,
        }
    }

    fn value(&self, world: &World) -> f64 {
        self.fraction(world)
    }
}

//! Rotation: two hands, each with a tracking box, turn an object on the table counter-clockwise.

use crate::{
    Judge, Kind, Mobility, PhysicsOptions, Piece, Scene, Score, Shape, Split, Surface, Thing, ToolPath,
    World, WorldError,
    act::{about, attitude, between, heading_rad, wrapped},
    draw::{Draw, STYLES, some},
    scene,
};
use dreamitate_geometry::Pose;
use nalgebra::{Translation3, Vector3};
use serde::Deserialize;
use std::{f64::consts::PI, sync::Arc};

/// `config/worlds/rotation.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    physics: PhysicsOptions,
    scene: Placing,
    style: Style,
    score: Limits,
    training: Vec<Object>,
    test: Vec<Object>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placing {
    centre_x_m: [f64; 2],
    centre_y_m: [f64; 2],
    heading_rad: [f64; 2],
    mass_factor: [f64; 2],
    friction: [f64; 2],
    torsional_m: f64,
    colours_rgb: Vec<[u8; 3]>,
}

/// How hands turn a thing: ranges from which each demonstration draws.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Style {
    plate_height_m: [f64; 2],
    pitch_rad: [f64; 2],
    roll_rad: [f64; 2],
    yaw_rad: [f64; 2],
    yaw_round_rad: [f64; 2],
    turn_rad: [f64; 2],
    squeeze_m: [f64; 2],
    close_from_frame: [f64; 2],
    closed_frame: [f64; 2],
    turned_frame: [f64; 2],
    open_frame: f64,
    open_m: [f64; 2],
    clear_m: f64,
    approach_m: [f64; 3],
    sway_m: f64,
    least_hold_above_bottom_m: f64,
    above_axis_m: f64,
    least_clearance_m: f64,
    tries: u32,
    /// The dome at the tool's front: its end, and its upper and lower edge, in the tool's frame, metres.
    dome_end_m: f64,
    dome_upper_m: f64,
    dome_lower_m: f64,
    /// The tool's lowest corners, in its frame, metres; y is taken on both sides.
    corners_m: Vec<[f64; 3]>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    least_turn_deg: f64,
    least_contact_share: f64,
    most_tilt_deg: f64,
    most_lift_m: f64,
    most_x_m: f64,
    most_y_m: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Box,
    /// Its half width is the foot's radius, its half length the rim's.
    Bowl,
    /// Its half width is the body's radius; the height is not used.
    BottleLying,
    /// Its half length is its radius.
    BottleStanding,
    Bag,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    name: String,
    form: Form,
    half_length_m: f64,
    half_width_m: f64,
    height_m: f64,
    mass_kg: f64,
}

impl Object {
    fn pieces(&self, colour: [u8; 3]) -> Vec<Piece> {
        let (long, wide, high) = (self.half_length_m, self.half_width_m, self.height_m);
        let cuboid = |a: f64, b: f64, c: f64, x: f64, z: f64| {
            Piece::at(Shape::Box { half_m: [a, b, c] }, x, 0.0, z, colour)
        };
        let disc = |radius_m: f64, half_length_m: f64, z: f64, colour| {
            Piece::at(Shape::Cylinder { radius_m, half_length_m }, 0.0, 0.0, z, colour)
        };
        let dark = colour.map(|c| (f64::from(c) * 0.8) as u8);
        match self.form {
            Form::Box => vec![cuboid(long, wide, high / 2.0, 0.0, high / 2.0)],
            Form::Bowl => {
                // A stack of discs from the foot to the rim.
                const DISCS: usize = 4;
                let disc = |k: usize| {
                    let radius = wide + (long - wide) * (k as f64 / (DISCS - 1) as f64).sqrt();
                    let half = high / DISCS as f64 / 2.0;
                    disc(radius, half, (2 * k + 1) as f64 * half, if k == DISCS - 1 { dark } else { colour })
                };
                (0..DISCS).map(disc).collect()
            }
            Form::BottleStanding => vec![
                disc(long, 0.4 * high, 0.4 * high, colour),
                disc(0.4 * long, 0.1 * high, 0.9 * high, [190, 190, 198]),
            ],
            Form::BottleLying => {
                let lying = |radius_m: f64, half_length_m: f64, x: f64, colour| {
                    let turn = about(Vector3::y_axis(), PI / 2.0);
                    let at = Pose::from_parts(Translation3::new(x, 0.0, 0.0), turn);
                    Piece::new(Shape::Cylinder { radius_m, half_length_m }, at, colour)
                };
                vec![
                    lying(wide, 0.72 * long, -0.28 * long, colour),
                    lying(0.7 * wide, 0.08 * long, 0.52 * long, dark),
                    lying(0.45 * wide, 0.2 * long, 0.8 * long, [190, 190, 198]),
                ]
            }
            Form::Bag => {
                // A full middle and lower ends.
                let mut pieces = vec![cuboid(0.55 * long, wide, high / 2.0, 0.0, high / 2.0)];
                for side in [-1.0, 1.0] {
                    let (next, end) = (0.42 * high, 0.34 * high);
                    pieces.push(cuboid(0.2 * long, 0.9 * wide, next, side * 0.72 * long, next));
                    pieces.push(cuboid(0.06 * long, 0.75 * wide, end, side * 0.94 * long, end));
                }
                pieces
            }
        }
    }

    /// How high its frame's origin is over the table.
    fn origin_height_m(&self) -> f64 {
        if self.form == Form::BottleLying { self.half_width_m } else { 0.0 }
    }

    /// Height of the object at its ends, where the domes touch.
    fn end_height_m(&self) -> f64 {
        match self.form {
            Form::Box | Form::Bowl => self.height_m,
            Form::BottleStanding => 0.8 * self.height_m,
            Form::Bag => 0.68 * self.height_m,
            Form::BottleLying => 1.45 * self.half_width_m,
        }
    }

    fn is_round(&self) -> bool {
        matches!(self.form, Form::Bowl | Form::BottleStanding)
    }
}

/// What this task's scenes have of their own.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    object: Object,
    centre_m: Vector3<f64>,
    heading_rad: f64,
    style: Style,
    limits: Limits,
}

pub(crate) fn scene(file: &File, seed: u64, split: Split) -> Result<Scene, WorldError> {
    let objects = some(split.of(&file.training[..], &file.test[..]), "objects")?;
    some(&file.scene.colours_rgb, "colours_rgb")?;
    let mut draw = Draw::new(seed, split.stream());
    let object = objects[(seed % objects.len() as u64) as usize].clone();
    let Placing { centre_x_m, centre_y_m, heading_rad, mass_factor, friction, torsional_m, colours_rgb } =
        &file.scene;
    let mass_kg = object.mass_kg * draw.within(*mass_factor);
    let surface = Surface { friction: draw.within(*friction), torsional_m: *torsional_m, condim: 4 };
    let centre_m = Vector3::new(draw.within(*centre_x_m), draw.within(*centre_y_m), object.origin_height_m());
    let heading_rad = draw.within(*heading_rad);
    let thing = Thing {
        name: "object".to_owned(),
        world_from_thing: Pose::from_parts(centre_m.into(), about(Vector3::z_axis(), heading_rad)),
        pieces: object.pieces(*draw.one_of(colours_rgb)),
        mobility: Mobility::Free,
        kind: Kind::Object,
        mass_kg,
        surface,
        look: None,
    };
    Ok(Scene {
        task: "rotation".to_owned(),
        seed,
        split,
        about: object.name.clone(),
        things: vec![thing],
        marks: Vec::new(),
        options: file.physics.clone(),
        frame_period_s: 0.0,
        details: scene::Details::Rotation(Box::new(Details {
            object,
            centre_m,
            heading_rad,
            style: file.style.clone(),
            limits: file.score,
        })),
    })
}

/// How one demonstration turns the thing.
struct Turn {
    turn_rad: f64,
    squeeze_m: f64,
    close_from: f64,
    closed: f64,
    turned: f64,
    open_m: f64,
    grips: [Grip; 2],
}

/// How a hand holds its tool.
struct Grip {
    height_m: f64,
    pitch_rad: f64,
    roll_rad: f64,
    yaw_rad: f64,
    phase: f64,
    /// From the plate's centre to where the dome touches, in the plane, metres.
    reach_m: f64,
}

impl Details {
    pub fn paths(&self, seed: u64) -> impl Iterator<Item = ToolPath> {
        let details = Arc::new(self.clone());
        (0..self.style.tries).map(move |attempt| {
            let turn = details.turn(&mut Draw::new(seed, STYLES + u64::from(attempt)));
            let details = details.clone();
            Arc::new(move |hand: usize, time: f64| details.world_from_tool(&turn, hand, time)) as ToolPath
        })
    }

    fn turn(&self, draw: &mut Draw) -> Turn {
        let style = &self.style;
        Turn {
            turn_rad: draw.within(style.turn_rad),
            squeeze_m: draw.within(style.squeeze_m),
            close_from: draw.within(style.close_from_frame),
            closed: draw.within(style.closed_frame),
            turned: draw.within(style.turned_frame),
            open_m: draw.within(style.open_m),
            grips: [self.grip(draw), self.grip(draw)],
        }
    }

    fn grip(&self, draw: &mut Draw) -> Grip {
        let style = &self.style;
        let (pitch_rad, roll_rad) = (draw.within(style.pitch_rad), draw.within(style.roll_rad));
        let (sin, cos) = pitch_rad.sin_cos();
        let mut height_m = draw.within(style.plate_height_m);
        let edge_m = |height_m: f64, edge_m: f64| height_m - style.dome_end_m * sin + edge_m * cos;
        let top_m = self.object.end_height_m();
        // A thing lower than the dome's lower edge needs the tool lower.
        let too_high = edge_m(height_m, style.dome_lower_m) + style.least_hold_above_bottom_m - top_m;
        height_m -= too_high.max(0.0);
        if self.object.form == Form::BottleLying {
            // Held near its axis, so that it does not roll.
            let over = edge_m(height_m, style.dome_upper_m) - self.object.half_width_m - style.above_axis_m;
            height_m -= over.max(0.0);
        }
        // But never into the table.
        let below = |[x, y, z]: &[f64; 3]| -x * sin + cos * (z * roll_rad.cos() - y * roll_rad.sin().abs());
        let lowest_m = style.corners_m.iter().map(below).fold(f64::INFINITY, f64::min);
        height_m = height_m.max(style.least_clearance_m + style.sway_m - lowest_m);
        // The dome is drawn out along the tool's z: where it is as high as the thing's end.
        let touching_m =
            ((top_m - height_m + style.dome_end_m * sin) / cos).clamp(style.dome_lower_m, style.dome_upper_m);
        Grip {
            height_m,
            pitch_rad,
            roll_rad,
            yaw_rad: draw.within(if self.object.is_round() { style.yaw_round_rad } else { style.yaw_rad }),
            phase: draw.within([0.0, PI]),
            reach_m: style.dome_end_m * cos + touching_m * sin,
        }
    }

    fn world_from_tool(&self, turn: &Turn, hand: usize, time: f64) -> Pose {
        let (style, grip) = (&self.style, &turn.grips[hand]);
        let sign = if hand == 0 { -1.0 } else { 1.0 };
        let direction = self.heading_rad + turn.turn_rad * between(time, turn.closed, turn.turned);
        // Off the thing first; then the hands would like to be in it, so they squeeze it; then they open.
        let gap_m = style.clear_m
            - (style.clear_m + turn.squeeze_m) * between(time, turn.close_from, turn.closed)
            + (turn.open_m + turn.squeeze_m) * between(time, turn.turned, style.open_frame);
        let left = ((4.35 - time).max(0.0) / 2.6).powi(2);
        let sway = (0.7 * time + grip.phase).sin();
        let outward = sign * (self.object.half_length_m + grip.reach_m + gap_m);
        let [away_x, away_y, away_z] = style.approach_m;
        let position = Vector3::new(
            self.centre_m.x + direction.cos() * outward,
            self.centre_m.y + direction.sin() * outward,
            grip.height_m + style.sway_m * sway,
        ) + left * Vector3::new(sign * away_x, away_y, away_z);
        let facing = if hand == 0 { 0.0 } else { PI };
        let yaw = direction + facing + grip.yaw_rad + sign * 0.2 * left.min(1.5);
        let roll = grip.roll_rad + 0.02 * sway - sign * 0.12 * left.min(1.5);
        Pose::from_parts(position.into(), attitude(yaw, grip.pitch_rad, roll))
    }

    pub fn judge(&self) -> Box<dyn Judge + Send> {
        Box::new(Turned {
            limits: self.limits,
            lying: self.object.form == Form::BottleLying,
            height_m: self.centre_m.z,
            before_rad: None,
            turned_rad: 0.0,
            steps: 0,
            held: 0,
        })
    }
}

/// Counts how far the thing has turned, and how long both tools touched it on the way to the least turn.
struct Turned {
    limits: Limits,
    lying: bool,
    height_m: f64,
    before_rad: Option<f64>,
    turned_rad: f64,
    steps: u32,
    held: u32,
}

impl Turned {
    fn contact_share(&self) -> f64 {
        if self.steps == 0 { 0.0 } else { f64::from(self.held) / f64::from(self.steps) }
    }

    /// How far it has tipped: its upright axis; of a lying bottle, which may roll a little, its length.
    fn tilt_deg(&self, pose: &Pose) -> f64 {
        let tilt = match self.lying {
            true => (pose.rotation * Vector3::x()).z.abs().min(1.0).asin(),
            false => (pose.rotation * Vector3::z()).z.clamp(-1.0, 1.0).acos(),
        };
        tilt.to_degrees()
    }
}

impl Judge for Turned {
    fn watch(&mut self, world: &World) {
        let heading = heading_rad(&world.thing(0));
        let before = self.before_rad.replace(heading).unwrap_or(heading);
        self.turned_rad += wrapped(heading - before);
        if self.turned_rad.to_degrees() < self.limits.least_turn_deg {
            let both = world.touched_by(0).iter().all(|touched| *touched);
            // It begins when both have come to the thing.
            if !both && self.steps == 0 {
                self.turned_rad = 0.0;
            } else {
                self.steps += 1;
                self.held += u32::from(both);
            }
        }
    }

    fn score(&self, world: &World) -> Score {
        let pose = world.thing(0);
        let at = pose.translation.vector;
        let (turned_deg, share, tilt_deg) =
            (self.turned_rad.to_degrees(), self.contact_share(), self.tilt_deg(&pose));
        let limits = &self.limits;
        let failure = if turned_deg < limits.least_turn_deg {
            Some(format!("turned by {turned_deg:.1}°, at least {}°", limits.least_turn_deg))
        } else if share < limits.least_contact_share {
            Some(format!(
                "held by both tools for {share:.2} of the turn, at least {}",
                limits.least_contact_share
            ))
        } else if tilt_deg > limits.most_tilt_deg {
            Some(format!("tipped by {tilt_deg:.0}°, at most {}°", limits.most_tilt_deg))
        } else if (at.z - self.height_m).abs() > limits.most_lift_m {
            Some(format!("{:.3} m above where it lay, at most {}", at.z - self.height_m, limits.most_lift_m))
        } else if at.x.abs() > limits.most_x_m || at.y.abs() > limits.most_y_m {
            Some(format!("pushed away to ({:.2}, {:.2}) m", at.x, at.y))
        } else {
            None
        };
        Score {
            success: failure.is_none(),
            figures: vec![("turned_deg", turned_deg), ("contact_share", share), ("tilt_deg", tilt_deg)],
            failure,
        }
    }

    fn value(&self, _: &World) -> f64 {
        self.turned_rad.min(0.6) + self.contact_share()
    }
}

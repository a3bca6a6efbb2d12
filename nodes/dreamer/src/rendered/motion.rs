use dreamitate_geometry::Pose;
use dreamitate_render::TexturedMesh;
use dreamitate_scene::Hand;
use nalgebra::{UnitQuaternion, Vector3};
use rand::{Rng, RngExt};
use std::f64::consts::PI;

/// From the plate's centre to the dome's end, metres: where the tool touches the object.
const REACH_M: f64 = 0.072;
/// The tools have come to the object at this frame, and begin to turn it.
const CONTACT_FRAME: f64 = 4.6;
/// The object has been turned at this frame.
const END_FRAME: f64 = 11.2;

/// How the tools and the object move. Times are in frames of the clip.
#[derive(Clone, Debug)]
pub(super) enum Motion {
    /// Two hands turn the object.
    Turn(Turn),
    /// One hand draws a tool over the table.
    Stroke(Stroke),
}

impl Motion {
    /// The object's frame: origin on the table in its middle, x along it, z up.
    pub(super) fn world_from_object(&self, time: f64) -> Pose {
        match self {
            Motion::Turn(turn) => turn.world_from_object(time),
            Motion::Stroke(stroke) => stroke.world_from_object,
        }
    }

    /// A tool's frame.
    pub(super) fn world_from_tool(&self, hand: Hand, time: f64) -> Pose {
        match self {
            Motion::Turn(turn) => turn.world_from_tool(hand, time),
            Motion::Stroke(stroke) => stroke.world_from_tool(time),
        }
    }

    /// Half of the object's length, metres.
    pub(super) fn half_length_m(&self) -> f64 {
        match self {
            Motion::Turn(turn) => turn.half_length_m,
            Motion::Stroke(_) => 0.05,
        }
    }
}

/// How far between rest and rest, of 1, things are at a time: with the least jerk.
fn way(time: f64) -> f64 {
    let u = ((time - CONTACT_FRAME) / (END_FRAME - CONTACT_FRAME)).clamp(0.0, 1.0);
    u.powi(3) * (10.0 - 15.0 * u + 6.0 * u * u)
}

/// The part of the way to the object that is left: on a line from the operator's side and from above, slower and
/// slower.
fn left_to_go(time: f64) -> f64 {
    ((CONTACT_FRAME - time).max(0.0) / 2.6).powi(2)
}

fn turned(axis: nalgebra::UnitVector3<f64>, angle_rad: f64) -> UnitQuaternion<f64> {
    UnitQuaternion::from_axis_angle(&axis, angle_rad)
}

/// One hand brings a tool from the operator's side and draws it over the table, past an object that lies there.
#[derive(Clone, Debug)]
pub(super) struct Stroke {
    world_from_object: Pose,
    /// Where the tool touches down; its height keeps its lowest point just over the table.
    from_m: Vector3<f64>,
    /// The stroke, in the world's plane.
    stroke_m: Vector3<f64>,
    heading_rad: f64,
    /// Change of the heading on the way, radians.
    turn_rad: f64,
    pitch_rad: f64,
    roll_rad: f64,
    phase: f64,
}

impl Stroke {
    pub(super) fn new(tool: &TexturedMesh, random: &mut impl Rng) -> Self {
        let heading_rad = PI / 2.0 + random.random_range(-0.45..0.45);
        let (pitch_rad, roll_rad) = (random.random_range(0.02..0.2), random.random_range(-0.08..0.08));
        let tilt = turned(Vector3::y_axis(), pitch_rad) * turned(Vector3::x_axis(), roll_rad);
        let lowest_m =
            tool.vertices.iter().map(|v| (tilt * v.coords.cast::<f64>()).z).fold(f64::INFINITY, f64::min);
        let height_m = random.random_range(0.01..0.03) - lowest_m;
        let direction: f64 = random.random_range(0.0..std::f64::consts::TAU);
        let length_m = random.random_range(0.08..0.18);
        let stroke_m = length_m * Vector3::new(direction.cos(), 0.7 * direction.sin(), 0.0);
        let middle_m =
            Vector3::new(random.random_range(-0.06..0.06), random.random_range(-0.08..0.0), height_m);
        let object = Vector3::new(random.random_range(-0.2..0.2), random.random_range(0.12..0.2), 0.0);
        Self {
            world_from_object: Pose::from_parts(
                object.into(),
                turned(Vector3::z_axis(), random.random_range(0.0..PI)),
            ),
            from_m: middle_m - 0.5 * stroke_m,
            stroke_m,
            heading_rad,
            turn_rad: random.random_range(-0.4..0.4),
            pitch_rad,
            roll_rad,
            phase: random.random_range(0.0..PI),
        }
    }

    fn world_from_tool(&self, time: f64) -> Pose {
        let (way, left) = (way(time), left_to_go(time));
        let sway = (0.7 * time + self.phase).sin();
        let position = self.from_m
            + way * self.stroke_m
            + Vector3::new(0.0, 0.0, 0.003 * sway)
            + left * Vector3::new(0.04, -0.17, 0.1);
        let yaw = self.heading_rad + way * self.turn_rad - 0.15 * left.min(1.5);
        let roll = self.roll_rad + 0.03 * sway - 0.1 * left.min(1.5);
        let rotation = turned(Vector3::z_axis(), yaw)
            * turned(Vector3::y_axis(), self.pitch_rad)
            * turned(Vector3::x_axis(), roll);
        Pose::from_parts(position.into(), rotation)
    }
}

/// Two hands turn an object counter-clockwise.
///
/// Positions, heights and tilts lie in the range of the demonstrations that the paper shows: plates about 90 mm above
/// the table and tilted 11° to 16° toward the object, coming from the operator's side within four frames.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// The point about which the object turns, in the world's plane, metres.
    centre_m: Vector3<f64>,
    /// The object's direction at first, radians from the world's x.
    heading_rad: f64,
    /// How far it is turned, counter-clockwise, radians.
    turn_rad: f64,
    /// Half of the object's length, metres.
    half_length_m: f64,
    /// For each hand: how it holds the tool.
    grips: [Grip; 2],
}

#[derive(Clone, Debug)]
struct Grip {
    height_m: f64,
    /// Tilt of the dome's end down, radians.
    pitch_rad: f64,
    roll_rad: f64,
    /// From the object's direction, radians.
    yaw_rad: f64,
    /// Start of the slow sway.
    phase: f64,
}

impl Turn {
    pub(super) fn new(random: &mut impl Rng) -> Self {
        let mut grip = || Grip {
            height_m: random.random_range(0.086..0.102),
            pitch_rad: random.random_range(0.19..0.28),
            roll_rad: random.random_range(-0.07..0.07),
            yaw_rad: random.random_range(-0.12..0.12),
            phase: random.random_range(0.0..PI),
        };
        let grips = [grip(), grip()];
        Self {
            grips,
            centre_m: Vector3::new(random.random_range(-0.03..0.03), random.random_range(-0.03..0.04), 0.0),
            heading_rad: random.random_range(-0.26..0.1),
            turn_rad: random.random_range(0.52..0.72),
            half_length_m: random.random_range(0.065..0.095),
        }
    }

    /// The object's frame: origin on the table in its middle, x along it, z up.
    fn world_from_object(&self, time: f64) -> Pose {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), self.direction_rad(time));
        Pose::from_parts(self.centre_m.into(), turn)
    }

    /// A tool's frame.
    fn world_from_tool(&self, hand: Hand, time: f64) -> Pose {
        let Grip { height_m, pitch_rad, roll_rad, yaw_rad, phase } = &self.grips[hand as usize];
        let direction = self.direction_rad(time);
        let sign = hand.sign();
        let left = left_to_go(time);
        let sway = (0.7 * time + phase).sin();
        let outward = sign * (self.half_length_m + REACH_M);
        let position = self.centre_m
            + Vector3::new(direction.cos() * outward, direction.sin() * outward, height_m + 0.003 * sway)
            + left * Vector3::new(sign * 0.06, -0.19, 0.105);
        let facing = if hand == Hand::Left { 0.0 } else { PI };
        let yaw = direction + facing + yaw_rad + sign * 0.2 * left.min(1.5);
        // Coming, the hand tips the tool's far edge up.
        let roll = roll_rad + 0.03 * sway - sign * 0.12 * left.min(1.5);
        let rotation = turned(Vector3::z_axis(), yaw)
            * turned(Vector3::y_axis(), *pitch_rad)
            * turned(Vector3::x_axis(), roll);
        Pose::from_parts(position.into(), rotation)
    }

    fn direction_rad(&self, time: f64) -> f64 {
        self.heading_rad + self.turn_rad * way(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn motions() -> impl Iterator<Item = Turn> {
        (0..50).map(|seed| Turn::new(&mut ChaCha8Rng::seed_from_u64(seed)))
    }

    #[test]
    fn the_object_turns_counter_clockwise_by_at_least_25_degrees() {
        for motion in motions() {
            let turned = motion.world_from_object(4.0).inverse() * motion.world_from_object(12.0);
            let (_, _, yaw) = turned.rotation.euler_angles();
            assert!(yaw.to_degrees() > 25.0 && (yaw - motion.turn_rad).abs() < 1e-9, "{yaw}");
        }
    }

    #[test]
    fn the_domes_stay_at_the_objects_ends_and_over_the_table() {
        for motion in motions() {
            for (hand, time) in
                [Hand::Left, Hand::Right].into_iter().flat_map(|h| (5..13).map(move |t| (h, t)))
            {
                let time = f64::from(time);
                let tool = motion.world_from_tool(hand, time);
                let in_object = motion.world_from_object(time).inverse() * tool;
                let end = hand.sign() * (motion.half_length_m + REACH_M);
                assert!((in_object.translation.x - end).abs() < 1e-9 && in_object.translation.y.abs() < 1e-9);
                // The box is 50 mm deep and, tilted, its dome's end is lowest.
                let lowest = tool * nalgebra::Point3::new(0.075, 0.0, -0.05);
                assert!(lowest.z > 0.008, "{lowest}");
                // The plate looks up, the dome toward the other hand.
                assert!((tool.rotation * Vector3::z()).z > 0.9);
                assert!((tool.rotation * Vector3::x()).x * hand.sign() < -0.5);
            }
        }
    }

    #[test]
    fn the_hands_come_from_the_operators_side_and_no_faster_than_people() {
        for motion in motions() {
            for hand in [Hand::Left, Hand::Right] {
                let y = |frame: f64| motion.world_from_tool(hand, frame).translation.y;
                assert!(y(1.0) < y(2.0) && y(2.0) < y(3.0) && y(1.0) < -0.25, "{} {}", y(1.0), y(2.0));
                for frame in 4..12 {
                    let at = |f: i32| motion.world_from_tool(hand, f64::from(f)).translation.vector;
                    let step_m = (at(frame + 1) - at(frame)).norm();
                    assert!(step_m < 0.06, "{step_m} m in a sixth of a second");
                }
            }
        }
    }
}

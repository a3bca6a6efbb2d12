use crate::{
    Body, Shade,
    shapes::{capsule, ellipsoid},
};
use dreamitate_geometry::Pose;
use dreamitate_render::TexturedMesh;
use nalgebra::{Point3, Rotation3, UnitQuaternion, Vector3};
use std::sync::Arc;

/// Which hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The operator's left.
    Left,
    /// The operator's right.
    Right,
}

impl Hand {
    /// −1 for the left, 1 for the right: the side of the world's x on which it stands.
    pub fn sign(self) -> f64 {
        match self {
            Hand::Left => -1.0,
            Hand::Right => 1.0,
        }
    }
}

/// Where a hand holds a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// By the long edge on the operator's side.
    Edge,
    /// By the end at −x.
    End,
}

/// What an arm looks like.
#[derive(Clone, Copy, Debug)]
pub struct ArmLook {
    /// Skin or glove, RGB.
    pub skin: [u8; 3],
    /// Of the sleeve, RGB, if it reaches down to the forearm.
    pub sleeve: Option<[u8; 3]>,
}

/// How a hand closes around a tool: no two people's do alike.
#[derive(Clone, Copy, Debug)]
pub struct Grasp {
    /// How far off the middle of where the tool is held, along it, metres.
    pub along_m: f64,
    /// Where the thumb's tip lies, off its usual place: along the tool and back towards the palm, metres.
    pub thumb_m: [f64; 2],
    /// How far each finger is bent at each of its joints, from the index to the little finger, radians.
    pub bend_rad: [f64; 4],
}

impl Grasp {
    /// The usual one, off the middle by `along_m`.
    pub fn usual(along_m: f64) -> Self {
        Self { along_m, thumb_m: [0.0; 2], bend_rad: [0.15, 0.18, 0.2, 0.26] }
    }
}

/// A tool in a hand, with the forearm.
pub struct HeldTool {
    hand: Hand,
    look: ArmLook,
    tool: Arc<TexturedMesh>,
    /// Thumb, palm and fingers, in the tool's frame.
    parts: Vec<Arc<TexturedMesh>>,
    /// Two fingers of somebody else across the tool.
    fingers: [Arc<TexturedMesh>; 2],
    /// The wrist in the tool's frame.
    wrist: Point3<f64>,
}

const WRIST_RADIUS_M: f64 = 0.023;
const FOREARM_M: f64 = 0.3;
/// From the wrist to the sleeve's end, metres.
const BARE_M: f64 = 0.06;

impl HeldTool {
    /// A tool that a hand has grasped.
    pub fn new(tool: TexturedMesh, hand: Hand, hold: Hold, grasp: &Grasp, look: ArmLook) -> Self {
        let tool_from_grip = match hold {
            Hold::Edge => Pose::identity(),
            Hold::End => grip_behind(&tool),
        };
        let (parts, wrist) = hand_parts(hand.sign(), grasp, look.skin);
        Self {
            hand,
            look,
            tool: Arc::new(tool),
            parts: parts.into_iter().map(|part| Arc::new(moved(part, &tool_from_grip))).collect(),
            fingers: [-0.014, 0.014].map(|x_m| Arc::new(finger(x_m, look.skin))),
            wrist: tool_from_grip * wrist,
        }
    }

    /// The tool at a pose with what holds it, and what they shade; `covered`: with fingers across the tool.
    pub fn at(&self, world_from_tool: Pose, covered: bool) -> (Vec<Body>, Vec<Shade>) {
        let fingers = self.fingers.iter().filter(|_| covered);
        let mut bodies: Vec<_> = std::iter::once(&self.tool)
            .chain(&self.parts)
            .chain(fingers)
            .map(|mesh| Body { mesh: mesh.clone(), world_from_mesh: world_from_tool })
            .collect();
        let wrist = world_from_tool * self.wrist;
        let shoulder = Point3::new(self.hand.sign() * 0.2, -0.75, 0.2);
        let toward = (shoulder - wrist).normalize();
        let radius_m = |way: f64| WRIST_RADIUS_M + (0.04 - WRIST_RADIUS_M) * way / FOREARM_M;
        let mut rod = |from_m: f64, to_m: f64, wider_m: f64, colour| {
            let [from, to] = [from_m, to_m].map(|way| wrist + way * toward);
            let [first, last] = [from_m, to_m].map(|way| radius_m(way) + wider_m);
            let mesh = Arc::new(capsule(from, to, first, last, colour));
            bodies.push(Body { mesh, world_from_mesh: Pose::identity() });
        };
        rod(0.0, FOREARM_M, 0.0, self.look.skin);
        if let Some(sleeve) = self.look.sleeve {
            rod(BARE_M, FOREARM_M, 0.006, sleeve);
        }
        let mut shades = vec![Shade::rectangle(world_from_tool, [0.07, 0.045])];
        let towards_elbow = Vector3::new(toward.x, toward.y, 0.0);
        let arm =
            Rotation3::rotation_between(&Vector3::x(), &towards_elbow).unwrap_or_else(Rotation3::identity);
        let middle = wrist + 0.1 * toward;
        let world_from_shade = Pose::from_parts(middle.into(), arm.into());
        shades.push(Shade::rectangle(world_from_shade, [0.16, 0.03]));
        (bodies, shades)
    }
}

/// Where a hand that [`hand_parts`] draws by a box's edge comes to hold a tool by its end at −x.
fn grip_behind(tool: &TexturedMesh) -> Pose {
    let back_m = f64::from(tool.bounds().0.x);
    let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::FRAC_PI_2);
    Pose::from_parts(Vector3::new(back_m + 0.045, 0.0, 0.0).into(), turn)
}

fn moved(mut mesh: TexturedMesh, a_from_mesh: &Pose) -> TexturedMesh {
    for vertex in &mut mesh.vertices {
        *vertex = (a_from_mesh * vertex.cast::<f64>()).cast();
    }
    for triangle in &mut mesh.triangles {
        triangle.normal = (a_from_mesh.rotation * triangle.normal.cast::<f64>()).cast();
    }
    mesh
}

/// A finger right over the tool's upper side, across it.
fn finger(x_m: f64, skin: [u8; 3]) -> TexturedMesh {
    capsule(Point3::new(x_m, -0.06, 0.012), Point3::new(x_m + 0.01, 0.05, 0.013), 0.01, 0.008, skin)
}

/// Lengths of the thumb's last two links, and of a finger's three, millimetres.
const THUMB_MM: [f64; 2] = [31.0, 24.0];
const FINGER_MM: [f64; 3] = [40.0, 25.0, 20.0];
/// Of each finger its length as a share of the middle one's, from the index to the little finger.
const FINGERS: [f64; 4] = [0.93, 1.0, 0.95, 0.76];

/// A hand that holds the tool by its edge on the operator's side, `side` (the sign of the tool's y there): the thumb
/// on the plate, the palm outside, the fingers below. Returns the parts and the wrist, in the tool's frame.
fn hand_parts(side: f64, grasp: &Grasp, skin: [u8; 3]) -> (Vec<TexturedMesh>, Point3<f64>) {
    let at = |mm: Vector3<f64>| Point3::new(grasp.along_m + mm.x * 1e-3, side * mm.y * 1e-3, mm.z * 1e-3);
    let rod =
        |from, to, from_mm: f64, to_mm: f64| capsule(at(from), at(to), from_mm * 1e-3, to_mm * 1e-3, skin);
    let wrist = Vector3::new(2.0, 138.0, -30.0);
    let nail = skin.map(|c| c.saturating_add(14));
    // The thumb comes from its ball over the edge, and lies on the plate with its last link.
    let (ball, knuckle) = (Vector3::new(-12.0, 96.0, -20.0), Vector3::new(-4.0, 62.0, 0.0));
    let [along_m, back_m] = grasp.thumb_m;
    let tip = Vector3::new(9.0 + along_m * 1e3, 12.0 + back_m * 1e3, 8.0);
    let (joint, tip) = bent(knuckle, tip, THUMB_MM);
    let mut parts = vec![
        rod(ball, knuckle, 18.0, 11.5),
        rod(knuckle, joint, 11.5, 9.0),
        rod(joint, tip, 9.0, 7.5),
        ellipsoid(at(tip + Vector3::new(0.3, -2.0, 5.0)), Vector3::new(0.0045, 0.006, 0.003), nail),
        // The palm, and what leads to the wrist.
        ellipsoid(at(Vector3::new(6.0, 88.0, -34.0)), Vector3::new(0.033, 0.036, 0.02), skin),
        rod(Vector3::new(4.0, 92.0, -32.0), wrist, 27.0, WRIST_RADIUS_M * 1e3),
    ];
    // The fingers lie below the plate, each bent the same at all its joints.
    for (finger, (length, bend_rad)) in FINGERS.iter().zip(grasp.bend_rad).enumerate() {
        let aside = 1.5 - finger as f64;
        let mut from = Vector3::new(4.0 + 17.0 * aside, 64.0, -42.0);
        let mut radius_mm = 9.5;
        for (link, mm) in FINGER_MM.iter().enumerate() {
            let raised = bend_rad * (link + 1) as f64 - 0.25;
            let along = Vector3::new(0.06 * aside, -raised.cos(), raised.sin());
            let to = from + along * (mm * length);
            parts.push(rod(from, to, radius_mm, radius_mm - 1.0));
            from = to;
            radius_mm -= 1.0;
        }
    }
    (parts, at(wrist))
}

/// The joint of two links of these lengths that reach from a point to another, bent upwards, and the point that they
/// reach: the other, or what is nearest on the way there.
fn bent(from: Vector3<f64>, to: Vector3<f64>, [first, second]: [f64; 2]) -> (Vector3<f64>, Vector3<f64>) {
    let way = to - from;
    let reach = way.norm().clamp((first - second).abs(), first + second);
    let along = way.normalize();
    let up = (Vector3::z() - along * along.z).normalize();
    let foot = (first * first - second * second + reach * reach) / (2.0 * reach);
    let height = (first * first - foot * foot).max(0.0).sqrt();
    (from + along * foot + up * height, from + along * reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_their_lengths_and_reach_what_is_within_reach() {
        let from = Vector3::new(-4.0, 62.0, 0.0);
        for (to, reached) in [(Vector3::new(9.0, 20.0, 8.0), true), (Vector3::new(9.0, -20.0, 8.0), false)] {
            let (joint, end) = bent(from, to, THUMB_MM);
            let lengths = [(joint - from).norm(), (end - joint).norm()];
            assert!((lengths[0] - 31.0).abs() < 1e-9 && (lengths[1] - 24.0).abs() < 1e-9, "{lengths:?}");
            assert_eq!((end - to).norm() < 1e-9, reached);
            assert!(joint.z > 0.0);
        }
    }

    #[test]
    fn the_thumb_lies_on_the_plate_and_the_fingers_stay_below() {
        let grasp = Grasp { bend_rad: [0.05, 0.3, 0.3, 0.35], thumb_m: [0.01, 0.012], ..Grasp::usual(0.0) };
        let (parts, wrist) = hand_parts(1.0, &grasp, [200, 160, 140]);
        let (thumb, fingers) = (&parts[2], &parts[6..]);
        assert!((thumb.bounds().0.z - 5e-4).abs() < 3e-4, "{}", thumb.bounds().0.z);
        assert_eq!(fingers.len(), 12);
        for finger in fingers {
            assert!(finger.bounds().1.z < -0.005, "{}", finger.bounds().1.z);
        }
        assert!(wrist.y > 0.13);
    }
}

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

/// A tool in a hand, with the forearm.
pub struct HeldTool {
    hand: Hand,
    look: ArmLook,
    tool: Arc<TexturedMesh>,
    /// Thumb, palm and knuckles, in the tool's frame.
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
    /// A tool that is held `along_m` off the middle of where it is held.
    pub fn new(tool: TexturedMesh, hand: Hand, hold: Hold, along_m: f64, look: ArmLook) -> Self {
        let tool_from_grip = match hold {
            Hold::Edge => Pose::identity(),
            Hold::End => grip_behind(&tool),
        };
        let (parts, wrist) = hand_parts(hand.sign(), along_m, look.skin);
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

/// A hand that holds the tool by its edge on the operator's side, `side` (the sign of the tool's y there): the thumb
/// on the plate, the palm outside, the fingers below. Returns the parts and the wrist, in the tool's frame.
fn hand_parts(side: f64, along_m: f64, skin: [u8; 3]) -> (Vec<TexturedMesh>, Point3<f64>) {
    let at =
        |x_mm: f64, y_mm: f64, z_mm: f64| Point3::new(along_m + x_mm * 1e-3, side * y_mm * 1e-3, z_mm * 1e-3);
    let rod = |from, to, from_mm: f64, to_mm: f64| capsule(from, to, from_mm * 1e-3, to_mm * 1e-3, skin);
    let wrist = at(2.0, 138.0, -30.0);
    let nail = skin.map(|c| c.saturating_add(14));
    let parts = vec![
        // The thumb: last joint on the plate, then over the edge, then its ball.
        rod(at(5.0, 34.0, 9.0), at(9.0, 12.0, 8.0), 9.0, 7.5),
        ellipsoid(at(9.3, 10.0, 13.0), Vector3::new(0.0045, 0.006, 0.003), nail),
        rod(at(-4.0, 62.0, 0.0), at(5.0, 34.0, 9.0), 11.5, 9.0),
        rod(at(-12.0, 96.0, -20.0), at(-4.0, 62.0, 0.0), 18.0, 11.5),
        // The palm, and the knuckles under the box.
        ellipsoid(at(6.0, 88.0, -34.0), Vector3::new(0.033, 0.036, 0.02), skin),
        rod(at(26.0, 84.0, -34.0), at(24.0, 54.0, -46.0), 12.0, 9.5),
        rod(at(4.0, 92.0, -32.0), wrist, 27.0, WRIST_RADIUS_M * 1e3),
    ];
    (parts, wrist)
}

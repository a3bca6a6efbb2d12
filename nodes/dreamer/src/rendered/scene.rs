use super::{
    flaws::Flaws,
    motion::{Hand, Motion},
    shapes::{capsule, cuboid, ellipsoid, lathe},
};
use dreamitate_geometry::Pose;
use dreamitate_render::TexturedMesh;
use image::RgbImage;
use nalgebra::{Point3, UnitQuaternion, Vector3};
use rand::{Rng, RngExt};
use std::sync::Arc;

/// A mesh in its place.
pub(super) struct Body {
    pub mesh: Arc<TexturedMesh>,
    pub world_from_mesh: Pose,
}

/// What a body shades on the table: a soft rectangle.
pub(super) struct Shade {
    pub world_from_shade: Pose,
    pub half_m: [f64; 2],
}

/// Everything but the table.
pub(super) struct Scene {
    pub motion: Motion,
    object: Arc<TexturedMesh>,
    /// Half of the object's width, metres.
    object_half_width_m: f64,
    /// What lies about and never moves.
    clutter: Vec<(Body, [f64; 2])>,
    skin: [u8; 3],
    hands: Vec<SceneHand>,
}

struct SceneHand {
    hand: Hand,
    tool: Arc<TexturedMesh>,
    /// Thumb, palm and knuckles, in the tool's frame.
    parts: Vec<Arc<TexturedMesh>>,
    /// Two fingers of somebody else across the tool.
    fingers: Vec<Arc<TexturedMesh>>,
    /// The wrist in the tool's frame.
    wrist: Point3<f64>,
}

/// A moment of the scene, as one view dreams it.
pub(super) struct Moment<'a> {
    /// In frames of the clip.
    pub time: f64,
    /// Whether fingers lie across the tools.
    pub covered: bool,
    /// Where a view sees a tool that truly is at a pose: the tool's number, then its pose in the world.
    pub seen: &'a dyn Fn(usize, Pose) -> Pose,
}

const WRIST_RADIUS_M: f64 = 0.023;

impl Scene {
    /// `random` draws the scene; what the flaws add is drawn by `more`, so that it changes nothing else.
    pub(super) fn new(
        motion: Motion,
        tools: Vec<(Hand, TexturedMesh)>,
        flaws: &Flaws,
        random: &mut impl Rng,
        more: &mut impl Rng,
    ) -> Self {
        let tone: f64 = random.random_range(0.85..1.08);
        let skin = flaws.skin.unwrap_or([200.0, 166.0, 156.0].map(|c: f64| (c * tone) as u8));
        let half_width_m = random.random_range(0.02..0.026);
        let object = any_object(motion.half_length_m(), half_width_m, random);
        let hands = tools.into_iter().map(|(hand, tool)| {
            let along = random.random_range(-0.014..0.004);
            let tool_from_grip = match motion {
                Motion::Turn(_) => Pose::identity(),
                Motion::Stroke(_) => grip_behind(&tool),
            };
            let (parts, wrist) = hand_parts(hand.sign(), along, skin);
            let parts = parts.into_iter().map(|part| Arc::new(moved(part, &tool_from_grip))).collect();
            let fingers = [-0.014, 0.014].map(|x_m| Arc::new(finger(x_m, skin))).into();
            SceneHand { hand, tool: Arc::new(tool), parts, fingers, wrist: tool_from_grip * wrist }
        });
        Self {
            hands: hands.collect(),
            motion,
            object: Arc::new(object),
            object_half_width_m: half_width_m,
            clutter: (0..flaws.clutter).map(|_| lying_about(more)).collect(),
            skin,
        }
    }

    /// The object and what lies about, as the photo shows them.
    pub(super) fn photo(&self) -> (Vec<Body>, Vec<Shade>) {
        self.still(self.motion.world_from_object(0.0))
    }

    fn still(&self, world_from_object: Pose) -> (Vec<Body>, Vec<Shade>) {
        let mut bodies = vec![Body { mesh: self.object.clone(), world_from_mesh: world_from_object }];
        let half_m = [self.motion.half_length_m(), self.object_half_width_m];
        let mut shades = vec![Shade { world_from_shade: world_from_object, half_m }];
        for (Body { mesh, world_from_mesh }, half_m) in &self.clutter {
            bodies.push(Body { mesh: mesh.clone(), world_from_mesh: *world_from_mesh });
            shades.push(Shade { world_from_shade: *world_from_mesh, half_m: *half_m });
        }
        (bodies, shades)
    }

    /// The object, tools and hands at a moment.
    pub(super) fn at(&self, moment: &Moment<'_>) -> (Vec<Body>, Vec<Shade>) {
        let (mut bodies, mut shades) = self.still(self.motion.world_from_object(moment.time));
        for (index, SceneHand { hand, tool, parts, fingers, wrist }) in self.hands.iter().enumerate() {
            let world_from_tool = (moment.seen)(index, self.motion.world_from_tool(*hand, moment.time));
            let fingers = fingers.iter().filter(|_| moment.covered);
            for mesh in std::iter::once(tool).chain(parts).chain(fingers) {
                bodies.push(Body { mesh: mesh.clone(), world_from_mesh: world_from_tool });
            }
            let wrist = world_from_tool * wrist;
            let shoulder = Point3::new(hand.sign() * 0.2, -0.75, 0.2);
            let toward = (shoulder - wrist).normalize();
            let elbow = wrist + 0.3 * toward;
            let forearm = capsule(wrist, elbow, WRIST_RADIUS_M, 0.04, self.skin);
            bodies.push(Body { mesh: Arc::new(forearm), world_from_mesh: Pose::identity() });
            shades.push(Shade { world_from_shade: world_from_tool, half_m: [0.07, 0.045] });
            let towards_elbow = Vector3::new(toward.x, toward.y, 0.0);
            let arm = nalgebra::Rotation3::rotation_between(&Vector3::x(), &towards_elbow)
                .unwrap_or_else(nalgebra::Rotation3::identity);
            let middle = wrist + 0.1 * toward;
            let world_from_shade = Pose::from_parts(middle.into(), arm.into());
            shades.push(Shade { world_from_shade, half_m: [0.16, 0.03] });
        }
        (bodies, shades)
    }
}

/// An object of any colour: a carton or a bottle.
fn any_object(half_length_m: f64, half_width_m: f64, random: &mut impl Rng) -> TexturedMesh {
    let colour = OBJECT_COLOURS[random.random_range(0..OBJECT_COLOURS.len())];
    if random.random() {
        carton(half_length_m, half_width_m, colour)
    } else {
        bottle(half_length_m, half_width_m, colour)
    }
}

/// A thing on the table, beside where the work is done, and what it shades.
fn lying_about(random: &mut impl Rng) -> (Body, [f64; 2]) {
    let half_m = [random.random_range(0.03..0.09), random.random_range(0.015..0.03)];
    let (away_m, direction): (f64, f64) =
        (random.random_range(0.24..0.42), random.random_range(0.0..std::f64::consts::TAU));
    let at = Vector3::new(away_m * direction.cos(), 0.6 * away_m * direction.sin(), 0.0);
    let turn =
        UnitQuaternion::from_axis_angle(&Vector3::z_axis(), random.random_range(0.0..std::f64::consts::PI));
    let mesh = Arc::new(any_object(half_m[0], half_m[1], random));
    (Body { mesh, world_from_mesh: Pose::from_parts(at.into(), turn) }, half_m)
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

const OBJECT_COLOURS: [[u8; 3]; 4] = [[196, 160, 58], [178, 62, 48], [62, 140, 84], [206, 120, 52]];

fn carton(half_length_m: f64, half_width_m: f64, colour: [u8; 3]) -> TexturedMesh {
    let tone = |factor: f64| image::Rgb(colour.map(|c| (f64::from(c) * factor) as u8));
    let faces = RgbImage::from_fn(6, 1, |face, _| tone([0.75, 0.75, 0.85, 0.85, 1.0, 1.0][face as usize]));
    let mut mesh = cuboid(Vector3::new(half_length_m, half_width_m, half_width_m), faces);
    for vertex in &mut mesh.vertices {
        vertex.z += half_width_m as f32;
    }
    mesh
}

/// A bottle lying along x, its cap at +x.
fn bottle(half_length_m: f64, radius_m: f64, colour: [u8; 3]) -> TexturedMesh {
    let [base, cap] = [-half_length_m, half_length_m].map(|x| Point3::new(x, 0.0, radius_m));
    let length = 2.0 * half_length_m;
    let rings = [
        (0.0, 0.0),
        (0.0, 0.92),
        (0.03, 1.0),
        (0.3, 1.0),
        (0.62, 1.0),
        (0.72, 0.85),
        (0.8, 0.45),
        (0.87, 0.42),
        (0.87, 0.5),
        (1.0, 0.5),
        (1.0, 0.0),
    ]
    .map(|(way, radius)| (way * length, radius * radius_m));
    // Ring 3 to 4 is the label, ring 8 on the cap.
    let texture = RgbImage::from_fn(1, 10, |_, row| {
        image::Rgb(match row {
            3 => [205, 205, 196],
            8.. => [190, 190, 198],
            _ => colour,
        })
    });
    lathe(base, cap, &rings, texture)
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

/// A mesh of one colour for tests.
#[cfg(test)]
pub(super) fn test_body(half_m: f64, colour: [u8; 3], world_from_mesh: Pose) -> Body {
    let mesh = cuboid(Vector3::repeat(half_m), super::shapes::plain(colour));
    Body { mesh: Arc::new(mesh), world_from_mesh }
}

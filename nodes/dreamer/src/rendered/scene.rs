use super::motion::Motion;
use dreamitate_geometry::Pose;
use dreamitate_render::TexturedMesh;
use dreamitate_scene::{ArmLook, Body, Flaws, Grasp, Hand, HeldTool, Hold, Shade, any_thing};
use nalgebra::{UnitQuaternion, Vector3};
use rand::{Rng, RngExt};
use std::sync::Arc;

/// Everything but the table.
pub(super) struct Scene {
    pub motion: Motion,
    object: Arc<TexturedMesh>,
    /// Half of the object's width, metres.
    object_half_width_m: f64,
    /// What lies about and never moves.
    clutter: Vec<(Body, [f64; 2])>,
    hands: Vec<(Hand, HeldTool)>,
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
        let look = ArmLook { skin, sleeve: None };
        let half_width_m = random.random_range(0.02..0.026);
        let object = any_thing(motion.half_length_m(), half_width_m, random);
        let hold = match motion {
            Motion::Turn(_) => Hold::Edge,
            Motion::Stroke(_) => Hold::End,
        };
        let hands = tools.into_iter().map(|(hand, tool)| {
            let along_m = random.random_range(-0.014..0.004);
            (hand, HeldTool::new(tool, hand, hold, &Grasp::usual(along_m), look))
        });
        Self {
            hands: hands.collect(),
            motion,
            object: Arc::new(object),
            object_half_width_m: half_width_m,
            clutter: (0..flaws.clutter).map(|_| lying_about(more)).collect(),
        }
    }

    /// The object and what lies about, as the photo shows them.
    pub(super) fn photo(&self) -> (Vec<Body>, Vec<Shade>) {
        self.still(self.motion.world_from_object(0.0))
    }

    fn still(&self, world_from_object: Pose) -> (Vec<Body>, Vec<Shade>) {
        let mut bodies = vec![Body { mesh: self.object.clone(), world_from_mesh: world_from_object }];
        let half_m = [self.motion.half_length_m(), self.object_half_width_m];
        let mut shades = vec![Shade::rectangle(world_from_object, half_m)];
        for (Body { mesh, world_from_mesh }, half_m) in &self.clutter {
            bodies.push(Body { mesh: mesh.clone(), world_from_mesh: *world_from_mesh });
            shades.push(Shade::rectangle(*world_from_mesh, *half_m));
        }
        (bodies, shades)
    }

    /// The object, tools and hands at a moment.
    pub(super) fn at(&self, moment: &Moment<'_>) -> (Vec<Body>, Vec<Shade>) {
        let (mut bodies, mut shades) = self.still(self.motion.world_from_object(moment.time));
        for (index, (hand, held)) in self.hands.iter().enumerate() {
            let world_from_tool = (moment.seen)(index, self.motion.world_from_tool(*hand, moment.time));
            let (more_bodies, more_shades) = held.at(world_from_tool, moment.covered);
            bodies.extend(more_bodies);
            shades.extend(more_shades);
        }
        (bodies, shades)
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
    let mesh = Arc::new(any_thing(half_m[0], half_m[1], random));
    (Body { mesh, world_from_mesh: Pose::from_parts(at.into(), turn) }, half_m)
}

//! What the rig's cameras see of a world: photographs, and clips of demonstrations.

use crate::{Act, Kind, Moment, Scene, Thing, WorldArm, WorldError, draw::Draw, thing::Shape};
use dreamitate_clip::{FRAMES_PER_VIEW, StereoClip};
use dreamitate_config::Task;
use dreamitate_geometry::{Pose, Rig, View};
use dreamitate_render::{TexturedMesh, ToolModel};
use dreamitate_scene::{
    ArmLook, Body, Cloth, Film, Flaws, Grasp, Hand, HeldTool, Hold, Level, Shade, capsule,
};
use image::RgbImage;
use nalgebra::Point3;
use std::{collections::BTreeMap, sync::Arc};

/// Keep the random numbers of looks and of flaws apart from those of scenes.
const LOOKS: u64 = 400;
const FLAWS: u64 = 401;
/// Skins from light to dark, RGB.
const SKINS: [[u8; 3]; 4] = [[222, 184, 168], [198, 150, 122], [150, 104, 78], [92, 62, 48]];
const SLEEVES: [[u8; 3]; 4] = [[70, 84, 120], [150, 44, 52], [96, 100, 104], [206, 200, 188]];
/// Cloths on the table, grey levels.
const TABLES: [[f32; 3]; 5] =
    [[13.0, 19.0, 23.0], [46.0, 44.0, 54.0], [40.0, 58.0, 52.0], [132.0, 102.0, 74.0], [112.0, 114.0, 116.0]];
/// How far a scene's light is from the usual one, as a share.
const LIGHT_SHARE: f32 = 0.06;
const SHELL: [u8; 3] = [222, 224, 226];
const JOINT: [u8; 3] = [96, 102, 110];
/// Where the adapter holds a tool, in the tool's frame.
const TOOL_BACK_M: f64 = -0.085;
/// Marks lie so high above the table, metres.
const MARK_M: f64 = 0.0004;

/// A clip with what is true of it.
#[derive(Clone, Debug)]
pub struct Footage {
    /// The clip.
    pub clip: StereoClip,
    /// For each tool `world_from_tool` in every frame; `None` in frame 0, the photo without hands.
    pub truth: BTreeMap<String, Vec<Option<Pose>>>,
}

/// The cameras, and what the things, tools and arms of a task look like.
pub struct Cinema {
    rig: Rig,
    tools: Vec<(String, Arc<TexturedMesh>)>,
    arms: Vec<(Arc<TexturedMesh>, Pose, usize)>,
}

/// A thing's meshes, and what it shades, in its frame.
struct SeenThing {
    meshes: Vec<(Arc<TexturedMesh>, Pose)>,
    shades: Vec<Shade>,
}

/// A scene as it is seen: its meshes, made once.
struct Seen {
    things: Vec<SeenThing>,
    marks: Vec<Body>,
    /// Where the scene has the things.
    places: Vec<Pose>,
}

impl Cinema {
    /// # Errors
    /// A tool's mesh cannot be read.
    pub fn new(task: &Task) -> Result<Self, WorldError> {
        let tools = task
            .tools
            .iter()
            .map(|tool| Ok((tool.name.clone(), Arc::new(ToolModel::read(&tool.file)?.mesh))))
            .collect::<Result<_, dreamitate_render::ToolError>>()?;
        Ok(Self { rig: task.rig.clone(), tools, arms: Vec::new() })
    }

    /// The same that also sees arms, whose links come in a moment's order.
    ///
    /// # Errors
    /// A URDF cannot be read.
    pub fn with_arms<'b>(mut self, arms: impl IntoIterator<Item = &'b WorldArm>) -> Result<Self, WorldError> {
        let mut link = 0;
        for arm in arms {
            for shapes in arm.looks()? {
                for (shape, link_from_shape) in shapes {
                    // Joints are drawn as cylinders as long as they are thick.
                    let is_joint = matches!(shape, Shape::Cylinder { radius_m, half_length_m } if half_length_m < 1.3 * radius_m);
                    let mesh = shape.mesh(if is_joint { JOINT } else { SHELL });
                    self.arms.push((Arc::new(mesh), link_from_shape, link));
                }
                link += 1;
            }
            // What holds the tool: a column below the flange, and an arm from there to the tool's back.
            let flange_from_tool = arm.arm.flange_from_tool;
            let back = flange_from_tool * Point3::new(TOOL_BACK_M, 0.0, -0.02);
            let below = Point3::new(0.0, 0.0, back.z);
            for (from, to) in [(Point3::origin(), below), (below, back)] {
                let mesh = capsule(from, to, 0.015, 0.013, JOINT);
                self.arms.push((Arc::new(mesh), Pose::identity(), link - 1));
            }
        }
        Ok(self)
    }

    /// A scene before the cameras. Its views disagree about tools by a share of what they do in real dreams: 0 not at
    /// all, as a film of a person; 1 as a dream of it.
    pub fn stage<'a>(&'a self, scene: &'a Scene, disagreement: f64) -> Stage<'a> {
        Stage { cinema: self, scene, film: self.film(scene, disagreement), seen: Seen::of(scene) }
    }

    fn film(&self, scene: &Scene, disagreement: f64) -> Film<'_> {
        let mut draw = Draw::new(scene.seed, LOOKS + scene.split.stream());
        let mut cloth = Cloth::new(&mut draw.0);
        cloth.colour = *draw.one_of(&TABLES);
        let mut random = Draw::new(scene.seed, FLAWS + scene.split.stream()).0;
        let flaws = Flaws::new(Level::Clean, &mut random).disagreeing(disagreement, &mut random);
        let flaws = flaws.lit(LIGHT_SHARE, &mut random);
        Film::new(&self.rig, cloth, flaws, scene.seed)
    }

    fn held(&self, scene: &Scene) -> Vec<HeldTool> {
        let mut draw = Draw::new(scene.seed, LOOKS + 1000 + scene.split.stream());
        let tone = draw.within([0.9, 1.06]);
        let skin = draw.one_of(&SKINS).map(|c| (f64::from(c) * tone).min(255.0) as u8);
        let sleeve = (draw.sign() > 0.0).then(|| *draw.one_of(&SLEEVES));
        let look = ArmLook { skin, sleeve };
        let hold = scene.hold();
        let hand = |index: usize| match (hold, index) {
            (Hold::Edge, 0) => Hand::Left,
            _ => Hand::Right,
        };
        self.tools
            .iter()
            .enumerate()
            .map(|(index, (_, mesh))| {
                let grasp = Grasp {
                    along_m: draw.within([-0.014, 0.004]),
                    thumb_m: [draw.within([-0.008, 0.008]), draw.within([0.0, 0.014])],
                    bend_rad: std::array::from_fn(|_| draw.within([0.08, 0.3])),
                };
                HeldTool::new(TexturedMesh::clone(mesh), hand(index), hold, &grasp, look)
            })
            .collect()
    }
}

/// A scene before the cameras.
pub struct Stage<'a> {
    cinema: &'a Cinema,
    scene: &'a Scene,
    film: Film<'a>,
    seen: Seen,
}

impl Stage<'_> {
    /// The scene before anybody comes, in the cameras' own sizes: top, side.
    pub fn photograph(&self) -> [RgbImage; 2] {
        let (bodies, shades) = self.seen.at(None);
        self.film.photograph(&bodies, &shades)
    }

    /// A picture of an arms' world at a moment with arms and tools, `factor` times smaller than the camera's.
    pub fn picture(&self, moment: &Moment, view: View, factor: u32) -> RgbImage {
        let (mut bodies, mut shades) = self.seen.at(Some(moment));
        for (mesh, link_from_mesh, link) in &self.cinema.arms {
            let Some(world_from_link) = moment.links.get(*link) else { continue };
            bodies.push(Body { mesh: mesh.clone(), world_from_mesh: world_from_link * link_from_mesh });
        }
        for ((_, mesh), world_from_tool) in self.cinema.tools.iter().zip(&moment.tools) {
            bodies.push(Body { mesh: mesh.clone(), world_from_mesh: *world_from_tool });
            shades.push(Shade::rectangle(*world_from_tool, [0.05, 0.035]));
        }
        self.film.thumbnail(view, factor, &bodies, &shades)
    }

    /// For each tool `world_from_tool` in every frame of a demonstration's clip; `None` in frame 0.
    pub fn truth(&self, act: &Act) -> BTreeMap<String, Vec<Option<Pose>>> {
        let poses = |index: usize| {
            let pose = |frame: usize| (frame > 0).then(|| act.at(self.scene, frame as f64).tools[index]);
            (0..FRAMES_PER_VIEW).map(pose).collect()
        };
        let names = self.cinema.tools.iter().map(|(name, _)| name.clone());
        names.enumerate().map(|(index, name)| (name, poses(index))).collect()
    }

    /// The clip of a demonstration.
    ///
    /// # Errors
    /// `proceed` answered no; it is told the number of frames done and of all.
    pub fn shoot(&self, act: &Act, proceed: impl Fn(u32, u32) -> bool + Sync) -> Result<Footage, WorldError> {
        let Self { cinema, scene, film, seen } = self;
        let held = cinema.held(scene);
        let photo = seen.at(None);
        let at = |view, frame: usize, time: f64| {
            if frame == 0 {
                return photo.clone();
            }
            let moment = act.at(scene, time);
            let (mut bodies, mut shades) = seen.at(Some(moment));
            for (index, (held, world_from_tool)) in held.iter().zip(&moment.tools).enumerate() {
                let (more, darker) = held.at(film.seen(index, view, time, *world_from_tool), false);
                bodies.extend(more);
                shades.extend(darker);
            }
            (bodies, shades)
        };
        let [top, side] = film.shoot(at, proceed)?;
        let truth = self.truth(act);
        let clip = StereoClip {
            id: format!("{}-world-{}-{}", scene.task, scene.split, scene.seed),
            task: scene.task.clone(),
            seed: scene.seed,
            source: "world".to_owned(),
            frame_period_s: scene.frame_period_s,
            top,
            side,
        };
        Ok(Footage { clip: clip.checked()?, truth })
    }
}

impl Seen {
    fn of(scene: &Scene) -> Self {
        let thing = |thing: &Thing| {
            // Grains shade too little to be worth the time.
            let shades = if thing.kind == Kind::Particle { Vec::new() } else { thing.shades() };
            SeenThing { meshes: thing.meshes(), shades }
        };
        let marks = scene.marks.iter().flat_map(|mark| {
            let raised = Pose::translation(0.0, 0.0, MARK_M / 2.0);
            mark.outlines_m.iter().map(move |outline_m| {
                let shape = Shape::Prism { outline_m: outline_m.clone(), half_height_m: MARK_M / 2.0 };
                Body {
                    mesh: Arc::new(shape.mesh(mark.colour)),
                    world_from_mesh: mark.world_from_mark * raised,
                }
            })
        });
        let places = scene.things.iter().map(|thing| thing.world_from_thing).collect();
        Self { things: scene.things.iter().map(thing).collect(), marks: marks.collect(), places }
    }

    /// Everything where it is at a moment, or where the scene has it.
    fn at(&self, moment: Option<&Moment>) -> (Vec<Body>, Vec<Shade>) {
        let mut bodies = self.marks.clone();
        let mut shades = Vec::new();
        let places = moment.map_or(&self.places, |moment| &moment.things);
        for (thing, world_from_thing) in self.things.iter().zip(places) {
            for (mesh, thing_from_mesh) in &thing.meshes {
                bodies.push(Body { mesh: mesh.clone(), world_from_mesh: world_from_thing * thing_from_mesh });
            }
            shades.extend(thing.shades.iter().map(|shade| Shade {
                world_from_shade: world_from_thing * shade.world_from_shade,
                ..shade.clone()
            }));
        }
        (bodies, shades)
    }
}

//! Things of the world: convex pieces with a mass, that MuJoCo moves and the cameras see.

use dreamitate_geometry::Pose;
use dreamitate_render::TexturedMesh;
use dreamitate_scene::{Shade, capsule, cuboid, lathe, plain};
use image::{Rgb, RgbImage};
use nalgebra::{Point3, UnitQuaternion, Vector3};
use std::fmt::Write;
use std::sync::Arc;

/// A convex shape about its frame's origin.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A box.
    Box {
        /// Half of its sides, metres.
        half_m: [f64; 3],
    },
    /// A ball.
    Sphere {
        /// Metres.
        radius_m: f64,
    },
    /// A rod along z with round ends.
    Capsule {
        /// Metres.
        radius_m: f64,
        /// Between the centres of its ends, halved, metres.
        half_length_m: f64,
    },
    /// A cylinder along z.
    Cylinder {
        /// Metres.
        radius_m: f64,
        /// Half of its height, metres.
        half_length_m: f64,
    },
    /// A convex outline in the plane, counter-clockwise, drawn out along z.
    Prism {
        /// Corners, metres.
        outline_m: Vec<[f64; 2]>,
        /// Half of its height, metres.
        half_height_m: f64,
    },
}

/// One shape of a thing.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its shape.
    pub shape: Shape,
    /// Where it sits in the thing.
    pub thing_from_piece: Pose,
    /// RGB.
    pub colour: [u8; 3],
    /// Its coefficient of friction where that is not the thing's.
    pub friction: Option<f64>,
    /// What it can touch where that is not what the thing can.
    pub kind: Option<Kind>,
}

impl Piece {
    /// A piece somewhere in its thing.
    pub fn new(shape: Shape, thing_from_piece: Pose, colour: [u8; 3]) -> Self {
        Self { shape, thing_from_piece, colour, friction: None, kind: None }
    }

    /// A piece that is not turned in its thing.
    pub fn at(shape: Shape, x_m: f64, y_m: f64, z_m: f64, colour: [u8; 3]) -> Self {
        Self::new(shape, Pose::translation(x_m, y_m, z_m), colour)
    }
}

/// How a thing can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mobility {
    /// In all six directions.
    Free,
    /// It moves but does not turn: a grain among many, whose rolling its friction stands for.
    Sliding,
}

/// What kind of thing it is, which decides what it can touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tool, or what holds it. Touches all but the arm that holds it.
    Tool,
    /// A grain. Touches everything.
    Particle,
    /// What lies on the table. Touches everything.
    Object,
    /// A part of an object that never meets the table: the wall of a bowl that stands on its floor.
    Wall,
    /// A robot's link. Touches all but its own arm and tool.
    Arm,
}

impl Kind {
    /// MuJoCo's `contype` and `conaffinity`; the table has 1 and 30.
    pub(crate) fn bits(self) -> (u32, u32) {
        match self {
            Kind::Tool => (2, 31),
            Kind::Particle => (4, 31),
            Kind::Object => (8, 31),
            Kind::Wall => (32, 30),
            Kind::Arm => (16, 31),
        }
    }
}

/// How a surface rubs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Coefficient of sliding friction; of two that touch, the larger counts.
    pub friction: f64,
    /// Coefficient of torsional friction, metres.
    pub torsional_m: f64,
    /// Directions in which a contact resists: 1 the normal, 3 with sliding, 4 with turning.
    pub condim: u8,
}

impl Surface {
    /// One that resists sliding only.
    pub fn sliding(friction: f64) -> Self {
        Self { friction, torsional_m: 0.005, condim: 3 }
    }
}

/// A thing in its place.
#[derive(Clone, Debug)]
pub struct Thing {
    /// Its name, by which the world finds it.
    pub name: String,
    /// Where it is.
    pub world_from_thing: Pose,
    /// What it is made of.
    pub pieces: Vec<Piece>,
    /// How it moves.
    pub mobility: Mobility,
    /// What it can touch.
    pub kind: Kind,
    /// Its whole mass, shared by volume, kg.
    pub mass_kg: f64,
    /// Its surface.
    pub surface: Surface,
    /// What is seen of it where that is not its pieces.
    pub look: Option<Arc<TexturedMesh>>,
}

impl Shape {
    pub(crate) fn volume_m3(&self) -> f64 {
        use std::f64::consts::PI;
        match self {
            Shape::Box { half_m: [x, y, z] } => 8.0 * x * y * z,
            Shape::Sphere { radius_m: r } => 4.0 / 3.0 * PI * r.powi(3),
            Shape::Capsule { radius_m: r, half_length_m } => {
                4.0 / 3.0 * PI * r.powi(3) + 2.0 * PI * r * r * half_length_m
            }
            Shape::Cylinder { radius_m: r, half_length_m } => 2.0 * PI * r * r * half_length_m,
            Shape::Prism { outline_m, half_height_m } => 2.0 * half_height_m * area_m2(outline_m),
        }
    }

    /// Half of the sides of the box about it.
    fn half_extent_m(&self) -> Vector3<f64> {
        match self {
            Shape::Box { half_m } => (*half_m).into(),
            Shape::Sphere { radius_m } => Vector3::repeat(*radius_m),
            Shape::Capsule { radius_m, half_length_m } => {
                Vector3::new(*radius_m, *radius_m, radius_m + half_length_m)
            }
            Shape::Cylinder { radius_m, half_length_m } => Vector3::new(*radius_m, *radius_m, *half_length_m),
            Shape::Prism { outline_m, half_height_m } => {
                let reach = |axis: usize| outline_m.iter().map(|p| p[axis].abs()).fold(0.0, f64::max);
                Vector3::new(reach(0), reach(1), *half_height_m)
            }
        }
    }

    pub(crate) fn mesh(&self, colour: [u8; 3]) -> TexturedMesh {
        let [low, high] = [-1.0, 1.0].map(|sign| move |half: f64| Point3::new(0.0, 0.0, sign * half));
        match self {
            Shape::Box { half_m } => {
                // Sides a little darker than the top, which tells edges apart where light does not.
                let tone = |factor: f64| Rgb(colour.map(|c| (f64::from(c) * factor) as u8));
                let faces =
                    RgbImage::from_fn(6, 1, |face, _| tone([0.8, 0.8, 0.88, 0.88, 1.0, 1.0][face as usize]));
                cuboid((*half_m).into(), faces)
            }
            Shape::Sphere { radius_m } => {
                dreamitate_scene::ellipsoid(Point3::origin(), Vector3::repeat(*radius_m), colour)
            }
            Shape::Capsule { radius_m, half_length_m } => {
                capsule(low(*half_length_m), high(*half_length_m), *radius_m, *radius_m, colour)
            }
            Shape::Cylinder { radius_m, half_length_m } => {
                let length = 2.0 * half_length_m;
                let rings = [(0.0, 0.0), (0.0, *radius_m), (length, *radius_m), (length, 0.0)];
                lathe(low(*half_length_m), high(*half_length_m), &rings, plain(colour))
            }
            Shape::Prism { outline_m, half_height_m } => prism(outline_m, *half_height_m, colour),
        }
    }
}

fn area_m2(outline_m: &[[f64; 2]]) -> f64 {
    let next = outline_m.iter().cycle().skip(1);
    0.5 * outline_m.iter().zip(next).map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum::<f64>().abs()
}

fn prism(outline_m: &[[f64; 2]], half_height_m: f64, colour: [u8; 3]) -> TexturedMesh {
    let count = outline_m.len() as u32;
    let ring = |z: f64| outline_m.iter().map(move |[x, y]| Point3::new(*x, *y, z).cast::<f32>());
    let vertices: Vec<_> = ring(-half_height_m).chain(ring(half_height_m)).collect();
    let at = |face: [u32; 3], u: f32| (face, [[u, 0.5]; 3]);
    let mut triangles = Vec::new();
    for i in 0..count {
        let next = (i + 1) % count;
        triangles.push(at([i, next, count + next], 0.25));
        triangles.push(at([i, count + next, count + i], 0.25));
    }
    for i in 1..count.saturating_sub(1) {
        triangles.push(at([count, count + i, count + i + 1], 0.75));
        triangles.push(at([0, i + 1, i], 0.75));
    }
    let sides = Rgb(colour.map(|c| (f64::from(c) * 0.84) as u8));
    let texture = RgbImage::from_fn(2, 1, |x, _| if x == 0 { sides } else { Rgb(colour) });
    TexturedMesh::from_parts(vertices, &triangles, texture)
}

impl Thing {
    /// What the cameras see of it, in its frame.
    pub(crate) fn meshes(&self) -> Vec<(Arc<TexturedMesh>, Pose)> {
        if let Some(look) = &self.look {
            return vec![(look.clone(), Pose::identity())];
        }
        let mesh = |piece: &Piece| (Arc::new(piece.shape.mesh(piece.colour)), piece.thing_from_piece);
        self.pieces.iter().map(mesh).collect()
    }

    /// What it shades on the table, in its frame: what of it stands there.
    pub(crate) fn shades(&self) -> Vec<Shade> {
        /// What is this much higher than the lowest does not stand on the table, metres.
        const STANDS_M: f64 = 0.004;
        let low_m = |piece: &Piece| {
            let turn = piece.thing_from_piece.rotation.to_rotation_matrix();
            let extent = piece.shape.half_extent_m();
            let half_m: f64 = (0..3).map(|i| turn[(2, i)].abs() * extent[i]).sum();
            piece.thing_from_piece.translation.z - half_m
        };
        let lowest_m = self.pieces.iter().map(low_m).fold(f64::INFINITY, f64::min);
        // A bowl's wall stands on its floor; a shape's feet are hidden.
        let shades = |piece: &&Piece| piece.kind.is_none() && !matches!(piece.shape, Shape::Sphere { .. });
        let standing = self.pieces.iter().filter(shades).filter(|piece| low_m(piece) < lowest_m + STANDS_M);
        standing
            .map(|piece| {
                let extent = piece.shape.half_extent_m();
                // Flat on the table, however the piece lies.
                let x = piece.thing_from_piece.rotation * Vector3::x();
                let upright = x.z.abs() < 0.5;
                let heading = if upright { x.y.atan2(x.x) } else { 0.0 };
                let at = piece.thing_from_piece.translation.vector;
                let flat = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), heading);
                Shade {
                    world_from_shade: Pose::from_parts(Vector3::new(at.x, at.y, 0.0).into(), flat),
                    half_m: if upright { [extent.x, extent.y] } else { [extent.z, extent.y] },
                    round: upright && matches!(piece.shape, Shape::Cylinder { .. }),
                }
            })
            .collect()
    }

    /// Its MJCF `body`, and the assets that it needs.
    pub(crate) fn write_mjcf(&self, bodies: &mut String, assets: &mut String) {
        let joint = match self.mobility {
            Mobility::Free => "<freejoint/>",
            Mobility::Sliding => {
                r#"<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 1 0"/><joint type="slide" axis="0 0 1"/>"#
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(bodies, r#"<body name="{}" {}>{joint}"#, self.name, placed(&self.world_from_thing));
        let volume_m3: f64 = self.pieces.iter().map(|piece| piece.shape.volume_m3()).sum();
        for (index, piece) in self.pieces.iter().enumerate() {
            let mass = self.mass_kg * piece.shape.volume_m3() / volume_m3;
            let mesh = format!("{}.{index}", self.name);
            let friction = piece.friction.unwrap_or(self.surface.friction);
            let surface = Surface { friction, ..self.surface };
            let geom = geom(
                &piece.shape,
                &piece.thing_from_piece,
                piece.kind.unwrap_or(self.kind),
                &surface,
                &mesh,
                assets,
            );
            let _ = writeln!(bodies, r#"{geom} mass="{mass}"/>"#);
        }
        bodies.push_str("</body>\n");
    }
}

/// Grains of one kind: balls that move and do not turn.
pub(crate) fn grains(
    places: &[Vector3<f64>],
    radius_m: f64,
    density_kg_m3: f64,
    friction: f64,
    colour: [u8; 3],
) -> Vec<Thing> {
    let shape = Shape::Sphere { radius_m };
    let look = Arc::new(dreamitate_scene::ball(radius_m, colour));
    let grain = |(index, place): (usize, &Vector3<f64>)| Thing {
        name: format!("grain{index}"),
        world_from_thing: Pose::from_parts((*place).into(), UnitQuaternion::identity()),
        pieces: vec![Piece::at(shape.clone(), 0.0, 0.0, 0.0, colour)],
        mobility: Mobility::Sliding,
        kind: Kind::Particle,
        mass_kg: density_kg_m3 * shape.volume_m3(),
        surface: Surface::sliding(friction),
        look: Some(look.clone()),
    };
    places.iter().enumerate().map(grain).collect()
}

/// The position and orientation of a pose as MJCF's attributes.
pub(crate) fn placed(pose: &Pose) -> String {
    let (p, q) = (pose.translation.vector, pose.rotation.coords);
    format!(r#"pos="{} {} {}" quat="{} {} {} {}""#, p.x, p.y, p.z, q.w, q.x, q.y, q.z)
}

/// A `geom` that is not yet closed. A prism adds its corners to the assets, under `mesh`.
pub(crate) fn geom(
    shape: &Shape,
    pose: &Pose,
    kind: Kind,
    surface: &Surface,
    mesh: &str,
    assets: &mut String,
) -> String {
    let size = match shape {
        Shape::Box { half_m: [x, y, z] } => format!(r#"type="box" size="{x} {y} {z}""#),
        Shape::Sphere { radius_m } => format!(r#"type="sphere" size="{radius_m}""#),
        Shape::Capsule { radius_m, half_length_m } => {
            format!(r#"type="capsule" size="{radius_m} {half_length_m}""#)
        }
        Shape::Cylinder { radius_m, half_length_m } => {
            format!(r#"type="cylinder" size="{radius_m} {half_length_m}""#)
        }
        Shape::Prism { outline_m, half_height_m } => {
            let corners = [-half_height_m, *half_height_m]
                .into_iter()
                .flat_map(|z| outline_m.iter().map(move |[x, y]| format!("{x} {y} {z}")));
            let _ = writeln!(
                assets,
                r#"<mesh name="{mesh}" vertex="{}"/>"#,
                corners.collect::<Vec<_>>().join(" ")
            );
            format!(r#"type="mesh" mesh="{mesh}""#)
        }
    };
    let (contype, conaffinity) = kind.bits();
    let Surface { friction, torsional_m, condim } = surface;
    format!(
        r#"<geom {size} {} contype="{contype}" conaffinity="{conaffinity}" friction="{friction} {torsional_m} 0.0001" condim="{condim}""#,
        placed(pose)
    )
}

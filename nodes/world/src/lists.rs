//! What the files of two tasks share.

use crate::{Kind, Mobility, Piece, Shape, Split, Surface, Thing, WorldError, act::about, draw::some};
use dreamitate_geometry::Pose;
use nalgebra::{Vector2, Vector3};
use serde::Deserialize;

/// A list a split.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lists<T> {
    training: Vec<T>,
    test: Vec<T>,
}

impl<T> Lists<T> {
    /// The list of a split, which has something in it.
    pub fn of(&self, split: Split, name: &'static str) -> Result<&[T], WorldError> {
        some(split.of(&self.training[..], &self.test[..]), name)
    }
}

/// Something that stands about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Obstacle {
    pub name: String,
    #[serde(default)]
    box_half_m: Option<[f64; 3]>,
    /// Radius, and half of the height.
    #[serde(default)]
    cylinder_m: Option<[f64; 2]>,
    mass_kg: f64,
    rgb: [u8; 3],
}

impl Obstacle {
    fn shape(&self) -> Option<Shape> {
        let cylinder =
            self.cylinder_m.map(|[radius_m, half_length_m]| Shape::Cylinder { radius_m, half_length_m });
        self.box_half_m.map(|half_m| Shape::Box { half_m }).or(cylinder)
    }

    /// Radius of the circle about it, and half of its height, metres.
    pub fn hull_m(&self) -> (f64, f64) {
        match (self.box_half_m, self.cylinder_m) {
            (Some([x, y, z]), _) => (x.hypot(y), z),
            (_, Some([radius, half])) => (radius, half),
            _ => (0.0, 0.0),
        }
    }

    /// It on the table.
    pub fn thing(&self, name: String, at: Vector2<f64>, heading_rad: f64, friction: f64) -> Thing {
        Thing {
            name,
            world_from_thing: Pose::from_parts(
                Vector3::new(at.x, at.y, self.hull_m().1).into(),
                about(Vector3::z_axis(), heading_rad),
            ),
            pieces: self.shape().map(|shape| Piece::at(shape, 0.0, 0.0, 0.0, self.rgb)).into_iter().collect(),
            mobility: Mobility::Free,
            kind: Kind::Object,
            mass_kg: self.mass_kg,
            surface: Surface::sliding(friction),
            look: None,
        }
    }
}

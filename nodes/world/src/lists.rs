//! What the two tasks with grains share.

use crate::{Kind, Mobility, Piece, Shape, Split, Surface, Thing, World, WorldError, act::about, draw::some};
use dreamitate_geometry::Pose;
use nalgebra::{Vector2, Vector3};
use serde::Deserialize;
use std::ops::Range;

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

/// Watches things that the tool is not to touch, and how far these and the things before them are moved.
pub(crate) struct Bystanders {
    not_to_touch: Range<usize>,
    /// Where they and the things before them were at first.
    at_rest: Vec<Vector3<f64>>,
    /// Whether the tool has touched one.
    pub touched: bool,
}

impl Bystanders {
    pub fn new(not_to_touch: Range<usize>) -> Self {
        Self { not_to_touch, at_rest: Vec::new(), touched: false }
    }

    /// Looks at the world after a step.
    pub fn watch(&mut self, world: &World) {
        if self.at_rest.is_empty() {
            let things = 0..self.not_to_touch.end;
            self.at_rest = things.map(|index| world.thing(index).translation.vector).collect();
        } else {
            self.touched |= world.tool_touches(self.not_to_touch.clone());
        }
    }

    /// How far the farthest of some of the things was moved.
    pub fn moved_m(&self, world: &World, things: Range<usize>) -> f64 {
        let moved = |index: usize| (world.thing(index).translation.vector - self.at_rest[index]).norm();
        things.map(moved).fold(0.0, f64::max)
    }
}

/// Places of a layer of grains, `step` apart, row by row up to `reach` steps from the middle.
pub(crate) fn lattice(reach: i32, step: f64) -> impl Iterator<Item = Vector2<f64>> {
    let cells = (-reach..=reach).flat_map(move |i| (-reach..=reach).map(move |j| (i, j)));
    cells.map(move |(i, j)| {
        let shifted = f64::from(i) + 0.5 * f64::from(j.rem_euclid(2));
        Vector2::new(shifted * step, f64::from(j) * step * 0.866)
    })
}

//! Draws a table, what lies and moves on it, and hands that hold tools, as the rig's cameras see them.
//!
//! A [`Film`] is a stereo clip in the making: whoever knows where things are at each moment hands over [`Body`]s and
//! [`Shade`]s, and the film draws them over a [`Cloth`] with the [`Flaws`] of a [`Level`].

mod film;
mod flaws;
mod hand;
mod picture;
mod shapes;
mod table;
mod things;

use dreamitate_geometry::Pose;
use dreamitate_render::TexturedMesh;
use std::sync::Arc;

pub use film::{Cancelled, Film};
pub use flaws::{Flaws, Level};
pub use hand::{ArmLook, Grasp, Hand, HeldTool, Hold};
pub use picture::{Exposure, develop, draw};
pub use shapes::{ball, capsule, cuboid, ellipsoid, lathe, plain};
pub use table::Cloth;
pub use things::any_thing;

/// A mesh in its place.
#[derive(Clone, Debug)]
pub struct Body {
    /// The mesh.
    pub mesh: Arc<TexturedMesh>,
    /// Where it is.
    pub world_from_mesh: Pose,
}

/// What a body shades on the table: a soft rectangle or ellipse.
#[derive(Clone, Debug)]
pub struct Shade {
    /// Its frame; the higher it is, the softer the shade.
    pub world_from_shade: Pose,
    /// Half of its extent along x and y, metres.
    pub half_m: [f64; 2],
    /// An ellipse.
    pub round: bool,
}

impl Shade {
    /// A rectangle.
    pub fn rectangle(world_from_shade: Pose, half_m: [f64; 2]) -> Self {
        Self { world_from_shade, half_m, round: false }
    }
}

/// A mesh of one colour for tests.
#[cfg(test)]
fn test_body(half_m: f64, colour: [u8; 3], world_from_mesh: Pose) -> Body {
    let mesh = cuboid(nalgebra::Vector3::repeat(half_m), plain(colour));
    Body { mesh: Arc::new(mesh), world_from_mesh }
}

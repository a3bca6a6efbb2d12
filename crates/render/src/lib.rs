//! Tool meshes and a small z-buffer renderer.
//!
//! A [`ToolModel`] is read from `config/tools/*.yaml`; its surface is divided into facets, the parts that
//! share a printed colour and an orientation. [`rasterise`] fills a depth buffer and hands every visible
//! sample to its caller, which is how the tracker, the rendered dream and the report all draw.

mod facets;
mod mesh;
mod outline;
mod raster;
mod tool;

pub use facets::{Facet, Facets};
pub use mesh::{MeshError, TexturedMesh, Triangle, Units};
pub use outline::visible_edges;
pub use raster::{Fragment, Window, rasterise};
pub use tool::{Facing, ToolConfig, ToolError, ToolModel};

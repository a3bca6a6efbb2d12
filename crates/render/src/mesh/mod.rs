mod closed;
mod read;
mod surface;

use closed::is_closed;
use image::RgbImage;
use nalgebra::{Point3, Vector3};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use surface::Surface;

/// The length unit of a mesh file; inside the program all is metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Units {
    /// Metres.
    #[serde(rename = "m")]
    Metres,
    /// Millimetres.
    #[serde(rename = "mm")]
    Millimetres,
}

/// One triangle: its corners and where they lie in the texture.
#[derive(Clone, Debug, PartialEq)]
pub struct Triangle {
    /// Indices of the corners.
    pub corners: [u32; 3],
    /// Texture coordinates of the corners, 0 to 1, v downwards.
    pub texture: [[f32; 2]; 3],
    /// Unit normal, outward where the file winds counter-clockwise.
    pub normal: Vector3<f32>,
}

/// A triangle mesh in metres with the picture that is printed on it.
#[derive(Clone, Debug)]
pub struct TexturedMesh {
    /// Corner points in the mesh's frame, metres.
    pub vertices: Vec<Point3<f32>>,
    /// Triangles; never empty.
    pub triangles: Vec<Triangle>,
    /// The texture; one pixel for a mesh of one colour.
    pub texture: RgbImage,
    /// Whether back sides are always hidden, so that they need not be drawn: the surface (or the one of which it is a part
    /// that is drawn with the rest) is closed and winds counter-clockwise.
    pub hides_backs: bool,
}

/// Why a mesh is refused.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The file cannot be read as its name says.
    #[error("cannot read the mesh {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file's parts do not make a mesh.
    #[error("the mesh {path} is malformed: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A format that is not read.
    #[error("the mesh {path} ends with \"{ending}\"; read are obj, ply, stl, gltf and glb")]
    Format {
        /// The file.
        path: PathBuf,
        /// What its name ends with.
        ending: String,
    },
    /// A triangle has a corner that is not there.
    #[error("the mesh {path} names vertex {index}, but has {vertices}")]
    NoSuchVertex {
        /// The file.
        path: PathBuf,
        /// Which vertex, from 0.
        index: u32,
        /// How many there are.
        vertices: usize,
    },
    /// The part that is to be tracked is not there.
    #[error("the mesh {path} has no part {name:?}; its parts are {parts:?}")]
    NoSuchPart {
        /// The file.
        path: PathBuf,
        /// The part asked for.
        name: String,
        /// The file's named objects.
        parts: Vec<String>,
    },
    /// So many triangles that drawing would be slow.
    #[error(
        "the mesh {path} has {triangles} triangles, more than {limit}: reduce it, a tracker sees no more"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many it has.
        triangles: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The texture cannot be read.
    #[error("cannot read the texture {path}")]
    Texture {
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// No triangle with an area.
    #[error("the mesh {0} has no triangle with an area")]
    Empty(PathBuf),
    /// A coordinate is not a number.
    #[error("vertex {index} of the mesh {path} is not finite")]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Which vertex, from 0.
        index: usize,
    },
    /// A size that no hand tool has; most often the units are not those declared.
    #[error("the mesh {path} is {extent_m:.3} m long, outside {min_m} to {max_m} m; {hint}")]
    Extent {
        /// The file.
        path: PathBuf,
        /// Longest side of its box, metres.
        extent_m: f32,
        /// Smallest accepted.
        min_m: f32,
        /// Largest accepted.
        max_m: f32,
        /// What may be wrong.
        hint: &'static str,
    },
}

const EXTENT_M: std::ops::RangeInclusive<f32> = 0.01..=1.0;
/// The grey of a mesh without a texture.
const PLAIN: [u8; 3] = [150, 150, 150];

impl TexturedMesh {
    /// Reads an OBJ, PLY, STL or glTF file with its textures and colours, and converts it to metres. Without
    /// `units` they are told by the mesh's size; a glTF is in metres by its standard. The file's axes are kept.
    ///
    /// # Errors
    /// The file or a texture is unreadable, has no area, too many triangles, a coordinate that is not a number, or a
    /// size of which no hand tool is.
    pub fn read(path: &Path, units: Option<Units>) -> Result<Self, MeshError> {
        Self::of_surface(read::read(path)?, path, units)
    }

    /// Reads the same, and divides it into one named object of an OBJ (`o` or `g`) or glTF file (a node), and the rest if
    /// there is any: the whole, the object, the rest.
    ///
    /// # Errors
    /// As [`Self::read`], and for a part that the file does not have.
    pub fn read_with_part(
        path: &Path,
        units: Option<Units>,
        part: &str,
    ) -> Result<(Self, Self, Option<Self>), MeshError> {
        let surface = read::read(path)?;
        let parts = surface.split(part, path)?;
        let whole = Self::of_surface(surface, path, units)?;
        let of_part =
            |part| Ok(Self { hides_backs: whole.hides_backs, ..Self::of_surface(part, path, units)? });
        let [part, rest] = parts;
        let rest = if rest.triangles.is_empty() { None } else { Some(of_part(rest)?) };
        let part = of_part(part)?;
        Ok((whole, part, rest))
    }

    fn of_surface(surface: Surface, path: &Path, units: Option<Units>) -> Result<Self, MeshError> {
        let mesh = surface.into_mesh();
        if let Some(index) = mesh.vertices.iter().position(|v| !v.coords.iter().all(|c| c.is_finite())) {
            return Err(MeshError::NotFinite { path: path.to_owned(), index });
        }
        if mesh.triangles.is_empty() {
            return Err(MeshError::Empty(path.to_owned()));
        }
        let extent = mesh.extent();
        let is_gltf = path.extension().is_some_and(|e| e == "gltf" || e == "glb");
        let units = units.unwrap_or(if is_gltf || extent <= *EXTENT_M.end() {
            Units::Metres
        } else {
            Units::Millimetres
        });
        mesh.in_metres(path, units)
    }

    /// Returns a mesh of the given corners and triangles with an area.
    pub fn from_parts(
        vertices: Vec<Point3<f32>>,
        triangles: &[([u32; 3], [[f32; 2]; 3])],
        texture: RgbImage,
    ) -> Self {
        let triangles: Vec<Triangle> = triangles
            .iter()
            .filter_map(|&(corners, texture)| {
                let [a, b, c] = corners.map(|i| vertices.get(i as usize));
                let normal = (b? - a?).cross(&(c? - a?)).try_normalize(1e-12)?;
                Some(Triangle { corners, texture, normal })
            })
            .collect();
        let hides_backs = is_closed(&vertices, triangles.iter().map(|triangle| triangle.corners));
        Self { vertices, triangles, texture, hides_backs }
    }

    fn in_metres(mut self, path: &Path, units: Units) -> Result<Self, MeshError> {
        let scale = match units {
            Units::Metres => 1.0,
            Units::Millimetres => 1e-3,
        };
        self.vertices.iter_mut().for_each(|vertex| *vertex *= scale);
        let extent_m = self.extent();
        if !EXTENT_M.contains(&extent_m) {
            let hint = match units {
                Units::Metres if extent_m > 1.0 => "is it in millimetres? declare `units: mm`",
                Units::Millimetres if extent_m < 0.01 => "is it in metres? declare `units: m`",
                _ => "check its units",
            };
            return Err(MeshError::Extent {
                path: path.to_owned(),
                extent_m,
                min_m: *EXTENT_M.start(),
                max_m: *EXTENT_M.end(),
                hint,
            });
        }
        Ok(self)
    }

    /// The longest side of the box around the triangles.
    fn extent(&self) -> f32 {
        let (low, high) = self.bounds();
        (high - low).amax()
    }

    /// The lowest and highest corner of the mesh's box, metres.
    pub fn bounds(&self) -> (Point3<f32>, Point3<f32>) {
        let (mut low, mut high) = (Point3::from([f32::MAX; 3]), Point3::from([f32::MIN; 3]));
        for vertex in &self.vertices {
            low = low.inf(vertex);
            high = high.sup(vertex);
        }
        (low, high)
    }

    /// The texture's colour at texture coordinates.
    #[inline]
    pub fn colour_at(&self, u: f32, v: f32) -> [u8; 3] {
        let (x, y) = self.texel(u, v);
        self.texture.get_pixel(x, y).0
    }

    /// The texture's pixel at texture coordinates, clamped to the image.
    #[inline]
    pub fn texel(&self, u: f32, v: f32) -> (u32, u32) {
        let (w, h) = self.texture.dimensions();
        (((u * w as f32) as u32).min(w - 1), ((v * h as f32) as u32).min(h - 1))
    }
}

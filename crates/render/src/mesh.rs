use image::RgbImage;
use nalgebra::{Point3, Vector3};
use serde::Deserialize;
use std::path::{Path, PathBuf};

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
}

/// Why a mesh is refused.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The OBJ cannot be read.
    #[error("cannot read the mesh {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: tobj::LoadError,
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
    /// Reads an OBJ file with its material's texture, and converts it to metres.
    ///
    /// # Errors
    /// The file or texture is unreadable, has no area, is not finite, or has a size of which no hand tool is.
    pub fn read_obj(path: &Path, units: Units) -> Result<Self, MeshError> {
        let (models, materials) = tobj::load_obj(path, &tobj::GPU_LOAD_OPTIONS)
            .map_err(|source| MeshError::Read { path: path.to_owned(), source })?;
        let scale = match units {
            Units::Metres => 1.0,
            Units::Millimetres => 1e-3,
        };
        let mut vertices = Vec::new();
        let mut triangles = Vec::new();
        for model in &models {
            let mesh = &model.mesh;
            let offset = vertices.len() as u32;
            vertices.extend(mesh.positions.chunks_exact(3).map(|p| Point3::new(p[0], p[1], p[2]) * scale));
            for corners in mesh.indices.chunks_exact(3) {
                let texture = [0, 1, 2].map(|i| {
                    let at = corners[i] as usize * 2;
                    match mesh.texcoords.get(at..at + 2) {
                        Some(uv) => [uv[0], 1.0 - uv[1]],
                        None => [0.0, 0.0],
                    }
                });
                triangles.push(([corners[0] + offset, corners[1] + offset, corners[2] + offset], texture));
            }
        }
        let texture_file = materials.ok().and_then(|list| list.into_iter().find_map(|m| m.diffuse_texture));
        let texture = match texture_file {
            Some(name) => {
                let file = path.with_file_name(name);
                image::open(&file).map_err(|source| MeshError::Texture { path: file, source })?.to_rgb8()
            }
            None => RgbImage::from_pixel(1, 1, image::Rgb(PLAIN)),
        };
        let mesh = Self::from_parts(vertices, &triangles, texture);
        mesh.checked(path, units)
    }

    /// Returns a mesh of the given corners and triangles with an area.
    pub fn from_parts(
        vertices: Vec<Point3<f32>>,
        triangles: &[([u32; 3], [[f32; 2]; 3])],
        texture: RgbImage,
    ) -> Self {
        let triangles = triangles
            .iter()
            .filter_map(|&(corners, texture)| {
                let [a, b, c] = corners.map(|i| vertices.get(i as usize));
                let normal = (b? - a?).cross(&(c? - a?)).try_normalize(1e-12)?;
                Some(Triangle { corners, texture, normal })
            })
            .collect();
        Self { vertices, triangles, texture }
    }

    fn checked(self, path: &Path, units: Units) -> Result<Self, MeshError> {
        if let Some(index) = self.vertices.iter().position(|v| !v.coords.iter().all(|c| c.is_finite())) {
            return Err(MeshError::NotFinite { path: path.to_owned(), index });
        }
        if self.triangles.is_empty() {
            return Err(MeshError::Empty(path.to_owned()));
        }
        let (low, high) = self.bounds();
        let extent_m = (high - low).amax();
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
    pub fn colour_at(&self, u: f32, v: f32) -> [u8; 3] {
        let (x, y) = self.texel(u, v);
        self.texture.get_pixel(x, y).0
    }

    /// The texture's pixel at texture coordinates, clamped to the image.
    pub fn texel(&self, u: f32, v: f32) -> (u32, u32) {
        let (w, h) = self.texture.dimensions();
        (((u * w as f32) as u32).min(w - 1), ((v * h as f32) as u32).min(h - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(text: &str, units: Units) -> Result<TexturedMesh, MeshError> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mesh-{}-{number}.obj", std::process::id()));
        fs::write(&path, text).unwrap();
        let result = TexturedMesh::read_obj(&path, units);
        fs::remove_file(&path).unwrap();
        result
    }

    const IN_MILLIMETRES: &str = "v 0 0 0\nv 130 0 0\nv 0 80 0\nf 1 2 3\n";

    #[test]
    fn millimetres_are_told_from_metres_by_the_extent() {
        let error = read(IN_MILLIMETRES, Units::Metres).unwrap_err().to_string();
        assert!(error.contains("130.000 m long") && error.contains("units: mm"), "{error}");
        let mesh = read(IN_MILLIMETRES, Units::Millimetres).unwrap();
        assert!((mesh.bounds().1.x - 0.13).abs() < 1e-6);
        let error = read("v 0 0 0\nv 0.13 0 0\nv 0 0.08 0\nf 1 2 3\n", Units::Millimetres).unwrap_err();
        assert!(error.to_string().contains("units: m"), "{error}");
    }

    #[test]
    fn a_mesh_without_area_or_with_a_nan_is_refused() {
        assert!(matches!(
            read("v 0 0 0\nv 0.1 0 0\nv 0.2 0 0\nf 1 2 3\n", Units::Metres),
            Err(MeshError::Empty(_))
        ));
        assert!(matches!(
            read("v 0 0 0\nv nan 0 0\nv 0 0.1 0\nf 1 2 3\n", Units::Metres),
            Err(MeshError::NotFinite { .. } | MeshError::Read { .. })
        ));
    }
}

use crate::TexturedMesh;
use nalgebra::Vector3;

/// A part of the surface that looks alike in any one picture: one printed colour, one orientation.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// The printed colour, RGB 0 to 255.
    pub colour: [f32; 3],
    /// The mean normal of its triangles.
    pub normal: Vector3<f32>,
}

/// The surface of a mesh divided into facets.
#[derive(Clone, Debug)]
pub struct Facets {
    list: Vec<Facet>,
    /// For each texture pixel its colour's number in the palette.
    palette_of_texel: Vec<u8>,
    texture_width: u32,
    /// `[triangle][palette]` → facet.
    facet_of: Vec<Vec<u8>>,
}

/// Colours nearer than this are one (the texture's anti-aliasing and noise), Euclidean in RGB.
const SAME_COLOUR: f32 = 45.0;
/// Normals nearer than this are one orientation.
const SAME_NORMAL_DEG: f32 = 25.0;
/// The number for "no facet" in sample buffers.
const MAX_FACETS: usize = 254;

impl Facets {
    /// Divides a mesh's surface.
    pub fn of(mesh: &TexturedMesh) -> Self {
        let palette = palette(mesh);
        let palette_of_texel =
            mesh.texture.pixels().map(|pixel| nearest(&palette, pixel.0.map(f32::from)).0 as u8).collect();
        let limit = SAME_NORMAL_DEG.to_radians().cos();
        let mut normals: Vec<Vector3<f32>> = Vec::new();
        let mut list: Vec<Facet> = Vec::new();
        let mut key_of: Vec<(usize, usize)> = Vec::new();
        let facet_of = mesh
            .triangles
            .iter()
            .map(|triangle| {
                let group =
                    normals.iter().position(|n| n.dot(&triangle.normal) > limit).unwrap_or_else(|| {
                        normals.push(triangle.normal);
                        normals.len() - 1
                    });
                (0..palette.len())
                    .map(|colour| {
                        let key = (group, colour);
                        let facet = key_of.iter().position(|k| *k == key).unwrap_or_else(|| {
                            key_of.push(key);
                            list.push(Facet { colour: palette[colour], normal: normals[group] });
                            list.len() - 1
                        });
                        facet.min(MAX_FACETS - 1) as u8
                    })
                    .collect()
            })
            .collect();
        list.truncate(MAX_FACETS);
        Self { list, palette_of_texel, texture_width: mesh.texture.width(), facet_of }
    }

    /// The facets; a sample buffer holds indices into this.
    pub fn list(&self) -> &[Facet] {
        &self.list
    }

    /// The facet at a triangle's texture coordinates.
    #[inline]
    pub fn at(&self, mesh: &TexturedMesh, triangle: usize, u: f32, v: f32) -> u8 {
        let (x, y) = mesh.texel(u, v);
        self.facet_of[triangle][self.palette_of_texel[(y * self.texture_width + x) as usize] as usize]
    }
}

/// The printed colours that the triangles use, each at least [`SAME_COLOUR`] from the others.
fn palette(mesh: &TexturedMesh) -> Vec<[f32; 3]> {
    let mut counted: Vec<([f32; 3], f32)> = Vec::new();
    for triangle in &mesh.triangles {
        let [a, b, c] = triangle.corners.map(|i| mesh.vertices[i as usize]);
        let area = (b - a).cross(&(c - a)).norm();
        // A fixed grid of barycentric samples, weighted by area.
        const STEPS: usize = 24;
        for i in 0..STEPS {
            for j in 0..STEPS - i {
                let (s, t) = ((i as f32 + 0.33) / STEPS as f32, (j as f32 + 0.33) / STEPS as f32);
                let uv = |k: usize| {
                    (1.0 - s - t) * triangle.texture[0][k]
                        + s * triangle.texture[1][k]
                        + t * triangle.texture[2][k]
                };
                let colour = mesh.colour_at(uv(0), uv(1)).map(f32::from);
                match counted.iter_mut().find(|(c, _)| distance(*c, colour) < 8.0) {
                    Some((_, weight)) => *weight += area,
                    None => counted.push((colour, area)),
                }
            }
        }
    }
    counted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut palette: Vec<[f32; 3]> = Vec::new();
    for (colour, _) in counted {
        if palette.len() < 16 && palette.iter().all(|p| distance(*p, colour) > SAME_COLOUR) {
            palette.push(colour);
        }
    }
    palette
}

fn nearest(palette: &[[f32; 3]], colour: [f32; 3]) -> (usize, f32) {
    palette
        .iter()
        .map(|p| distance(*p, colour))
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, f32::MAX))
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
}

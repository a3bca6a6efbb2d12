use crate::{Fragment, TexturedMesh, Triangle};
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
    facet_of: Vec<[u8; MAX_PALETTE]>,
    /// The facet of a triangle that has only one.
    only: Vec<Option<u8>>,
}

/// Colours nearer than this are one (the texture's anti-aliasing and noise), Euclidean in RGB.
const SAME_COLOUR: f32 = 45.0;
/// Normals nearer than this are one orientation.
const SAME_NORMAL_DEG: f32 = 25.0;
/// A colour on less of the surface than this is the blur between two others.
const MIN_SHARE: f32 = 0.005;
/// Most colours of a palette.
const MAX_PALETTE: usize = 16;
/// Facets are numbered in a byte, of which 255 stands for none.
const MAX_FACETS: usize = 254;

impl Facets {
    /// Divides a mesh's surface.
    pub fn of(mesh: &TexturedMesh) -> Self {
        let palette = palette(mesh);
        let palette_of_texel: Vec<u8> =
            mesh.texture.pixels().map(|pixel| nearest(&palette, pixel.0.map(f32::from)) as u8).collect();
        let texture_width = mesh.texture.width();
        let limit = SAME_NORMAL_DEG.to_radians().cos();
        let mut normals: Vec<Vector3<f32>> = Vec::new();
        let mut list: Vec<Facet> = Vec::new();
        let mut key_of: Vec<(usize, usize)> = Vec::new();
        let facet_of: Vec<[u8; MAX_PALETTE]> = mesh
            .triangles
            .iter()
            .map(|triangle| {
                let group =
                    normals.iter().position(|n| n.dot(&triangle.normal) > limit).unwrap_or_else(|| {
                        normals.push(triangle.normal);
                        normals.len() - 1
                    });
                // Only colours that this triangle shows become facets; a stray one is its commonest.
                let mut shares = vec![0usize; palette.len()];
                for uv in texture_samples(triangle) {
                    let (x, y) = mesh.texel(uv[0], uv[1]);
                    shares[usize::from(palette_of_texel[(y * texture_width + x) as usize])] += 1;
                }
                let mut facet_at = |colour: usize| {
                    let key = (group, colour);
                    let facet = key_of.iter().position(|k| *k == key).unwrap_or_else(|| {
                        key_of.push(key);
                        list.push(Facet { colour: palette[colour], normal: normals[group] });
                        list.len() - 1
                    });
                    facet.min(MAX_FACETS - 1) as u8
                };
                let commonest = (0..palette.len()).max_by_key(|c| shares[*c]).unwrap_or(0);
                let mut row = [0; MAX_PALETTE];
                for (colour, facet) in row.iter_mut().enumerate().take(palette.len()) {
                    *facet = facet_at(if shares[colour] > 0 { colour } else { commonest });
                }
                row
            })
            .collect();
        list.truncate(MAX_FACETS);
        let used = palette.len().max(1);
        let only =
            |row: &[u8; MAX_PALETTE]| row[..used].iter().all(|facet| *facet == row[0]).then_some(row[0]);
        let only = facet_of.iter().map(only).collect();
        Self { list, palette_of_texel, texture_width, facet_of, only }
    }

    /// The facets; a sample buffer holds indices into this.
    pub fn list(&self) -> &[Facet] {
        &self.list
    }

    /// The facet that a sample of the mesh shows.
    #[inline]
    pub fn at(&self, mesh: &TexturedMesh, sample: &Fragment) -> u8 {
        if let Some(facet) = self.only[sample.triangle] {
            return facet;
        }
        let [u, v] = sample.uv();
        let (x, y) = mesh.texel(u, v);
        self.facet_of[sample.triangle][self.palette_of_texel[(y * self.texture_width + x) as usize] as usize]
    }
}

/// The printed colours that the triangles use, each at least [`SAME_COLOUR`] from the others and on at least
/// [`MIN_SHARE`] of the surface.
fn palette(mesh: &TexturedMesh) -> Vec<[f32; 3]> {
    let mut counted: Vec<([f32; 3], f32)> = Vec::new();
    let mut total = 0f32;
    for triangle in &mesh.triangles {
        let [a, b, c] = triangle.corners.map(|i| mesh.vertices[i as usize]);
        let area = (b - a).cross(&(c - a)).norm();
        for uv in texture_samples(triangle) {
            let colour = mesh.colour_at(uv[0], uv[1]).map(f32::from);
            total += area;
            match counted.iter_mut().find(|(c, _)| distance(*c, colour) < 8.0) {
                Some((_, weight)) => *weight += area,
                None => counted.push((colour, area)),
            }
        }
    }
    counted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut palette: Vec<[f32; 3]> = Vec::new();
    for (colour, weight) in counted {
        let is_new = palette.iter().all(|p| distance(*p, colour) > SAME_COLOUR);
        if palette.is_empty() || (palette.len() < MAX_PALETTE && weight > MIN_SHARE * total && is_new) {
            palette.push(colour);
        }
    }
    palette
}

/// Texture coordinates evenly over a triangle.
fn texture_samples(triangle: &Triangle) -> impl Iterator<Item = [f32; 2]> + '_ {
    const STEPS: usize = 24;
    (0..STEPS).flat_map(move |i| {
        (0..STEPS - i).map(move |j| {
            let (s, t) = ((i as f32 + 0.33) / STEPS as f32, (j as f32 + 0.33) / STEPS as f32);
            [0, 1].map(|k| {
                (1.0 - s - t) * triangle.texture[0][k]
                    + s * triangle.texture[1][k]
                    + t * triangle.texture[2][k]
            })
        })
    })
}

fn nearest(palette: &[[f32; 3]], colour: [f32; 3]) -> usize {
    (0..palette.len())
        .min_by(|a, b| distance(palette[*a], colour).total_cmp(&distance(palette[*b], colour)))
        .unwrap_or(0)
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToolModel;
    use std::path::Path;

    #[test]
    fn the_tracking_box_has_few_facets_and_its_printed_colours() {
        for side in ["left", "right"] {
            let file = format!("{}/../../config/tools/tracking_box_{side}.yaml", env!("CARGO_MANIFEST_DIR"));
            let tool = ToolModel::read(Path::new(&file)).unwrap();
            let facets = tool.facets.list();
            assert!(facets.len() < 40, "{} facets", facets.len());
            for printed in [[245.0, 246.0, 248.0], [53.0, 48.0, 60.0], [10.0, 105.0, 196.0]] {
                assert!(facets.iter().any(|f| distance(f.colour, printed) < 20.0), "{printed:?}");
            }
            let upward =
                |printed| facets.iter().any(|f| f.normal.z > 0.95 && distance(f.colour, printed) < 20.0);
            let (white, dark, blue) = ([245.0, 246.0, 248.0], [53.0, 48.0, 60.0], [10.0, 105.0, 196.0]);
            assert!(upward(white) && upward(dark), "the plate is white with a dark print");
            assert!(!upward(blue), "the sides are blue, the plate is not");
        }
    }
}

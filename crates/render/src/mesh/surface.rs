use super::{MeshError, PLAIN, TexturedMesh};
use image::{RgbImage, imageops};
use nalgebra::Point3;
use std::{collections::HashMap, path::Path};

/// A mesh as a file holds it: in the file's units, with any number of pictures and colours.
#[derive(Default)]
pub(super) struct Surface {
    pub vertices: Vec<Point3<f32>>,
    /// Corners, and the paint of each triangle.
    pub triangles: Vec<([u32; 3], Paint)>,
    pub pictures: Vec<RgbImage>,
    /// The file's named objects, and the first triangle of each.
    pub parts: Vec<(String, usize)>,
}

/// What a triangle shows.
#[derive(Clone, Copy)]
pub(super) enum Paint {
    /// A part of a picture: its number and the corners' texture coordinates, v downwards.
    Picture(usize, [[f32; 2]; 3]),
    /// A colour at each corner.
    Colours([[u8; 3]; 3]),
}

impl Paint {
    pub const NONE: Self = Self::Colours([PLAIN; 3]);
}

/// More triangles than this are a scan that was not reduced, and would make every drawing slow.
const MAX_TRIANGLES: usize = 50_000;
/// Corners of nearer colours than this are of one, levels.
const SAME_COLOUR: u8 = 24;
/// Pixels of the picture of a triangle whose corners differ, along one side.
const BLEND_PX: u32 = 8;

impl Surface {
    /// Adds a picture; returns its number.
    pub fn add_picture(&mut self, picture: RgbImage) -> usize {
        self.pictures.push(picture);
        self.pictures.len() - 1
    }

    /// Refuses a mesh that names corners it does not have, or has too many triangles.
    pub fn checked(self, path: &Path) -> Result<Self, MeshError> {
        if self.triangles.len() > MAX_TRIANGLES {
            return Err(MeshError::TooLarge {
                path: path.to_owned(),
                triangles: self.triangles.len(),
                limit: MAX_TRIANGLES,
            });
        }
        let vertices = self.vertices.len();
        let strays = |index: &&u32| **index as usize >= vertices;
        if let Some(index) = self.triangles.iter().flat_map(|(corners, _)| corners).find(strays) {
            return Err(MeshError::NoSuchVertex { path: path.to_owned(), index: *index, vertices });
        }
        Ok(self)
    }

    /// Begins a named object: triangles that are added from now on are its own.
    pub fn begin_part(&mut self, name: &str) {
        self.parts.push((name.to_owned(), self.triangles.len()));
    }

    /// Divides the surface into the objects of a name and the rest.
    pub fn split(&self, name: &str, path: &Path) -> Result<[Self; 2], MeshError> {
        let mut chosen = vec![false; self.triangles.len()];
        let ends = self.parts.iter().skip(1).map(|(_, first)| *first).chain([self.triangles.len()]);
        for ((_, first), end) in self.parts.iter().zip(ends).filter(|((part, _), _)| part == name) {
            chosen[*first..end].fill(true);
        }
        if !chosen.contains(&true) {
            let parts = self.parts.iter().map(|(part, _)| part.clone()).collect();
            return Err(MeshError::NoSuchPart { path: path.to_owned(), name: name.to_owned(), parts });
        }
        Ok([true, false].map(|wanted| self.only(|triangle| chosen[triangle] == wanted)))
    }

    /// Some of the triangles, with the vertices that they use.
    fn only(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let mut part = Self { pictures: self.pictures.clone(), ..Self::default() };
        let mut kept: HashMap<u32, u32> = HashMap::new();
        for (_, (corners, paint)) in self.triangles.iter().enumerate().filter(|(index, _)| wanted(*index)) {
            let corners = corners.map(|corner| {
                *kept.entry(corner).or_insert_with(|| {
                    part.vertices.push(self.vertices[corner as usize]);
                    part.vertices.len() as u32 - 1
                })
            });
            part.triangles.push((corners, *paint));
        }
        part
    }

    /// The mesh, in the file's units, with all pictures and colours below one another in one picture. A mesh with one
    /// picture keeps it as it is.
    pub fn into_mesh(self) -> TexturedMesh {
        let mut pictures = self.pictures;
        let mut of_colour: HashMap<[u8; 3], usize> = HashMap::new();
        let painted: Vec<([u32; 3], usize, [[f32; 2]; 3])> = self
            .triangles
            .into_iter()
            .map(|(corners, paint)| match paint {
                Paint::Picture(picture, texture) => (corners, picture, texture),
                Paint::Colours(colours) if is_one(&colours) => {
                    let mean = [0, 1, 2]
                        .map(|c| (colours.iter().map(|colour| u32::from(colour[c])).sum::<u32>() / 3) as u8);
                    let picture = *of_colour.entry(mean).or_insert_with(|| {
                        pictures.push(RgbImage::from_pixel(1, 1, image::Rgb(mean)));
                        pictures.len() - 1
                    });
                    (corners, picture, [[0.5, 0.5]; 3])
                }
                Paint::Colours(colours) => {
                    pictures.push(blend(&colours));
                    let (near, far) = (0.5 / BLEND_PX as f32, 1.0 - 0.5 / BLEND_PX as f32);
                    (corners, pictures.len() - 1, [[near, near], [far, near], [near, far]])
                }
            })
            .collect();

        let width = pictures.iter().map(RgbImage::width).max().unwrap_or(1);
        let height = pictures.iter().map(RgbImage::height).sum::<u32>().max(1);
        let mut sheet = RgbImage::new(width, height);
        let mut first_rows = Vec::with_capacity(pictures.len());
        let mut row = 0;
        for picture in &pictures {
            imageops::replace(&mut sheet, picture, 0, i64::from(row));
            first_rows.push(row);
            row += picture.height();
        }
        let triangles: Vec<_> = painted
            .into_iter()
            .map(|(corners, picture, texture)| {
                let (w, h) = pictures[picture].dimensions();
                let placed = texture.map(|[u, v]| {
                    let (u, v) = (u.clamp(0.0, 1.0), v.clamp(0.0, 1.0));
                    let down = first_rows[picture] as f32 + v * h as f32;
                    [u * w as f32 / width as f32, down / height as f32]
                });
                // A mesh with one picture keeps its coordinates to the last bit.
                (corners, if pictures.len() == 1 { texture } else { placed })
            })
            .collect();
        TexturedMesh::from_parts(self.vertices, &triangles, sheet)
    }
}

fn is_one(colours: &[[u8; 3]; 3]) -> bool {
    (0..3).all(|c| {
        let levels = colours.map(|colour| colour[c]);
        levels.iter().max().zip(levels.iter().min()).is_some_and(|(high, low)| high - low <= SAME_COLOUR)
    })
}

/// A picture whose upper left half runs from the first corner's colour, at the upper left, to the second's at the
/// right and the third's below.
fn blend(colours: &[[u8; 3]; 3]) -> RgbImage {
    let last = (BLEND_PX - 1) as f32;
    RgbImage::from_fn(BLEND_PX, BLEND_PX, |x, y| {
        let (s, t) = (x as f32 / last, y as f32 / last);
        let level = |c: usize| {
            let [a, b, d] = colours.map(|colour| f32::from(colour[c]));
            a + s * (b - a) + t * (d - a)
        };
        image::Rgb([level(0), level(1), level(2)].map(|v| v.round() as u8))
    })
}

use crate::TexturedMesh;
use dreamitate_geometry::{PinholeCamera, Pose};

/// A rectangle of an image, in pixels; it may reach outside the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Left column.
    pub x_px: i32,
    /// Upper row.
    pub y_px: i32,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A visible sample of a mesh.
#[derive(Clone, Copy, Debug)]
pub struct Fragment {
    /// Index into the buffer.
    pub index: usize,
    /// Index of the triangle.
    pub triangle: usize,
    /// Its texture coordinates, times `near`.
    texture: [f32; 2],
    /// The inverse of its depth, 1/m.
    near: f32,
}

impl Fragment {
    /// Its texture coordinates.
    #[inline]
    pub fn uv(&self) -> [f32; 2] {
        self.texture.map(|value| value / self.near)
    }
}

/// Triangles that reach nearer than this are left out rather than clipped.
const NEAR_M: f32 = 0.05;
/// In place of the inverse of such a depth.
const TOO_NEAR: f32 = f32::INFINITY;

impl Window {
    /// The window of a whole image.
    pub fn whole(camera: &PinholeCamera) -> Self {
        Self { x_px: 0, y_px: 0, width: camera.width as usize, height: camera.height as usize }
    }

    /// The window around a mesh at a pose, `margin_px` wider on each side and at most a little larger than
    /// the image; `None` where the mesh is not in front of the camera or not in the image at all.
    pub fn around(
        mesh: &TexturedMesh,
        camera: &PinholeCamera,
        camera_from_mesh: &Pose,
        margin_px: i32,
    ) -> Option<Self> {
        Self::of(mesh, camera, camera_from_mesh)?.in_image(camera, margin_px)
    }

    /// The box of a mesh at a pose, however far outside the image; `None` where the mesh is not in front of the camera.
    pub fn of(mesh: &TexturedMesh, camera: &PinholeCamera, camera_from_mesh: &Pose) -> Option<Self> {
        let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
        let rotation = camera_from_mesh.rotation.to_rotation_matrix();
        for vertex in &mesh.vertices {
            let pixel =
                camera.project(&(rotation * vertex.cast::<f64>() + camera_from_mesh.translation.vector))?;
            for (axis, value) in [pixel.x, pixel.y].into_iter().enumerate() {
                low[axis] = low[axis].min(value);
                high[axis] = high[axis].max(value);
            }
        }
        let (first, last) = (low.map(|value| value.floor() as i32), high.map(|value| value.ceil() as i32));
        let size = [0, 1].map(|i| (i64::from(last[i]) - i64::from(first[i]) + 1) as usize);
        Some(Self { x_px: first[0], y_px: first[1], width: size[0], height: size[1] })
    }

    /// The same `margin_px` wider on each side, and at most that much beyond the image; `None` outside the image.
    pub fn in_image(self, camera: &PinholeCamera, margin_px: i32) -> Option<Self> {
        let margin_px = i64::from(margin_px);
        let cut = |first: i32, size: usize, image: u32| {
            let (first, image) = (i64::from(first), i64::from(image));
            let last = first + size as i64 - 1;
            let is_in_image = last >= 0 && first < image;
            let (first, last) =
                ((first - margin_px).max(-margin_px), (last + margin_px).min(image - 1 + margin_px));
            (is_in_image && last > first).then_some((first as i32, (last - first + 1) as usize))
        };
        let (x_px, width) = cut(self.x_px, self.width, camera.width)?;
        let (y_px, height) = cut(self.y_px, self.height, camera.height)?;
        Some(Self { x_px, y_px, width, height })
    }
}

/// Draws a mesh into a buffer with `samples × samples` samples a pixel and hands each sample that is nearest so
/// far to `write` (a nearer one may overwrite it later).
///
/// `nearness` is `[window.height·samples, window.width·samples]`, 1/m: the inverse of the depth along the optical
/// axis, which is linear in the image; 0 where nothing is drawn yet.
pub fn rasterise(
    mesh: &TexturedMesh,
    camera: &PinholeCamera,
    camera_from_mesh: &Pose,
    window: Window,
    samples: usize,
    nearness: &mut [f32],
    mut write: impl FnMut(Fragment),
) {
    let rotation = camera_from_mesh.rotation.to_rotation_matrix().cast::<f32>();
    let shift = camera_from_mesh.translation.vector.cast::<f32>();
    let s = samples as f32;
    let (columns, rows) = (window.width * samples, window.height * samples);
    // Sample (i, j) lies at pixel x + (i+½)/s − ½: here pixels are turned into sample coordinates.
    let (fx, fy) = (camera.fx_px as f32 * s, camera.fy_px as f32 * s);
    let cx = (camera.cx_px as f32 + 0.5 - window.x_px as f32) * s - 0.5;
    let cy = (camera.cy_px as f32 + 0.5 - window.y_px as f32) * s - 0.5;
    // Each corner once, though several triangles meet there: its sample, and the inverse of its depth.
    let projected: Vec<[f32; 3]> = mesh
        .vertices
        .iter()
        .map(|vertex| {
            let p = rotation * vertex.coords + shift;
            let inv_z = 1.0 / p.z;
            [fx * p.x * inv_z + cx, fy * p.y * inv_z + cy, if p.z < NEAR_M { TOO_NEAR } else { inv_z }]
        })
        .collect();
    for (index, triangle) in mesh.triangles.iter().enumerate() {
        let corners = triangle.corners.map(|i| projected[i as usize]);
        let inv_z = corners.map(|[.., inv_z]| inv_z);
        if inv_z.contains(&TOO_NEAR) {
            continue;
        }
        let [a, b, c] = corners.map(|[x, y, _]| [x, y]);
        let bound = |axis: usize, end: usize| {
            let low = a[axis].min(b[axis]).min(c[axis]).max(0.0);
            let high = a[axis].max(b[axis]).max(c[axis]).min(end as f32 - 1.0);
            (low, high)
        };
        let ((left, right), (top, bottom)) = (bound(0, columns), bound(1, rows));
        let (y0, y1) = (ceil(top), floor(bottom));
        // Counter-clockwise triangles have a negative area where y points down. Many small ones lie between the samples.
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        let is_back = mesh.hides_backs && area > 0.0;
        if ceil(left) > floor(right) || y0 > y1 || is_back || area.abs() < 1e-6 {
            continue;
        }
        let inv_area = 1.0 / area;
        // Barycentric weights, and with them what is divided by the depth, are linear in the sample's position.
        let slopes_b = [(c[1] - a[1]) * inv_area, -(c[0] - a[0]) * inv_area];
        let slopes_c = [-(b[1] - a[1]) * inv_area, (b[0] - a[0]) * inv_area];
        let linear = |at: [f32; 3]| Linear {
            at_a: at[0],
            slopes: std::array::from_fn(|i| slopes_b[i] * (at[1] - at[0]) + slopes_c[i] * (at[2] - at[0])),
        };
        let near = linear(inv_z);
        let u = linear([0, 1, 2].map(|i| triangle.texture[i][0] * inv_z[i]));
        let v = linear([0, 1, 2].map(|i| triangle.texture[i][1] * inv_z[i]));
        // In a row the samples are from the last of the edges on the left to the first on the right; of a level edge all
        // rows between the corners are on the right side.
        let weights = [linear([0.0, 1.0, 0.0]), linear([0.0, 0.0, 1.0]), linear([1.0, 0.0, 0.0])];
        let (mut lefts, mut rights) = ([Edge::upright(left); 2], [Edge::upright(right); 2]);
        let mut counts = [0; 2];
        for weight in weights {
            let [along_x, along_y] = weight.slopes;
            let (edges, count) =
                if along_x > 0.0 { (&mut lefts, &mut counts[0]) } else { (&mut rights, &mut counts[1]) };
            if along_x.abs() > 1e-9 && *count < 2 {
                edges[*count] = Edge { x: a[0] - weight.at_a / along_x, slope: -along_y / along_x };
                *count += 1;
            }
        }
        for y in y0..=y1 {
            let below = y as f32 - a[1];
            let first = ceil(lefts[0].at(below).max(lefts[1].at(below)).max(left));
            let last = floor(rights[0].at(below).min(rights[1].at(below)).min(right));
            if first > last {
                continue;
            }
            let beside = first as f32 - a[0];
            let [mut near_at, mut u_at, mut v_at] = [&near, &u, &v].map(|value| value.at(beside, below));
            let begin = y as usize * columns + first as usize;
            let span = &mut nearness[begin..=begin + (last - first) as usize];
            for (offset, nearest) in span.iter_mut().enumerate() {
                if near_at > *nearest {
                    *nearest = near_at;
                    write(Fragment {
                        index: begin + offset,
                        triangle: index,
                        texture: [u_at, v_at],
                        near: near_at,
                    });
                }
                near_at += near.slopes[0];
                u_at += u.slopes[0];
                v_at += v.slopes[0];
            }
        }
    }
}

/// A quantity that is linear over a triangle's image.
struct Linear {
    /// At the first corner.
    at_a: f32,
    /// Its change from one column and from one row to the next.
    slopes: [f32; 2],
}

impl Linear {
    /// So far beside and below the first corner.
    fn at(&self, beside: f32, below: f32) -> f32 {
        self.at_a + beside * self.slopes[0] + below * self.slopes[1]
    }
}

/// Where an edge of a triangle crosses the rows.
#[derive(Clone, Copy)]
struct Edge {
    /// In the row of the triangle's first corner.
    x: f32,
    /// From one row to the next.
    slope: f32,
}

impl Edge {
    fn upright(x: f32) -> Self {
        Self { x, slope: 0.0 }
    }

    fn at(self, below: f32) -> f32 {
        self.x + below * self.slope
    }
}

/// `f32::ceil` and `floor` to an integer: one conversion and a comparison, where a baseline x86-64 would call
/// the mathematical library.
fn ceil(value: f32) -> i64 {
    let cut = value as i64;
    cut + i64::from((cut as f32) < value)
}

fn floor(value: f32) -> i64 {
    let cut = value as i64;
    cut - i64::from((cut as f32) > value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Point3;

    fn square(z: f32) -> TexturedMesh {
        let corners = [(-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1)];
        TexturedMesh::from_parts(
            corners.map(|(x, y)| Point3::new(x, y, z)).to_vec(),
            &[
                ([0, 1, 2], [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]),
                ([0, 2, 3], [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
            ],
            image::RgbImage::new(1, 1),
        )
    }

    #[test]
    fn a_square_covers_its_pixels_and_depth_decides() {
        let camera = PinholeCamera::new((100.0, 100.0), (49.5, 49.5), (100, 100)).unwrap();
        let window = Window::whole(&camera);
        let mut nearness = vec![0f32; 100 * 100];
        let mut owner = vec![0u8; nearness.len()];
        rasterise(&square(1.0), &camera, &Pose::identity(), window, 1, &mut nearness, |f| owner[f.index] = 1);
        assert_eq!(owner.iter().filter(|o| **o == 1).count(), 20 * 20);
        rasterise(&square(2.0), &camera, &Pose::identity(), window, 1, &mut nearness, |f| owner[f.index] = 2);
        assert!(!owner.contains(&2), "the farther square is hidden");
        rasterise(&square(0.8), &camera, &Pose::identity(), window, 1, &mut nearness, |f| owner[f.index] = 3);
        assert!(!owner.contains(&1), "the nearer square covers");
        assert!((nearness[50 * 100 + 50] - 1.25).abs() < 1e-6);
    }

    #[test]
    fn texture_coordinates_follow_perspective() {
        let camera = PinholeCamera::new((100.0, 100.0), (49.5, 49.5), (100, 100)).unwrap();
        let pose = Pose::new(nalgebra::Vector3::new(0.0, 0.0, 0.5), nalgebra::Vector3::new(0.0, 0.9, 0.0));
        let mesh = square(0.0);
        let mut nearness = vec![0f32; 100 * 100];
        let mut worst = 0f64;
        rasterise(&mesh, &camera, &pose, Window::whole(&camera), 1, &mut nearness, |f| {
            let pixel = nalgebra::Point2::new((f.index % 100) as f64, (f.index / 100) as f64);
            let [x, y] = f.uv().map(|part| f64::from(part) * 0.2 - 0.1);
            let point = pose * nalgebra::Point3::new(x, y, 0.0);
            worst = worst.max((camera.project(&point).unwrap() - pixel).norm());
        });
        assert!(worst < 0.01, "{worst} px");
    }

    #[test]
    fn a_mesh_behind_the_camera_has_no_window() {
        let camera = PinholeCamera::new((100.0, 100.0), (49.5, 49.5), (100, 100)).unwrap();
        assert!(Window::around(&square(-1.0), &camera, &Pose::identity(), 5).is_none());
        assert!(Window::around(&square(1.0), &camera, &Pose::translation(5.0, 0.0, 0.0), 5).is_none());
    }
}

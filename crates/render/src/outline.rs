use crate::{Fragment, TexturedMesh, Window, rasterise};
use dreamitate_geometry::{PinholeCamera, Pose};
use std::collections::HashMap;

/// Returns the visible edges of a mesh in an image: where two faces meet at more than 20°, and where the
/// surface ends. Each is a segment of two pixels `[x, y]`; an edge half hidden is cut.
pub fn visible_edges(
    mesh: &TexturedMesh,
    camera: &PinholeCamera,
    camera_from_mesh: &Pose,
) -> Vec<[[f64; 2]; 2]> {
    let Some(window) = Window::around(mesh, camera, camera_from_mesh, 2) else {
        return Vec::new();
    };
    let mut nearness = vec![0f32; window.width * window.height];
    rasterise(mesh, camera, camera_from_mesh, window, 1, &mut nearness, |_: Fragment| {});
    let is_visible = |point: &nalgebra::Point3<f64>| -> Option<[f64; 2]> {
        let pixel = camera.project(point)?;
        if !camera.contains(&pixel, 0.0) {
            return None;
        }
        let (column, row) = (pixel.x.round() as i32 - window.x_px, pixel.y.round() as i32 - window.y_px);
        // Visible if any neighbouring sample is not clearly nearer: an edge lies on its faces' border.
        let near = (-1..=1).any(|dy| {
            (-1..=1).any(|dx| {
                let (x, y) = (column + dx, row + dy);
                let inside = x >= 0 && y >= 0 && (x as usize) < window.width && (y as usize) < window.height;
                inside
                    && f64::from(nearness[y as usize * window.width + x as usize]) * (point.z - 0.004) < 1.0
            })
        });
        near.then_some([pixel.x, pixel.y])
    };
    let mut segments = Vec::new();
    for (from, to) in creases(mesh) {
        let (from, to) = (camera_from_mesh * from, camera_from_mesh * to);
        let steps = ((to - from).norm() / 0.004).ceil().max(1.0) as usize;
        let mut run: Option<([f64; 2], [f64; 2])> = None;
        for step in 0..=steps {
            let point = from + (to - from) * (step as f64 / steps as f64);
            run = match (run, is_visible(&point)) {
                (None, Some(pixel)) => Some((pixel, pixel)),
                (Some((start, _)), Some(pixel)) => Some((start, pixel)),
                (Some((start, end)), None) => {
                    segments.push([start, end]);
                    None
                }
                (None, None) => None,
            };
        }
        if let Some((start, end)) = run {
            segments.push([start, end]);
        }
    }
    segments
}

/// Edges between faces that differ by more than 20°, and edges of one face only.
fn creases(mesh: &TexturedMesh) -> Vec<(nalgebra::Point3<f64>, nalgebra::Point3<f64>)> {
    // Files repeat a corner for each face: corners are matched by position, to a hundredth of a millimetre.
    let key = |i: u32| mesh.vertices[i as usize].coords.map(|c| (c * 1e5).round() as i64);
    let mut faces: HashMap<_, Vec<(usize, [u32; 2])>> = HashMap::new();
    for (index, triangle) in mesh.triangles.iter().enumerate() {
        for i in 0..3 {
            let (a, b) = (triangle.corners[i], triangle.corners[(i + 1) % 3]);
            let mut ends = [key(a).as_slice().to_vec(), key(b).as_slice().to_vec()];
            ends.sort();
            faces.entry(ends).or_default().push((index, [a, b]));
        }
    }
    let mut edges: Vec<_> = faces
        .into_values()
        .filter(|users| {
            let first = &mesh.triangles[users[0].0].normal;
            users.len() == 1 || users.iter().any(|(t, _)| mesh.triangles[*t].normal.dot(first) < 0.94)
        })
        .map(|users| users[0].1)
        .collect();
    edges.sort_unstable();
    edges
        .into_iter()
        .map(|ends| {
            let [a, b] = ends.map(|i| mesh.vertices[i as usize].cast::<f64>());
            (a, b)
        })
        .collect()
}

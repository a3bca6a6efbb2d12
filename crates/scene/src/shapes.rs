use dreamitate_render::TexturedMesh;
use image::RgbImage;
use nalgebra::{Point3, Rotation3, Vector3};
use std::f64::consts::FRAC_PI_2;

/// Corners around an axis: fine enough that flat shading looks round.
const AROUND: u32 = 32;
/// Rings of a half sphere.
const CAP: u32 = 8;
/// The same of a ball that is a few pixels wide: a heap of them would else take longer to draw than all the rest.
const BALL_AROUND: u32 = 14;
const BALL_CAP: u32 = 4;

/// A body of revolution about the line `from` → `to`: rings of (way along the line in metres, radius in metres). The
/// texture's rows run along the line.
pub fn lathe(from: Point3<f64>, to: Point3<f64>, rings: &[(f64, f64)], texture: RgbImage) -> TexturedMesh {
    turned(AROUND, from, to, rings, texture)
}

fn turned(
    around: u32,
    from: Point3<f64>,
    to: Point3<f64>,
    rings: &[(f64, f64)],
    texture: RgbImage,
) -> TexturedMesh {
    let along = Rotation3::rotation_between(&Vector3::z(), &(to - from)).unwrap_or_else(Rotation3::identity);
    let mut vertices = Vec::new();
    let mut triangles = Vec::new();
    for &(way, radius) in rings {
        for i in 0..=around {
            let angle = f64::from(i) / f64::from(around) * std::f64::consts::TAU;
            let local = Vector3::new(radius * angle.cos(), radius * angle.sin(), way);
            vertices.push((from + along * local).cast::<f32>());
        }
    }
    let last_ring = rings.len().saturating_sub(1).max(1) as f32;
    for ring in 0..rings.len().saturating_sub(1) as u32 {
        for i in 0..around {
            let corner = |dr: u32, di: u32| {
                let index = (ring + dr) * (around + 1) + i + di;
                (index, [(i + di) as f32 / around as f32, (ring + dr) as f32 / last_ring])
            };
            for [a, b, c] in
                [[corner(0, 0), corner(0, 1), corner(1, 1)], [corner(0, 0), corner(1, 1), corner(1, 0)]]
            {
                triangles.push(([a.0, b.0, c.0], [a.1, b.1, c.1]));
            }
        }
    }
    TexturedMesh::from_parts(vertices, &triangles, texture)
}

/// A rod with round ends of different radii.
pub fn capsule(
    from: Point3<f64>,
    to: Point3<f64>,
    from_radius_m: f64,
    to_radius_m: f64,
    colour: [u8; 3],
) -> TexturedMesh {
    let length = (to - from).norm();
    let up = |k: u32| f64::from(k) / f64::from(CAP) * FRAC_PI_2;
    let first = (0..=CAP).map(|k| (-from_radius_m * up(k).cos(), from_radius_m * up(k).sin()));
    let second = (0..=CAP).map(|k| (length + to_radius_m * up(k).sin(), to_radius_m * up(k).cos()));
    let rings: Vec<_> = first.chain(second).collect();
    lathe(from, to, &rings, plain(colour))
}

/// A ball of few corners about the origin, for what is small and many.
pub fn ball(radius_m: f64, colour: [u8; 3]) -> TexturedMesh {
    let up = |k: u32| f64::from(k) / f64::from(BALL_CAP) * FRAC_PI_2;
    let rings: Vec<_> =
        (0..=2 * BALL_CAP).map(|k| (-radius_m * up(k).cos(), radius_m * up(k).sin())).collect();
    turned(BALL_AROUND, Point3::origin(), Point3::new(0.0, 0.0, 1.0), &rings, plain(colour))
}

/// An ellipsoid along the axes.
pub fn ellipsoid(centre: Point3<f64>, radii_m: Vector3<f64>, colour: [u8; 3]) -> TexturedMesh {
    let mut mesh = capsule(Point3::origin(), Point3::new(0.0, 0.0, 1e-9), 1.0, 1.0, colour);
    for vertex in &mut mesh.vertices {
        *vertex = (centre + vertex.coords.cast::<f64>().component_mul(&radii_m)).cast::<f32>();
    }
    rebuilt(mesh)
}

/// A box about the origin whose faces have the texture's columns in the order −x, +x, −y, +y, −z, +z.
pub fn cuboid(half_m: Vector3<f64>, faces: RgbImage) -> TexturedMesh {
    let mut vertices = Vec::new();
    let mut triangles = Vec::new();
    for face in 0..6u32 {
        let (axis, sign) = ((face / 2) as usize, if face % 2 == 0 { -1.0 } else { 1.0 });
        let first = vertices.len() as u32;
        for (a, b) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
            let mut corner = Vector3::zeros();
            corner[axis] = sign;
            corner[(axis + 1) % 3] = a;
            corner[(axis + 2) % 3] = b;
            vertices.push(Point3::from(corner.component_mul(&half_m)).cast::<f32>());
        }
        let at = [(face as f32 + 0.5) / 6.0, 0.5];
        triangles.push(([first, first + 1, first + 2], [at; 3]));
        triangles.push(([first, first + 2, first + 3], [at; 3]));
    }
    TexturedMesh::from_parts(vertices, &triangles, faces)
}

/// A texture of one colour.
pub fn plain(colour: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(1, 1, image::Rgb(colour))
}

/// The mesh with normals of its present corners.
fn rebuilt(mesh: TexturedMesh) -> TexturedMesh {
    let triangles: Vec<_> = mesh.triangles.iter().map(|t| (t.corners, t.texture)).collect();
    TexturedMesh::from_parts(mesh.vertices, &triangles, mesh.texture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capsule_ends_a_radius_beyond_its_ends() {
        let (from, to) = (Point3::new(0.1, 0.2, 0.3), Point3::new(0.1, 0.2, 0.8));
        let (low, high) = capsule(from, to, 0.05, 0.02, [1, 2, 3]).bounds();
        assert!((low - Point3::new(0.05, 0.15, 0.25)).amax() < 1e-6, "{low}");
        assert!((high - Point3::new(0.15, 0.25, 0.82)).amax() < 1e-6, "{high}");
    }

    #[test]
    fn an_ellipsoid_has_its_radii_and_outward_normals_or_inward_throughout() {
        let radii = Vector3::new(0.03, 0.02, 0.01);
        let mesh = ellipsoid(Point3::new(1.0, 0.0, 0.0), radii, [1, 2, 3]);
        let (low, high) = mesh.bounds();
        assert!(((high - low) / 2.0 - radii.cast::<f32>()).amax() < 1e-6);
        let outward = mesh
            .triangles
            .iter()
            .filter(|t| {
                let corner = mesh.vertices[t.corners[0] as usize];
                t.normal.dot(&(corner - Point3::new(1.0, 0.0, 0.0))) > 0.0
            })
            .count();
        assert!(outward == mesh.triangles.len() || outward == 0, "{outward} of {}", mesh.triangles.len());
    }

    #[test]
    fn a_box_has_twelve_triangles_of_six_colours() {
        let faces = RgbImage::from_fn(6, 1, |x, _| image::Rgb([x as u8, 0, 0]));
        let mesh = cuboid(Vector3::new(0.1, 0.2, 0.3), faces);
        assert_eq!(mesh.triangles.len(), 12);
        for triangle in &mesh.triangles {
            let colour = mesh.colour_at(triangle.texture[0][0], triangle.texture[0][1])[0];
            assert_eq!(triangle.normal.iamax(), usize::from(colour / 2));
        }
    }
}

use nalgebra::Point3;
use std::collections::HashMap;

/// Whether only front sides are seen of a surface, wherever it is seen from outside: it is closed, and each of its bodies
/// winds counter-clockwise all over. Corners at one place are one, however often a file has them.
pub(super) fn is_closed(vertices: &[Point3<f32>], triangles: impl Iterator<Item = [u32; 3]> + Clone) -> bool {
    let mut places: HashMap<[u32; 3], usize> = HashMap::new();
    let place_of: Vec<usize> = vertices
        .iter()
        .map(|vertex| {
            let next = places.len();
            // -0 is at the place of 0.
            *places.entry(std::array::from_fn(|axis| (vertex[axis] + 0.0).to_bits())).or_insert(next)
        })
        .collect();
    let mut body_of: Vec<usize> = (0..places.len()).collect();
    // How much more often an edge is passed one way than the other.
    let mut passes: HashMap<(usize, usize), i32> = HashMap::new();
    let edges = |corners: [u32; 3]| {
        let [a, b, c] = corners.map(|corner| place_of[corner as usize]);
        [(a, b), (b, c), (c, a)]
    };
    for (from, to) in triangles.clone().flat_map(edges) {
        *passes.entry((from.min(to), from.max(to))).or_default() += if from < to { 1 } else { -1 };
        let [one, other] = [from, to].map(|place| body(&mut body_of, place));
        body_of[one] = other;
    }
    let mut volumes: HashMap<usize, f64> = HashMap::new();
    for corners in triangles {
        let [a, b, c] = corners.map(|corner| vertices[corner as usize].coords.cast::<f64>());
        *volumes.entry(body(&mut body_of, place_of[corners[0] as usize])).or_default() += a.dot(&b.cross(&c));
    }
    passes.values().all(|more| *more == 0) && volumes.values().all(|volume| *volume > 0.0)
}

/// The place that stands for the body to which a place belongs.
fn body(body_of: &mut [usize], mut place: usize) -> usize {
    while body_of[place] != place {
        body_of[place] = body_of[body_of[place]];
        place = body_of[place];
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tetrahedron, each of whose triangles has corners of its own.
    fn tetrahedron(at_m: f32, is_inside_out: bool) -> (Vec<Point3<f32>>, Vec<[u32; 3]>) {
        let corners = [[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, -0.0, 0.1]];
        let faces = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
        let vertices = faces.iter().flatten().map(|corner| {
            let [x, y, z] = corners[*corner as usize];
            Point3::new(x + at_m, y, z)
        });
        let triangle = |face: u32| {
            let [a, b, c] = [3 * face, 3 * face + 1, 3 * face + 2];
            if is_inside_out { [a, c, b] } else { [a, b, c] }
        };
        (vertices.collect(), (0..4).map(triangle).collect())
    }

    fn holds((vertices, triangles): &(Vec<Point3<f32>>, Vec<[u32; 3]>)) -> bool {
        is_closed(vertices, triangles.iter().copied())
    }

    #[test]
    fn a_body_is_closed_and_one_with_a_hole_or_inside_out_is_not() {
        let mut body = tetrahedron(0.0, false);
        assert!(holds(&body));
        assert!(!holds(&tetrahedron(0.0, true)));
        body.1.pop();
        assert!(!holds(&body));
    }

    #[test]
    fn one_body_of_two_that_is_inside_out_is_found() {
        let [large, small] = [tetrahedron(0.0, false), tetrahedron(1.0, true)];
        let both = |(mut vertices, mut triangles): (Vec<_>, Vec<_>), other: (Vec<_>, Vec<[u32; 3]>)| {
            triangles.extend(other.1.iter().map(|corners| corners.map(|c| c + vertices.len() as u32)));
            vertices.extend(other.0);
            (vertices, triangles)
        };
        assert!(!holds(&both(large.clone(), small)));
        assert!(holds(&both(large, tetrahedron(1.0, false))));
    }
}

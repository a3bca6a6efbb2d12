//! The distance of two segments.

use nalgebra::{Point3, Vector3};

/// The smallest distance of two segments; a segment may be a point.
///
/// The squared distance is convex in both parameters: the nearest points are either inside both segments, where the
/// lines are nearest, or at an end of one of them.
pub(crate) fn segment_distance_m(a: [Point3<f64>; 2], b: [Point3<f64>; 2]) -> f64 {
    let (along_a, along_b, between) = (a[1] - a[0], b[1] - b[0], b[0] - a[0]);
    let (aa, bb, ab) = (along_a.norm_squared(), along_b.norm_squared(), along_a.dot(&along_b));
    let determinant = aa * bb - ab * ab;
    if determinant > 1e-12 * aa * bb {
        let s = (bb * along_a.dot(&between) - ab * along_b.dot(&between)) / determinant;
        let t = (ab * along_a.dot(&between) - aa * along_b.dot(&between)) / determinant;
        if (0.0..=1.0).contains(&s) && (0.0..=1.0).contains(&t) {
            return (between + along_b * t - along_a * s).norm();
        }
    }
    let ends = a.map(|end| point_segment(end, b[0], along_b)).into_iter();
    ends.chain(b.map(|end| point_segment(end, a[0], along_a))).fold(f64::INFINITY, f64::min)
}

fn point_segment(point: Point3<f64>, start: Point3<f64>, along: Vector3<f64>) -> f64 {
    let length_squared = along.norm_squared();
    let fraction = if length_squared > 0.0 {
        ((point - start).dot(&along) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (point - start - along * fraction).norm()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_distances() {
        let p = Point3::new;
        let x = [p(0.0, 0.0, 0.0), p(1.0, 0.0, 0.0)];
        assert_eq!(segment_distance_m(x, [p(0.5, -1.0, 0.3), p(0.5, 1.0, 0.3)]), 0.3);
        assert_eq!(segment_distance_m(x, [p(2.0, 0.0, 0.0), p(3.0, 0.0, 0.0)]), 1.0);
        assert_eq!(segment_distance_m(x, [p(0.2, 0.4, 0.0), p(0.8, 0.4, 0.0)]), 0.4);
        assert_eq!(segment_distance_m([x[0]; 2], [p(0.0, 3.0, 4.0); 2]), 5.0);
    }

    proptest! {
        #[test]
        fn no_sample_is_nearer_and_some_is_near(c in prop::array::uniform12(-1.0f64..1.0)) {
            let p = |i: usize| Point3::new(c[i], c[i + 1], c[i + 2]);
            let (a, b) = ([p(0), p(3)], [p(6), p(9)]);
            let distance = segment_distance_m(a, b);
            let mut nearest = f64::INFINITY;
            for i in 0..=60 {
                for j in 0..=60 {
                    let on = |s: [Point3<f64>; 2], k: i32| s[0] + (s[1] - s[0]) * (f64::from(k) / 60.0);
                    nearest = nearest.min((on(a, i) - on(b, j)).norm());
                }
            }
            prop_assert!(distance <= nearest + 1e-12);
            prop_assert!(distance >= nearest - 0.06);
            prop_assert!((segment_distance_m(b, a) - distance).abs() < 1e-12);
        }
    }
}

//! The quintic between two states: the interpolation that joint trajectory controllers use between points that carry
//! positions, velocities and accelerations.

/// Position, velocity and acceleration of one joint; rad, rad/s, rad/s².
pub(crate) type Pva = [f64; 3];

/// The state `since_s` after the start of the quintic from `start` to `end`, `width_s` apart.
pub(crate) fn between(start: Pva, end: Pva, width_s: f64, since_s: f64) -> Pva {
    let [p0, v0, a0] = start;
    let [p1, v1, a1] = end;
    let w = width_s;
    let (w2, w3) = (w * w, w * w * w);
    let c3 = (20.0 * (p1 - p0) - (8.0 * v1 + 12.0 * v0) * w - (3.0 * a0 - a1) * w2) / (2.0 * w3);
    let c4 = (30.0 * (p0 - p1) + (14.0 * v1 + 16.0 * v0) * w + (3.0 * a0 - 2.0 * a1) * w2) / (2.0 * w3 * w);
    let c5 = (12.0 * (p1 - p0) - 6.0 * (v1 + v0) * w - (a0 - a1) * w2) / (2.0 * w3 * w2);
    let s = since_s;
    [
        p0 + s * (v0 + s * (a0 / 2.0 + s * (c3 + s * (c4 + s * c5)))),
        v0 + s * (a0 + s * (3.0 * c3 + s * (4.0 * c4 + s * 5.0 * c5))),
        a0 + s * (6.0 * c3 + s * (12.0 * c4 + s * 20.0 * c5)),
    ]
}

/// The shortest time in which the quintic from rest to rest keeps within both limits.
///
/// Its peaks are 15/8 of the mean velocity and 10/√3 of distance over time squared.
pub(crate) fn rest_to_rest_s(distance: f64, velocity: f64, acceleration: f64) -> f64 {
    let distance = distance.abs();
    (1.875 * distance / velocity).max((10.0 / 3f64.sqrt() * distance / acceleration).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn meets_both_ends(p in -3.0f64..3.0, q in -3.0f64..3.0, v in -2.0f64..2.0, w in -2.0f64..2.0, a in -5.0f64..5.0, b in -5.0f64..5.0, width in 0.02f64..2.0) {
            for (at, wanted) in [(0.0, [p, v, a]), (width, [q, w, b])] {
                let found = between([p, v, a], [q, w, b], width, at);
                for (found, wanted) in found.iter().zip(wanted) {
                    prop_assert!((found - wanted).abs() < 1e-6 / width.powi(2), "{found} {wanted}");
                }
            }
        }

        #[test]
        fn a_rest_to_rest_move_touches_a_limit_and_passes_none(distance in 0.01f64..6.0, velocity in 0.5f64..3.0, acceleration in 1.0f64..10.0) {
            let width = rest_to_rest_s(distance, velocity, acceleration);
            let mut peak = (0.0f64, 0.0f64);
            for i in 0..=1000 {
                let [_, v, a] = between([0.0; 3], [distance, 0.0, 0.0], width, width * f64::from(i) / 1000.0);
                peak = (peak.0.max(v.abs() / velocity), peak.1.max(a.abs() / acceleration));
            }
            prop_assert!(peak.0 < 1.0 + 1e-9 && peak.1 < 1.0 + 1e-9);
            prop_assert!(peak.0.max(peak.1) > 0.999);
        }
    }
}

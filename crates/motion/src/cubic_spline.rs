//! A cubic spline through points at given times, with given slopes at both ends.

/// Value, first and second derivative at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct State<const D: usize> {
    pub value: [f64; D],
    pub velocity: [f64; D],
    pub acceleration: [f64; D],
}

/// A twice continuously differentiable curve; between two knots each coordinate is a cubic.
#[derive(Debug, Clone)]
pub(crate) struct CubicSpline<const D: usize> {
    times_s: Vec<f64>,
    values: Vec<[f64; D]>,
    /// Second derivatives at the knots; linear between them.
    second: Vec<[f64; D]>,
}

impl<const D: usize> CubicSpline<D> {
    /// The spline at rest at both ends. Times must increase and there must be as many values, two at least:
    /// otherwise `None`.
    pub(crate) fn at_rest(times_s: Vec<f64>, values: Vec<[f64; D]>) -> Option<Self> {
        let count = times_s.len();
        // NaN compares with nothing, so it does not increase either.
        let increases = |w: &[f64]| w[1].partial_cmp(&w[0]) == Some(std::cmp::Ordering::Greater);
        if count < 2 || values.len() != count || !times_s.windows(2).all(increases) {
            return None;
        }
        let mut second = vec![[0.0; D]; count];
        for d in 0..D {
            let column: Vec<f64> = values.iter().map(|row| row[d]).collect();
            for (row, value) in second.iter_mut().zip(second_derivatives(&times_s, &column)) {
                row[d] = value;
            }
        }
        Some(Self { times_s, values, second })
    }

    /// The spline that is not bent at its ends, where it may have any slope. Otherwise as [`Self::at_rest`].
    pub(crate) fn unbent(times_s: Vec<f64>, values: Vec<[f64; D]>) -> Option<Self> {
        let mut spline = Self::at_rest(times_s, values)?;
        for d in 0..D {
            let column: Vec<f64> = spline.values.iter().map(|row| row[d]).collect();
            let second = natural_second_derivatives(&spline.times_s, &column);
            for (row, value) in spline.second.iter_mut().zip(second) {
                row[d] = value;
            }
        }
        Some(spline)
    }

    /// First and last time.
    pub(crate) fn span_s(&self) -> (f64, f64) {
        (self.times_s[0], self.times_s[self.times_s.len() - 1])
    }

    /// The knots' times.
    pub(crate) fn times_s(&self) -> &[f64] {
        &self.times_s
    }

    /// The curve at a time; at rest at its ends outside its span.
    pub(crate) fn at(&self, time_s: f64) -> State<D> {
        let (start_s, end_s) = self.span_s();
        let time_s = time_s.clamp(start_s, end_s);
        let piece = self.times_s.partition_point(|&t| t <= time_s).clamp(1, self.times_s.len() - 1) - 1;
        self.in_piece(piece, time_s - self.times_s[piece])
    }

    fn in_piece(&self, piece: usize, since_s: f64) -> State<D> {
        let width = self.times_s[piece + 1] - self.times_s[piece];
        let mut state = State { value: [0.0; D], velocity: [0.0; D], acceleration: [0.0; D] };
        for d in 0..D {
            let (y0, y1) = (self.values[piece][d], self.values[piece + 1][d]);
            let (m0, m1) = (self.second[piece][d], self.second[piece + 1][d]);
            let first = (y1 - y0) / width - width * (2.0 * m0 + m1) / 6.0;
            let third = (m1 - m0) / width;
            state.value[d] = y0 + since_s * (first + since_s * (m0 / 2.0 + since_s * third / 6.0));
            state.velocity[d] = first + since_s * (m0 + since_s * third / 2.0);
            state.acceleration[d] = m0 + since_s * third;
        }
        state
    }

    /// The largest absolute velocity and acceleration of each coordinate: exact, not sampled.
    ///
    /// Acceleration is linear between knots, so its extremes are at knots; velocity's are at knots and where the
    /// acceleration crosses zero.
    pub(crate) fn peaks(&self) -> ([f64; D], [f64; D]) {
        let (mut velocity, mut acceleration) = ([0.0f64; D], [0.0f64; D]);
        for piece in 0..self.times_s.len() - 1 {
            let width = self.times_s[piece + 1] - self.times_s[piece];
            let ends = [self.in_piece(piece, 0.0), self.in_piece(piece, width)];
            for d in 0..D {
                for end in &ends {
                    velocity[d] = velocity[d].max(end.velocity[d].abs());
                    acceleration[d] = acceleration[d].max(end.acceleration[d].abs());
                }
                let (m0, m1) = (self.second[piece][d], self.second[piece + 1][d]);
                if m0 * m1 < 0.0 {
                    let crossing = self.in_piece(piece, width * m0 / (m0 - m1));
                    velocity[d] = velocity[d].max(crossing.velocity[d].abs());
                }
            }
        }
        (velocity, acceleration)
    }
}

/// The second derivatives at the knots of the spline that is at rest at both ends.
///
/// They solve a tridiagonal system that makes the slopes continuous, here by elimination (Thomas); the matrix is
/// diagonally dominant, so no pivot vanishes.
fn second_derivatives(times_s: &[f64], values: &[f64]) -> Vec<f64> {
    let count = times_s.len();
    let width = |i: usize| times_s[i + 1] - times_s[i];
    let slope = |i: usize| (values[i + 1] - values[i]) / width(i);
    let mut above = vec![0.0; count];
    let mut second = vec![0.0; count];
    for i in 0..count {
        let (before, slope_before) = if i > 0 { (width(i - 1), slope(i - 1)) } else { (0.0, 0.0) };
        let (after, slope_after) = if i + 1 < count { (width(i), slope(i)) } else { (0.0, 0.0) };
        let (above_before, right_before) = if i > 0 { (above[i - 1], second[i - 1]) } else { (0.0, 0.0) };
        let pivot = 2.0 * (before + after) - before * above_before;
        above[i] = after / pivot;
        second[i] = (6.0 * (slope_after - slope_before) - before * right_before) / pivot;
    }
    for i in (0..count - 1).rev() {
        second[i] -= above[i] * second[i + 1];
    }
    second
}

/// The second derivatives at the knots of the spline whose second derivatives vanish at both ends: the same system
/// without its first and last row.
fn natural_second_derivatives(times_s: &[f64], values: &[f64]) -> Vec<f64> {
    let count = times_s.len();
    let width = |i: usize| times_s[i + 1] - times_s[i];
    let slope = |i: usize| (values[i + 1] - values[i]) / width(i);
    let mut above = vec![0.0; count];
    let mut second = vec![0.0; count];
    for i in 1..count - 1 {
        let pivot = 2.0 * (width(i - 1) + width(i)) - width(i - 1) * above[i - 1];
        above[i] = width(i) / pivot;
        second[i] = (6.0 * (slope(i) - slope(i - 1)) - width(i - 1) * second[i - 1]) / pivot;
    }
    for i in (1..count - 1).rev() {
        second[i] -= above[i] * second[i + 1];
    }
    second
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spline(points: &[(f64, f64)]) -> CubicSpline<1> {
        let mut time_s = 0.0;
        let times = points
            .iter()
            .map(|(gap, _)| {
                time_s += gap;
                time_s
            })
            .collect();
        CubicSpline::at_rest(times, points.iter().map(|(_, v)| [*v]).collect()).unwrap()
    }

    #[test]
    fn two_points_at_rest_are_the_smooth_step() {
        let step = spline(&[(0.0, 0.0), (2.0, 1.0)]);
        let middle = step.at(1.0);
        assert!((middle.value[0] - 0.5).abs() < 1e-12 && (middle.velocity[0] - 0.75).abs() < 1e-12);
        assert!((step.peaks().0[0] - 0.75).abs() < 1e-12);
    }

    #[test]
    fn times_that_do_not_increase_are_refused() {
        assert!(CubicSpline::at_rest(vec![0.0, 1.0, 1.0], vec![[0.0]; 3]).is_none());
        assert!(CubicSpline::at_rest(vec![0.0, f64::NAN], vec![[0.0]; 2]).is_none());
        assert!(CubicSpline::at_rest(vec![0.0], vec![[0.0]; 1]).is_none());
    }

    #[test]
    fn an_unbent_spline_through_points_of_a_line_is_the_line() {
        let line = CubicSpline::unbent(vec![0.0, 1.0, 3.0], vec![[0.0], [2.0], [6.0]]).unwrap();
        assert!(
            (line.at(2.2).value[0] - 4.4).abs() < 1e-12 && (line.at(0.0).velocity[0] - 2.0).abs() < 1e-12
        );
        // Of a corner: straight at its ends, and 6·(1 + 1) / 4 in the middle.
        let bent = CubicSpline::unbent(vec![-1.0, 0.0, 1.0], vec![[1.0], [0.0], [1.0]]).unwrap();
        assert_eq!((bent.at(-1.0).acceleration[0], bent.at(1.0).acceleration[0]), (0.0, 0.0));
        assert!((bent.at(0.0).acceleration[0] - 3.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn passes_its_points_smoothly_within_its_peaks(points in prop::collection::vec((0.05f64..0.5, -1.0f64..1.0), 2..14)) {
            let curve = spline(&points);
            let (start_s, end_s) = curve.span_s();
            for (time_s, (_, value)) in curve.times_s().iter().zip(&points) {
                prop_assert!((curve.at(*time_s).value[0] - value).abs() < 1e-9);
                let (before, after) = (curve.at(time_s - 1e-9), curve.at(time_s + 1e-9));
                prop_assert!((before.velocity[0] - after.velocity[0]).abs() < 1e-4);
                if *time_s > start_s && *time_s < end_s {
                    prop_assert!((before.acceleration[0] - after.acceleration[0]).abs() < 1e-2);
                }
            }
            prop_assert!(curve.at(start_s).velocity[0].abs() < 1e-9 && curve.at(end_s).velocity[0].abs() < 1e-9);
            let (velocity, acceleration) = curve.peaks();
            let mut seen = (0.0f64, 0.0f64);
            for i in 0..=2000 {
                let state = curve.at(start_s + (end_s - start_s) * f64::from(i) / 2000.0);
                seen = (seen.0.max(state.velocity[0].abs()), seen.1.max(state.acceleration[0].abs()));
            }
            prop_assert!(seen.0 <= velocity[0] * (1.0 + 1e-9) && seen.1 <= acceleration[0] * (1.0 + 1e-9));
            prop_assert!(seen.0 > 0.98 * velocity[0] && seen.1 > 0.9 * acceleration[0]);
        }
    }
}

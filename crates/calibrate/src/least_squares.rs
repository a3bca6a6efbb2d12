use dreamitate_geometry::Twist6;
use nalgebra::{DMatrix, DVector};

/// Where [`minimise`] ended.
pub(crate) struct Minimum<P> {
    /// The unknowns.
    pub state: P,
    /// The residuals there.
    pub residuals: DVector<f64>,
    /// The inverse of `JᵀJ`: the unknowns' covariance for residuals of variance 1. `None` where an unknown is open.
    pub covariance: Option<DMatrix<f64>>,
}

impl<P> Minimum<P> {
    /// The standard deviation of an unknown: that of a residual is what is left over, for as many numbers as were not
    /// fitted.
    pub fn deviation(&self, unknown: usize) -> f64 {
        let Some(covariance) = &self.covariance else { return f64::INFINITY };
        let spare = self.residuals.len().saturating_sub(covariance.nrows()).max(1) as f64;
        (self.residuals.norm_squared() / spare * covariance[(unknown, unknown)].max(0.0)).sqrt()
    }
}

/// The part of a step that moves its `k`th pose.
pub(crate) fn twist(step: &DVector<f64>, k: usize) -> Twist6 {
    step.fixed_rows::<6>(6 * k).into_owned()
}

/// Steps for finite differences; all unknowns are metres, radians or pixels, all residuals pixels.
const DIFFERENCE: f64 = 1e-5;
const MOST_STEPS: usize = 60;
const NOTHING: f64 = 1e-9;
/// A step that lowers the sum by less than this share ends it.
const ENOUGH: f64 = 1e-10;

/// Minimises the sum of squared residuals (Levenberg 1944, Marquardt 1963), with derivatives by central differences.
/// `moved` moves a state by a step of `unknowns` numbers. The crate of that name is still on an older nalgebra.
pub(crate) fn minimise<P>(
    start: P,
    unknowns: usize,
    residuals: impl Fn(&P) -> DVector<f64>,
    moved: impl Fn(&P, &DVector<f64>) -> P,
) -> Minimum<P> {
    let mut state = start;
    let mut at = residuals(&state);
    let mut damping = 1e-3;
    let normal = |state: &P, at: &DVector<f64>| {
        let mut jacobian = DMatrix::zeros(at.len(), unknowns);
        let mut step = DVector::zeros(unknowns);
        for k in 0..unknowns {
            step[k] = DIFFERENCE;
            let ahead = residuals(&moved(state, &step));
            step[k] = -DIFFERENCE;
            let behind = residuals(&moved(state, &step));
            step[k] = 0.0;
            jacobian.set_column(k, &((ahead - behind) / (2.0 * DIFFERENCE)));
        }
        (jacobian.tr_mul(&jacobian), jacobian.tr_mul(at))
    };
    for _ in 0..MOST_STEPS {
        let (hessian, gradient) = normal(&state, &at);
        let before = at.norm_squared();
        let mut gain = 0.0;
        // Damped until the sum falls, or cannot.
        while gain <= 0.0 && damping < 1e9 {
            let mut damped = hessian.clone();
            for k in 0..unknowns {
                // An unknown that nothing depends on stays where it is.
                damped[(k, k)] += damping * (hessian[(k, k)] + NOTHING);
            }
            damping *= 10.0;
            let Some(factor) = damped.cholesky() else { continue };
            let next = moved(&state, &-factor.solve(&gradient));
            let there = residuals(&next);
            gain = before - there.norm_squared();
            if gain > 0.0 {
                (state, at) = (next, there);
                damping *= 0.01;
            }
        }
        if gain <= ENOUGH * before {
            break;
        }
    }
    let covariance = normal(&state, &at).0.cholesky().map(|factor| factor.inverse());
    Minimum { state, residuals: at, covariance }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley, whose minimum is known.
    #[test]
    fn the_bottom_of_a_bent_valley_is_found() {
        let residuals = |p: &[f64; 2]| DVector::from_vec(vec![10.0 * (p[1] - p[0] * p[0]), 1.0 - p[0]]);
        let moved = |p: &[f64; 2], step: &DVector<f64>| [p[0] + step[0], p[1] + step[1]];
        let found = minimise([-1.2, 1.0], 2, residuals, moved);
        assert!(
            (found.state[0] - 1.0).abs() < 1e-6 && (found.state[1] - 1.0).abs() < 1e-6,
            "{:?}",
            found.state
        );
        let open = minimise([1.0, 1.0], 2, |p| DVector::from_vec(vec![p[0], 2.0 * p[0]]), moved);
        assert!(open.covariance.is_none());
    }
}

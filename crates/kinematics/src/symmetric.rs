//! Symmetric positive definite 6×6 systems, lower half only.

#![allow(clippy::needless_range_loop, reason = "indices are those of the matrix")]

/// The lower half of a symmetric 6×6 matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symmetric6([[f64; 6]; 6]);

impl Symmetric6 {
    /// A multiple of the identity.
    #[inline(always)]
    pub(crate) fn diagonal(value: f64) -> Self {
        let mut rows = [[0.0; 6]; 6];
        for (index, row) in rows.iter_mut().enumerate() {
            row[index] = value;
        }
        Self(rows)
    }

    /// Adds `factor·v·vᵀ`.
    #[inline(always)]
    pub(crate) fn add_square(&mut self, v: &[f64; 6], factor: f64) {
        for row in 0..6 {
            let scaled = factor * v[row];
            for column in 0..=row {
                self.0[row][column] += scaled * v[column];
            }
        }
    }

    /// The solution of `self·x = b` by LDLᵀ (Golub and Van Loan, Matrix Computations, 4.1.2); `b` goes along as a seventh
    /// row, which makes it `D⁻¹L⁻¹b` on the way.
    #[inline(always)]
    pub(crate) fn solve(&self, b: &[f64; 6]) -> [f64; 6] {
        let a = &self.0;
        let mut lower = [[0.0; 6]; 6];
        let mut x = [0.0; 6];
        for j in 0..6 {
            let mut pivot = a[j][j];
            for k in 0..j {
                // Until here the row holds L·D; from here on L.
                let scaled = lower[j][k];
                lower[j][k] *= lower[k][k];
                pivot -= scaled * lower[j][k];
            }
            // The diagonal of D is kept as its inverse, where L has its ones.
            lower[j][j] = 1.0 / pivot;
            for i in j + 1..6 {
                let mut value = a[i][j];
                for k in 0..j {
                    value -= lower[i][k] * lower[j][k];
                }
                lower[i][j] = value;
            }
            let mut value = b[j];
            for k in 0..j {
                value -= x[k] * lower[j][k];
            }
            x[j] = value;
        }
        for j in 0..6 {
            x[j] *= lower[j][j];
        }
        for j in (0..6).rev() {
            for i in j + 1..6 {
                x[j] -= lower[i][j] * x[i];
            }
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Matrix6, Vector6};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn solves_as_nalgebra_does(columns in prop::collection::vec(prop::array::uniform6(-1.0f64..1.0), 4..8), b in prop::array::uniform6(-1.0f64..1.0)) {
            let mut symmetric = Symmetric6::diagonal(0.01);
            let mut full = Matrix6::from_diagonal_element(0.01);
            for column in &columns {
                symmetric.add_square(column, 1.0);
                let v = Vector6::from(*column);
                full += v * v.transpose();
            }
            let expected = full.cholesky().unwrap().solve(&Vector6::from(b));
            prop_assert!((Vector6::from(symmetric.solve(&b)) - expected).norm() < 1e-9 * (1.0 + expected.norm()));
        }
    }
}

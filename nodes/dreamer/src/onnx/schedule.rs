//! Noise levels (EDM, arXiv 2206.00364).

use super::NoiseLevels;

/// Returns the noise levels from the largest to the smallest, then 0: EDM's equation 5.
pub fn sigmas(levels: &NoiseLevels) -> Vec<f32> {
    let NoiseLevels { steps, sigma_max, sigma_min, rho } = *levels;
    let [high, low] = [sigma_max, sigma_min].map(|sigma| sigma.powf(1.0 / rho));
    let last = f64::from(steps.max(2) - 1);
    let level = |i: u32| (high + f64::from(i) / last * (low - high)).powf(rho) as f32;
    (0..steps).map(level).chain([0.0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that PyTorch computes from the same equation in float64.
    #[test]
    fn the_levels_of_stable_video_diffusion() {
        let levels = sigmas(&NoiseLevels { steps: 30, sigma_max: 700.0, sigma_min: 0.002, rho: 7.0 });
        assert_eq!((levels.len(), levels[30]), (31, 0.0));
        assert!((levels[0] - 700.0).abs() < 1e-3 && (levels[29] - 0.002).abs() < 1e-8, "{levels:?}");
        assert!(levels.is_sorted_by(|a, b| a > b));
        // (700^(1/7) + 15/29·(0.002^(1/7) − 700^(1/7)))^7
        let middle = (700f64.powf(1.0 / 7.0) * 14.0 / 29.0 + 0.002f64.powf(1.0 / 7.0) * 15.0 / 29.0).powi(7);
        assert!((f64::from(levels[15]) - middle).abs() < 1e-5 * middle, "{}", levels[15]);
    }
}

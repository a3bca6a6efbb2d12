//! Times and successes of one solver on one arm.

use std::time::Duration;

/// One entry a pose.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    times_us: Vec<f64>,
    solved: usize,
}

impl Measured {
    pub fn add(&mut self, taken: Duration, is_solved: bool) {
        self.times_us.push(taken.as_secs_f64() * 1e6);
        self.solved += usize::from(is_solved);
    }

    pub fn solved_percent(&self) -> f64 {
        100.0 * self.solved as f64 / self.times_us.len() as f64
    }

    pub fn mean_us(&self) -> f64 {
        self.times_us.iter().sum::<f64>() / self.times_us.len() as f64
    }

    /// The time that a part of the poses stay below.
    pub fn quantile_us(&self, part: f64) -> f64 {
        let mut sorted = self.times_us.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (part * sorted.len() as f64) as usize;
        sorted[index.min(sorted.len() - 1)]
    }
}

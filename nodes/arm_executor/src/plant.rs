//! Joints that somebody else moves: a world with physics, which goes on only when all its arms have said what they do.

use std::sync::{Arc, OnceLock};

use dreamitate_motion::JointSample;
use dreamitate_msgs::builtin_interfaces::Time;
use tokio::sync::watch;

/// What moves an arm's joints as far as it can.
pub struct Plant {
    /// The arm's place among those of `pace`.
    pub arm: usize,
    /// What keeps the arms together.
    pub pace: Arc<Pace>,
    /// Told where the joints are to be, it says where they are. It must be quick.
    pub follow: Box<dyn Fn(JointSample) -> JointSample + Send + Sync>,
}

/// One clock of several arms. The arm whose next step is the earliest takes it, so that on a busy machine none runs
/// ahead of another by more than a step: an arm that is late would leap in a world that has gone on without it.
pub struct Pace {
    /// The time of each arm's next step, s.
    next_s: watch::Sender<Vec<f64>>,
    zero_ns: OnceLock<i64>,
}

impl Pace {
    /// Of so many arms, which all wait until all are there.
    #[must_use]
    pub fn new(arms: usize) -> Self {
        Self { next_s: watch::Sender::new(vec![0.0; arms]), zero_ns: OnceLock::new() }
    }

    /// The arms' time 0, ns since the epoch: when this was first asked for.
    pub(crate) fn zero_ns(&self) -> i64 {
        *self.zero_ns.get_or_init(|| Time::now().to_ns())
    }

    /// Waits until no other arm's next step is earlier.
    pub(crate) async fn turn(&self, arm: usize) {
        let mut next_s = self.next_s.subscribe();
        let first =
            |next_s: &Vec<f64>| next_s.get(arm).is_none_or(|own| next_s.iter().all(|next| own <= next));
        // Fails only without a sender, which is here.
        let _ = next_s.wait_for(first).await;
    }

    /// The arm's step is over, and its next one is at this time.
    pub(crate) fn went(&self, arm: usize, next_s: f64) {
        self.next_s.send_modify(|all| {
            if let Some(own) = all.get_mut(arm) {
                *own = next_s;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::time::Duration;

    /// Two arms of different rates, one of which is held up: their steps still come in the order of their times.
    #[tokio::test]
    async fn no_arm_runs_ahead() {
        let (pace, steps) = (Arc::new(Pace::new(2)), Arc::new(Mutex::new(Vec::new())));
        let arm = |arm: usize, dt_s: f64, held_up_at: i32| {
            let (pace, steps) = (pace.clone(), steps.clone());
            async move {
                for step in 0..40 {
                    if step == held_up_at {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    pace.turn(arm).await;
                    steps.lock().push((dt_s * f64::from(step), arm));
                    pace.went(arm, dt_s * f64::from(step + 1));
                }
                // It is out of the way.
                pace.went(arm, f64::INFINITY);
            }
        };
        tokio::join!(arm(0, 0.01, 7), arm(1, 0.004, 3));
        let steps = steps.lock();
        assert_eq!(steps.len(), 80);
        assert!(steps.is_sorted_by_key(|(time_s, _)| *time_s), "{steps:?}");
    }
}

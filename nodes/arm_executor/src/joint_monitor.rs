//! The newest joint states of an arm, how old they are, and a recording of them.

use std::sync::Arc;
use std::time::Duration;

use dreamitate_carrier::Subscription;
use dreamitate_kinematics::Joints;
use dreamitate_msgs::sensor_msgs::JointState;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use dreamitate_motion::JointSample;

/// Joint states that are missing or too old.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum StaleJoints {
    /// None at all.
    #[error("{arm}: no joint_states on {topic} within {limit_s:.3} s{hint}")]
    Never { arm: String, topic: String, limit_s: f64, hint: String },
    /// Too old.
    #[error("{arm}: joint_states are {age_s:.3} s old, limit {limit_s:.3} s")]
    Old { arm: String, age_s: f64, limit_s: f64 },
}

/// One arm's state on the driver's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stamped {
    /// ns on the driver's clock.
    pub stamp_ns: i64,
    pub positions: Joints,
    pub velocities: Joints,
}

impl Stamped {
    /// Whether no joint is faster than a speed.
    pub fn is_at_rest(&self, rest_rad_s: f64) -> bool {
        self.velocities.iter().all(|v| v.abs() <= rest_rad_s)
    }
}

#[derive(Debug, Default)]
struct Seen {
    newest: Option<(Stamped, Instant)>,
    recording: Option<Vec<Stamped>>,
    /// Why the last message said nothing of this arm.
    hint: String,
}

/// Listens to an arm's joint states until it is dropped.
pub(crate) struct JointMonitor {
    arm: String,
    topic: String,
    seen: Arc<Mutex<Seen>>,
    came: watch::Receiver<()>,
    listener: JoinHandle<()>,
}

impl JointMonitor {
    /// Listens for the joints of these names.
    pub fn new(arm: &str, joint_names: Vec<String>, mut states: Subscription<JointState>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (sender, came) = watch::channel(());
        let topic = states.topic().to_owned();
        let listener = tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Some(message) = states.recv().await {
                    let message = message.map_err(|error| error.to_string());
                    match message.and_then(|m| read(&joint_names, &m)) {
                        Ok(mut state) => {
                            let mut seen = seen.lock();
                            fill_velocities(seen.newest.as_ref().map(|(before, _)| before), &mut state);
                            if let Some(recording) = &mut seen.recording {
                                recording.push(state);
                            }
                            seen.newest = Some((state, Instant::now()));
                        }
                        Err(hint) => seen.lock().hint = format!("; {hint}"),
                    }
                    sender.send_replace(());
                }
            }
        });
        Self { arm: arm.to_owned(), topic, seen, came, listener }
    }

    /// The newest state, if it came within the limit.
    pub fn fresh(&self, limit: Duration) -> Result<Stamped, StaleJoints> {
        let (arm, limit_s) = (self.arm.clone(), limit.as_secs_f64());
        let seen = self.seen.lock();
        match &seen.newest {
            None => {
                Err(StaleJoints::Never { arm, topic: self.topic.clone(), limit_s, hint: seen.hint.clone() })
            }
            Some((_, came)) if came.elapsed() > limit => {
                Err(StaleJoints::Old { arm, age_s: came.elapsed().as_secs_f64(), limit_s })
            }
            Some((state, _)) => Ok(*state),
        }
    }

    /// The newest state; waits up to the limit for one that is no older than it.
    pub async fn wait_fresh(&self, limit: Duration) -> Result<Stamped, StaleJoints> {
        let mut came = self.came.clone();
        let wait = async {
            loop {
                came.mark_unchanged();
                if let Ok(state) = self.fresh(limit) {
                    return state;
                }
                if came.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(state) => Ok(state),
            Err(_) => self.fresh(limit),
        }
    }

    /// The first state from now on in which no joint is faster than `rest_rad_s`; the newest, if there is none such within
    /// `limit`.
    ///
    /// # Errors
    /// [`StaleJoints`] if the newest is then older than `oldest`.
    pub async fn wait_at_rest(
        &self,
        rest_rad_s: f64,
        limit: Duration,
        oldest: Duration,
    ) -> Result<Stamped, StaleJoints> {
        let mut came = self.came.clone();
        let wait = async {
            loop {
                came.mark_unchanged();
                if came.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                if let Some((state, _)) =
                    self.newest_and_now().filter(|(state, _)| state.is_at_rest(rest_rad_s))
                {
                    return state;
                }
            }
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(state) => Ok(state),
            Err(_) => self.fresh(oldest),
        }
    }

    /// Waits up to a limit for a state that is not before a time on the driver's clock.
    pub async fn wait_until(&self, stamp_ns: i64, limit: Duration) {
        let mut came = self.came.clone();
        let wait = async {
            loop {
                came.mark_unchanged();
                if self.newest_stamp_ns().is_some_and(|newest| newest >= stamp_ns)
                    || came.changed().await.is_err()
                {
                    return;
                }
            }
        };
        // A recording that ends early is told by its missing deviations.
        let _ = tokio::time::timeout(limit, wait).await;
    }

    /// The newest state's stamp.
    pub fn newest_stamp_ns(&self) -> Option<i64> {
        self.seen.lock().newest.map(|(state, _)| state.stamp_ns)
    }

    /// The newest state, and the time now on the driver's clock, ns, as far as the state's coming tells it.
    pub fn newest_and_now(&self) -> Option<(Stamped, i64)> {
        let (state, came) = self.seen.lock().newest?;
        let age_ns = i64::try_from(came.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Some((state, state.stamp_ns.saturating_add(age_ns)))
    }

    /// Records from now on, with the newest state as the first.
    pub fn record(&self) {
        let mut seen = self.seen.lock();
        seen.recording = Some(seen.newest.iter().map(|(state, _)| *state).collect());
    }

    /// What was recorded, with times from `zero_ns` of the driver's clock on; ends the recording.
    pub fn recorded(&self, zero_ns: i64) -> Vec<JointSample> {
        let states = self.seen.lock().recording.take().unwrap_or_default();
        let mut samples: Vec<JointSample> = Vec::with_capacity(states.len());
        for state in states {
            let time_s = 1e-9 * (state.stamp_ns - zero_ns) as f64;
            // A state sent twice, or late, would make time stand still or run back.
            if samples.last().is_none_or(|last| last.time_s < time_s) {
                samples.push(JointSample {
                    time_s,
                    positions: state.positions,
                    velocities: state.velocities,
                });
            }
        }
        samples
    }
}

impl Drop for JointMonitor {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Gives each joint whose velocity the driver does not tell (NaN here) that of its way since the state before; what it
/// was before where no time passed, and 0 without one.
fn fill_velocities(before: Option<&Stamped>, now: &mut Stamped) {
    for (joint, velocity) in now.velocities.iter_mut().enumerate().filter(|(_, v)| v.is_nan()) {
        *velocity = before.map_or(0.0, |before| {
            let passed_s = 1e-9 * (now.stamp_ns - before.stamp_ns) as f64;
            let moved_rad = now.positions[joint] - before.positions[joint];
            if passed_s > 0.0 { moved_rad / passed_s } else { before.velocities[joint] }
        });
    }
}

/// The joints of these names in a message that may have others too.
fn read(joint_names: &[String], message: &JointState) -> Result<Stamped, String> {
    let mut state = Stamped {
        stamp_ns: message.header.stamp.to_ns(),
        positions: Joints::default(),
        velocities: Joints::default(),
    };
    for name in joint_names {
        let index = message
            .name
            .iter()
            .position(|there| there == name)
            .ok_or_else(|| format!("the last one had no joint '{name}', only {:?}", message.name))?;
        let position = message.position.get(index).copied().filter(|p| p.is_finite());
        state.positions.push(position.ok_or_else(|| format!("joint '{name}' had no position"))?);
        // Drivers may leave velocities out, all or some.
        let velocity = message.velocity.get(index).copied().filter(|v| v.is_finite());
        state.velocities.push(velocity.unwrap_or(f64::NAN));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocities_that_are_not_told_come_of_the_positions() {
        let at = |stamp_ns: i64, rad: f64, velocities: [f64; 2]| Stamped {
            stamp_ns,
            positions: [rad; 2].into_iter().collect(),
            velocities: velocities.into_iter().collect(),
        };
        let filled = |before: Option<&Stamped>, mut now: Stamped| {
            fill_velocities(before, &mut now);
            [now.velocities[0], now.velocities[1]]
        };
        let before = at(5, 0.1, [0.7, 0.0]);
        // One joint's is told, the other's is not.
        let [found, told] = filled(Some(&before), at(500_000_005, 0.3, [f64::NAN, 0.2]));
        assert!((found - 0.4).abs() < 1e-9 && told == 0.2);
        assert_eq!(filled(Some(&before), at(5, 0.3, [f64::NAN, 0.2])), [0.7, 0.2], "no time passed");
        assert_eq!(filled(None, at(5, 0.3, [f64::NAN; 2])), [0.0; 2]);
    }

    #[test]
    fn joints_are_found_by_name_among_others() {
        let message = JointState {
            name: ["grip", "b", "a"].map(String::from).to_vec(),
            position: vec![9.0, 2.0, 1.0],
            velocity: vec![0.0, 0.2],
            ..JointState::default()
        };
        let state = read(&["a".into(), "b".into()], &message).unwrap();
        assert_eq!((&state.positions[..], state.velocities[1]), (&[1.0, 2.0][..], 0.2));
        assert!(state.velocities[0].is_nan(), "not told");
        assert!(read(&["c".into()], &message).unwrap_err().contains("no joint 'c'"));
    }
}

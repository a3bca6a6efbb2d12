//! A controller with a simulated arm: goals with a start time and tolerances, on a clock of its own.

use dreamitate_kinematics::Joints;

use crate::faults::Faults;
use dreamitate_motion::{ArmState, GoalRejection, JointSample, SimulatedArm};
use dreamitate_motion::{JointTrajectory, TrajectoryPoint};

/// A trajectory with the conditions under which it is followed.
#[derive(Debug, Clone)]
pub(crate) struct Motion {
    /// The way.
    pub trajectory: JointTrajectory,
    /// Its time 0 on the simulation's clock, s.
    pub start_s: f64,
    /// The farthest from the way that each joint may be under way, rad.
    pub path_tolerance_rad: Joints,
    /// The farthest from the end that each joint may end, rad.
    pub goal_tolerance_rad: Joints,
    /// How late the end may be reached, s.
    pub goal_time_tolerance_s: f64,
}

/// Why a motion is not begun.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum MotionRejection {
    /// The arm's own reasons.
    #[error(transparent)]
    Arm(#[from] GoalRejection),
    /// It is past: its start for an arm at rest, its end for one in motion.
    #[error("the trajectory was to {what} {late_s:.3} s ago, limit {limit_s:.3} s")]
    Late {
        /// `start` or `end`.
        what: &'static str,
        /// How long ago.
        late_s: f64,
        /// How long ago is allowed.
        limit_s: f64,
    },
}

/// How a motion ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ending {
    /// At its end, within the tolerances.
    Reached,
    /// Stopped by a cancel, and held.
    Cancelled,
    /// Another motion took its place.
    Replaced,
    /// Too far from the way; stopped and held.
    OffPath(String),
    /// Not at the end in time; stopped and held.
    OffGoal(String),
    /// Stopped and held for a reason of the controller's own.
    Fault(String),
}

/// A motion that is not over.
#[derive(Debug)]
struct Running {
    id: u64,
    motion: Motion,
    /// Whether the arm was given it; before, it waits for its start.
    begun: bool,
    /// Why it is being stopped.
    stopping_for: Option<Ending>,
}

/// A simulated arm under a controller.
#[derive(Debug)]
pub(crate) struct Simulation {
    arm: SimulatedArm,
    now_s: f64,
    faults: Faults,
    /// The first motion's start, on the simulation's clock.
    first_start_s: Option<f64>,
    next_id: u64,
    running: Option<Running>,
    /// Where the joints were found to be, if somebody else moves them.
    measured: Option<JointSample>,
}

impl Simulation {
    /// An arm at rest at time 0.
    pub fn new(arm: SimulatedArm, faults: Faults) -> Self {
        Self { arm, now_s: 0.0, faults, first_start_s: None, next_id: 0, running: None, measured: None }
    }

    /// The joints now, on the simulation's clock.
    pub fn sample(&self) -> JointSample {
        JointSample { time_s: self.now_s, ..self.measured.unwrap_or_else(|| self.arm.sample()) }
    }

    /// Where the joints are told to be now.
    pub fn commanded(&self) -> JointSample {
        JointSample { time_s: self.now_s, ..self.arm.sample() }
    }

    /// From now on the joints are where they are measured.
    pub fn measure(&mut self, joints: JointSample) {
        self.measured = Some(joints);
    }

    /// Whether a motion is under way or waiting for its start.
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Whether the arm is at rest, with what lags behind its command.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.arm.state(), ArmState::Idle | ArmState::Holding)
            && self.arm.sample().velocities.iter().all(|v| v.abs() < 1e-6)
    }

    /// Whether a fault's time has come.
    pub fn is_due(&self, after_s: Option<f64>) -> bool {
        let since_s = self.first_start_s.map(|start_s| self.now_s - start_s);
        after_s.zip(since_s).is_some_and(|(after_s, since_s)| since_s > after_s)
    }

    /// Where the motion under way wants the joints to be; `None` at rest or before the start.
    pub fn desired(&self) -> Option<TrajectoryPoint> {
        let motion = &self.running.as_ref()?.motion;
        let since_s = self.now_s - motion.start_s;
        (since_s >= 0.0).then(|| motion.trajectory.at(since_s))?
    }

    /// Takes a motion, in place of the one under way if there is one, which then ends as [`Ending::Replaced`]; its
    /// number. [`tick`](Self::tick) says when and how it ended.
    pub fn begin(&mut self, motion: Motion) -> Result<u64, MotionRejection> {
        /// A start that is past by less is made up for by starting late.
        const LATE_S: f64 = 0.05;
        let late = |what, late_s, limit_s| match late_s > limit_s {
            true => Err(MotionRejection::Late { what, late_s, limit_s }),
            false => Ok(()),
        };
        let moving = !matches!(self.arm.state(), ArmState::Idle | ArmState::Holding);
        let past_s = self.now_s - motion.start_s;
        let (motion, begun) = if moving {
            late("end", past_s - motion.trajectory.duration_s(), 0.0)?;
            let trajectory = self.arm.replace(&motion.trajectory, past_s)?;
            (Motion { trajectory, start_s: self.now_s, ..motion }, true)
        } else {
            late("start", past_s, LATE_S)?;
            self.arm.would_accept(&motion.trajectory)?;
            (Motion { start_s: motion.start_s.max(self.now_s), ..motion }, false)
        };
        self.first_start_s.get_or_insert(motion.start_s);
        self.next_id += 1;
        self.running = Some(Running { id: self.next_id, motion, begun, stopping_for: None });
        Ok(self.next_id)
    }

    /// Stops a motion as fast as the arm can, if it is not over.
    pub fn cancel(&mut self, id: u64) {
        if self.running.as_ref().is_some_and(|running| running.id == id) {
            self.stop(Ending::Cancelled);
        }
    }

    /// Stops whatever is under way.
    pub fn brake(&mut self) {
        self.stop(Ending::Cancelled);
    }

    /// Lets `dt_s` pass; how the motion ended, if one did.
    pub fn tick(&mut self, dt_s: f64) -> Option<Ending> {
        let before_s = self.now_s;
        self.now_s += dt_s;
        let stuck = self.is_due(self.faults.stall_after_s);
        let aborts = self.is_due(self.faults.abort_after_s);
        let Some(running) = &mut self.running else {
            self.arm.step(dt_s);
            return None;
        };
        let motion = &running.motion;
        let since_s = self.now_s - motion.start_s;
        if stuck {
            self.arm.cancel();
        }
        if self.faults.ignore_goals
            || stuck
            || running.begun
            || running.stopping_for.is_some()
            || since_s <= 0.0
        {
            self.arm.step(dt_s);
        } else {
            // The start lies within this step.
            running.begun = true;
            self.arm.step(motion.start_s - before_s);
            let accepted = self.arm.accept(motion.trajectory.clone());
            self.arm.step(since_s);
            if let Err(error) = accepted {
                return self.end(Ending::OffPath(error.to_string()));
            }
        }
        if running.stopping_for.is_none() && since_s > 0.0 && !self.faults.ignore_goals {
            let ending = if aborts {
                self.faults.abort_after_s = None;
                Ending::Fault("the controller went into its error state".to_owned())
            } else {
                self.judge(since_s)?
            };
            match ending {
                Ending::Reached => return self.end(ending),
                ending => self.stop(ending),
            }
        }
        match self.arm.state() {
            ArmState::Idle | ArmState::Holding => {
                let ending = self.running.as_mut()?.stopping_for.take()?;
                self.end(ending)
            }
            ArmState::Executing | ArmState::Stopping => None,
        }
    }

    /// What the tolerances say of where the arm is.
    fn judge(&self, since_s: f64) -> Option<Ending> {
        let motion = &self.running.as_ref()?.motion;
        let over_s = since_s - motion.trajectory.duration_s();
        let desired = motion.trajectory.at(since_s)?;
        let tolerance_rad =
            if over_s >= 0.0 { &motion.goal_tolerance_rad } else { &motion.path_tolerance_rad };
        let now = self.sample();
        let errors = desired.positions.iter().zip(&now.positions).map(|(wanted, here)| (wanted - here).abs());
        let outside = motion
            .trajectory
            .joint_names
            .iter()
            .zip(errors.zip(tolerance_rad))
            .find(|(_, (error, limit))| error > *limit)
            .map(|(name, (error_rad, limit_rad))| {
                format!(
                    "joint '{name}' is {error_rad:.4} rad off at {since_s:.3} s, limit {limit_rad:.4} rad"
                )
            });
        match outside {
            None => (over_s >= 0.0).then_some(Ending::Reached),
            Some(text) if over_s < 0.0 => Some(Ending::OffPath(text)),
            Some(text) => (over_s > motion.goal_time_tolerance_s).then_some(Ending::OffGoal(text)),
        }
    }

    fn stop(&mut self, ending: Ending) {
        self.arm.cancel();
        if let Some(running) = &mut self.running {
            running.stopping_for = Some(ending);
        }
    }

    fn end(&mut self, ending: Ending) -> Option<Ending> {
        self.running = None;
        Some(ending)
    }
}

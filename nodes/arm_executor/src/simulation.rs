//! A controller with a simulated arm: goals with a start time and tolerances, on a clock of its own.

use dreamitate_kinematics::Joints;

use dreamitate_motion::{ArmState, GoalRejection, JointSample, SimulatedArm};
use dreamitate_motion::{JointTrajectory, TrajectoryPoint};

/// A trajectory with the conditions under which it is followed.
#[derive(Debug, Clone)]
pub(crate) struct Motion {
    /// The way.
    pub trajectory: JointTrajectory,
    /// When it starts, on the simulation's clock, s; at once if that is past by less than a step.
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
    /// Another motion waits for its start.
    #[error("another trajectory is waiting for its start")]
    Waiting,
    /// The start is past.
    #[error("the trajectory was to start {late_s:.3} s ago, limit {limit_s:.3} s")]
    Late {
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
    /// Too far from the way; stopped and held.
    OffPath(String),
    /// Not at the end in time; stopped and held.
    OffGoal(String),
}

/// A simulated arm under a controller.
#[derive(Debug)]
pub(crate) struct Simulation {
    arm: SimulatedArm,
    now_s: f64,
    /// A fault to try others' reactions: the arm sticks this long after a motion's start, s.
    stall_after_s: Option<f64>,
    motion: Option<Motion>,
    /// Why the motion under way is being stopped.
    stopping_for: Option<Ending>,
}

impl Simulation {
    /// An arm at rest at time 0.
    pub fn new(arm: SimulatedArm, stall_after_s: Option<f64>) -> Self {
        Self { arm, now_s: 0.0, stall_after_s, motion: None, stopping_for: None }
    }

    /// The joints now, on the simulation's clock.
    pub fn sample(&self) -> JointSample {
        JointSample { time_s: self.now_s, ..self.arm.sample() }
    }

    /// The arm.
    pub fn arm(&self) -> &SimulatedArm {
        &self.arm
    }

    /// Whether a motion is under way or waiting for its start.
    pub fn is_busy(&self) -> bool {
        self.motion.is_some()
    }

    /// Where the motion under way wants the joints to be; `None` at rest or before the start.
    pub fn desired(&self) -> Option<TrajectoryPoint> {
        let motion = self.motion.as_ref()?;
        let since_s = self.now_s - motion.start_s;
        (since_s >= 0.0).then(|| motion.trajectory.at(since_s))?
    }

    /// Takes a motion. [`tick`](Self::tick) says when and how it ended.
    pub fn begin(&mut self, motion: Motion) -> Result<(), MotionRejection> {
        /// A start that is past by less is made up for by starting late.
        const LATE_S: f64 = 0.05;
        if self.motion.is_some() {
            return Err(match self.arm.state() {
                ArmState::Idle | ArmState::Holding => MotionRejection::Waiting,
                state => GoalRejection::Busy { state }.into(),
            });
        }
        let late_s = self.now_s - motion.start_s;
        if late_s > LATE_S {
            return Err(MotionRejection::Late { late_s, limit_s: LATE_S });
        }
        self.arm.would_accept(&motion.trajectory)?;
        self.motion = Some(Motion { start_s: motion.start_s.max(self.now_s), ..motion });
        Ok(())
    }

    /// Stops the motion under way as fast as the arm can. Nothing to do at rest.
    pub fn cancel(&mut self) {
        if self.motion.is_some() {
            self.stop(Ending::Cancelled);
        }
    }

    /// Lets `dt_s` pass; how the motion ended, if it did.
    pub fn tick(&mut self, dt_s: f64) -> Option<Ending> {
        let before_s = self.now_s;
        self.now_s += dt_s;
        let Some(motion) = &self.motion else {
            self.arm.step(dt_s);
            return None;
        };
        let since_s = self.now_s - motion.start_s;
        let stalled = self.stall_after_s.is_some_and(|stall_s| since_s > stall_s);
        let waiting = before_s <= motion.start_s && self.stopping_for.is_none();
        if waiting && since_s > 0.0 {
            // The start lies within this step.
            self.arm.step(motion.start_s - before_s);
            if let Err(error) = self.arm.accept(motion.trajectory.clone()) {
                return self.end(Ending::OffPath(error.to_string()));
            }
            self.arm.step(since_s);
        } else if !stalled {
            self.arm.step(dt_s);
        }
        if stalled && let Some(ending) = self.stopping_for.take() {
            return self.end(ending);
        }
        match self.arm.state() {
            _ if self.stopping_for.is_none() && since_s > 0.0 => {
                let ending = self.judge(since_s)?;
                if ending == Ending::Reached { self.end(ending) } else { self.stop_now(ending) }
            }
            ArmState::Idle | ArmState::Holding => {
                let ending = self.stopping_for.take()?;
                self.end(ending)
            }
            ArmState::Executing | ArmState::Stopping => None,
        }
    }

    /// What the tolerances say of where the arm is.
    fn judge(&self, since_s: f64) -> Option<Ending> {
        let motion = self.motion.as_ref()?;
        let over_s = since_s - motion.trajectory.duration_s();
        let desired = motion.trajectory.at(since_s)?;
        let tolerance_rad =
            if over_s >= 0.0 { &motion.goal_tolerance_rad } else { &motion.path_tolerance_rad };
        let now = self.arm.sample();
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
        self.stopping_for = Some(ending);
    }

    fn stop_now(&mut self, ending: Ending) -> Option<Ending> {
        self.stop(ending);
        None
    }

    fn end(&mut self, ending: Ending) -> Option<Ending> {
        self.motion = None;
        self.stopping_for = None;
        Some(ending)
    }
}

//! An arm that follows joint trajectories as a controller would, stepped by its caller.
//!
//! It has no noise, and runs as fast as it is stepped. Without [lag](SimulatedArm::with_lag) it is where the trajectory
//! says. What it does not forgive is what a real controller does not forgive: see [`GoalRejection`].

use dreamitate_kinematics::Joints;

use crate::arm::Arm;
use crate::trajectory::{JointTrajectory, TrajectoryPoint};

/// The joints at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointSample {
    /// Seconds since the arm was made.
    pub time_s: f64,
    /// rad.
    pub positions: Joints,
    /// rad/s.
    pub velocities: Joints,
}

/// What the arm is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmState {
    /// At rest; nothing was asked, or the last trajectory was followed to its end.
    Idle,
    /// Following a trajectory.
    Executing,
    /// Braking after a cancel.
    Stopping,
    /// At rest after a cancel.
    Holding,
}

/// Why a trajectory is not followed. The arm stays as it is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GoalRejection {
    /// The arm is moving.
    #[error("the arm is {state:?}, it takes a goal only at rest")]
    Busy {
        /// What it is doing.
        state: ArmState,
    },
    /// No points.
    #[error("the trajectory has no points")]
    Empty,
    /// Other joints, or another order.
    #[error("joint names {found:?}, the arm has {expected:?}")]
    JointNames {
        /// The goal's.
        found: Vec<String>,
        /// The arm's.
        expected: Vec<String>,
    },
    /// A point without a value for each joint, or with one that is not finite.
    #[error("point {point} has a missing value or one that is not finite")]
    BadPoint {
        /// Which one, from 0.
        point: usize,
    },
    /// A time before the one before it, or before the start.
    #[error("point {point} is at {time_s:.4} s, not after {before_s:.4} s")]
    TimesNotIncreasing {
        /// Which one, from 0.
        point: usize,
        /// Its time.
        time_s: f64,
        /// The time before it.
        before_s: f64,
    },
    /// The first point is not where the arm is.
    #[error("joint '{joint}' starts {distance_rad:.4} rad from where it is, limit {limit_rad:.4} rad")]
    StartTooFar {
        /// The joint.
        joint: String,
        /// How far.
        distance_rad: f64,
        /// How far is allowed.
        limit_rad: f64,
    },
    /// A position, velocity or acceleration beyond the joint's limit.
    #[error("joint '{joint}': {quantity} {value:.4} at {time_s:.3} s, limit {limit:.4}")]
    Limit {
        /// The joint.
        joint: String,
        /// `position`, `velocity` or `acceleration`.
        quantity: &'static str,
        /// rad, rad/s or rad/s².
        value: f64,
        /// The limit that it passes.
        limit: f64,
        /// When.
        time_s: f64,
    },
}

/// A simulated arm.
#[derive(Debug, Clone)]
pub struct SimulatedArm {
    arm: Arm,
    start_tolerance_rad: f64,
    lag_s: f64,
    /// Where its controller wants it.
    commanded: JointSample,
    /// Where it is.
    measured: JointSample,
    motion: Motion,
}

#[derive(Debug, Clone)]
enum Motion {
    Rest(ArmState),
    Following { trajectory: JointTrajectory, since_s: f64 },
    Braking { deceleration: Joints, left_s: f64 },
}

impl SimulatedArm {
    /// An arm without lag, at rest in a posture, at time 0.
    ///
    /// # Errors
    /// The posture does not fit the arm.
    pub fn new(
        arm: Arm,
        posture: &[f64],
        start_tolerance_rad: f64,
    ) -> Result<Self, dreamitate_kinematics::ChainError> {
        let positions = arm.chain.joints(posture)?;
        let velocities = positions.iter().map(|_| 0.0).collect();
        let now = JointSample { time_s: 0.0, positions, velocities };
        let motion = Motion::Rest(ArmState::Idle);
        Ok(Self { arm, start_tolerance_rad, lag_s: 0.0, commanded: now, measured: now, motion })
    }

    /// The same arm with joints that follow what is commanded with a first-order lag: at a constant speed they are
    /// `lag_s` behind. A value that is not a positive number is no lag.
    pub fn with_lag(mut self, lag_s: f64) -> Self {
        self.lag_s = if lag_s.is_finite() { lag_s.max(0.0) } else { 0.0 };
        self
    }

    /// The arm that is simulated.
    pub fn arm(&self) -> &Arm {
        &self.arm
    }

    /// Where the joints are now.
    pub fn sample(&self) -> JointSample {
        self.measured
    }

    /// Where the controller wants the joints now.
    pub fn commanded(&self) -> JointSample {
        self.commanded
    }

    /// What it is doing.
    pub fn state(&self) -> ArmState {
        match &self.motion {
            Motion::Rest(state) => *state,
            Motion::Following { .. } => ArmState::Executing,
            Motion::Braking { .. } => ArmState::Stopping,
        }
    }

    /// Whether the arm would follow a trajectory now.
    ///
    /// # Errors
    /// [`GoalRejection`] says why not.
    pub fn would_accept(&self, trajectory: &JointTrajectory) -> Result<(), GoalRejection> {
        if !matches!(self.motion, Motion::Rest(_)) {
            return Err(GoalRejection::Busy { state: self.state() });
        }
        let names = self.check(trajectory)?;
        self.check_start(trajectory.points.first(), &names)?;
        self.check_limits(trajectory, &names)
    }

    /// Starts to follow a trajectory now.
    ///
    /// # Errors
    /// [`GoalRejection`]; the arm then stays at rest.
    pub fn accept(&mut self, trajectory: JointTrajectory) -> Result<(), GoalRejection> {
        self.would_accept(&trajectory)?;
        self.motion = Motion::Following { trajectory, since_s: 0.0 };
        Ok(())
    }

    /// Follows another trajectory from now on, also in motion. `since_s` of it are past: where its first point is yet
    /// to come, a quintic leads there from the present commanded state; otherwise it is joined under way, where it must
    /// be near that state. What is followed now, with the present as its time 0.
    ///
    /// # Errors
    /// [`GoalRejection`]; the arm then goes on as before.
    pub fn replace(
        &mut self,
        trajectory: &JointTrajectory,
        since_s: f64,
    ) -> Result<JointTrajectory, GoalRejection> {
        let names = self.check(trajectory)?;
        let joined = trajectory.points.first().is_some_and(|first| first.time_s <= since_s);
        let start = if joined { trajectory.at(since_s) } else { Some(self.commanded_point()) };
        self.check_start(start.as_ref(), &names)?;
        let to_come = trajectory.points.iter().filter(|point| point.time_s > since_s);
        let to_come = to_come.map(|point| TrajectoryPoint { time_s: point.time_s - since_s, ..*point });
        let points = start.map(|start| TrajectoryPoint { time_s: 0.0, ..start }).into_iter().chain(to_come);
        let trajectory = JointTrajectory { points: points.collect(), ..trajectory.clone() };
        self.check_limits(&trajectory, &names)?;
        self.motion = Motion::Following { trajectory: trajectory.clone(), since_s: 0.0 };
        Ok(trajectory)
    }

    /// Stops as fast as the acceleration limits allow, all joints together, and holds. Nothing to do at rest.
    pub fn cancel(&mut self) {
        if let Motion::Following { .. } = self.motion {
            let limits = &self.arm.limits.acceleration_rad_s2;
            let velocities = &self.commanded.velocities;
            let left_s = velocities.iter().zip(limits).map(|(v, limit)| v.abs() / limit).fold(0.0, f64::max);
            self.motion = if left_s > 0.0 {
                Motion::Braking { deceleration: velocities.iter().map(|v| v / left_s).collect(), left_s }
            } else {
                Motion::Rest(ArmState::Holding)
            };
        }
    }

    /// Lets time pass; a step that is not a positive number lets none pass.
    pub fn step(&mut self, dt_s: f64) -> JointSample {
        if !(dt_s.is_finite() && dt_s > 0.0) {
            return self.measured;
        }
        let before = self.commanded;
        self.step_commanded(dt_s);
        if self.lag_s > 0.0 {
            self.lag_behind(&before, dt_s);
        } else {
            self.measured = self.commanded;
        }
        self.measured
    }

    fn step_commanded(&mut self, dt_s: f64) {
        let now = &mut self.commanded;
        now.time_s += dt_s;
        let mut ended = None;
        match &mut self.motion {
            Motion::Rest(_) => {}
            Motion::Following { trajectory, since_s } => {
                *since_s += dt_s;
                if let Some(point) = trajectory.at(*since_s) {
                    now.positions = point.positions;
                    now.velocities = point.velocities;
                }
                if *since_s >= trajectory.duration_s() {
                    ended = Some(ArmState::Idle);
                }
            }
            Motion::Braking { deceleration, left_s } => {
                let braking_s = dt_s.min(*left_s);
                *left_s -= braking_s;
                let joints = now.positions.iter_mut().zip(now.velocities.iter_mut());
                let limits = self.arm.chain.moving_joints().iter().map(|j| j.limits);
                for (((position, velocity), deceleration), limits) in
                    joints.zip(deceleration.iter()).zip(limits)
                {
                    *position += *velocity * braking_s - 0.5 * deceleration * braking_s * braking_s;
                    // The end stop of the joint.
                    *position = position.clamp(limits.lower, limits.upper);
                    *velocity -= deceleration * braking_s;
                }
                if *left_s <= 0.0 {
                    ended = Some(ArmState::Holding);
                }
            }
        }
        if let Some(state) = ended {
            now.velocities.iter_mut().for_each(|v| *v = 0.0);
            self.motion = Motion::Rest(state);
        }
    }

    /// The exact answer of a first-order lag to a command that is linear within the step.
    fn lag_behind(&mut self, before: &JointSample, dt_s: f64) {
        /// Closer is there: what is left halves for ever.
        const THERE_RAD: f64 = 1e-9;
        self.measured.time_s = self.commanded.time_s;
        let left = (-dt_s / self.lag_s).exp();
        for joint in 0..before.positions.len() {
            let (from, to) = (before.positions[joint], self.commanded.positions[joint]);
            let behind = self.lag_s * (to - from) / dt_s;
            let position = &mut self.measured.positions[joint];
            *position = to - behind + (*position - from + behind) * left;
            if (to - *position).abs() < THERE_RAD {
                *position = to;
            }
            self.measured.velocities[joint] = (to - *position) / self.lag_s;
        }
    }

    /// The present commanded state with its acceleration.
    fn commanded_point(&self) -> TrajectoryPoint {
        let JointSample { positions, velocities, .. } = self.commanded;
        let accelerations = match &self.motion {
            Motion::Rest(_) => positions.iter().map(|_| 0.0).collect(),
            Motion::Following { trajectory, since_s } => trajectory
                .at(*since_s)
                .map_or_else(|| positions.iter().map(|_| 0.0).collect(), |point| point.accelerations),
            Motion::Braking { deceleration, .. } => deceleration.iter().map(|a| -a).collect(),
        };
        TrajectoryPoint { time_s: 0.0, positions, velocities, accelerations }
    }

    /// The arm's joint names, if the goal is one for it.
    fn check(&self, goal: &JointTrajectory) -> Result<Vec<String>, GoalRejection> {
        let expected = self.arm.joint_names();
        if goal.joint_names != expected {
            return Err(GoalRejection::JointNames { found: goal.joint_names.clone(), expected });
        }
        if goal.points.is_empty() {
            return Err(GoalRejection::Empty);
        }
        for (index, point) in goal.points.iter().enumerate() {
            let rows = [&point.positions, &point.velocities, &point.accelerations];
            let whole = rows.iter().all(|r| r.len() == expected.len() && r.iter().all(|v| v.is_finite()));
            if !whole || !point.time_s.is_finite() {
                return Err(GoalRejection::BadPoint { point: index });
            }
        }
        // The first point may be at 0, which is not after the start.
        let mut before_s = -f64::MIN_POSITIVE;
        for (point, time_s) in goal.points.iter().map(|p| p.time_s).enumerate() {
            if time_s <= before_s {
                return Err(GoalRejection::TimesNotIncreasing { point, time_s, before_s: before_s.max(0.0) });
            }
            before_s = time_s;
        }
        Ok(expected)
    }

    fn check_start(&self, start: Option<&TrajectoryPoint>, names: &[String]) -> Result<(), GoalRejection> {
        let starts = start.map(|start| &start.positions[..]).unwrap_or_default();
        for ((joint, start), here) in names.iter().zip(starts).zip(&self.commanded.positions) {
            let distance_rad = (start - here).abs();
            if distance_rad > self.start_tolerance_rad {
                let limit_rad = self.start_tolerance_rad;
                return Err(GoalRejection::StartTooFar { joint: joint.clone(), distance_rad, limit_rad });
            }
        }
        Ok(())
    }

    fn check_limits(&self, goal: &JointTrajectory, names: &[String]) -> Result<(), GoalRejection> {
        const RATE_HZ: f64 = 500.0;
        /// Of the limit: rounding is no violation.
        const ROUNDING: f64 = 1e-6;
        let joints = self.arm.chain.moving_joints();
        for point in goal.sampled(RATE_HZ) {
            for (index, (name, joint)) in names.iter().zip(joints).enumerate() {
                let refuse = |quantity, value, limit| {
                    Err(GoalRejection::Limit {
                        joint: name.clone(),
                        quantity,
                        value,
                        limit,
                        time_s: point.time_s,
                    })
                };
                let position = point.positions[index];
                if position < joint.limits.lower - ROUNDING {
                    return refuse("position", position, joint.limits.lower);
                }
                if position > joint.limits.upper + ROUNDING {
                    return refuse("position", position, joint.limits.upper);
                }
                for (quantity, values, limits) in [
                    ("velocity", &point.velocities, &self.arm.limits.velocity_rad_s),
                    ("acceleration", &point.accelerations, &self.arm.limits.acceleration_rad_s2),
                ] {
                    if values[index].abs() > limits[index] * (1.0 + ROUNDING) {
                        return refuse(quantity, values[index], limits[index]);
                    }
                }
            }
        }
        Ok(())
    }
}

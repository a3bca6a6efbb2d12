//! An arm that follows joint trajectories as a controller would, stepped by its caller.
//!
//! It is ideal: it is where the trajectory says, without lag or noise, and runs as fast as it is stepped. What it
//! does not forgive is what a real controller does not forgive: see [`GoalRejection`].

use dreamitate_kinematics::Joints;

use crate::arm::Arm;
use crate::trajectory::JointTrajectory;

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
    now: JointSample,
    motion: Motion,
}

#[derive(Debug, Clone)]
enum Motion {
    Rest(ArmState),
    Following { trajectory: JointTrajectory, since_s: f64 },
    Braking { deceleration: Joints, left_s: f64 },
}

impl SimulatedArm {
    /// An arm at rest in a posture, at time 0.
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
        Ok(Self { arm, start_tolerance_rad, now, motion: Motion::Rest(ArmState::Idle) })
    }

    /// The arm that is simulated.
    pub fn arm(&self) -> &Arm {
        &self.arm
    }

    /// Where the joints are now.
    pub fn sample(&self) -> JointSample {
        self.now
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
        self.check(trajectory)
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

    /// Stops as fast as the acceleration limits allow, all joints together, and holds. Nothing to do at rest.
    pub fn cancel(&mut self) {
        if let Motion::Following { .. } = self.motion {
            let limits = &self.arm.limits.acceleration_rad_s2;
            let left_s =
                self.now.velocities.iter().zip(limits).map(|(v, limit)| v.abs() / limit).fold(0.0, f64::max);
            self.motion = if left_s > 0.0 {
                Motion::Braking {
                    deceleration: self.now.velocities.iter().map(|v| v / left_s).collect(),
                    left_s,
                }
            } else {
                Motion::Rest(ArmState::Holding)
            };
        }
    }

    /// Lets time pass; a step that is not a positive number lets none pass.
    pub fn step(&mut self, dt_s: f64) -> JointSample {
        if !(dt_s.is_finite() && dt_s > 0.0) {
            return self.now;
        }
        self.now.time_s += dt_s;
        let mut ended = None;
        match &mut self.motion {
            Motion::Rest(_) => {}
            Motion::Following { trajectory, since_s } => {
                *since_s += dt_s;
                if let Some(point) = trajectory.at(*since_s) {
                    self.now.positions = point.positions;
                    self.now.velocities = point.velocities;
                }
                if *since_s >= trajectory.duration_s() {
                    ended = Some(ArmState::Idle);
                }
            }
            Motion::Braking { deceleration, left_s } => {
                let braking_s = dt_s.min(*left_s);
                *left_s -= braking_s;
                let joints = self.now.positions.iter_mut().zip(self.now.velocities.iter_mut());
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
            self.now.velocities.iter_mut().for_each(|v| *v = 0.0);
            self.motion = Motion::Rest(state);
        }
        self.now
    }

    fn check(&self, goal: &JointTrajectory) -> Result<(), GoalRejection> {
        let expected = self.arm.joint_names();
        if goal.joint_names != expected {
            return Err(GoalRejection::JointNames { found: goal.joint_names.clone(), expected });
        }
        let Some(first) = goal.points.first() else { return Err(GoalRejection::Empty) };
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
        for ((joint, start), here) in expected.iter().zip(&first.positions).zip(&self.now.positions) {
            let distance_rad = (start - here).abs();
            if distance_rad > self.start_tolerance_rad {
                let limit_rad = self.start_tolerance_rad;
                return Err(GoalRejection::StartTooFar { joint: joint.clone(), distance_rad, limit_rad });
            }
        }
        self.check_limits(goal, &expected)
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

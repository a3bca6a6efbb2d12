//! From a tool's waypoints to a joint trajectory that starts in the arm's present posture.

use dreamitate_kinematics::{ChainError, IkError, Joints, MAX_JOINTS};

use crate::arm::Arm;
use crate::branches;
use crate::clearance::{ClearanceError, ClearanceLimits, check_clearance};
use crate::cubic_spline::CubicSpline;
use crate::quintic;
use crate::tool_path::{ToolPath, Waypoint, check, lead_in};
use crate::tracking::track;
use crate::trajectory::{JointTrajectory, TrajectoryPoint};

/// Rest between the approach and the dream's motion. A controller's quintic from rest without acceleration to rest
/// with the motion's first acceleration A stays below A all the way, so that no limit is passed there.
const SETTLE_S: f64 = 0.1;

/// Why there is no plan. Waypoints are counted from 0.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not enough waypoints for a motion.
    #[error("{found} waypoints, at least 2 are needed")]
    TooFewWaypoints {
        /// How many there are.
        found: usize,
    },
    /// A pose or time is NaN or infinite.
    #[error("waypoint {waypoint} is not finite")]
    NotFinite {
        /// Which one.
        waypoint: usize,
    },
    /// Waypoints out of order.
    #[error("waypoint {waypoint} is at {time_s:.3} s, not after the one before it at {before_s:.3} s")]
    TimesNotIncreasing {
        /// Which one.
        waypoint: usize,
        /// Its time.
        time_s: f64,
        /// The time of the one before.
        before_s: f64,
    },
    /// A setting is not a positive number.
    #[error("setting {key} is {value}, it must be greater than 0 (limit_fraction at most 1)")]
    BadSetting {
        /// Its name.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// The start posture does not fit the arm.
    #[error("start posture: {0}")]
    Start(#[from] ChainError),
    /// No posture puts the tool at a waypoint.
    #[error("waypoint {waypoint}: {source}")]
    Unreachable {
        /// Which one.
        waypoint: usize,
        /// What the nearest posture leaves.
        source: IkError,
    },
    /// Both waypoints are reached, a place between them is not.
    #[error("{time_s:.3} s, after waypoint {waypoint}: {source}")]
    UnreachableBetween {
        /// The waypoint before.
        waypoint: usize,
        /// When, on the dream's clock.
        time_s: f64,
        /// What the nearest posture leaves.
        source: IkError,
    },
    /// Every way to a waypoint needs another branch of postures.
    #[error("branch jump of {jump_rad:.3} rad to waypoint {waypoint}, limit {limit_rad:.3} rad")]
    BranchJump {
        /// The waypoint after the jump.
        waypoint: usize,
        /// The smallest jump that any way needs.
        jump_rad: f64,
        /// The limit.
        limit_rad: f64,
    },
    /// The joint path passes a position limit between waypoints.
    #[error(
        "joint '{joint}' would be at {value_rad:.4} rad, its limits are {lower_rad:.4} to {upper_rad:.4}"
    )]
    JointLimit {
        /// The joint.
        joint: String,
        /// Where it would be.
        value_rad: f64,
        /// Its lower limit.
        lower_rad: f64,
        /// Its upper limit.
        upper_rad: f64,
    },
    /// The arm or tool comes too near the table.
    #[error(transparent)]
    Clearance(#[from] ClearanceError),
}

/// How a plan is made.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSettings {
    /// Random postures looked for at each waypoint.
    pub solutions: usize,
    /// The most postures kept at a waypoint.
    pub largest_layer: usize,
    /// The largest change of a joint from one waypoint to the next, rad.
    pub largest_jump_rad: f64,
    /// Cost of being away from the start posture at the first waypoint, over the cost of joint travel.
    pub home_weight: f64,
    /// Knots a second of dreamed time.
    pub rate_hz: f64,
    /// The part of the velocity and acceleration limits that is used; the rest is the controller's.
    pub limit_fraction: f64,
    /// The time from rest to the first waypoint, s of dreamed time; shorter ones are tried when it cannot be done.
    pub lead_s: f64,
    /// How far above the table the tool comes from, m; higher ones are tried when it cannot be done.
    pub lift_m: f64,
    /// What is too near.
    pub clearance: ClearanceLimits,
    /// Of the random postures.
    pub seed: u64,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            solutions: 24,
            largest_layer: 96,
            largest_jump_rad: 0.5,
            home_weight: 0.05,
            rate_hz: 100.0,
            limit_fraction: 0.95,
            lead_s: 0.4,
            lift_m: 0.03,
            clearance: ClearanceLimits::default(),
            seed: 0,
        }
    }
}

/// A joint path that is not yet on the clock: an approach from the start posture, then the dream's motion.
#[derive(Debug, Clone)]
pub struct ArmPlan {
    joint_names: Vec<String>,
    dof: usize,
    start: Joints,
    /// On the dream's clock; begins at rest `lead_s` before the first waypoint.
    path: CubicSpline<MAX_JOINTS>,
    waypoint_times_s: Vec<f64>,
    approach_s: f64,
    least_time_scale: f64,
}

/// How the dream's clock runs on the trajectories' clock; one for all arms of a dream, so that they stay together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Executed time over dreamed time, at least 1.
    pub time_scale: f64,
    /// Trajectory time of the dream's time 0, s.
    pub dream_zero_s: f64,
}

impl Schedule {
    /// The fastest schedule that every arm can keep; 1 and 0 s without plans.
    pub fn common(plans: &[&ArmPlan]) -> Self {
        let time_scale = plans.iter().map(|p| p.least_time_scale).fold(1.0, f64::max);
        let dream_zero_s = plans
            .iter()
            .map(|p| p.approach_s - time_scale * p.path.span_s().0)
            .reduce(f64::max)
            .unwrap_or_default();
        Self { time_scale, dream_zero_s }
    }
}

/// Plans the motion of one arm from a posture through all waypoints; the table is looked at, other arms are not.
///
/// # Errors
/// [`PlanError`], with the value and the limit.
pub fn plan(
    arm: &Arm,
    waypoints: &[Waypoint],
    start: &[f64],
    settings: &PlanSettings,
) -> Result<ArmPlan, PlanError> {
    check(waypoints)?;
    settings.check()?;
    let start = arm.chain.joints(start)?;
    // From the wanted lead to none: a tool that enters at the edge of the arm's reach may have no room behind it.
    let mut first_error = None;
    for (lead_s, lift_m) in [
        (settings.lead_s, settings.lift_m),
        (settings.lead_s, 2.0 * settings.lift_m + 0.03),
        (0.5 * settings.lead_s, settings.lift_m),
    ] {
        match plan_with_lead(arm, waypoints, &start, lead_s, lift_m, settings) {
            Ok(plan) => return Ok(plan),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    match plan_without_lead(arm, waypoints, &start, settings) {
        Ok(plan) => Ok(plan),
        // What stands in the way of the waypoints themselves says more than what stands in the way of the lead.
        Err(error @ (PlanError::Unreachable { .. } | PlanError::BranchJump { .. })) => Err(error),
        Err(error) => Err(first_error.unwrap_or(error)),
    }
}

fn plan_with_lead(
    arm: &Arm,
    waypoints: &[Waypoint],
    start: &Joints,
    lead_s: f64,
    lift_m: f64,
    settings: &PlanSettings,
) -> Result<ArmPlan, PlanError> {
    let lead =
        lead_in(waypoints, lead_s, lift_m).ok_or(PlanError::TooFewWaypoints { found: waypoints.len() })?;
    let with_lead: Vec<Waypoint> = std::iter::once(lead).chain(waypoints.iter().copied()).collect();
    plan_through(arm, &with_lead, waypoints, start, settings).map_err(PlanError::counted_without_lead)
}

fn plan_without_lead(
    arm: &Arm,
    waypoints: &[Waypoint],
    start: &Joints,
    settings: &PlanSettings,
) -> Result<ArmPlan, PlanError> {
    plan_through(arm, waypoints, waypoints, start, settings)
}

/// Plans through `all`, of which the last ones are the dream's own.
fn plan_through(
    arm: &Arm,
    all: &[Waypoint],
    dreamed: &[Waypoint],
    start: &Joints,
    settings: &PlanSettings,
) -> Result<ArmPlan, PlanError> {
    let path = ToolPath::through(all)?;
    let poses: Vec<_> = all.iter().map(|w| arm.base_from_flange(&w.world_from_tool)).collect();
    // The way to the first waypoint is not the dream's: it may take longer than from one waypoint to the next.
    const LEAD_JUMP_RAD: f64 = 1.0;
    let mut jump_limits_rad = vec![settings.largest_jump_rad; all.len() - 1];
    for limit in jump_limits_rad.iter_mut().take(all.len() - dreamed.len()) {
        *limit = limit.max(LEAD_JUMP_RAD);
    }
    let postures = branches::choose(&arm.chain, &poses, start, &jump_limits_rad, settings)?;
    let path = track(arm, &path, all, &postures, settings)?;

    let dof = arm.chain.dof();
    let (velocity, acceleration) = path.peaks();
    let mut least_time_scale = 1.0f64;
    for joint in 0..dof {
        let velocity_limit = settings.limit_fraction * arm.limits.velocity_rad_s[joint];
        let acceleration_limit = settings.limit_fraction * arm.limits.acceleration_rad_s2[joint];
        // Stretching time by k divides velocities by k and accelerations by k².
        least_time_scale = least_time_scale
            .max(velocity[joint] / velocity_limit)
            .max((acceleration[joint] / acceleration_limit).sqrt());
    }
    let first = joints_of(&path.at(path.span_s().0).value, dof);
    let approach_s = (0..dof)
        .map(|joint| {
            quintic::rest_to_rest_s(
                first[joint] - start[joint],
                settings.limit_fraction * arm.limits.velocity_rad_s[joint],
                settings.limit_fraction * arm.limits.acceleration_rad_s2[joint],
            )
        })
        .fold(0.0, f64::max)
        + SETTLE_S;
    let plan = ArmPlan {
        joint_names: arm.joint_names(),
        dof,
        start: *start,
        path,
        waypoint_times_s: dreamed.iter().map(|w| w.time_s).collect(),
        approach_s,
        least_time_scale,
    };
    let trajectory = plan.trajectory(&Schedule::common(&[&plan]));
    for point in trajectory.sampled(settings.rate_hz) {
        check_limits(arm, &point.positions)?;
    }
    check_clearance(&[(arm, &trajectory)], &settings.clearance)?;
    Ok(plan)
}

impl PlanError {
    /// The waypoint that it is about, if it is about one.
    pub fn waypoint(&self) -> Option<usize> {
        match self {
            Self::NotFinite { waypoint }
            | Self::TimesNotIncreasing { waypoint, .. }
            | Self::Unreachable { waypoint, .. }
            | Self::UnreachableBetween { waypoint, .. }
            | Self::BranchJump { waypoint, .. } => Some(*waypoint),
            _ => None,
        }
    }

    /// The same error with waypoints counted from the dream's first one, not from the lead before it.
    fn counted_without_lead(mut self) -> Self {
        if let Self::Unreachable { waypoint, .. }
        | Self::UnreachableBetween { waypoint, .. }
        | Self::BranchJump { waypoint, .. } = &mut self
        {
            *waypoint = waypoint.saturating_sub(1);
        }
        self
    }
}

fn check_limits(arm: &Arm, joints: &Joints) -> Result<(), PlanError> {
    for (joint, &value_rad) in arm.chain.moving_joints().iter().zip(joints) {
        let (lower_rad, upper_rad) = (joint.limits.lower, joint.limits.upper);
        if !(lower_rad..=upper_rad).contains(&value_rad) {
            return Err(PlanError::JointLimit { joint: joint.name.clone(), value_rad, lower_rad, upper_rad });
        }
    }
    Ok(())
}

impl PlanSettings {
    fn check(&self) -> Result<(), PlanError> {
        let positive = [
            ("solutions", self.solutions as f64),
            ("largest_layer", self.largest_layer as f64),
            ("largest_jump_rad", self.largest_jump_rad),
            ("rate_hz", self.rate_hz),
            ("limit_fraction", self.limit_fraction),
            ("lead_s", self.lead_s),
        ];
        match positive.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            Some((key, value)) => Err(PlanError::BadSetting { key, value }),
            None if self.limit_fraction > 1.0 => {
                Err(PlanError::BadSetting { key: "limit_fraction", value: self.limit_fraction })
            }
            None => Ok(()),
        }
    }
}

impl ArmPlan {
    /// The stretch of time that this arm needs to keep its limits; 1 if it can follow the dream as it is.
    pub fn least_time_scale(&self) -> f64 {
        self.least_time_scale
    }

    /// How long the way from the start posture to where the dream's motion begins takes, s.
    pub fn approach_s(&self) -> f64 {
        self.approach_s
    }

    /// The trajectory on a schedule: rest, approach, dream. The approach ends as the dream's motion begins.
    ///
    /// A schedule faster than [`Schedule::common`] of this plan passes the arm's limits.
    pub fn trajectory(&self, schedule: &Schedule) -> JointTrajectory {
        /// Time between points on the way to the dream; one quintic, so that more would say nothing new.
        const APPROACH_STEP_S: f64 = 0.05;
        let scale = schedule.time_scale;
        let on_clock = |dream_s: f64| schedule.dream_zero_s + scale * dream_s;
        let motion_s = on_clock(self.path.span_s().0);
        let first = joints_of(&self.path.at(self.path.span_s().0).value, self.dof);
        let rest = |time_s: f64, positions: Joints| TrajectoryPoint {
            time_s,
            positions,
            velocities: positions.iter().map(|_| 0.0).collect(),
            accelerations: positions.iter().map(|_| 0.0).collect(),
        };

        let mut points = Vec::new();
        let first_at_rest_s = motion_s - SETTLE_S;
        let width_s = self.approach_s - SETTLE_S;
        // A wait shorter than a microsecond is rounding, and no controller takes two points that close.
        let wait_s = if first_at_rest_s - width_s > 1e-6 { first_at_rest_s - width_s } else { 0.0 };
        if wait_s > 0.0 {
            points.push(rest(0.0, self.start));
        }
        let pieces = (width_s / APPROACH_STEP_S).ceil() as usize;
        for piece in 0..pieces {
            let since_s = width_s * piece as f64 / pieces as f64;
            let mut point = rest(wait_s + since_s, self.start);
            for joint in 0..self.dof {
                let (from, to) = (self.start[joint], first[joint]);
                let [position, velocity, acceleration] =
                    quintic::between([from, 0.0, 0.0], [to, 0.0, 0.0], width_s, since_s);
                point.positions[joint] = position;
                point.velocities[joint] = velocity;
                point.accelerations[joint] = acceleration;
            }
            points.push(point);
        }
        points.push(rest(first_at_rest_s.max(0.0), first));
        // The dream's motion begins at rest but not without acceleration, which the settling takes up.
        points.extend(self.path.times_s().iter().map(|&dream_s| {
            let state = self.path.at(dream_s);
            TrajectoryPoint {
                time_s: on_clock(dream_s),
                positions: joints_of(&state.value, self.dof),
                velocities: joints_of(&state.velocity.map(|v| v / scale), self.dof),
                accelerations: joints_of(&state.acceleration.map(|a| a / (scale * scale)), self.dof),
            }
        }));
        JointTrajectory {
            joint_names: self.joint_names.clone(),
            points,
            waypoint_times_s: self.waypoint_times_s.iter().map(|&t| on_clock(t)).collect(),
            time_scale: scale,
        }
    }
}

fn joints_of(row: &[f64; MAX_JOINTS], dof: usize) -> Joints {
    row.iter().take(dof).copied().collect()
}

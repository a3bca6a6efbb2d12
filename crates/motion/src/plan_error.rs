//! Why there is no plan.

use dreamitate_kinematics::{ChainError, IkError};

use crate::clearance::ClearanceError;

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
    #[error(
        "setting {key} is {value}; lengths, times, counts and weights are positive and finite, limit_fraction is at most 1"
    )]
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
    /// The tool's lowest point is below its height limit, and lifting the path is not allowed that far.
    #[error(
        "waypoint {waypoint}: the tool's lowest point is at {height_m:.4} m, limit {limit_m:.4} m; its path would have \
         to be lifted by {lift_m:.4} m, limit {max_lift_m:.4} m"
    )]
    TooLow {
        /// The waypoint, or the one before the lowest place.
        waypoint: usize,
        /// Height of the tool's lowest point.
        height_m: f64,
        /// The limit.
        limit_m: f64,
        /// The lift that is needed.
        lift_m: f64,
        /// The lift that is allowed.
        max_lift_m: f64,
    },
    /// No way around what stands between two postures was found.
    #[error("no way {what} was found in {checks} looks at postures, limit {limit}; straight on, {nearest}")]
    NoWayAround {
        /// Which way.
        what: &'static str,
        /// Postures looked at.
        checks: usize,
        /// The most that are looked at.
        limit: usize,
        /// What is in the way of the straight line.
        nearest: ClearanceError,
    },
    /// The arm is too near to something where it stands now.
    #[error("where the arm is now: {0}")]
    StartTooNear(ClearanceError),
    /// The arm or tool comes too near to something.
    #[error(transparent)]
    Clearance(#[from] ClearanceError),
}

impl PlanError {
    /// The waypoint that it is about, if it is about one.
    pub fn waypoint(&self) -> Option<usize> {
        match self {
            Self::NotFinite { waypoint }
            | Self::TimesNotIncreasing { waypoint, .. }
            | Self::Unreachable { waypoint, .. }
            | Self::UnreachableBetween { waypoint, .. }
            | Self::TooLow { waypoint, .. }
            | Self::BranchJump { waypoint, .. } => Some(*waypoint),
            _ => None,
        }
    }

    /// The same error with waypoints counted from the dream's first one, not from the lead before it.
    pub(crate) fn counted_without(mut self, leads: usize) -> Self {
        if let Self::Unreachable { waypoint, .. }
        | Self::UnreachableBetween { waypoint, .. }
        | Self::BranchJump { waypoint, .. } = &mut self
        {
            *waypoint = waypoint.saturating_sub(leads);
        }
        self
    }
}

//! From a tool's path to a joint trajectory that an arm can follow, and an arm that follows it.
//!
//! The way through: [`Waypoint`]s → [`plan`] (branches, dense tracking, timing) → [`Schedule`] (one clock for all
//! arms) → [`JointTrajectory`] → [`check_clearance`] → [`SimulatedArm`] or a real driver → [`deviations`].

mod arm;
mod branches;
mod clearance;
mod config;
mod cubic_spline;
mod deviation;
mod mount;
mod plan;
mod plan_arms;
mod quintic;
mod simulated_arm;
mod timed_way;
mod tool_path;
mod tracking;
mod trajectory;

pub use arm::{Arm, ArmError, ArmLimits, ToolBody};
pub use clearance::{
    Clearance, ClearanceError, ClearanceLimits, check_clearance, measure_clearance, segment_distance_m,
};
pub use config::{ConfigError, DriverProfile, RobotConfig, ToolMount};
pub use deviation::{Deviation, deviations};
pub use mount::{MountError, MountFit, MountSample, solve_mount, write_mount};
pub use plan::{ArmPlan, PlanError, PlanSettings, Schedule, plan};
pub use plan_arms::{ArmTask, ArmsPlan, ArmsPlanError, plan_arms};
pub use simulated_arm::{ArmState, GoalRejection, JointSample, SimulatedArm};
pub use timed_way::timed_way;
pub use tool_path::Waypoint;
pub use trajectory::{Demand, JointTrajectory, TrajectoryPoint};

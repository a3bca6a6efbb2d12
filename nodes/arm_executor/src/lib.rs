//! Plans a joint path through a tool trajectory and executes it on an arm, real or simulated.
//!
//! The way through: [`Waypoint`]s → [`plan`] (branches, dense tracking, timing) → [`Schedule`] (one clock for all
//! arms) → [`JointTrajectory`] → [`check_clearance`] → [`SimulatedArm`] or a real driver → [`deviations`].
//!
//! Two nodes stand on it: [`node`] plans and executes, [`simulated_node`] is a driver with a [`SimulatedArm`]. What came
//! of a run is an [`ExecutionSummary`].

mod arm;
mod arm_files;
mod branches;
mod clearance;
mod config;
mod cubic_spline;
mod deviation;
mod dream_waypoints;
mod execution;
mod joint_monitor;
pub mod node;
mod plan;
mod plan_arms;
mod quintic;
mod simulated_arm;
pub mod simulated_node;
mod simulation;
mod summary;
mod summary_of_run;
mod tool_path;
mod tracking;
mod trajectory;
mod trajectory_message;

pub use arm::{Arm, ArmError, ArmLimits, ToolBody};
pub use arm_files::{ArmFilesError, ConfiguredArm, arm_of_rig, arms_of_task};
pub use clearance::{
    Clearance, ClearanceError, ClearanceLimits, check_clearance, measure_clearance, segment_distance_m,
};
pub use config::{ConfigError, RobotConfig, ToolMount};
pub use deviation::{Deviation, deviations};
pub use plan::{ArmPlan, PlanError, PlanSettings, Schedule, plan};
pub use plan_arms::{ArmTask, ArmsPlan, ArmsPlanError, plan_arms};
pub use simulated_arm::{ArmState, GoalRejection, JointSample, SimulatedArm};
pub use summary::{
    ArmSummary, ClearanceSummary, DeviationSummary, ExecutedSample, ExecutionOutcome, ExecutionSummary,
    JointSummary, PlannedPoint,
};
pub use tool_path::Waypoint;
pub use trajectory::{Demand, JointTrajectory, TrajectoryPoint};

//! Plans a joint path through a tool trajectory and executes it on an arm, real or simulated.
//!
//! Two nodes stand on it: [`node`] plans and executes, [`simulated_node`] is a driver with a [`dreamitate_motion::SimulatedArm`]. What came
//! of a run is an [`ExecutionSummary`].

mod arm_files;
mod confirmation;
mod dream_waypoints;
mod execution;
mod executor_parameters;
mod faults;
mod joint_monitor;
mod motion_watch;
mod moveit;
pub mod node;
mod plan_settings;
mod plant;
pub mod simulated_node;
mod simulation;
mod stop_profile;
mod stop_switch;
mod stopping;
mod summary;
mod summary_of_run;
mod trajectory_message;

pub use arm_files::{ArmFilesError, ConfiguredArm, arm_of_rig, arms_of_task};
pub use plan_settings::plan_settings;
pub use summary::{
    ArmSummary, ClearanceSummary, DeviationSummary, ExecutedSample, ExecutionOutcome, ExecutionSummary,
    JointSummary, PathSummary, PlannedPoint, StopKind, StopSummary,
};
pub use summary_of_run::plan_summary;

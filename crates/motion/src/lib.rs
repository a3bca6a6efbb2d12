//! From a tool's path to a joint trajectory that an arm can follow, and an arm that follows it.
//!
//! The way through: [`Waypoint`]s → [`plan`] → [`Schedule`] (one clock for all arms) → [`JointTrajectory`] →
//! [`check_clearance`] → [`SimulatedArm`] or a real driver → [`deviations`]. [`plan_arms`] does all but the last two.
//!
//! A plan is made in this order: the tool's path is lifted to its height limit (`tool_height`); postures are found for
//! each waypoint (`layers`) and one of them is chosen at each (`branches`); the tool's path is followed densely
//! (`tracking`) and evened out where the arm has a joint to spare (`smoothing`); a way from the start posture, a retreat
//! and, if asked, a way home are added (`joint_move`, by `way_around` and `fastest_timing`). What is found to be in the way
//! sends the choice back to look for other postures. [`path_quality`] tells a report how good the path is.

mod arm;
mod arm_plan;
mod arm_shape;
mod branches;
mod clearance;
mod config;
mod cubic_spline;
mod deviation;
mod fastest_timing;
mod joint_move;
mod layers;
mod mount;
mod path_quality;
mod plan;
mod plan_arms;
mod plan_error;
mod plan_settings;
mod quintic;
mod segment_distance;
mod simulated_arm;
mod smoothing;
mod solid;
mod timed_way;
mod tool_height;
mod tool_path;
mod tool_speed;
mod tracking;
mod trajectory;
mod way_around;

pub use arm::{Arm, ArmError, ArmLimits, ToolBody};
pub use arm_plan::{ArmPlan, Schedule};
pub use clearance::{
    Clearance, ClearanceError, ClearanceLimits, ClearanceTimes, check_clearance, measure_clearance,
};
pub use config::{ConfigError, DriverProfile, RobotConfig, ToolMount};
pub use deviation::{Deviation, deviations};
pub use mount::{MountError, MountFit, MountSample, solve_mount, write_mount};
pub use path_quality::{PathSample, path_quality};
pub use plan::plan;
pub use plan_arms::{ArmTask, ArmsPlan, ArmsPlanError, plan_arms};
pub use plan_error::PlanError;
pub use plan_settings::PlanSettings;
pub use simulated_arm::{ArmState, GoalRejection, JointSample, SimulatedArm};
pub use timed_way::timed_way;
pub use tool_height::Lift;
pub use tool_path::Waypoint;
pub use tool_speed::{highest_tool_speed, tool_speed_m_s};
pub use trajectory::{Demand, JointTrajectory, TrajectoryPoint};

//! What came of a dream's execution, as JSON on `execution/summary`.

use serde::{Deserialize, Serialize};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionOutcome {
    /// Planned, and not yet asked to move.
    Planned,
    /// The arms followed the whole way.
    Executed,
    /// The dream is not fit to be executed: dream again. Nothing moved.
    Rejected,
    /// No plan, or the execution broke off with the arms stopped and held.
    Failed,
    /// Stopped because somebody asked for it; the arms are held.
    Cancelled,
}

/// A dream's execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionSummary {
    /// The clip; empty if none is known.
    pub clip_id: String,
    /// What came of it.
    pub outcome: ExecutionOutcome,
    /// MoveIt's code (`moveit_msgs/MoveItErrorCodes`): 1 is success.
    pub error_code: i32,
    /// What happened, with the value and the limit if it failed.
    pub message: String,
    /// The smallest distances of the plan; `None` without a plan.
    pub clearance: Option<ClearanceSummary>,
    /// The arms, in the order of the task's tools; empty without a plan.
    pub arms: Vec<ArmSummary>,
    /// How each arm was brought to rest; empty unless a motion was broken off.
    #[serde(default)]
    pub stops: Vec<StopSummary>,
}

/// How an arm came to rest after its motion was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// By a jerk-limited trajectory in place of the one under way.
    Profile,
    /// Its goal was cancelled: before its start, or because the driver did not take the trajectory to rest.
    Cancelled,
    /// Its driver had ended the motion already, or never begun it.
    ByDriver,
    /// Its driver did not answer. Nothing is known: go and look.
    NoAnswer,
}

/// An arm's stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopSummary {
    /// The arm's name.
    pub arm: String,
    /// How it came to rest.
    pub kind: StopKind,
    /// Whether the joint states then showed it at rest; `None` without joint states.
    pub at_rest: Option<bool>,
}

/// The smallest distances on the planned way, m.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClearanceSummary {
    /// Links above the table; `None` without links.
    pub link_table_m: Option<f64>,
    /// Tools above the table.
    pub tool_table_m: Option<f64>,
    /// Between the arms; `None` with one arm.
    pub arms_m: Option<f64>,
    /// Between parts of one arm that are not beside one another; `None` without such.
    pub self_m: Option<f64>,
    /// To the rig's obstacles; `None` without any.
    pub obstacles_m: Option<f64>,
}

/// One arm's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmSummary {
    /// The arm's name.
    pub arm: String,
    /// The tool's name.
    pub tool: String,
    /// The joints, in the order of all values.
    pub joints: Vec<JointSummary>,
    /// The plan, at 50 Hz at most.
    pub planned: Vec<PlannedPoint>,
    /// When each waypoint is passed, seconds since the trajectories' start.
    pub waypoint_times_s: Vec<f64>,
    /// The dream's frame of each waypoint.
    pub waypoint_frames: Vec<u32>,
    /// Executed time over dreamed time.
    pub time_scale: f64,
    /// The largest change of a joint between two waypoints, rad.
    pub largest_jump_rad: f64,
    /// The largest joint speed over its limit.
    pub velocity_fraction: f64,
    /// The largest joint acceleration over its limit.
    pub acceleration_fraction: f64,
    /// The smallest distance to a position limit over half the joint's range.
    pub limit_margin: f64,
    /// How long planning took, s.
    pub plan_seconds: f64,
    /// How far the tool's path was lifted to keep the task's height, m; 0 if it was not.
    pub lift_m: f64,
    /// How far the tool is lifted in the end, m.
    pub retreat_m: f64,
    /// Pairs of the arm's parts whose distance is not looked at, since they touch as they are drawn.
    pub not_kept_apart: Vec<[String; 2]>,
    /// How good the part that repeats the dream is, by time.
    pub path: PathSummary,
    /// What the joint states told, at 50 Hz at most; empty if nothing moved.
    pub executed: Vec<ExecutedSample>,
    /// The executed tool at each waypoint; `None` where the joint states do not reach. Empty if nothing moved.
    pub deviations: Vec<Option<DeviationSummary>>,
}

/// Columns of the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PathSummary {
    /// Since the trajectories' start.
    pub time_s: Vec<f64>,
    /// Of the flange's Jacobian, metres and radians mixed: 0 where a motion is lost.
    pub smallest_singular_value: Vec<f64>,
    /// The smallest distance of a joint to its position limits, rad; at most 2π.
    pub limit_margin_rad: Vec<f64>,
    /// The smallest distance to anything, mm; at most 10,000.
    pub clearance_mm: Vec<f64>,
    /// From where the tool is to where the path through the waypoints wants it, mm.
    pub deviation_mm: Vec<f64>,
    /// The same, degrees.
    pub deviation_deg: Vec<f64>,
}

/// A joint and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JointSummary {
    /// With the driver's prefix.
    pub name: String,
    /// Lowest position, rad; `None` for a joint that turns without end.
    pub lower_rad: Option<f64>,
    /// Highest position, rad.
    pub upper_rad: Option<f64>,
    /// Highest speed, rad/s.
    pub velocity_rad_s: f64,
    /// Highest acceleration, rad/s².
    pub acceleration_rad_s2: f64,
}

/// A point of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedPoint {
    /// Since the trajectories' start.
    pub time_s: f64,
    /// rad.
    pub positions: Vec<f64>,
    /// rad/s.
    pub velocities: Vec<f64>,
}

/// Where the arm was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutedSample {
    /// Since the trajectories' start.
    pub time_s: f64,
    /// rad.
    pub positions: Vec<f64>,
    /// The origins of all links from base to flange, then the tool's, in the world, m.
    pub links_in_world: Vec<[f64; 3]>,
    /// The tool's rotation in the world, x y z w; its position is the last of `links_in_world`.
    pub tool_rotation_xyzw: [f64; 4],
}

/// The executed tool against a waypoint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeviationSummary {
    /// Distance, mm.
    pub position_mm: f64,
    /// Angle, degrees.
    pub rotation_deg: f64,
}

impl ExecutionSummary {
    /// A summary without a plan.
    pub fn without_plan(clip_id: &str, outcome: ExecutionOutcome, error_code: i32, message: String) -> Self {
        Self {
            clip_id: clip_id.to_owned(),
            outcome,
            error_code,
            message,
            clearance: None,
            arms: Vec::new(),
            stops: Vec::new(),
        }
    }
}

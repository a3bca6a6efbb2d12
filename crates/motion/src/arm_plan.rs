//! A plan of one arm, and the clock that it is put on.

use dreamitate_kinematics::{Joints, MAX_JOINTS};
use nalgebra::Isometry3;

use crate::cubic_spline::CubicSpline;
use crate::joint_move::{JointMove, SETTLE_S, rest};
use crate::tool_height::Lift;
use crate::tool_path::ToolPath;
use crate::trajectory::{JointTrajectory, TrajectoryPoint};

/// A joint path whose dreamed part is not yet on the clock: an approach from the start posture, the dream's motion, and
/// what comes after it.
#[derive(Debug, Clone)]
pub struct ArmPlan {
    pub(crate) joint_names: Vec<String>,
    pub(crate) dof: usize,
    /// On the dream's clock; begins at rest before or at the first waypoint.
    pub(crate) path: CubicSpline<MAX_JOINTS>,
    /// What the tool follows meanwhile.
    pub(crate) tool_path: ToolPath,
    pub(crate) waypoint_times_s: Vec<f64>,
    pub(crate) approach: JointMove,
    pub(crate) retreat: Vec<JointMove>,
    pub(crate) retreat_m: f64,
    pub(crate) lift: Option<Lift>,
    pub(crate) least_time_scale: f64,
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
            .map(|p| p.approach_s() - time_scale * p.path.span_s().0)
            .reduce(f64::max)
            .unwrap_or_default();
        Self { time_scale, dream_zero_s }
    }

    /// Trajectory time of a time of the dream, s.
    pub fn trajectory_s(&self, dream_s: f64) -> f64 {
        self.dream_zero_s + self.time_scale * dream_s
    }
}

impl ArmPlan {
    /// The stretch of time that this arm needs to keep its limits; 1 if it can follow the dream as it is.
    pub fn least_time_scale(&self) -> f64 {
        self.least_time_scale
    }

    /// How long the way from the start posture to where the dream's motion begins takes, s.
    pub fn approach_s(&self) -> f64 {
        self.approach.duration_s() + SETTLE_S
    }

    /// How far the tool is lifted after the last waypoint, m: less than the settings say where there is no room.
    pub fn retreat_m(&self) -> f64 {
        self.retreat_m
    }

    /// How the tool's path was lifted to keep above the settings' height; `None` if it was not.
    pub fn lift(&self) -> Option<Lift> {
        self.lift
    }

    /// First and last time of the part that repeats the dream, on the dream's clock, s: from rest to rest.
    pub fn dream_span_s(&self) -> (f64, f64) {
        self.path.span_s()
    }

    /// Where the tool is meant to be at a time of the dream: on the interpolated path through the waypoints.
    pub fn world_from_tool(&self, dream_s: f64) -> Isometry3<f64> {
        self.tool_path.world_from_tool(dream_s)
    }

    /// The trajectory on a schedule: wait, approach, dream, retreat. The approach ends as the dream's motion begins.
    ///
    /// A schedule faster than [`Schedule::common`] of this plan passes the arm's limits.
    pub fn trajectory(&self, schedule: &Schedule) -> JointTrajectory {
        let scale = schedule.time_scale;
        let (first_s, last_s) = self.path.span_s();
        let motion_s = schedule.trajectory_s(first_s);
        let mut points = Vec::new();
        // A wait shorter than a microsecond is rounding, and no controller takes two points that close.
        let wait_s = motion_s - self.approach_s();
        let wait_s = if wait_s > 1e-6 { wait_s } else { 0.0 };
        if let Some(start) = self.approach.points.first().filter(|_| wait_s > 0.0) {
            points.push(rest(0.0, start.positions));
        }
        points
            .extend(self.approach.points.iter().map(|p| TrajectoryPoint { time_s: wait_s + p.time_s, ..*p }));
        // The dream's motion begins and ends at rest but not without acceleration, which the settling takes up.
        points.extend(self.path.times_s().iter().map(|&dream_s| {
            let state = self.path.at(dream_s);
            TrajectoryPoint {
                time_s: schedule.trajectory_s(dream_s),
                positions: joints_of(&state.value, self.dof),
                velocities: joints_of(&state.velocity.map(|v| v / scale), self.dof),
                accelerations: joints_of(&state.acceleration.map(|a| a / (scale * scale)), self.dof),
            }
        }));
        let mut end_s = schedule.trajectory_s(last_s) + SETTLE_S;
        points.push(rest(end_s, joints_of(&self.path.at(last_s).value, self.dof)));
        for part in &self.retreat {
            // Each part begins where the one before ended, at rest.
            points.extend(
                part.points.iter().skip(1).map(|p| TrajectoryPoint { time_s: end_s + p.time_s, ..*p }),
            );
            end_s += part.duration_s();
        }
        JointTrajectory {
            joint_names: self.joint_names.clone(),
            points,
            waypoint_times_s: self.waypoint_times_s.iter().map(|&t| schedule.trajectory_s(t)).collect(),
            time_scale: scale,
        }
    }
}

/// The joints of a row of the spline.
pub(crate) fn joints_of(row: &[f64; MAX_JOINTS], dof: usize) -> Joints {
    row.iter().take(dof).copied().collect()
}

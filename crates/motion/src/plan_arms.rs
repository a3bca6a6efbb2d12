//! The plans of all arms of a dream on one clock, checked together.

use std::sync::Arc;
use std::time::Instant;

use dreamitate_kinematics::Joints;

use crate::arm::Arm;
use crate::arm_plan::{ArmPlan, Schedule};
use crate::clearance::{Clearance, ClearanceError, check_clearance};
use crate::path_quality::{PathSample, path_quality};
use crate::plan::plan;
use crate::plan_error::PlanError;
use crate::plan_settings::PlanSettings;
use crate::tool_path::Waypoint;
use crate::tool_speed::slowing;
use crate::trajectory::JointTrajectory;

/// What one arm is to do.
#[derive(Debug, Clone)]
pub struct ArmTask {
    /// The arm.
    pub arm: Arc<Arm>,
    /// Its tool's way.
    pub waypoints: Vec<Waypoint>,
    /// The dream's frame of each waypoint, for messages.
    pub frames: Vec<u32>,
    /// Where the arm is now, rad.
    pub start: Joints,
}

/// Trajectories that start together, in the order of the tasks.
#[derive(Debug, Clone)]
pub struct ArmsPlan {
    /// One an arm.
    pub trajectories: Vec<JointTrajectory>,
    /// What they were made of, for [`crate::path_quality`]; one an arm.
    pub plans: Vec<ArmPlan>,
    /// The clock that they are on.
    pub schedule: Schedule,
    /// How much longer the whole motion lasts than on that clock, so that no tool is faster than its robot takes; at
    /// least 1, and contained in the trajectories' times and time scale.
    pub slowing: f64,
    /// How long each arm's planning took, s.
    pub plan_seconds: Vec<f64>,
    /// The smallest distances on the way.
    pub clearance: Clearance,
}

impl ArmsPlan {
    /// How long the longest trajectory takes.
    pub fn duration_s(&self) -> f64 {
        self.trajectories.iter().map(JointTrajectory::duration_s).fold(0.0, f64::max)
    }

    /// How good one arm's path is over the trajectories' time, at `rate_hz` or more; `tasks` are those it was planned
    /// for. Empty for an arm that is not there.
    pub fn path_quality(&self, tasks: &[ArmTask], arm: usize, rate_hz: f64) -> Vec<PathSample> {
        let mut arms: Vec<(&Arm, &ArmPlan)> = tasks.iter().map(|task| &*task.arm).zip(&self.plans).collect();
        if arm >= arms.len() {
            return Vec::new();
        }
        arms.swap(0, arm);
        let mut samples = path_quality(&arms, &self.schedule, rate_hz * self.slowing);
        samples.iter_mut().for_each(|sample| sample.time_s *= self.slowing);
        samples
    }
}

/// Why there is no plan for all arms.
#[derive(Debug, thiserror::Error)]
pub enum ArmsPlanError {
    /// One arm has no plan.
    #[error("{arm}{}: {source}", .frame.map(|frame| format!(" (frame {frame})")).unwrap_or_default())]
    Arm {
        /// The arm's name.
        arm: String,
        /// The dream's frame that it fails at, where one is to blame.
        frame: Option<u32>,
        /// Why.
        source: PlanError,
    },
    /// Each arm could go alone, but not both.
    #[error(transparent)]
    Together(#[from] ClearanceError),
}

/// Plans all arms, each on a thread of its own, puts them on the fastest clock that all can keep, slower yet where a
/// tool would be too fast, and checks that they keep clear of one another.
///
/// # Errors
/// [`ArmsPlanError`] names the arm, the waypoint, the value and the limit.
pub fn plan_arms(tasks: &[ArmTask], settings: &PlanSettings) -> Result<ArmsPlan, ArmsPlanError> {
    let timed = |task: &ArmTask| {
        let begun = Instant::now();
        let found = plan(&task.arm, &task.waypoints, &task.start, settings);
        (found, begun.elapsed().as_secs_f64())
    };
    let found: Vec<(Result<ArmPlan, PlanError>, f64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = tasks.iter().map(|task| scope.spawn(move || timed(task))).collect();
        // A panic in the planner is a fault of the program and stays one.
        threads
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut plans = Vec::with_capacity(tasks.len());
    let mut plan_seconds = Vec::with_capacity(tasks.len());
    for (task, (plan, seconds)) in tasks.iter().zip(found) {
        plans.push(plan.map_err(|source| ArmsPlanError::Arm {
            arm: task.arm.name.clone(),
            frame: source.waypoint().and_then(|waypoint| task.frames.get(waypoint).copied()),
            source,
        })?);
        plan_seconds.push(seconds);
    }
    let schedule = Schedule::common(&plans.iter().collect::<Vec<_>>());
    let mut trajectories: Vec<_> = plans.iter().map(|plan| plan.trajectory(&schedule)).collect();
    let slowing =
        tasks.iter().zip(&trajectories).map(|(task, way)| slowing(&task.arm, way)).fold(1.0, f64::max);
    if slowing > 1.0 {
        trajectories.iter_mut().for_each(|way| way.stretch(slowing));
    }
    let ways: Vec<(&Arm, &JointTrajectory)> =
        tasks.iter().map(|task| &*task.arm).zip(&trajectories).collect();
    let clearance = check_clearance(&ways, &settings.clearance)?;
    Ok(ArmsPlan { trajectories, plans, schedule, slowing, plan_seconds, clearance })
}

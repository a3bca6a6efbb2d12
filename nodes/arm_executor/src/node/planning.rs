//! From a dream's trajectories to a plan of all arms, shown to viewers.

use dreamitate_motion::{ArmTask, ArmsPlan, ArmsPlanError, PlanError, plan_arms};
use dreamitate_msgs::builtin_interfaces::Time;
use dreamitate_msgs::dreamitate_msgs::ToolTrajectory;
use dreamitate_msgs::moveit_msgs::{DisplayTrajectory, MoveItErrorCodes, RobotTrajectory};

use super::{Executor, clip_of};
use crate::dream_waypoints::waypoints;
use crate::summary::{ExecutionOutcome, ExecutionSummary};
use crate::summary_of_run;
use crate::trajectory_message::to_message;

impl Executor {
    /// The plan of a dream from where the arms are, published on `plan/…`; else the summary that says why there is none.
    pub(super) async fn plan(
        &self,
        dream: &[ToolTrajectory],
    ) -> Result<(Vec<ArmTask>, ArmsPlan), ExecutionSummary> {
        let clip_id = clip_of(dream);
        let without_plan =
            |outcome, code, message| ExecutionSummary::without_plan(&clip_id, outcome, code, message);
        let failed = |code, message| without_plan(ExecutionOutcome::Failed, code, message);
        let mut tasks = Vec::with_capacity(self.arms.len());
        for (arm, trajectory) in self.arms.iter().zip(dream) {
            let (waypoints, frames) = waypoints(trajectory, self.min_waypoints).map_err(|error| {
                let code = MoveItErrorCodes::INVALID_MOTION_PLAN;
                without_plan(ExecutionOutcome::Rejected, code, error.to_string())
            })?;
            tasks.push(ArmTask { arm: arm.arm.clone(), waypoints, frames, start: arm.arm.home });
        }
        for (arm, task) in self.arms.iter().zip(&mut tasks) {
            let state = arm.joints.wait_fresh(self.patience.joint_state).await;
            task.start =
                state.map_err(|e| failed(MoveItErrorCodes::SENSOR_INFO_STALE, e.to_string()))?.positions;
        }
        let settings = self.settings.clone();
        let planned = tokio::task::spawn_blocking(move || {
            let plan = plan_arms(&tasks, &settings);
            (tasks, plan)
        });
        let (tasks, plan) = planned
            .await
            .map_err(|panic| failed(MoveItErrorCodes::CRASH, format!("the planner broke off: {panic}")))?;
        let plan = plan.map_err(|error| failed(code_of(&error), error.to_string()))?;
        let mut all = DisplayTrajectory::default();
        for ((arm, task), trajectory) in self.arms.iter().zip(&tasks).zip(&plan.trajectories) {
            let mut message = DisplayTrajectory { model_id: arm.arm.name.clone(), ..Default::default() };
            message.trajectory_start.joint_state.name = arm.arm.joint_names();
            message.trajectory_start.joint_state.position = task.start.to_vec();
            message.trajectory.push(RobotTrajectory {
                joint_trajectory: to_message(trajectory, Time::default()),
                ..Default::default()
            });
            arm.plan
                .publish(&message)
                .map_err(|e| failed(MoveItErrorCodes::COMMUNICATION_FAILURE, e.to_string()))?;
            let start = &mut all.trajectory_start.joint_state;
            start.name.append(&mut message.trajectory_start.joint_state.name);
            start.position.append(&mut message.trajectory_start.joint_state.position);
            all.trajectory.append(&mut message.trajectory);
        }
        self.display
            .publish(&all)
            .map_err(|e| failed(MoveItErrorCodes::COMMUNICATION_FAILURE, e.to_string()))?;
        Ok((tasks, plan))
    }

    /// What a plan comes to, before anything moves.
    pub(super) fn summary_of_plan(
        &self,
        clip_id: &str,
        tasks: &[ArmTask],
        plan: &ArmsPlan,
    ) -> ExecutionSummary {
        let message = format!("planned {:.3} s of motion", plan.duration_s());
        ExecutionSummary {
            clearance: Some(summary_of_run::clearance(plan)),
            arms: (0..tasks.len())
                .map(|index| summary_of_run::planned(tasks, index, &self.arms[index].tool, plan))
                .collect(),
            ..ExecutionSummary::without_plan(
                clip_id,
                ExecutionOutcome::Planned,
                MoveItErrorCodes::SUCCESS,
                message,
            )
        }
    }
}

/// MoveIt's code.
fn code_of(error: &ArmsPlanError) -> i32 {
    match error {
        ArmsPlanError::Arm {
            source: PlanError::Unreachable { .. } | PlanError::UnreachableBetween { .. },
            ..
        } => MoveItErrorCodes::NO_IK_SOLUTION,
        ArmsPlanError::Arm { source: PlanError::Start(_), .. } => MoveItErrorCodes::START_STATE_INVALID,
        ArmsPlanError::Arm { source: PlanError::StartTooNear(_), .. } => {
            MoveItErrorCodes::START_STATE_IN_COLLISION
        }
        ArmsPlanError::Arm { source: PlanError::Clearance(_) | PlanError::TooLow { .. }, .. }
        | ArmsPlanError::Together(_) => MoveItErrorCodes::INVALID_MOTION_PLAN,
        ArmsPlanError::Arm { .. } => MoveItErrorCodes::PLANNING_FAILED,
    }
}

//! What keeps arms from starting, and how they are stopped: each with its value, its limit and MoveIt's code. In virtual
//! time.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod cell;

use std::time::Duration;

use arm_executor::{ExecutionOutcome, ExecutionSummary, StopKind};
use cell::{Cell, PATIENCE, SIDES, config_with, dream};
use dreamitate_carrier::Outcome;
use dreamitate_msgs::control_msgs::{FollowJointTrajectory, FollowJointTrajectoryGoal};
use dreamitate_msgs::dreamitate_msgs::ExecuteGoal;
use dreamitate_msgs::moveit_msgs::{ExecuteTrajectory, ExecuteTrajectoryGoal, MoveItErrorCodes as Code};
use dreamitate_msgs::std_srvs::{Trigger, TriggerRequest};
use dreamitate_msgs::trajectory_msgs::JointTrajectoryPoint;

const HOME_RAD: [f64; 7] = [0.0, -0.588, 0.0, 0.618, 0.0, 0.906, 0.0];
const LONG: Duration = Duration::from_secs(60);

/// Joint 7 of the left arm turns.
fn turn(rad: f64, duration_s: i32) -> FollowJointTrajectoryGoal {
    let mut goal = FollowJointTrajectoryGoal::default();
    goal.trajectory.joint_names = (1..8).map(|joint| format!("L_joint{joint}")).collect();
    for (sec, rad) in [(0, 0.0), (duration_s, rad)] {
        let mut point = JointTrajectoryPoint {
            positions: HOME_RAD.to_vec(),
            velocities: vec![0.0; 7],
            accelerations: vec![0.0; 7],
            ..JointTrajectoryPoint::default()
        };
        point.positions[6] += rad;
        point.time_from_start.sec = sec;
        goal.trajectory.points.push(point);
    }
    goal
}

fn kinds(summary: &ExecutionSummary) -> Vec<StopKind> {
    summary.stops.iter().map(|stop| stop.kind).collect()
}

async fn confirm(cell: &Cell) {
    let confirm = cell.outside.client::<Trigger>("arm_executor/confirm").unwrap();
    while !confirm.call(&TriggerRequest::default(), PATIENCE).await.unwrap().success {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_event_nothing_is_executed_until_it_is_asked_for() {
    let mut cell = Cell::whole("1", &[]);
    cell.execute_action().await;
    cell.send(&dream("a"));
    let mut states = [cell.until_moving("left").await, cell.until_moving("right").await];
    cell.stop_event().await;
    let summary = cell.summary_within(LONG).await.unwrap();
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Cancelled, Code::PREEMPTED));
    assert!(summary.message.starts_with("stopped by trajectory_execution_event at "), "{}", summary.message);
    assert!(summary.message.ends_with("the action execute asks for it"), "{}", summary.message);
    assert_eq!(kinds(&summary), [StopKind::Profile; 2]);
    assert!(summary.stops.iter().all(|stop| stop.at_rest == Some(true)));
    for states in &mut states {
        cell.assert_held(states, &HOME_RAD).await;
    }
    // The next dream is planned, not executed; and then when asked.
    cell.send(&dream("b"));
    let summary = cell.summary_within(LONG).await.unwrap();
    assert_eq!(summary.outcome, ExecutionOutcome::Planned, "{}", summary.message);
    assert!(summary.message.contains("the arms are held"), "{}", summary.message);
    let goal = cell.execute_action().await.send_goal(ExecuteGoal::default(), PATIENCE).await.unwrap();
    assert!(matches!(goal.result().await.unwrap(), Outcome::Succeeded(_)));
    assert_eq!(cell.summary_within(LONG).await.unwrap().outcome, ExecutionOutcome::Executed);
    // And from then on by itself again.
    cell.send(&dream("c"));
    assert_eq!(cell.summary_within(LONG).await.unwrap().outcome, ExecutionOutcome::Executed);
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_a_driver_stops_both_arms_and_is_named_with_its_limit() {
    use StopKind::{ByDriver, Cancelled, NoAnswer, Profile};
    type Case<'a> = ((&'a str, &'a str), i32, &'a [&'a str], [StopKind; 2]);
    let cases: [Case<'_>; 6] = [
        (
            ("stall_after_s", "0.5"),
            Code::CONTROL_FAILED,
            &["right: joint 'R_joint", ", limit 0.1000 rad"],
            [Profile, Cancelled],
        ),
        (
            ("abort_after_s", "0.5"),
            Code::CONTROL_FAILED,
            &["right: the driver aborted", "error state"],
            [Profile, ByDriver],
        ),
        (
            ("drop_joint_states_after_s", "0.5"),
            Code::SENSOR_INFO_STALE,
            &["right: joint_states are 0.3", "limit 0.300 s"],
            [Profile; 2],
        ),
        (("die_after_s", "0.5"), Code::COMMUNICATION_FAILURE, &["right: "], [Profile, NoAnswer]),
        (
            ("ignore_goals", "true"),
            Code::CONTROL_FAILED,
            &["right: joint 'R_joint", ", limit 0.1000 rad"],
            [Profile, Cancelled],
        ),
        (
            ("reject_goals", "true"),
            Code::CONTROL_FAILED,
            &["right: ", "rejected the goal"],
            [Cancelled, ByDriver],
        ),
    ];
    for (fault, code, words, stops) in cases {
        let mut cell = Cell::empty();
        cell.add_arm("left", &[]);
        cell.add_arm("right", &[fault]);
        cell.add_executor(&[("joint_state_timeout_s", "0.3"), ("tracking_tolerance_rad", "0.1")]);
        cell.execute_action().await;
        cell.send(&dream("a"));
        let summary = cell.summary_within(LONG).await.unwrap();
        assert_eq!(
            (summary.outcome, summary.error_code),
            (ExecutionOutcome::Failed, code),
            "{}",
            summary.message
        );
        assert!(words.iter().all(|word| summary.message.contains(word)), "{}", summary.message);
        assert_eq!(kinds(&summary), stops, "{fault:?}: {}", summary.message);
        assert_eq!(summary.stops[0].at_rest, Some(true), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_goal_that_is_ignored_times_out_where_the_tolerance_is_wide() {
    let mut cell = Cell::empty();
    cell.add_arm("left", &[]);
    cell.add_arm("right", &[("ignore_goals", "true")]);
    cell.add_executor(&[("driver_timeout_s", "1"), ("tracking_tolerance_rad", "3")]);
    cell.execute_action().await;
    cell.send(&dream("a"));
    let summary = cell.summary_within(LONG).await.unwrap();
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Failed, Code::TIMED_OUT));
    let text = &summary.message;
    assert!(
        text.starts_with("right: the trajectory is not over 1.5") && text.contains(", limit 1.500 s"),
        "{text}"
    );
    assert_eq!(kinds(&summary), [StopKind::ByDriver, StopKind::Cancelled]);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_takes_no_other_goal_is_cancelled() {
    let mut cell = Cell::empty();
    SIDES.iter().for_each(|side| cell.add_arm(side, &[("refuse_replacement", "true")]));
    cell.add_executor(&[]);
    cell.execute_action().await;
    cell.send(&dream("a"));
    let mut left = cell.until_moving("left").await;
    cell.stop_event().await;
    let summary = cell.summary_within(LONG).await.unwrap();
    assert_eq!(summary.error_code, Code::PREEMPTED);
    assert_eq!(kinds(&summary), [StopKind::Cancelled; 2]);
    assert!(summary.stops.iter().all(|stop| stop.at_rest == Some(true)));
    cell.assert_held(&mut left, &HOME_RAD).await;
}

#[tokio::test(start_paused = true)]
async fn the_operator_is_asked_first_and_an_arm_that_was_moved_meanwhile_is_refused() {
    let mut cell = Cell::empty();
    SIDES.iter().for_each(|side| cell.add_arm(side, &[("time_factor", "1")]));
    // With nothing said: whoever starts the node by itself may have connected real arms.
    cell.add_executor_as_it_is();
    cell.execute_action().await;
    cell.send(&dream("a"));
    assert_eq!(cell.summary_within(LONG).await.unwrap().outcome, ExecutionOutcome::Planned);
    // Somebody moves the arm while the operator thinks.
    let action = "left/xarm7_traj_controller/follow_joint_trajectory";
    let driver = cell.outside.action_client::<FollowJointTrajectory>(action).unwrap();
    driver.wait_for_server(PATIENCE).await.unwrap();
    let moved = driver.send_goal(turn(0.05, 1), PATIENCE).await.unwrap().result().await.unwrap();
    assert!(matches!(moved, Outcome::Succeeded(_)), "{moved:?}");
    confirm(&cell).await;
    let summary = cell.summary_within(LONG).await.unwrap();
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Failed, Code::START_STATE_INVALID));
    let text = &summary.message;
    assert!(
        text.contains("'L_joint7' is at 0.0500 rad, 0.0500 rad from") && text.ends_with("limit 0.0100 rad"),
        "{text}"
    );
    assert!(summary.stops.is_empty() && summary.arms[0].executed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dream_is_slowed_to_the_tools_limit_and_others_trajectories_are_refused() {
    let config = config_with(&[("robots/xarm7.yaml", "max_tcp_speed_m_s: 1.0", "max_tcp_speed_m_s: 0.2")]);
    let mut cell = Cell::whole("1", &[("config_dir", config.path().to_str().unwrap())]);
    cell.execute_action().await;
    cell.send(&dream("a"));
    let summary = cell.summary_within(LONG).await.unwrap();
    assert_eq!(summary.outcome, ExecutionOutcome::Executed, "{}", summary.message);
    assert!(summary.arms.iter().all(|arm| arm.time_scale > 2.0));
    for pair in summary.arms[0].executed.windows(2) {
        let [from, to] = [0, 1].map(|i| pair[i].links_in_world.last().unwrap());
        let moved_m = (0..3).map(|axis| (to[axis] - from[axis]).powi(2)).sum::<f64>().sqrt();
        assert!(moved_m / (pair[1].time_s - pair[0].time_s) < 0.201);
    }
    let mut cell = Cell::whole("1", &[("config_dir", config.path().to_str().unwrap())]);
    let execute = cell.outside.action_client::<ExecuteTrajectory>("execute_trajectory").unwrap();
    execute.wait_for_server(PATIENCE).await.unwrap();
    cell.joint_states("left").recv().await.unwrap().unwrap();
    let mut fast = ExecuteTrajectoryGoal::default();
    fast.trajectory.joint_trajectory = turn(0.0, 1).trajectory;
    fast.trajectory.joint_trajectory.points[1].positions[0] += 0.5;
    let ended = execute.send_goal(fast, PATIENCE).await.unwrap().result().await.unwrap();
    let Outcome::Aborted(result) = ended else { panic!("{ended:?}") };
    assert_eq!(result.error_code.val, Code::INVALID_MOTION_PLAN);
    let text = result.error_code.message;
    assert!(
        text.starts_with("left: the trajectory moves the tool at 0.") && text.ends_with("limit 0.200 m/s"),
        "{text}"
    );
    // A slow one is under the same stop.
    let mut slow = ExecuteTrajectoryGoal::default();
    slow.trajectory.joint_trajectory = turn(2.0, 4).trajectory;
    let goal = execute.send_goal(slow, PATIENCE).await.unwrap();
    let mut left = cell.until_moving("left").await;
    cell.stop_event().await;
    let ended = goal.result().await.unwrap();
    assert_eq!(ended.result().error_code.val, Code::PREEMPTED, "{ended:?}");
    cell.assert_held(&mut left, &HOME_RAD).await;
    // Nor does a dream start by itself then.
    cell.send(&dream("b"));
    assert_eq!(cell.summary_within(LONG).await.unwrap().outcome, ExecutionOutcome::Planned);
}

/// A trajectory of the left arm was clear of where the right one stood: once somebody moves that one, it is no more.
#[tokio::test(start_paused = true)]
async fn an_arm_stops_where_one_that_was_left_out_is_moved() {
    let cell = Cell::whole("1", &[]);
    let execute = cell.outside.action_client::<ExecuteTrajectory>("execute_trajectory").unwrap();
    execute.wait_for_server(PATIENCE).await.unwrap();
    for side in SIDES {
        cell.joint_states(side).recv().await.unwrap().unwrap();
    }
    let mut goal = ExecuteTrajectoryGoal::default();
    goal.trajectory.joint_trajectory = turn(2.0, 4).trajectory;
    let goal = execute.send_goal(goal, PATIENCE).await.unwrap();
    let mut left = cell.until_moving("left").await;
    let right = "right/xarm7_traj_controller/follow_joint_trajectory";
    let right = cell.outside.action_client::<FollowJointTrajectory>(right).unwrap();
    right.wait_for_server(PATIENCE).await.unwrap();
    let mut elsewhere = turn(0.5, 1);
    elsewhere.trajectory.joint_names = (1..8).map(|joint| format!("R_joint{joint}")).collect();
    right.send_goal(elsewhere, PATIENCE).await.unwrap();
    let ended = goal.result().await.unwrap();
    let Outcome::Aborted(result) = ended else { panic!("{ended:?}") };
    let text = result.error_code.message;
    assert!(text.starts_with("right: joint 'R_joint7' is 0."), "{text}");
    cell.assert_held(&mut left, &HOME_RAD).await;
}

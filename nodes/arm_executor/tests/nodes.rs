//! The executor and two simulated arms as nodes on the in-process carrier: the whole way, and every fault on it.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod cell;

use std::time::{Duration, Instant};

use arm_executor::ExecutionOutcome;
use cell::{Cell, PATIENCE, SIDES, config_with, dream};
use dreamitate_carrier::{Outcome, Qos};
use dreamitate_msgs::control_msgs::FollowJointTrajectory;
use dreamitate_msgs::dreamitate_msgs::{ExecuteGoal, ToolTrajectory};
use dreamitate_msgs::moveit_msgs::{DisplayTrajectory, MoveItErrorCodes};
use dreamitate_msgs::sensor_msgs::JointState;
use dreamitate_msgs::std_srvs::{Trigger, TriggerRequest};
use dreamitate_msgs::tf2_msgs::TFMessage;

type Code = MoveItErrorCodes;

const HOME_RAD: [f64; 7] = [0.0, -0.588, 0.0, 0.618, 0.0, 0.906, 0.0];

#[tokio::test(flavor = "multi_thread")]
async fn both_arms_repeat_a_dream_faster_than_real_time() {
    let begun = Instant::now();
    let mut cell = Cell::whole("0", &[]);
    let mut frames = cell.outside.subscribe::<TFMessage>("/tf", Qos::reliable(100)).unwrap();
    cell.send(&dream("a"));
    let summary = cell.summary().await;
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Executed, 1), "{}", summary.message);
    assert_eq!(summary.clip_id, "a");
    assert!(summary.clearance.unwrap().arms_m.unwrap() > 0.02);
    for (arm, side) in summary.arms.iter().zip(SIDES) {
        assert_eq!((arm.arm.as_str(), arm.tool.as_str(), arm.joints.len()), (side, side, 7));
        assert_eq!(arm.waypoint_frames, (4..14).collect::<Vec<_>>());
        assert_eq!(arm.deviations.len(), 10);
        for deviation in &arm.deviations {
            let deviation = deviation.unwrap();
            assert!(deviation.position_mm <= 1.0 && deviation.rotation_deg <= 0.2, "{deviation:?}");
        }
        assert!(
            arm.largest_jump_rad <= 0.5 && arm.velocity_fraction <= 1.0 && arm.acceleration_fraction <= 1.0
        );
        let last_s = arm.planned.last().unwrap().time_s;
        assert!(arm.executed.last().unwrap().time_s >= last_s - 0.01);
        assert!(arm.executed.windows(2).all(|w| w[1].time_s - w[0].time_s > 0.015 || w[1].time_s >= last_s));
        assert!((last_s * 40.0..last_s * 51.0 + 30.0).contains(&(arm.executed.len() as f64)));
        // The polyline ends in the tool, which in the end is lifted from where the last waypoint wants it.
        let tool = arm.executed.last().unwrap().links_in_world.last().unwrap();
        let wanted = &dream("a")[usize::from(side == "right")].poses[9].world_from_tool.position;
        assert!((tool[0] - wanted.x).abs() < 1e-3 && (tool[2] - 0.15).abs() < 1e-3, "{tool:?}");
        let worst = arm.deviations.iter().flatten().map(|d| d.position_mm).fold(0.0, f64::max);
        println!(
            "{side}: {last_s:.2} s of motion, {worst:.6} mm at worst, planned in {:.4} s",
            arm.plan_seconds
        );
    }
    let transforms = frames.recv().await.unwrap().unwrap().transforms;
    assert!(transforms.iter().any(|t| t.child_frame_id.ends_with("/link_eef")), "{transforms:?}");
    println!("{:.3} s wall", begun.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_is_shown_and_waits_to_be_asked_and_confirmed() {
    let mut cell = Cell::whole("0", &[("autostart", "false"), ("confirm", "true")]);
    let mut plan = cell.outside.subscribe::<DisplayTrajectory>("plan/left", Qos::latched()).unwrap();
    cell.send(&dream("a"));
    assert_eq!(cell.summary().await.outcome, ExecutionOutcome::Planned);
    assert_eq!(plan.recv().await.unwrap().unwrap().trajectory[0].joint_trajectory.joint_names[0], "L_joint1");

    let execute = cell.execute_action().await;
    let unknown = execute.send_goal(ExecuteGoal { clip_id: "b".into() }, PATIENCE).await.unwrap();
    assert!(unknown.result().await.unwrap().result().message.contains("no clip \"b\""));

    let confirm = cell.outside.client::<Trigger>("arm_executor/confirm").unwrap();
    assert!(!confirm.call(&TriggerRequest::default(), PATIENCE).await.unwrap().success);
    let mut goal = execute.send_goal(ExecuteGoal::default(), PATIENCE).await.unwrap();
    assert_eq!(cell.summary().await.outcome, ExecutionOutcome::Planned);
    while !confirm.call(&TriggerRequest::default(), PATIENCE).await.unwrap().success {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let outcome = tokio::time::timeout(PATIENCE, goal.result()).await.unwrap().unwrap();
    assert!(matches!(&outcome, Outcome::Succeeded(r) if r.error_code.val == Code::SUCCESS), "{outcome:?}");
    let fractions: Vec<f64> = std::iter::from_fn(|| goal.try_feedback()).map(|f| f.fraction).collect();
    assert!(fractions.is_sorted() && fractions.last() == Some(&1.0), "{fractions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_motion_stops_and_holds_both_arms() {
    let mut cell = Cell::whole("1", &[("autostart", "false")]);
    cell.send(&dream("a"));
    assert_eq!(cell.summary().await.outcome, ExecutionOutcome::Planned);
    let execute = cell.execute_action().await;
    let goal = execute.send_goal(ExecuteGoal::default(), PATIENCE).await.unwrap();
    let mut states = [cell.until_moving("left").await, cell.until_moving("right").await];
    goal.cancel(PATIENCE).await.unwrap();
    let outcome = tokio::time::timeout(PATIENCE, goal.result()).await.unwrap().unwrap();
    let Outcome::Canceled(result) = outcome else { panic!("{outcome:?}") };
    assert_eq!(result.error_code.val, Code::PREEMPTED);
    assert!(result.message.starts_with("cancelled at "), "{}", result.message);
    for states in &mut states {
        cell.assert_held(states, &HOME_RAD).await;
    }
    let summary = cell.summary().await;
    assert_eq!(summary.outcome, ExecutionOutcome::Cancelled);
    assert!(summary.arms[0].executed.len() > 3 && summary.arms[0].deviations.last().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_goes_away_stops_the_other_arm() {
    let mut cell = Cell::whole("1", &[]);
    cell.send(&dream("a"));
    let mut left = cell.until_moving("left").await;
    cell.arms[1].abort();
    let summary = cell.summary().await;
    assert_eq!(
        (summary.outcome, summary.error_code),
        (ExecutionOutcome::Failed, Code::COMMUNICATION_FAILURE)
    );
    assert!(summary.message.starts_with("right: "), "{}", summary.message);
    cell.assert_held(&mut left, &HOME_RAD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_falls_silent_stops_the_other_arm_and_the_limit_is_named() {
    let mut cell = Cell::empty();
    cell.add_arm("left", &[]);
    // The right driver takes the goal, and then says nothing more.
    let states = cell.outside.publisher::<JointState>("right/joint_states", Qos::reliable(1)).unwrap();
    cell.outside
        .action_server::<FollowJointTrajectory, _, _, _>(
            "right/xarm7_traj_controller/follow_joint_trajectory",
            |_| Ok(()),
            |goal| async move {
                goal.cancelled().await;
                Outcome::Canceled(Default::default())
            },
        )
        .unwrap();
    cell.add_executor(&[("joint_state_timeout_s", "0.5")]);
    cell.send(&dream("a"));
    let last = Instant::now();
    let mut left = None;
    while last.elapsed() < Duration::from_millis(400) || left.is_none() {
        let mut message = JointState { position: HOME_RAD.to_vec(), ..JointState::default() };
        message.name = (1..8).map(|joint| format!("R_joint{joint}")).collect();
        states.publish(&message).unwrap();
        if left.is_none() {
            let moving = tokio::time::timeout(Duration::from_millis(50), cell.until_moving("left")).await;
            left = moving.ok();
        } else {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let summary = cell.summary().await;
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Failed, Code::SENSOR_INFO_STALE));
    assert!(
        summary.message.starts_with("right: joint_states are 0.")
            && summary.message.contains("limit 0.500 s; the arms are held"),
        "{}",
        summary.message
    );
    cell.assert_held(&mut left.unwrap(), &HOME_RAD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arm_that_sticks_is_aborted_with_the_joint_and_the_limit() {
    let mut cell = Cell::empty();
    cell.add_arm("left", &[("time_factor", "0")]);
    cell.add_arm("right", &[("time_factor", "0"), ("stall_after_s", "0.6")]);
    cell.add_executor(&[]);
    cell.send(&dream("a"));
    let summary = cell.summary().await;
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Failed, Code::CONTROL_FAILED));
    let text = &summary.message;
    assert!(text.starts_with("right: ") && text.contains("'R_joint") && text.contains("limit "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_goal_moves_no_arm() {
    let mut cell = Cell::empty();
    cell.add_arm("left", &[]);
    // The right arm's driver rejects whatever comes.
    cell.add_arm("right", &[]);
    cell.outside
        .action_server::<FollowJointTrajectory, _, _, _>(
            "strict",
            |_| Err("the robot's program is not running".to_owned()),
            |_| std::future::ready(Outcome::Aborted(Default::default())),
        )
        .unwrap();
    cell.add_executor(&[("right.action", "/strict")]);
    let mut left = cell.joint_states("left");
    cell.send(&dream("a"));
    let summary = cell.summary().await;
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Failed, Code::CONTROL_FAILED));
    assert!(summary.message.starts_with("right: action /strict rejected the goal; "), "{}", summary.message);
    tokio::time::sleep(Duration::from_millis(400)).await;
    while left.try_recv().is_some() {}
    assert_eq!(left.recv().await.unwrap().unwrap().position, HOME_RAD);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dream_that_cannot_be_executed_is_an_outcome_and_nothing_moves() {
    type Spoil = fn(&mut [ToolTrajectory]);
    let cases: [(Spoil, ExecutionOutcome, i32, &[&str]); 5] = [
        (
            |dream| dream[0].poses.iter_mut().skip(2).for_each(|p| p.accepted = false),
            ExecutionOutcome::Rejected,
            Code::INVALID_MOTION_PLAN,
            &["left: too few accepted poses: 2 of 10, at least 4"],
        ),
        (
            |dream| {
                dream[1].outcome = ToolTrajectory::REJECTED;
                dream[1].reason = "views disagree: 0.031 m, limit 0.010 m".into();
            },
            ExecutionOutcome::Rejected,
            Code::INVALID_MOTION_PLAN,
            &["right: the trajectory was rejected: views disagree: 0.031 m, limit 0.010 m"],
        ),
        (
            |dream| dream[1].poses[5].world_from_tool.position.x = -1.2,
            ExecutionOutcome::Failed,
            Code::NO_IK_SOLUTION,
            &["right (frame 9): waypoint 5: ", "nearest posture"],
        ),
        (
            |dream| dream[0].poses.iter_mut().for_each(|p| p.world_from_tool.position.z = 0.03),
            ExecutionOutcome::Failed,
            Code::INVALID_MOTION_PLAN,
            &["left: ", "above the table", "limit"],
        ),
        (
            |dream| dream[0].poses[3].world_from_tool.position.y = f64::NAN,
            ExecutionOutcome::Failed,
            Code::PLANNING_FAILED,
            &["left (frame 7): waypoint 3 is not finite"],
        ),
    ];
    let mut cell = Cell::whole("0", &[]);
    let mut left = cell.joint_states("left");
    for (spoil, outcome, code, words) in cases {
        let mut spoilt = dream("a");
        spoil(&mut spoilt);
        cell.send(&spoilt);
        let summary = cell.summary().await;
        assert_eq!((summary.outcome, summary.error_code), (outcome, code), "{}", summary.message);
        assert!(words.iter().all(|word| summary.message.contains(word)), "{}", summary.message);
        assert!(summary.arms.is_empty());
    }
    while left.try_recv().is_some() {}
    assert_eq!(left.recv().await.unwrap().unwrap().position, HOME_RAD);
    // A good one goes after all of them.
    cell.send(&dream("b"));
    assert_eq!(cell.summary().await.outcome, ExecutionOutcome::Executed);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_joint_states_are_named_with_the_limit() {
    let mut cell = Cell::empty();
    cell.add_arm("left", &[]);
    let states = cell.outside.publisher::<JointState>("right/joint_states", Qos::reliable(1)).unwrap();
    cell.add_executor(&[("joint_state_timeout_s", "0.3")]);
    // By then the executor's servers, and before them its subscriptions, are there.
    cell.execute_action().await;
    states.publish(&JointState { name: vec!["gripper".into()], ..JointState::default() }).unwrap();
    cell.send(&dream("a"));
    let summary = cell.summary().await;
    assert_eq!((summary.outcome, summary.error_code), (ExecutionOutcome::Failed, Code::SENSOR_INFO_STALE));
    let text = &summary.message;
    assert!(text.contains("right: no joint_states on /right/joint_states within 0.300 s"), "{text}");
    assert!(text.contains("no joint 'R_joint1', only [\"gripper\"]"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trajectories_of_two_clips_are_not_put_together() {
    let mut cell = Cell::whole("0", &[]);
    cell.send(&[dream("a").remove(0), dream("b").remove(1)]);
    cell.send(&dream("b"));
    let summary = cell.summary().await;
    assert_eq!((summary.outcome, summary.clip_id.as_str()), (ExecutionOutcome::Executed, "b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_tells_why_it_refuses_a_goal() {
    use dreamitate_msgs::control_msgs::{FollowJointTrajectoryGoal, FollowJointTrajectoryResult as Result};
    use dreamitate_msgs::trajectory_msgs::JointTrajectoryPoint;
    let mut cell = Cell::empty();
    cell.add_arm("left", &[]);
    let driver = cell
        .outside
        .action_client::<FollowJointTrajectory>("left/xarm7_traj_controller/follow_joint_trajectory")
        .unwrap();
    driver.wait_for_server(PATIENCE).await.unwrap();
    let goal = |prefix: &str, offset_rad: f64, stamp_s: i32| {
        let mut goal = FollowJointTrajectoryGoal::default();
        goal.trajectory.header.stamp.sec = stamp_s;
        goal.trajectory.joint_names = (1..8).map(|joint| format!("{prefix}joint{joint}")).collect();
        goal.trajectory.points.push(JointTrajectoryPoint {
            positions: HOME_RAD.map(|rad| rad + offset_rad).to_vec(),
            velocities: vec![0.0; 7],
            accelerations: vec![0.0; 7],
            ..JointTrajectoryPoint::default()
        });
        goal
    };
    for (goal, code, words) in [
        (goal("R_", 0.0, 0), Result::INVALID_JOINTS, "R_joint1"),
        (goal("L_", 0.05, 0), Result::INVALID_GOAL, "0.0500 rad from where it is, limit 0.0100"),
        (goal("L_", 0.0, 1), Result::OLD_HEADER_TIMESTAMP, "limit 0.050 s"),
        (FollowJointTrajectoryGoal::default(), Result::INVALID_JOINTS, "[]"),
    ] {
        let handle = driver.send_goal(goal, PATIENCE).await.unwrap();
        let outcome = handle.result().await.unwrap();
        let Outcome::Aborted(result) = outcome else { panic!("{outcome:?}") };
        assert!(result.error_code == code && result.error_string.contains(words), "{result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_without_the_named_link_ends_the_node_with_its_name() {
    let config = config_with(&[("robots/xarm7.yaml", "tip_link: link_eef", "tip_link: link_hand")]);
    let mut cell = Cell::empty();
    cell.add_executor(&[("config_dir", config.path().to_str().unwrap())]);
    let error = cell.executor.take().unwrap().await.unwrap().unwrap_err().to_string();
    assert!(error.contains("link_hand") && error.contains("xarm7.urdf"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_accepts_too_late_keeps_the_other_arm_from_starting_and_is_cancelled() {
    let mut cell = Cell::empty();
    cell.add_arm("left", &[]);
    let (cancelled, mut was_cancelled) = tokio::sync::mpsc::unbounded_channel();
    let states = cell.outside.publisher::<JointState>("right/joint_states", Qos::reliable(1)).unwrap();
    cell.outside
        .action_server::<FollowJointTrajectory, _, _, _>(
            "right/xarm7_traj_controller/follow_joint_trajectory",
            |_| {
                std::thread::sleep(Duration::from_millis(600));
                Ok(())
            },
            move |goal| {
                let cancelled = cancelled.clone();
                async move {
                    goal.cancelled().await;
                    cancelled.send(()).unwrap();
                    Outcome::Canceled(Default::default())
                }
            },
        )
        .unwrap();
    cell.add_executor(&[("joint_state_timeout_s", "0.5"), ("start_delay_s", "1.0")]);
    let mut left = cell.joint_states("left");
    cell.send(&dream("a"));
    let summary = loop {
        let mut message = JointState { position: HOME_RAD.to_vec(), ..JointState::default() };
        message.name = (1..8).map(|joint| format!("R_joint{joint}")).collect();
        states.publish(&message).unwrap();
        if let Some(summary) = cell.summary_within(Duration::from_millis(20)).await {
            break summary;
        }
    };
    assert_eq!(
        (summary.outcome, summary.error_code),
        (ExecutionOutcome::Failed, Code::COMMUNICATION_FAILURE)
    );
    assert!(
        summary.message.starts_with("right: ") && summary.message.contains("within 0.500 s"),
        "{}",
        summary.message
    );
    assert!(summary.stops.iter().all(|stop| stop.at_rest == Some(true)), "{:?}", summary.stops);
    tokio::time::sleep(Duration::from_millis(800)).await;
    while left.try_recv().is_some() {}
    assert_eq!(left.recv().await.unwrap().unwrap().position, HOME_RAD);
    tokio::time::timeout(PATIENCE, was_cancelled.recv()).await.unwrap().unwrap();
}

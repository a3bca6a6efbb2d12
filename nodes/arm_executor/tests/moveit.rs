//! MoveIt's services and action, asked from outside.

// A panic outside the test functions is a test's failure too.
#![allow(clippy::unwrap_used)]

mod cell;

use cell::{Cell, PATIENCE};
use dreamitate_carrier::Outcome;
use dreamitate_msgs::{
    builtin_interfaces::Duration,
    geometry_msgs::Pose,
    moveit_msgs::{
        ExecuteTrajectory, ExecuteTrajectoryGoal, GetCartesianPath, GetCartesianPathRequest,
        GetCartesianPathResponse, GetPositionFK, GetPositionFKRequest, GetPositionFKResponse, GetPositionIK,
        GetPositionIKRequest, GetPositionIKResponse, MoveItErrorCodes, RobotState,
    },
    trajectory_msgs::JointTrajectoryPoint,
};

const HOME_RAD: [f64; 7] = [0.0, -0.588, 0.0, 0.618, 0.0, 0.906, 0.0];

/// A cell whose executor has seen where both arms are.
async fn ready(parameters: &[(&str, &str)]) -> Cell {
    let cell = Cell::whole("0", parameters);
    for _ in 0..200 {
        if fk(&cell, &["left/link_eef", "right/link_eef"]).await.error_code.val == MoveItErrorCodes::SUCCESS {
            return cell;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the executor saw no joint states");
}

async fn fk(cell: &Cell, links: &[&str]) -> GetPositionFKResponse {
    let client = cell.outside.client::<GetPositionFK>("compute_fk").unwrap();
    client.wait_for_server(PATIENCE).await.unwrap();
    let fk_link_names = links.iter().map(|l| (*l).to_owned()).collect();
    client.call(&GetPositionFKRequest { fk_link_names, ..Default::default() }, PATIENCE).await.unwrap()
}

async fn ik(cell: &Cell, change: impl FnOnce(&mut GetPositionIKRequest)) -> GetPositionIKResponse {
    let client = cell.outside.client::<GetPositionIK>("compute_ik").unwrap();
    client.wait_for_server(PATIENCE).await.unwrap();
    let mut request = GetPositionIKRequest::default();
    request.ik_request.group_name = "left".to_owned();
    change(&mut request);
    client.call(&request, PATIENCE).await.unwrap()
}

async fn cartesian(
    cell: &Cell,
    change: impl FnOnce(&mut GetCartesianPathRequest),
) -> GetCartesianPathResponse {
    let client = cell.outside.client::<GetCartesianPath>("compute_cartesian_path").unwrap();
    client.wait_for_server(PATIENCE).await.unwrap();
    let mut request =
        GetCartesianPathRequest { group_name: "left".to_owned(), max_step: 0.005, ..Default::default() };
    change(&mut request);
    client.call(&request, PATIENCE).await.unwrap()
}

async fn flange(cell: &Cell) -> Pose {
    fk(cell, &["left/link_eef"]).await.pose_stamped.remove(0).pose
}

fn moved(mut pose: Pose, x_m: f64, y_m: f64, z_m: f64) -> Pose {
    pose.position.x += x_m;
    pose.position.y += y_m;
    pose.position.z += z_m;
    pose
}

#[tokio::test]
async fn forward_and_inverse_agree_in_every_way_of_naming() {
    let cell = ready(&[]).await;
    let both_ways = fk(&cell, &["left/link_eef", "L_link_eef", "left/tool"]).await;
    assert_eq!(both_ways.pose_stamped[0], both_ways.pose_stamped[1]);
    let (flange, tool) = (both_ways.pose_stamped[0].pose.clone(), both_ways.pose_stamped[2].pose.clone());

    let wanted = moved(flange, 0.05, 0.02, -0.03);
    let found = ik(&cell, |r| r.ik_request.pose_stamped.pose = wanted.clone()).await;
    assert_eq!(found.error_code.val, MoveItErrorCodes::SUCCESS, "{:?}", found.error_code);
    assert_eq!(found.solution.joint_state.name.len(), 14, "the state of the whole robot");
    let client = cell.outside.client::<GetPositionFK>("compute_fk").unwrap();
    let request = GetPositionFKRequest {
        fk_link_names: vec!["left/link_eef".to_owned()],
        robot_state: found.solution,
        ..Default::default()
    };
    let there = client.call(&request, PATIENCE).await.unwrap().pose_stamped.remove(0).pose.position;
    let off = [there.x - wanted.position.x, there.y - wanted.position.y, there.z - wanted.position.z];
    assert!(off.iter().all(|d| d.abs() < 1e-5), "{off:?}");

    // The tool where it is needs no motion, in the vendor's names and in the arm's base frame.
    let found = ik(&cell, |r| {
        r.ik_request.group_name = "L_xarm7".to_owned();
        r.ik_request.ik_link_name = "left/tool".to_owned();
        r.ik_request.avoid_collisions = true;
        r.ik_request.pose_stamped.header.frame_id = "left/link_base".to_owned();
        // The left arm's base stands at x −0.66, y −0.10, turned by nothing.
        r.ik_request.pose_stamped.pose = moved(tool, 0.66, 0.10, 0.0);
    })
    .await;
    assert_eq!(found.error_code.val, MoveItErrorCodes::SUCCESS, "{:?}", found.error_code);
    for (value, home) in found.solution.joint_state.position.iter().zip(HOME_RAD) {
        assert!((value - home).abs() < 1e-3, "{value} {home}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_moveits_code() {
    let cell = ready(&[]).await;
    let pose = flange(&cell).await;
    let far =
        ik(&cell, |r| r.ik_request.pose_stamped.pose = moved(pose.clone(), 5.0, 0.0, 0.0)).await.error_code;
    assert_eq!(far.val, MoveItErrorCodes::NO_IK_SOLUTION);
    assert!(far.message.contains("out of reach"), "{}", far.message);
    let group = ik(&cell, |r| r.ik_request.group_name = "manipulator".to_owned()).await.error_code;
    assert_eq!(group.val, MoveItErrorCodes::INVALID_GROUP_NAME);
    assert!(group.message.contains("manipulator") && group.message.contains("L_xarm7"), "{}", group.message);
    let frame =
        ik(&cell, |r| r.ik_request.pose_stamped.header.frame_id = "camera".to_owned()).await.error_code;
    assert_eq!(frame.val, MoveItErrorCodes::FRAME_TRANSFORM_FAILURE);
    let link = ik(&cell, |r| r.ik_request.ik_link_name = "left/link3".to_owned()).await.error_code;
    assert_eq!(link.val, MoveItErrorCodes::INVALID_LINK_NAME);
    let nan = ik(&cell, |r| r.ik_request.pose_stamped.pose.position.x = f64::NAN).await.error_code;
    assert_eq!(nan.val, MoveItErrorCodes::INVALID_GOAL_CONSTRAINTS);
    let state = ik(&cell, |r| {
        r.ik_request.robot_state.joint_state.name = vec!["L_joint2".to_owned()];
        r.ik_request.robot_state.joint_state.position = vec![9.0];
    })
    .await
    .error_code;
    assert_eq!(state.val, MoveItErrorCodes::INVALID_ROBOT_STATE);
    assert!(state.message.contains("joint2") && state.message.contains('9'), "{}", state.message);
    // Below the table there are postures, but none clear of it.
    let below = moved(pose, 0.0, 0.0, -0.55);
    let free = ik(&cell, |r| r.ik_request.pose_stamped.pose = below.clone()).await.error_code;
    assert_eq!(free.val, MoveItErrorCodes::SUCCESS, "{}", free.message);
    let clear = ik(&cell, |r| {
        r.ik_request.pose_stamped.pose = below.clone();
        r.ik_request.avoid_collisions = true;
    })
    .await
    .error_code;
    assert_eq!(clear.val, MoveItErrorCodes::GOAL_IN_COLLISION);
    assert!(clear.message.contains("above the table"), "{}", clear.message);
    assert_eq!(fk(&cell, &["left/hand"]).await.error_code.val, MoveItErrorCodes::INVALID_LINK_NAME);
}

#[tokio::test]
async fn a_straight_path_is_straight_and_can_be_executed() {
    let cell = ready(&[]).await;
    let pose = flange(&cell).await;
    let end = moved(pose.clone(), 0.08, 0.0, -0.05);
    let found = cartesian(&cell, |r| {
        r.waypoints = vec![end.clone()];
        r.avoid_collisions = true;
        r.max_cartesian_speed = 0.05;
    })
    .await;
    assert_eq!(found.error_code.val, MoveItErrorCodes::SUCCESS, "{}", found.error_code.message);
    assert_eq!(found.fraction, 1.0);
    let points = &found.solution.joint_trajectory.points;
    let seconds = points.last().unwrap().time_from_start.to_s();
    // The mean speed is below the greatest one, and the quintic's greatest is 15/8 of its mean.
    let way_m = 0.08f64.hypot(0.05);
    assert!(seconds > way_m / 0.05 && seconds < 2.2 * way_m / 0.05, "{seconds} s");
    let client = cell.outside.client::<GetPositionFK>("compute_fk").unwrap();
    for point in points {
        let mut request =
            GetPositionFKRequest { fk_link_names: vec!["L_link_eef".to_owned()], ..Default::default() };
        request.robot_state.joint_state.name = found.solution.joint_trajectory.joint_names.clone();
        request.robot_state.joint_state.position = point.positions.clone();
        let at = client.call(&request, PATIENCE).await.unwrap().pose_stamped.remove(0).pose.position;
        let share = (at.x - pose.position.x) / 0.08;
        let off_m = (at.z - (pose.position.z - 0.05 * share)).hypot(at.y - pose.position.y);
        assert!(off_m < 1e-5, "{off_m} m off the straight way");
    }

    let executor = cell.outside.action_client::<ExecuteTrajectory>("execute_trajectory").unwrap();
    executor.wait_for_server(PATIENCE).await.unwrap();
    let goal = ExecuteTrajectoryGoal { trajectory: found.solution.clone(), ..Default::default() };
    let handle = executor.send_goal(goal, PATIENCE).await.unwrap();
    let ended = tokio::time::timeout(2 * PATIENCE, handle.result()).await.unwrap().unwrap();
    assert!(matches!(ended, Outcome::Succeeded(_)), "{ended:?}");
    let there = flange(&cell).await.position;
    assert!((there.x - end.position.x).abs() < 1e-3 && (there.z - end.position.z).abs() < 1e-3, "{there:?}");

    // Joints that no arm has, and points without velocities.
    for (change, says) in
        [(0, "no arm has a joint \"J9\""), (1, "0 velocities"), (2, "says nothing of joint \"L_joint1\"")]
    {
        let mut trajectory = found.solution.clone();
        let joints = &mut trajectory.joint_trajectory;
        match change {
            0 => joints.joint_names.push("J9".to_owned()),
            1 => joints.points.iter_mut().for_each(|p| p.velocities.clear()),
            _ => joints.joint_names[0] = "R_elbow".to_owned(),
        }
        let goal = ExecuteTrajectoryGoal { trajectory, ..Default::default() };
        let ended = executor.send_goal(goal, PATIENCE).await.unwrap().result().await.unwrap();
        let Outcome::Aborted(result) = ended else { panic!("{ended:?}") };
        assert_eq!(result.error_code.val, MoveItErrorCodes::INVALID_MOTION_PLAN);
        assert!(result.error_code.message.contains(says), "{}", result.error_code.message);
    }
}

#[tokio::test]
async fn a_path_that_ends_early_says_how_far_it_went_and_is_no_success() {
    for accept in [false, true] {
        let cell = ready(&[("accept_partial_paths", if accept { "true" } else { "false" })]).await;
        let pose = flange(&cell).await;
        let found = cartesian(&cell, |r| r.waypoints = vec![moved(pose.clone(), 1.5, 0.0, 0.0)]).await;
        assert!(found.fraction > 0.1 && found.fraction < 0.9, "{}", found.fraction);
        assert!(!found.solution.joint_trajectory.points.is_empty());
        let expected = if accept { MoveItErrorCodes::SUCCESS } else { MoveItErrorCodes::PLANNING_FAILED };
        assert_eq!(found.error_code.val, expected, "{}", found.error_code.message);
        // The table ends a way down earlier than the arm's reach does.
        let down = |avoid_collisions| {
            let end = moved(pose.clone(), 0.0, 0.0, -0.5);
            cartesian(&cell, move |r| {
                r.waypoints = vec![end];
                r.avoid_collisions = avoid_collisions;
            })
        };
        assert!(down(true).await.fraction < down(false).await.fraction);
        // A threshold below any step ends the path at its beginning.
        let jump = cartesian(&cell, |r| {
            r.waypoints = vec![moved(pose.clone(), 0.05, 0.0, 0.0)];
            r.revolute_jump_threshold = 1e-6;
        })
        .await;
        assert_eq!(jump.fraction, 0.0);
        let step = cartesian(&cell, |r| {
            r.waypoints = vec![pose.clone()];
            r.max_step = 0.0;
        })
        .await;
        assert_eq!(step.error_code.val, MoveItErrorCodes::INVALID_MOTION_PLAN);
        assert!(step.error_code.message.contains("max_step is 0"), "{}", step.error_code.message);
        for (spoil, says) in [
            (
                (|r| r.max_cartesian_speed = f64::NAN) as fn(&mut GetCartesianPathRequest),
                "max_cartesian_speed is NaN",
            ),
            (|r| r.max_velocity_scaling_factor = 1e-9, "at the speeds asked for, limit 600 s"),
        ] {
            let refused = cartesian(&cell, |r| {
                r.waypoints = vec![moved(pose.clone(), 0.05, 0.0, 0.0)];
                spoil(r);
            })
            .await;
            assert_eq!(refused.error_code.val, MoveItErrorCodes::INVALID_MOTION_PLAN);
            assert!(refused.error_code.message.contains(says), "{}", refused.error_code.message);
        }
    }
}

/// A motion of some joints from one posture to another in 10 s.
fn motion(names: &[String], from: &[f64], to: &[f64]) -> ExecuteTrajectoryGoal {
    let mut goal = ExecuteTrajectoryGoal::default();
    let joints = &mut goal.trajectory.joint_trajectory;
    joints.joint_names = names.to_vec();
    for (positions, seconds) in [(from, 0.0), (to, 10.0)] {
        joints.points.push(JointTrajectoryPoint {
            positions: positions.to_vec(),
            velocities: vec![0.0; positions.len()],
            accelerations: vec![0.0; positions.len()],
            effort: Vec::new(),
            time_from_start: Duration::from_s(seconds),
        });
    }
    goal
}

/// An arm that a request moves meets the other one where that is, and where the request says that it is.
#[tokio::test]
async fn the_arm_that_is_not_moved_is_in_the_way() {
    let cell = ready(&[]).await;
    let poses = fk(&cell, &["left/link_eef", "right/link_eef"]).await.pose_stamped;
    let before_right = moved(poses[1].pose.clone(), -0.17, 0.0, 0.0);
    let before_left = moved(poses[0].pose.clone(), 0.17, 0.0, 0.0);
    let solved = ik(&cell, |r| {
        r.ik_request.group_name = "right".to_owned();
        r.ik_request.pose_stamped.pose = before_right.clone();
    })
    .await;
    assert_eq!(solved.error_code.val, MoveItErrorCodes::SUCCESS, "{}", solved.error_code.message);
    let joints = &solved.solution.joint_state;
    let of_right = |name: &&String| name.starts_with("R_");
    let names: Vec<String> = joints.name.iter().filter(of_right).cloned().collect();
    let there: Vec<f64> =
        joints.name.iter().zip(&joints.position).filter(|(n, _)| of_right(n)).map(|(_, q)| *q).collect();
    let left_of = |state: &RobotState| -> Vec<f64> {
        let pairs = state.joint_state.name.iter().zip(&state.joint_state.position);
        pairs.filter(|(name, _)| name.starts_with("L_")).map(|(_, q)| *q).collect()
    };

    // The same posture of the left arm: free now, and not beside a right arm that the request puts there.
    let free = ik(&cell, |r| {
        r.ik_request.pose_stamped.pose = before_left.clone();
        r.ik_request.avoid_collisions = true;
    })
    .await;
    assert_eq!(free.error_code.val, MoveItErrorCodes::SUCCESS, "{}", free.error_code.message);
    let said = ik(&cell, |r| {
        r.ik_request.pose_stamped.pose = before_left.clone();
        r.ik_request.avoid_collisions = true;
        r.ik_request.robot_state.joint_state.name = names.clone();
        r.ik_request.robot_state.joint_state.position = there.clone();
    })
    .await;
    assert_eq!(said.error_code.val, MoveItErrorCodes::GOAL_IN_COLLISION, "{}", said.error_code.message);
    let held = ik(&cell, |r| {
        r.ik_request.pose_stamped.pose = before_left.clone();
        r.ik_request.robot_state.attached_collision_objects.push(Default::default());
    })
    .await;
    assert_eq!(held.error_code.val, MoveItErrorCodes::INVALID_ROBOT_STATE);

    let executor = cell.outside.action_client::<ExecuteTrajectory>("execute_trajectory").unwrap();
    executor.wait_for_server(PATIENCE).await.unwrap();
    let run = async |goal: ExecuteTrajectoryGoal| {
        let ended = executor.send_goal(goal, PATIENCE).await.unwrap().result().await.unwrap();
        ended.result().error_code.clone()
    };
    let to_the_left = motion(&names, &HOME_RAD, &there);
    let left_names: Vec<String> = names.iter().map(|name| name.replace("R_", "L_")).collect();
    let to_the_right = motion(&left_names, &HOME_RAD, &left_of(&free.solution));

    // Motions that are none.
    let mut moving_end = to_the_left.clone();
    moving_end.trajectory.joint_trajectory.points[1].velocities[0] = 0.1;
    let mut backwards = to_the_left.clone();
    backwards.trajectory.joint_trajectory.points[1].time_from_start = Duration::from_s(0.0);
    // Within 3 ms, at rest before and after: neither the points nor whole hundredths of a second show it.
    let mut jump = to_the_left.clone();
    let points = &mut jump.trajectory.joint_trajectory.points;
    let [home, mut turned] = [points[0].clone(), points[0].clone()];
    turned.positions[6] += 0.19;
    let at = |point: &JointTrajectoryPoint, time_s: f64| JointTrajectoryPoint {
        time_from_start: Duration::from_s(time_s),
        ..point.clone()
    };
    *points = vec![at(&home, 0.0), at(&home, 1.001), at(&turned, 1.004), at(&turned, 2.0)];
    let mut endless = to_the_left.clone();
    endless.trajectory.joint_trajectory.points[1].time_from_start = Duration::from_s(1e9);
    let mut not_a_number = to_the_left.clone();
    not_a_number.trajectory.joint_trajectory.points[1].positions[3] = f64::NAN;
    let mut chosen = to_the_left.clone();
    chosen.controller_names.push("mine".into());
    for (goal, says) in [
        (moving_end, "the last point moves at 0.1000 rad/s, limit 0.0010 rad/s"),
        (backwards, "point 1 is at 0.000000 s, 0.000000 s after the one before, at least 0.001 s"),
        (jump, "velocity"),
        (endless, "takes 1000000000 s, limit 600 s"),
        (not_a_number, "point 1 holds NaN"),
        (chosen, "mine"),
    ] {
        let refused = run(goal).await;
        assert_eq!(refused.val, MoveItErrorCodes::INVALID_MOTION_PLAN);
        assert!(refused.message.contains(says), "{says}: {}", refused.message);
    }

    let went = run(to_the_left).await;
    assert_eq!(went.val, MoveItErrorCodes::SUCCESS, "{}", went.message);
    let refused = run(to_the_right).await;
    assert_eq!(refused.val, MoveItErrorCodes::INVALID_MOTION_PLAN, "{}", refused.message);
    assert!(refused.message.contains("left") && refused.message.contains("right"), "{}", refused.message);
}

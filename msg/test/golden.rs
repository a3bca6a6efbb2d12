//! Type hashes and CDR bytes against golden.json, which `make_golden.py` makes with rosbags.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A panic is the report of a failure.

use std::collections::BTreeMap;

use dreamitate_msgs::action_msgs::GoalStatus;
use dreamitate_msgs::dreamitate_msgs::{Dream, DreamGoal, DreamResult, FusedPose, ToolTrajectory};
use dreamitate_msgs::geometry_msgs::{Pose, PoseArray, Quaternion};
use dreamitate_msgs::{Action, Message, MessageInfo, Service, definition_of, hash_of};
use serde_json::Value;

#[derive(serde::Deserialize)]
struct Golden {
    hashes: BTreeMap<String, String>,
    messages: BTreeMap<String, Sample>,
}

#[derive(serde::Deserialize)]
struct Sample {
    cdr: String,
    value: Value,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).expect("golden.json")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).expect("a hexadecimal digit") as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn every_type_has_the_golden_hash() {
    let golden = golden();
    for (name, hash) in &golden.hashes {
        assert_eq!(hash_of(name), Some(hash.as_str()), "{name}");
    }
    for info in MessageInfo::all() {
        assert!(golden.hashes.contains_key(info.type_name), "{} has no golden hash", info.type_name);
    }
}

#[test]
fn every_message_has_the_golden_bytes() {
    let golden = golden();
    for info in MessageInfo::all() {
        let sample = golden.messages.get(info.type_name).expect(info.type_name);
        let cdr = bytes(&sample.cdr);
        assert_eq!(info.from_json(&sample.value).expect("encodes"), cdr, "{}", info.type_name);
        assert_eq!(info.to_json(&cdr).expect("decodes"), sample.value, "{}", info.type_name);
    }
    assert_eq!(golden.messages.len(), MessageInfo::all().len());
}

#[test]
fn fields_in_rust_are_those_of_the_sample() {
    let golden = golden();
    let sample = &golden.messages[PoseArray::TYPE_NAME];
    let message = PoseArray::from_cdr(&bytes(&sample.cdr)).expect("decodes");
    assert_eq!(sample.value["header"]["frame_id"], Value::from(message.header.frame_id.as_str()));
    assert_eq!(sample.value["poses"][0]["orientation"]["w"], Value::from(message.poses[0].orientation.w));

    let sample = &golden.messages[ToolTrajectory::TYPE_NAME];
    let message = ToolTrajectory::from_cdr(&bytes(&sample.cdr)).expect("decodes");
    assert_eq!(sample.value["poses"][0]["covariance"][35], Value::from(message.poses[0].covariance[35]));
    assert_eq!(message.to_cdr().expect("encodes"), bytes(&sample.cdr));
}

#[test]
fn defaults_are_those_of_the_definitions() {
    assert_eq!(Quaternion::default(), Quaternion { x: 0.0, y: 0.0, z: 0.0, w: 1.0 });
    assert_eq!(Pose::default().orientation.w, 1.0);
    assert_eq!(FusedPose::default().covariance, [0.0; 36]);
}

#[test]
fn constants_are_those_of_the_definitions() {
    assert_eq!((ToolTrajectory::ACCEPTED, ToolTrajectory::PARTIAL, ToolTrajectory::REJECTED), (0, 1, 2));
    assert_eq!(dreamitate_msgs::moveit_msgs::MoveItErrorCodes::NO_IK_SOLUTION, -31);
}

#[test]
fn definitions_carry_those_of_the_messages_within() {
    let text = definition_of("geometry_msgs/msg/PoseStamped").expect("known").definition;
    for part in
        ["MSG: std_msgs/Header\n", "MSG: builtin_interfaces/Time\n", "MSG: geometry_msgs/Quaternion\n"]
    {
        assert_eq!(text.matches(part).count(), 1, "{part} in\n{text}");
    }
}

/// What a generic action client and server do, for any action.
fn round_trip<A: Action>(goal: A::Goal, result: A::Result) {
    let id = [7; 16];
    let bytes = A::send_goal_request(id, goal.clone()).to_cdr().expect("encodes");
    let request = <A::SendGoal as Service>::Request::from_cdr(&bytes).expect("decodes");
    assert_eq!(A::split_send_goal_request(request), (id, goal));

    let bytes =
        A::get_result_response(GoalStatus::STATUS_SUCCEEDED, result.clone()).to_cdr().expect("encodes");
    let response = <A::GetResult as Service>::Response::from_cdr(&bytes).expect("decodes");
    assert_eq!(A::split_get_result_response(response), (4, result));
}

#[test]
fn actions_are_wrapped_and_unwrapped() {
    let goal = DreamGoal { task: "rotation".to_owned(), seed: 3 };
    let result = DreamResult { success: true, clip_id: "rotation-3".to_owned(), ..Default::default() };
    round_trip::<Dream>(goal, result);
    assert_eq!(<Dream as Action>::SendGoal::TYPE_NAME, "dreamitate_msgs/action/Dream_SendGoal");
}

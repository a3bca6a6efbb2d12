//! What an action is: a goal, its feedback and its result, and what ROS wraps around them.
//!
//! ROS moves an action as two services, `<name>/_action/send_goal` and `<name>/_action/get_result`, and a topic
//! `<name>/_action/feedback`; `cancel_goal` ([`CancelGoal`](crate::action_msgs::CancelGoal)) and `status`
//! ([`GoalStatusArray`](crate::action_msgs::GoalStatusArray)) are the same for every action.

use crate::builtin_interfaces::Time;
use crate::{Message, Service};

/// Names one goal: 16 random bytes that the client chooses.
pub type GoalId = [u8; 16];

/// The request of a service.
type Request<S> = <S as Service>::Request;
/// The response of a service.
type Response<S> = <S as Service>::Response;

/// A ROS action. The functions wrap and unwrap what travels, so that one client and one server do for every action.
pub trait Action: Send + Sync + 'static {
    /// What the client wants.
    type Goal: Message;
    /// What came of it.
    type Result: Message;
    /// How far it is.
    type Feedback: Message;
    /// The service that takes a goal.
    type SendGoal: Service;
    /// The service that answers once the goal is over.
    type GetResult: Service;
    /// The message on the feedback topic.
    type FeedbackMessage: Message;
    /// The ROS name, `dreamitate_msgs/action/Dream`.
    const TYPE_NAME: &'static str;
    /// The RIHS01 hash of the action (not that of its parts).
    const TYPE_HASH: &'static str;

    /// The request that sends a goal.
    fn send_goal_request(goal_id: GoalId, goal: Self::Goal) -> Request<Self::SendGoal>;
    /// The id and the goal of a request.
    fn split_send_goal_request(request: Request<Self::SendGoal>) -> (GoalId, Self::Goal);
    /// The answer to a sent goal: whether it is accepted, and when.
    fn send_goal_response(accepted: bool, stamp: Time) -> Response<Self::SendGoal>;
    /// Whether a sent goal was accepted, and when.
    fn split_send_goal_response(response: Response<Self::SendGoal>) -> (bool, Time);
    /// The request for a goal's result.
    fn get_result_request(goal_id: GoalId) -> Request<Self::GetResult>;
    /// The id of the goal whose result is requested.
    fn split_get_result_request(request: Request<Self::GetResult>) -> GoalId;
    /// The answer with a result; `status` is a constant of [`GoalStatus`](crate::action_msgs::GoalStatus).
    fn get_result_response(status: i8, result: Self::Result) -> Response<Self::GetResult>;
    /// The final status and the result of a goal.
    fn split_get_result_response(response: Response<Self::GetResult>) -> (i8, Self::Result);
    /// The message with a goal's feedback.
    fn feedback_message(goal_id: GoalId, feedback: Self::Feedback) -> Self::FeedbackMessage;
    /// The id and the feedback of a message.
    fn split_feedback_message(message: Self::FeedbackMessage) -> (GoalId, Self::Feedback);
}

/// The functions of [`Action`] for one action's structs.
macro_rules! action_parts {
    ($goal:ident, $result:ident, $feedback:ident, $send:ident, $sent:ident, $get:ident, $got:ident, $message:ident) => {
        fn send_goal_request(goal_id: crate::GoalId, goal: $goal) -> $send {
            $send { goal_id: crate::unique_identifier_msgs::UUID { uuid: goal_id }, goal }
        }
        fn split_send_goal_request(request: $send) -> (crate::GoalId, $goal) {
            (request.goal_id.uuid, request.goal)
        }
        fn send_goal_response(accepted: bool, stamp: crate::builtin_interfaces::Time) -> $sent {
            $sent { accepted, stamp }
        }
        fn split_send_goal_response(response: $sent) -> (bool, crate::builtin_interfaces::Time) {
            (response.accepted, response.stamp)
        }
        fn get_result_request(goal_id: crate::GoalId) -> $get {
            $get { goal_id: crate::unique_identifier_msgs::UUID { uuid: goal_id } }
        }
        fn split_get_result_request(request: $get) -> crate::GoalId {
            request.goal_id.uuid
        }
        fn get_result_response(status: i8, result: $result) -> $got {
            $got { status, result }
        }
        fn split_get_result_response(response: $got) -> (i8, $result) {
            (response.status, response.result)
        }
        fn feedback_message(goal_id: crate::GoalId, feedback: $feedback) -> $message {
            $message { goal_id: crate::unique_identifier_msgs::UUID { uuid: goal_id }, feedback }
        }
        fn split_feedback_message(message: $message) -> (crate::GoalId, $feedback) {
            (message.goal_id.uuid, message.feedback)
        }
    };
}
pub(crate) use action_parts;

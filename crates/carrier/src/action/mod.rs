//! Actions: built once, of services and topics below `<name>/_action/` as in ROS 2, so that they work on every
//! carrier and with ROS nodes.

mod client;
mod goal;
pub(crate) mod server;

pub use client::{ActionClient, GoalHandle};
pub use goal::{Goal, Outcome};

/// The services and topics of one action.
pub(crate) struct Names {
    send_goal: String,
    cancel_goal: String,
    get_result: String,
    feedback: String,
    status: String,
}

impl Names {
    fn of(action: &str) -> Self {
        let part = |part| format!("{action}/_action/{part}");
        Self {
            send_goal: part("send_goal"),
            cancel_goal: part("cancel_goal"),
            get_result: part("get_result"),
            feedback: part("feedback"),
            status: part("status"),
        }
    }
}

/// ROS 2's quality of service for feedback.
const FEEDBACK: crate::Qos = crate::Qos::reliable(10);

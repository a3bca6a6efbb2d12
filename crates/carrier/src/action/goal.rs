//! One goal, as the task that executes it sees it.

use std::sync::Arc;

use dreamitate_msgs::{
    Action,
    action_msgs::{GoalInfo, GoalStatus},
};
use tokio::sync::watch;

use super::server::Server;
use crate::CarrierError;

/// How a goal ended, with its result.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<R> {
    /// Reached.
    Succeeded(R),
    /// Stopped because the client asked for it.
    Canceled(R),
    /// Not reached.
    Aborted(R),
}

impl<R> Outcome<R> {
    /// The result, whatever the outcome.
    pub fn result(&self) -> &R {
        match self {
            Self::Succeeded(result) | Self::Canceled(result) | Self::Aborted(result) => result,
        }
    }

    pub(super) fn from_status(status: i8, result: R) -> Option<Self> {
        match status {
            GoalStatus::STATUS_SUCCEEDED => Some(Self::Succeeded(result)),
            GoalStatus::STATUS_CANCELED => Some(Self::Canceled(result)),
            GoalStatus::STATUS_ABORTED => Some(Self::Aborted(result)),
            _ => None,
        }
    }
}

/// A goal under way, at the server.
pub struct Goal<A: Action> {
    pub(super) goal: A::Goal,
    pub(super) progress: Arc<Progress<A::Result>>,
    pub(super) server: Arc<Server<A>>,
}

impl<A: Action> Goal<A> {
    /// What the client wants.
    pub fn goal(&self) -> &A::Goal {
        &self.goal
    }

    /// Whether the client asked to cancel. The task then stops as soon as it safely can and ends with
    /// [`Outcome::Canceled`]; it may still end otherwise.
    pub fn is_cancelled(&self) -> bool {
        self.progress.status() == GoalStatus::STATUS_CANCELING
    }

    /// Waits until the client asks to cancel; for `select!`.
    pub async fn cancelled(&self) {
        let mut state = self.progress.state.subscribe();
        if state.wait_for(|state| state.status == GoalStatus::STATUS_CANCELING).await.is_err() {
            // The sender is in `self`, so this cannot be; waiting on is right anyway.
            std::future::pending::<()>().await;
        }
    }

    /// Tells the client how far the goal is.
    ///
    /// # Errors
    /// As [`Publisher::publish`](crate::Publisher::publish).
    pub fn feedback(&self, feedback: A::Feedback) -> Result<(), CarrierError> {
        let message = A::feedback_message(self.progress.info.goal_id.uuid, feedback);
        self.server.feedback.publish(&message)
    }
}

/// A goal's state, shared by its task and the services.
pub(super) struct Progress<R> {
    pub(super) info: GoalInfo,
    pub(super) state: watch::Sender<State<R>>,
}

pub(super) struct State<R> {
    pub(super) status: i8,
    pub(super) result: Option<R>,
}

impl<R> Progress<R> {
    pub(super) fn new(info: GoalInfo) -> Self {
        let state = State { status: GoalStatus::STATUS_EXECUTING, result: None };
        Self { info, state: watch::Sender::new(state) }
    }

    pub(super) fn status(&self) -> i8 {
        self.state.borrow().status
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.borrow().result.is_some()
    }

    /// Marks the goal as to be cancelled; whether it was still running.
    pub(super) fn cancel(&self) -> bool {
        self.state.send_if_modified(|state| {
            let running = state.result.is_none();
            if running {
                state.status = GoalStatus::STATUS_CANCELING;
            }
            running
        })
    }

    /// Ends the goal. "Canceled" without having been asked to cancel counts as aborted, as ROS has no such
    /// transition.
    pub(super) fn finish(&self, outcome: Outcome<R>) {
        self.state.send_modify(|state| {
            let asked = state.status == GoalStatus::STATUS_CANCELING;
            let (status, result) = match outcome {
                Outcome::Succeeded(result) => (GoalStatus::STATUS_SUCCEEDED, result),
                Outcome::Canceled(result) if asked => (GoalStatus::STATUS_CANCELED, result),
                Outcome::Canceled(result) | Outcome::Aborted(result) => (GoalStatus::STATUS_ABORTED, result),
            };
            (state.status, state.result) = (status, Some(result));
        });
    }
}

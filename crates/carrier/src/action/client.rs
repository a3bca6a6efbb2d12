//! The calling end of an action.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use dreamitate_msgs::{
    Action, GoalId, Message,
    action_msgs::{CancelGoal, CancelGoalRequest, CancelGoalResponse, GoalInfo},
    builtin_interfaces::Time,
    unique_identifier_msgs::UUID,
};
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use super::{FEEDBACK, Names, Outcome};
use crate::{CarrierError, Client, Endpoint, Guard, Member, topic::decode};

/// Sends goals of an action `A`.
pub struct ActionClient<A: Action> {
    shared: Arc<Shared<A>>,
}

impl<A: Action> Clone for ActionClient<A> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct Shared<A: Action> {
    name: String,
    send_goal: Client<A::SendGoal>,
    cancel_goal: Client<CancelGoal>,
    get_result: Client<A::GetResult>,
    listeners: Arc<Listeners<A>>,
    _feedback: Guard,
}

type Listeners<A> = Mutex<HashMap<GoalId, mpsc::UnboundedSender<<A as Action>::Feedback>>>;

impl<A: Action> ActionClient<A> {
    pub(crate) fn new(member: &dyn Member, name: String) -> Result<Self, CarrierError> {
        let names = Names::of(&name);
        let topic =
            Endpoint::new(&names.feedback, A::FeedbackMessage::TYPE_NAME, A::FeedbackMessage::TYPE_HASH);
        let listeners = Arc::new(Listeners::<A>::default());
        let guard = member.subscribe(&topic, FEEDBACK, {
            let listeners = listeners.clone();
            Box::new(move |cdr| match decode::<A::FeedbackMessage>(&names.feedback, &cdr) {
                Ok(message) => {
                    let (id, feedback) = A::split_feedback_message(message);
                    if let Some(listener) = listeners.lock().get(&id) {
                        // Fails if the goal's handle is gone: nobody listens.
                        let _ = listener.send(feedback);
                    }
                }
                Err(error) => tracing::warn!(%error, "feedback lost"),
            })
        })?;
        Ok(Self {
            shared: Arc::new(Shared {
                send_goal: Client::new(member, names.send_goal)?,
                cancel_goal: Client::new(member, names.cancel_goal)?,
                get_result: Client::new(member, names.get_result)?,
                name,
                listeners,
                _feedback: guard,
            }),
        })
    }

    /// Returns once all of the action's services are known.
    ///
    /// # Errors
    /// [`CarrierError::NotServed`] if they are not within `timeout`.
    pub async fn wait_for_server(&self, timeout: Duration) -> Result<(), CarrierError> {
        let not_served = |_| CarrierError::NotServed { name: self.shared.name.clone(), timeout };
        let deadline = Instant::now() + timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        self.shared.send_goal.wait_for_server(left()).await.map_err(not_served)?;
        self.shared.cancel_goal.wait_for_server(left()).await.map_err(not_served)?;
        self.shared.get_result.wait_for_server(left()).await.map_err(not_served)
    }

    /// A handle on the goal, once the server accepted it.
    ///
    /// # Errors
    /// [`CarrierError::GoalRejected`], or as [`Client::call`]; `timeout` is for the acceptance, not the goal.
    pub async fn send_goal(&self, goal: A::Goal, timeout: Duration) -> Result<GoalHandle<A>, CarrierError> {
        let id: GoalId = rand::random();
        let (sender, feedback) = mpsc::unbounded_channel();
        // Before the goal is sent, or the first feedback could be missed.
        self.shared.listeners.lock().insert(id, sender);
        let handle = GoalHandle { shared: self.shared.clone(), id, feedback };
        let response = self.shared.send_goal.call(&A::send_goal_request(id, goal), timeout).await?;
        match A::split_send_goal_response(response) {
            (true, _) => Ok(handle),
            (false, _) => Err(CarrierError::GoalRejected(self.shared.name.clone())),
        }
    }
}

/// An accepted goal, at the client. Dropping it does not cancel the goal.
pub struct GoalHandle<A: Action> {
    shared: Arc<Shared<A>>,
    id: GoalId,
    feedback: mpsc::UnboundedReceiver<A::Feedback>,
}

impl<A: Action> GoalHandle<A> {
    /// The next feedback. Waits for ever once the goal is over: use it in a `select!` with
    /// [`result`](Self::result). Cancel safe.
    pub async fn feedback(&mut self) -> A::Feedback {
        match self.feedback.recv().await {
            Some(feedback) => feedback,
            None => std::future::pending().await,
        }
    }

    /// Feedback that is waiting.
    pub fn try_feedback(&mut self) -> Option<A::Feedback> {
        self.feedback.try_recv().ok()
    }

    /// How the goal ends. The future does not borrow the handle, and may be made more than once.
    ///
    /// # Errors
    /// [`CarrierError::NoReply`] if the server goes away or forgot the goal.
    pub fn result(&self) -> impl Future<Output = Result<Outcome<A::Result>, CarrierError>> + Send + use<A> {
        let (shared, request) = (self.shared.clone(), A::get_result_request(self.id));
        async move {
            let response = shared.get_result.call(&request, Duration::MAX).await?;
            let (status, result) = A::split_get_result_response(response);
            Outcome::from_status(status, result).ok_or_else(|| CarrierError::NoReply {
                service: shared.name.clone(),
                reason: format!("the server does not know the goal (status {status})"),
            })
        }
    }

    /// Asks the server to cancel the goal. [`result`](Self::result) says whether it did.
    ///
    /// # Errors
    /// [`CarrierError::CancelRefused`] if the goal is over or the server will not, or as [`Client::call`].
    pub async fn cancel(&self, timeout: Duration) -> Result<(), CarrierError> {
        let goal_info = GoalInfo { goal_id: UUID { uuid: self.id }, stamp: Time::default() };
        let response = self.shared.cancel_goal.call(&CancelGoalRequest { goal_info }, timeout).await?;
        let reason = match response.return_code {
            CancelGoalResponse::ERROR_NONE => return Ok(()),
            CancelGoalResponse::ERROR_UNKNOWN_GOAL_ID => "the server does not know the goal",
            CancelGoalResponse::ERROR_GOAL_TERMINATED => "the goal is over",
            _ => "the server refused",
        };
        Err(CarrierError::CancelRefused { action: self.shared.name.clone(), reason })
    }
}

impl<A: Action> Drop for GoalHandle<A> {
    fn drop(&mut self) {
        self.shared.listeners.lock().remove(&self.id);
    }
}

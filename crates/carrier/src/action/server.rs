//! The serving end of an action.

use std::{
    future::Future,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use dreamitate_msgs::{
    Action, GoalId, Message, Service,
    action_msgs::{CancelGoal, CancelGoalRequest, CancelGoalResponse, GoalInfo, GoalStatus, GoalStatusArray},
    builtin_interfaces::Time,
    unique_identifier_msgs::UUID,
};
use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    FEEDBACK, Names,
    goal::{Goal, Outcome, Progress},
};
use crate::{CarrierError, Endpoint, Guard, Member, Publisher, Qos, service};

/// Goals that are over are remembered for clients that ask late, up to this many.
const REMEMBERED: usize = 64;

/// What the services and the goals' tasks share.
pub(crate) struct Server<A: Action> {
    name: String,
    pub(super) feedback: Publisher<A::FeedbackMessage>,
    status: Publisher<GoalStatusArray>,
    /// In the order of their coming.
    goals: Mutex<Vec<Arc<Progress<A::Result>>>>,
}

type Tasks = Arc<Mutex<JoinSet<()>>>;

/// Serves the action until the guard is dropped; goals under way are then dropped with it.
pub(crate) fn serve<A, P, F, Fut>(
    member: &dyn Member,
    runtime: &Handle,
    name: &str,
    accept: P,
    execute: F,
) -> Result<Guard, CarrierError>
where
    A: Action,
    A::Result: Default,
    P: Fn(&A::Goal) -> Result<(), String> + Send + Sync + 'static,
    F: Fn(Goal<A>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome<A::Result>> + Send + 'static,
{
    let names = Names::of(name);
    let server = Arc::new(Server::<A> {
        name: name.to_owned(),
        feedback: publisher(member, &names.feedback, FEEDBACK)?,
        status: publisher(member, &names.status, Qos::latched())?,
        goals: Mutex::default(),
    });
    let tasks = Tasks::default();
    let work = Arc::new((accept, execute));
    let send_goal = {
        let (server, tasks, runtime) = (server.clone(), tasks.clone(), runtime.clone());
        service::serve::<A::SendGoal, _, _>(member, &runtime.clone(), &names.send_goal, move |request| {
            let (server, tasks, runtime, work) =
                (server.clone(), tasks.clone(), runtime.clone(), work.clone());
            async move {
                let (accept, execute) = &*work;
                let (id, goal) = A::split_send_goal_request(request);
                let Some(goal) = server.accept(id, goal, accept) else {
                    return A::send_goal_response(false, now());
                };
                let stamp = goal.progress.info.stamp.clone();
                let end = End { progress: goal.progress.clone(), server };
                let outcome = execute(goal);
                let mut tasks = tasks.lock();
                while tasks.try_join_next().is_some() {}
                tasks.spawn_on(async move { end.with(outcome.await) }, &runtime);
                A::send_goal_response(true, stamp)
            }
        })?
    };
    let cancel_goal = {
        let server = server.clone();
        service::serve::<CancelGoal, _, _>(member, runtime, &names.cancel_goal, move |request| {
            std::future::ready(server.cancel(&request))
        })?
    };
    let get_result =
        service::serve::<A::GetResult, _, _>(member, runtime, &names.get_result, move |request| {
            let server = server.clone();
            async move { server.result(A::split_get_result_request(request)).await }
        })?;
    Ok(Guard::new((send_goal, cancel_goal, get_result, tasks)))
}

fn publisher<M: Message>(member: &dyn Member, topic: &str, qos: Qos) -> Result<Publisher<M>, CarrierError> {
    let raw = member.advertise(&Endpoint::new(topic, M::TYPE_NAME, M::TYPE_HASH), qos)?;
    Ok(Publisher::new(raw, topic.to_owned()))
}

impl<A: Action> Server<A>
where
    A::Result: Default,
{
    fn accept(
        self: &Arc<Self>,
        id: GoalId,
        goal: A::Goal,
        accept: impl Fn(&A::Goal) -> Result<(), String>,
    ) -> Option<Goal<A>> {
        if let Err(reason) = accept(&goal) {
            tracing::info!(action = self.name, reason, "goal rejected");
            return None;
        }
        let info = GoalInfo { goal_id: UUID { uuid: id }, stamp: now() };
        let progress = Arc::new(Progress::new(info));
        {
            let mut goals = self.goals.lock();
            if goals.iter().any(|known| known.info.goal_id.uuid == id) {
                tracing::warn!(action = self.name, "a goal's id came twice; the second is rejected");
                return None;
            }
            let mut over = goals.iter().filter(|goal| goal.is_over()).count();
            goals.retain(|goal| {
                let forget = over >= REMEMBERED && goal.is_over();
                over -= usize::from(forget);
                !forget
            });
            goals.push(progress.clone());
        }
        self.publish_status();
        Some(Goal { goal, progress, server: self.clone() })
    }

    /// Which goals a request means: the one with its id, those no younger than its stamp, both, or all if it
    /// gives neither (`action_msgs/srv/CancelGoal`).
    fn cancel(&self, request: &CancelGoalRequest) -> CancelGoalResponse {
        let GoalInfo { goal_id, stamp } = &request.goal_info;
        let (any_id, any_time) = (goal_id.uuid == [0; 16], stamp.to_ns() == 0);
        let goals = self.goals.lock().clone();
        let known = goals.iter().any(|goal| goal.info.goal_id == *goal_id);
        let cancelled: Vec<GoalInfo> = goals
            .iter()
            .filter(|goal| match (any_id, any_time) {
                (true, true) => true,
                (false, true) => goal.info.goal_id == *goal_id,
                (_, false) => goal.info.goal_id == *goal_id || goal.info.stamp.to_ns() <= stamp.to_ns(),
            })
            .filter(|goal| goal.cancel())
            .map(|goal| goal.info.clone())
            .collect();
        let return_code = match (cancelled.is_empty(), any_id, known) {
            (false, ..) => CancelGoalResponse::ERROR_NONE,
            (true, true, _) => CancelGoalResponse::ERROR_REJECTED,
            (true, false, false) => CancelGoalResponse::ERROR_UNKNOWN_GOAL_ID,
            (true, false, true) => CancelGoalResponse::ERROR_GOAL_TERMINATED,
        };
        if !cancelled.is_empty() {
            self.publish_status();
        }
        CancelGoalResponse { return_code, goals_canceling: cancelled }
    }

    async fn result(&self, id: GoalId) -> <A::GetResult as Service>::Response {
        let goal = self.goals.lock().iter().find(|goal| goal.info.goal_id.uuid == id).cloned();
        let Some(goal) = goal else {
            return A::get_result_response(GoalStatus::STATUS_UNKNOWN, A::Result::default());
        };
        let mut state = goal.state.subscribe();
        // An error would mean that the goal's state is gone, and it is held here.
        let over = state.wait_for(|state| state.result.is_some()).await;
        let (status, result) =
            over.map_or((GoalStatus::STATUS_UNKNOWN, None), |state| (state.status, state.result.clone()));
        A::get_result_response(status, result.unwrap_or_default())
    }

    fn publish_status(&self) {
        let goals = self.goals.lock();
        let status_list = goals
            .iter()
            .map(|goal| GoalStatus { goal_info: goal.info.clone(), status: goal.status() })
            .collect();
        if let Err(error) = self.status.publish(&GoalStatusArray { status_list }) {
            tracing::warn!(action = self.name, %error, "goal status not published");
        }
    }
}

/// Ends a goal, also when its task panics or is dropped.
struct End<A: Action>
where
    A::Result: Default,
{
    progress: Arc<Progress<A::Result>>,
    server: Arc<Server<A>>,
}

impl<A: Action> End<A>
where
    A::Result: Default,
{
    fn with(self, outcome: Outcome<A::Result>) {
        self.progress.finish(outcome);
    }
}

impl<A: Action> Drop for End<A>
where
    A::Result: Default,
{
    fn drop(&mut self) {
        if !self.progress.is_over() {
            tracing::error!(
                action = self.server.name,
                "a goal's task ended without an outcome; goal aborted"
            );
            self.progress.finish(Outcome::Aborted(A::Result::default()));
        }
        self.server.publish_status();
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_ns(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

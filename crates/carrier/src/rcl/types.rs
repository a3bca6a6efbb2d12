//! Types by name, where rcl needs to know them.

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use parking_lot::Mutex;
use r2r::{
    Client, Node, Publisher, PublisherUntyped, QosProfile, ServiceRequest, WrappedActionTypeSupport,
    WrappedServiceTypeSupport, WrappedTypesupport,
};

use super::{
    client::{Asker, Later},
    installed,
    spinner::Drain,
};
use crate::{Endpoint, OnMessage, OnRequest, Responder};

/// What can be done with a service type.
#[derive(Clone, Copy)]
pub(super) struct ServiceType {
    name: &'static str,
    pub(super) serve: fn(&mut Node, &str, OnRequest) -> r2r::Result<Drain>,
    pub(super) client: fn(&mut Node, &str) -> r2r::Result<Box<dyn Asker>>,
}

/// What can be done with an action's feedback, a message type that r2r's functions for raw topics do not know.
#[derive(Clone, Copy)]
struct FeedbackType {
    name: &'static str,
    advertise: fn(&mut Node, &str, QosProfile) -> r2r::Result<Box<dyn RclSender>>,
    subscribe: fn(&mut Node, &str, QosProfile, OnMessage) -> r2r::Result<Drain>,
}

/// An action: two services and a message.
pub(super) struct ActionType {
    send_goal: ServiceType,
    get_result: ServiceType,
    feedback: FeedbackType,
}

impl ServiceType {
    pub(super) const fn of<S>(name: &'static str) -> Self
    where
        S: WrappedServiceTypeSupport + 'static,
        S::Response: Send,
    {
        Self { name, serve: serve::<S>, client: client::<S> }
    }
}

impl ActionType {
    /// The action with the names of its two services and of its feedback message.
    pub(super) const fn of<A>([send_goal, get_result, feedback]: [&'static str; 3]) -> Self
    where
        A: WrappedActionTypeSupport,
        A::SendGoal: 'static,
        <A::SendGoal as WrappedServiceTypeSupport>::Response: Send,
        A::GetResult: 'static,
        <A::GetResult as WrappedServiceTypeSupport>::Response: Send,
        A::FeedbackMessage: 'static,
    {
        Self {
            send_goal: ServiceType::of::<A::SendGoal>(send_goal),
            get_result: ServiceType::of::<A::GetResult>(get_result),
            feedback: FeedbackType {
                name: feedback,
                advertise: advertise_typed::<A::FeedbackMessage>,
                subscribe: subscribe_typed::<A::FeedbackMessage>,
            },
        }
    }
}

/// The table's row of `package/srv/Name`; the name and the Rust type are written once.
macro_rules! service_type {
    ($package:ident / srv / $name:ident) => {
        $crate::rcl::types::ServiceType::of::<r2r::$package::srv::$name::Service>(concat!(
            stringify!($package),
            "/srv/",
            stringify!($name)
        ))
    };
}
/// The table's row of `package/action/Name`.
macro_rules! action_type {
    ($package:ident / action / $name:ident) => {
        $crate::rcl::types::ActionType::of::<r2r::$package::action::$name::Action>([
            concat!(stringify!($package), "/action/", stringify!($name), "_SendGoal"),
            concat!(stringify!($package), "/action/", stringify!($name), "_GetResult"),
            concat!(stringify!($package), "/action/", stringify!($name), "_FeedbackMessage"),
        ])
    };
}
pub(super) use {action_type, service_type};

const SERVICES: &[ServiceType] = &[
    service_type!(action_msgs / srv / CancelGoal),
    service_type!(rcl_interfaces / srv / DescribeParameters),
    service_type!(rcl_interfaces / srv / GetParameters),
    service_type!(rcl_interfaces / srv / GetParameterTypes),
    service_type!(rcl_interfaces / srv / ListParameters),
    service_type!(rcl_interfaces / srv / SetParameters),
    service_type!(rcl_interfaces / srv / SetParametersAtomically),
];

/// A type that has to be known when the program is compiled, and was not.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not among the types that this program was compiled with for ROS 2")]
pub(super) struct UnknownType(String);

/// The service type of an endpoint.
pub(super) fn service(endpoint: &Endpoint) -> Result<ServiceType, UnknownType> {
    let of_actions = installed::ACTIONS.iter().flat_map(|action| [&action.send_goal, &action.get_result]);
    SERVICES
        .iter()
        .chain(installed::SERVICES)
        .chain(of_actions)
        .find(|service| service.name == endpoint.type_name)
        .copied()
        .ok_or_else(|| UnknownType(endpoint.type_name.clone()))
}

fn feedback(endpoint: &Endpoint) -> Option<FeedbackType> {
    let mut all = installed::ACTIONS.iter().map(|action| action.feedback);
    all.find(|feedback| feedback.name == endpoint.type_name)
}

/// The sending end of a topic.
pub(super) trait RclSender: Send {
    fn publish(&self, cdr: &[u8]) -> r2r::Result<()>;
    fn destroy(self: Box<Self>, node: &mut Node);
}

impl RclSender for PublisherUntyped {
    fn publish(&self, cdr: &[u8]) -> r2r::Result<()> {
        self.publish_raw(cdr)
    }

    fn destroy(self: Box<Self>, node: &mut Node) {
        node.destroy_publisher_untyped(*self);
    }
}

impl<T: WrappedTypesupport + 'static> RclSender for Publisher<T> {
    fn publish(&self, cdr: &[u8]) -> r2r::Result<()> {
        Publisher::publish(self, &T::from_serialized_bytes(cdr)?)
    }

    fn destroy(self: Box<Self>, node: &mut Node) {
        node.destroy_publisher(*self);
    }
}

/// A publisher on a topic of any message type.
pub(super) fn advertise(
    node: &mut Node,
    topic: &Endpoint,
    qos: QosProfile,
) -> r2r::Result<Box<dyn RclSender>> {
    match feedback(topic) {
        Some(feedback) => (feedback.advertise)(node, &topic.name, qos),
        None => Ok(Box::new(node.create_publisher_untyped(&topic.name, &topic.type_name, qos)?)),
    }
}

/// A subscription to a topic of any message type.
pub(super) fn subscribe(
    node: &mut Node,
    topic: &Endpoint,
    qos: QosProfile,
    on_message: OnMessage,
) -> r2r::Result<Drain> {
    match feedback(topic) {
        Some(feedback) => (feedback.subscribe)(node, &topic.name, qos, on_message),
        None => {
            let arriving = node.subscribe_raw(&topic.name, &topic.type_name, qos)?;
            Ok(drain(arriving, move |cdr| on_message(cdr.into())))
        }
    }
}

fn advertise_typed<T: WrappedTypesupport + 'static>(
    node: &mut Node,
    topic: &str,
    qos: QosProfile,
) -> r2r::Result<Box<dyn RclSender>> {
    Ok(Box::new(node.create_publisher::<T>(topic, qos)?))
}

fn subscribe_typed<T: WrappedTypesupport + 'static>(
    node: &mut Node,
    topic: &str,
    qos: QosProfile,
    on_message: OnMessage,
) -> r2r::Result<Drain> {
    let name = topic.to_owned();
    let arriving = node.subscribe::<T>(topic, qos)?;
    Ok(drain(arriving, move |message| match message.to_serialized_bytes() {
        Ok(cdr) => on_message(cdr.into()),
        Err(error) => tracing::warn!("a message of {name} is lost: {error}"),
    }))
}

fn serve<S>(node: &mut Node, service: &str, on_request: OnRequest) -> r2r::Result<Drain>
where
    S: WrappedServiceTypeSupport + 'static,
{
    let name = service.to_owned();
    let arriving = node.create_service::<S>(service, QosProfile::services_default())?;
    Ok(drain(arriving, move |request| match request.message.to_serialized_bytes() {
        Ok(cdr) => on_request(cdr.into(), responder(name.clone(), request)),
        Err(error) => tracing::warn!("a request of {name} is lost: {error}"),
    }))
}

/// Answers a request. rcl cannot carry the reason of a failure: it is logged, and the caller times out.
fn responder<S>(service: String, request: ServiceRequest<S>) -> Responder
where
    S: WrappedServiceTypeSupport + 'static,
{
    let request = Mutex::new(request);
    Responder::new(move |response| {
        let sent = response.and_then(|cdr| {
            S::Response::from_serialized_bytes(&cdr)
                .and_then(|response| request.into_inner().respond(response))
                .map_err(|error| error.to_string())
        });
        if let Err(reason) = sent {
            tracing::warn!("a request of {service} is not answered: {reason}");
        }
    })
}

fn client<S>(node: &mut Node, service: &str) -> r2r::Result<Box<dyn Asker>>
where
    S: WrappedServiceTypeSupport + 'static,
    S::Response: Send,
{
    Ok(Box::new(node.create_client::<S>(service, QosProfile::services_default())?))
}

impl<S> Asker for Client<S>
where
    S: WrappedServiceTypeSupport + 'static,
    S::Response: Send,
{
    fn ask(&self, request: &[u8]) -> r2r::Result<Later<Bytes>> {
        let response = self.request(&S::Request::from_serialized_bytes(request)?)?;
        Ok(Box::pin(async move { response.await?.to_serialized_bytes().map(Bytes::from) }))
    }

    fn available(&self) -> r2r::Result<Later<()>> {
        Ok(Box::pin(Node::is_available(self)?))
    }
}

/// Hands on all that waits.
fn drain<T: 'static>(
    mut arriving: impl Stream<Item = T> + Unpin + 'static,
    on: impl Fn(T) + 'static,
) -> Drain {
    Box::new(move || {
        while let Some(Some(item)) = arriving.next().now_or_never() {
            on(item);
        }
    })
}

//! A node: everything that a program does on a carrier, under one name.

use std::{future::Future, sync::Arc};

use dreamitate_msgs::{Action, Message, Service};
use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    ActionClient, Carrier, CarrierError, Client, Endpoint, Goal, Guard, Member, NodeArgs, NodeName, Outcome,
    ParameterError, ParameterSet, Publisher, Qos, RawPublisher, RawSubscription, Subscription, TfBroadcaster,
    TopicInfo, action,
    diagnostics::{DIAGNOSTICS, Diagnostics},
    inbox::Inbox,
    parameter_services, service,
};

/// A named participant. Names of topics, services and actions are resolved as in ROS 2: relative ones in the
/// node's namespace, `~/…` below the node, then remapped.
///
/// Dropping it frees its name, ends its servers and the requests they work on, and closes its subscriptions;
/// publishers and clients made by it live as long as they are held.
pub struct Node {
    carrier: Arc<dyn Carrier>,
    args: NodeArgs,
    runtime: Handle,
    servers: Mutex<Vec<Guard>>,
    inboxes: Arc<Mutex<Vec<Inbox>>>,
    diagnostics: Diagnostics,
    heartbeat: Option<JoinHandle<()>>,
    member: Arc<dyn Member>,
}

impl Node {
    /// A node on `carrier`. Call it inside a tokio runtime; servers work there.
    ///
    /// # Errors
    /// [`CarrierError::DuplicateNode`] if the name is taken, [`CarrierError::Runtime`] outside a runtime.
    pub fn open(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Result<Self, CarrierError> {
        let runtime = Handle::try_current()
            .map_err(|_| CarrierError::Runtime("a node must be opened inside a tokio runtime"))?;
        let member = carrier.join(args.name())?;
        tracing::debug!(node = %args.name(), "opened");
        let mut node = Self {
            carrier,
            args,
            runtime,
            servers: Mutex::default(),
            inboxes: Arc::default(),
            diagnostics: Diagnostics::default(),
            heartbeat: None,
            member,
        };
        if node.args.has_heartbeat() {
            let (inboxes, publisher) =
                (node.inboxes.clone(), node.publisher(DIAGNOSTICS, Qos::reliable(10))?);
            let dropped = move || inboxes.lock().iter().map(Inbox::dropped).sum();
            let publishing = node.diagnostics.clone().publish(node.name().clone(), publisher, dropped);
            node.heartbeat = Some(node.runtime.spawn(publishing));
        }
        Ok(node)
    }

    /// What the node says of itself. It is published once a second if the node is a process of its own.
    pub fn diagnostics(&self) -> Diagnostics {
        self.diagnostics.clone()
    }

    /// The node's name.
    pub fn name(&self) -> &NodeName {
        self.args.name()
    }

    /// The fully qualified name that a topic, service or action has in this node.
    ///
    /// # Errors
    /// [`CarrierError::Name`] if the name breaks ROS's rules.
    pub fn resolve(&self, name: &str) -> Result<String, CarrierError> {
        Ok(self.args.resolve(name)?)
    }

    /// What `declare` makes of the node's parameters. From then on the node answers `~/list_parameters`,
    /// `~/get_parameters`, `~/describe_parameters`, and refuses `~/set_parameters`. Call it once.
    ///
    /// # Errors
    /// [`CarrierError::Parameter`] for a parameter that is unknown, of a wrong type or not allowed.
    pub fn declare_parameters<T>(
        &self,
        declare: impl FnOnce(&mut ParameterSet) -> Result<T, ParameterError>,
    ) -> Result<T, CarrierError> {
        let (made, set) = ParameterSet::read(&self.args, declare)?;
        parameter_services::serve(self, Arc::new(set))?;
        Ok(made)
    }

    /// A publisher on a topic.
    ///
    /// # Errors
    /// [`CarrierError::Name`] or [`CarrierError::Transport`].
    pub fn publisher<M: Message>(&self, topic: &str, qos: Qos) -> Result<Publisher<M>, CarrierError> {
        let topic = self.resolve(topic)?;
        let raw = self.member.advertise(&Endpoint::new(&topic, M::TYPE_NAME, M::TYPE_HASH), qos)?;
        Ok(Publisher::new(raw, topic))
    }

    /// A subscription to a topic.
    ///
    /// # Errors
    /// [`CarrierError::Name`] or [`CarrierError::Transport`].
    pub fn subscribe<M: Message>(&self, topic: &str, qos: Qos) -> Result<Subscription<M>, CarrierError> {
        let topic = Endpoint::new(topic, M::TYPE_NAME, M::TYPE_HASH);
        Ok(Subscription::new(self.subscribe_raw(&topic, qos)?))
    }

    /// A publisher of bytes, for replay: CDR with the 4-byte header.
    ///
    /// # Errors
    /// [`CarrierError::Name`] or [`CarrierError::Transport`].
    pub fn publisher_raw(&self, topic: &Endpoint, qos: Qos) -> Result<Box<dyn RawPublisher>, CarrierError> {
        self.member.advertise(&self.resolved(topic)?, qos)
    }

    /// A subscription to a topic's bytes, for recorders: CDR with the 4-byte header.
    ///
    /// # Errors
    /// [`CarrierError::Name`] or [`CarrierError::Transport`].
    pub fn subscribe_raw(&self, topic: &Endpoint, qos: Qos) -> Result<RawSubscription, CarrierError> {
        let topic = self.resolved(topic)?;
        let inbox = Inbox::new(qos);
        let guard = self.member.subscribe(&topic, qos, {
            let inbox = inbox.clone();
            Box::new(move |cdr| inbox.push(cdr))
        })?;
        let mut inboxes = self.inboxes.lock();
        inboxes.retain(Inbox::is_read);
        inboxes.push(inbox.clone());
        Ok(RawSubscription::new(inbox, topic, guard))
    }

    /// All topics that somebody on the carrier publishes, sorted by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        self.carrier.topics()
    }

    /// Answers a service's requests with `handler`, each in a task of its own, as long as the node lives.
    ///
    /// # Errors
    /// [`CarrierError::Name`], [`CarrierError::ServiceTaken`] or [`CarrierError::Transport`].
    pub fn serve<S, F, Fut>(&self, name: &str, handler: F) -> Result<(), CarrierError>
    where
        S: Service,
        F: Fn(S::Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = S::Response> + Send + 'static,
    {
        let guard = service::serve::<S, _, _>(&*self.member, &self.runtime, &self.resolve(name)?, handler)?;
        self.servers.lock().push(guard);
        Ok(())
    }

    /// A client of a service.
    ///
    /// # Errors
    /// [`CarrierError::Name`] or [`CarrierError::Transport`].
    pub fn client<S: Service>(&self, name: &str) -> Result<Client<S>, CarrierError> {
        Client::new(&*self.member, self.resolve(name)?)
    }

    /// Serves an action as long as the node lives: `accept` looks at each goal and may refuse it with a
    /// reason, `execute` works on an accepted one in a task of its own and ends with its outcome.
    ///
    /// # Errors
    /// [`CarrierError::Name`], [`CarrierError::ServiceTaken`] or [`CarrierError::Transport`].
    pub fn action_server<A, P, F, Fut>(&self, name: &str, accept: P, execute: F) -> Result<(), CarrierError>
    where
        A: Action,
        A::Result: Default,
        P: Fn(&A::Goal) -> Result<(), String> + Send + Sync + 'static,
        F: Fn(Goal<A>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome<A::Result>> + Send + 'static,
    {
        let name = self.resolve(name)?;
        let guard =
            action::server::serve::<A, P, F, Fut>(&*self.member, &self.runtime, &name, accept, execute)?;
        self.servers.lock().push(guard);
        Ok(())
    }

    /// A client of an action.
    ///
    /// # Errors
    /// [`CarrierError::Name`] or [`CarrierError::Transport`].
    pub fn action_client<A: Action>(&self, name: &str) -> Result<ActionClient<A>, CarrierError> {
        ActionClient::new(&*self.member, self.resolve(name)?)
    }

    /// A broadcaster of frames on `/tf` and `/tf_static`.
    ///
    /// # Errors
    /// [`CarrierError::Transport`].
    pub fn tf_broadcaster(&self) -> Result<TfBroadcaster, CarrierError> {
        TfBroadcaster::new(self)
    }

    fn resolved(&self, topic: &Endpoint) -> Result<Endpoint, CarrierError> {
        Ok(Endpoint { name: self.resolve(&topic.name)?, ..topic.clone() })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.abort();
        }
        self.servers.get_mut().clear();
        self.inboxes.lock().iter().for_each(Inbox::close);
        tracing::debug!(node = %self.args.name(), "closed");
    }
}

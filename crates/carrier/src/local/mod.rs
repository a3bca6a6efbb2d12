//! The carrier inside one process: no threads and no copies, the same run gives the same order of messages.

mod service;
mod topic;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{
    Carrier, CarrierError, Endpoint, Guard, Member, NodeName, OnMessage, OnRequest, Qos, RawClient,
    RawPublisher, TopicInfo,
};

/// A world of nodes inside this process.
///
/// Publishing calls every subscriber before it returns, so all subscribers of a topic see its messages in one
/// order. Bytes are shared, never copied. Clones are the same world; two calls of [`Local::new`] are two.
#[derive(Clone, Default)]
pub struct Local(Arc<World>);

#[derive(Default)]
struct World {
    nodes: Mutex<BTreeSet<NodeName>>,
    topics: Mutex<BTreeMap<Endpoint, Arc<topic::Topic>>>,
    services: service::Services,
}

impl Local {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Carrier for Local {
    fn join(&self, node: &NodeName) -> Result<Arc<dyn Member>, CarrierError> {
        if !self.0.nodes.lock().insert(node.clone()) {
            return Err(CarrierError::DuplicateNode(node.clone()));
        }
        Ok(Arc::new(LocalMember { world: self.0.clone(), node: node.clone() }))
    }

    fn topics(&self) -> Vec<TopicInfo> {
        let topics = self.0.topics.lock();
        topics
            .iter()
            .filter_map(|(endpoint, topic)| {
                Some(TopicInfo { endpoint: endpoint.clone(), qos: topic.offered()? })
            })
            .collect()
    }
}

struct LocalMember {
    world: Arc<World>,
    node: NodeName,
}

impl LocalMember {
    fn topic(&self, endpoint: &Endpoint) -> Arc<topic::Topic> {
        let mut topics = self.world.topics.lock();
        if let Some(topic) = topics.get(endpoint) {
            return topic.clone();
        }
        if let Some(other) = topics.keys().find(|known| known.name == endpoint.name) {
            tracing::warn!(
                node = %self.node, topic = endpoint.name, wanted = endpoint.type_name, known = other.type_name,
                "this topic exists with another type: the two will not meet"
            );
        }
        topics.entry(endpoint.clone()).or_default().clone()
    }
}

impl Drop for LocalMember {
    fn drop(&mut self) {
        self.world.nodes.lock().remove(&self.node);
    }
}

impl Member for LocalMember {
    fn advertise(&self, topic: &Endpoint, qos: Qos) -> Result<Box<dyn RawPublisher>, CarrierError> {
        Ok(Box::new(topic::LocalPublisher::new(self.topic(topic), qos)))
    }

    fn subscribe(&self, topic: &Endpoint, qos: Qos, on_message: OnMessage) -> Result<Guard, CarrierError> {
        Ok(Guard::new(topic::LocalSubscriber::new(self.topic(topic), qos, on_message)))
    }

    fn serve(&self, service: &Endpoint, on_request: OnRequest) -> Result<Guard, CarrierError> {
        service::serve(&self.world.services, service, on_request).map(Guard::new)
    }

    fn client(&self, service: &Endpoint) -> Result<Arc<dyn RawClient>, CarrierError> {
        Ok(Arc::new(service::LocalClient::new(self.world.services.clone(), service.clone())))
    }
}

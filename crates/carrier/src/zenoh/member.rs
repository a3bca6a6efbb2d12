//! A node on Zenoh.

use std::sync::Arc;

use ::zenoh::{Wait, key_expr::KeyExpr, liveliness::LivelinessToken};
use hiroz::{
    attachment::GidArray,
    entity::{EndpointEntity, EndpointKind, endpoint_gid},
    node::ZNode,
};

use super::{Session, endpoint::entity, service, topic, transport};
use crate::{CarrierError, Endpoint, Guard, Member, OnMessage, OnRequest, Qos, RawClient, RawPublisher};

pub(super) struct ZenohMember {
    // Before the session, so that the node leaves the graph before the session closes.
    node: ZNode,
    session: Arc<Session>,
}

/// What every endpoint needs of the wire.
pub(super) struct Wire {
    pub(super) entity: EndpointEntity,
    pub(super) key: KeyExpr<'static>,
    pub(super) gid: GidArray,
    pub(super) session: Arc<Session>,
    zenoh: Arc<::zenoh::Session>,
}

impl ZenohMember {
    pub(super) fn new(session: Arc<Session>, node: ZNode) -> Self {
        Self { node, session }
    }

    fn wire(&self, kind: EndpointKind, endpoint: &Endpoint, qos: Qos) -> Result<Wire, CarrierError> {
        let entity = entity(&self.node, kind, endpoint, qos)?;
        let format = self.node.keyexpr_format();
        let key = format.topic_key_expr(&entity).map_err(transport(|| announcing(&entity)))?;
        let gid = endpoint_gid(&entity).unwrap_or_default();
        let (session, zenoh) = (self.session.clone(), self.node.session().clone());
        Ok(Wire { key: (*key).clone(), gid, session, zenoh, entity })
    }
}

impl Wire {
    pub(super) fn zenoh(&self) -> &::zenoh::Session {
        &self.zenoh
    }

    /// Shows the endpoint in the ROS graph. Done last, so that whoever sees it can reach it.
    pub(super) fn announce(&self) -> Result<LivelinessToken, CarrierError> {
        hiroz::entity::endpoint_to_liveliness_ke(&self.entity)
            .and_then(|key| self.zenoh().liveliness().declare_token(key.0).wait())
            .map_err(transport(|| announcing(&self.entity)))
    }
}

pub(super) fn announcing(entity: &EndpointEntity) -> String {
    format!("cannot announce {} on Zenoh", entity.topic)
}

impl Member for ZenohMember {
    fn advertise(&self, topic: &Endpoint, qos: Qos) -> Result<Box<dyn RawPublisher>, CarrierError> {
        let wire = self.wire(EndpointKind::Publisher, topic, qos)?;
        Ok(Box::new(topic::ZenohPublisher::declare(wire, qos)?))
    }

    fn subscribe(&self, topic: &Endpoint, qos: Qos, on_message: OnMessage) -> Result<Guard, CarrierError> {
        let wire = self.wire(EndpointKind::Subscription, topic, qos)?;
        topic::subscribe(wire, qos, on_message)
    }

    fn serve(&self, service: &Endpoint, on_request: OnRequest) -> Result<Guard, CarrierError> {
        let wire = self.wire(EndpointKind::Service, service, Qos::reliable(10))?;
        service::serve(wire, on_request)
    }

    fn client(&self, service: &Endpoint) -> Result<Arc<dyn RawClient>, CarrierError> {
        let wire = self.wire(EndpointKind::Client, service, Qos::reliable(10))?;
        Ok(Arc::new(service::ZenohClient::declare(wire)?))
    }
}

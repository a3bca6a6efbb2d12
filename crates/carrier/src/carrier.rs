//! The raw layer: what a carrier does for a node. Only CDR bytes pass here.
//!
//! Three carriers exist: [`Local`](crate::Local), [`Zenoh`](crate::Zenoh), and `Rcl` where the program is built for a
//! sourced ROS 2 (feature `rcl`).

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{CarrierError, Endpoint, NodeName, Qos, TopicInfo};

/// Moves messages between nodes. Two carriers of one kind are two separate worlds, unless their network
/// joins them.
pub trait Carrier: Send + Sync {
    /// A membership under the given node name. The node is gone when it is dropped.
    ///
    /// # Errors
    /// [`CarrierError::DuplicateNode`] if a node of that name is known to the carrier.
    fn join(&self, node: &NodeName) -> Result<Arc<dyn Member>, CarrierError>;

    /// All topics that have a publisher, sorted by name.
    fn topics(&self) -> Vec<TopicInfo>;
}

/// A node's access to its carrier.
pub trait Member: Send + Sync {
    /// A publisher on a topic.
    ///
    /// # Errors
    /// [`CarrierError::Transport`] if the carrier refuses.
    fn advertise(&self, topic: &Endpoint, qos: Qos) -> Result<Box<dyn RawPublisher>, CarrierError>;

    /// Calls `on_message` for every message of a topic until the guard is dropped. Messages of one publisher
    /// come in order. The callback runs on the carrier's thread: it must be short and must not call the
    /// carrier (queue the bytes and return).
    ///
    /// # Errors
    /// [`CarrierError::Transport`] if the carrier refuses.
    fn subscribe(&self, topic: &Endpoint, qos: Qos, on_message: OnMessage) -> Result<Guard, CarrierError>;

    /// Calls `on_request` for every request to a service until the guard is dropped. The same rule as for
    /// `subscribe` holds; the [`Responder`] may be kept and answered from anywhere.
    ///
    /// # Errors
    /// [`CarrierError::ServiceTaken`] if the carrier knows another server of that name (local only).
    fn serve(&self, service: &Endpoint, on_request: OnRequest) -> Result<Guard, CarrierError>;

    /// A client of a service.
    ///
    /// # Errors
    /// [`CarrierError::Transport`] if the carrier refuses.
    fn client(&self, service: &Endpoint) -> Result<Arc<dyn RawClient>, CarrierError>;
}

/// Receives a topic's bytes: CDR, with the 4-byte header.
pub type OnMessage = Box<dyn Fn(Bytes) + Send + Sync>;

/// Receives a service's requests.
pub type OnRequest = Box<dyn Fn(Bytes, Responder) + Send + Sync>;

/// The sending end of a topic.
pub trait RawPublisher: Send + Sync {
    /// Sends CDR bytes, header included.
    ///
    /// # Errors
    /// [`CarrierError::Transport`] if the carrier lost its connection.
    fn publish(&self, cdr: Bytes) -> Result<(), CarrierError>;
}

/// The calling end of a service.
pub trait RawClient: Send + Sync {
    /// The server's response as CDR bytes.
    ///
    /// # Errors
    /// [`CarrierError::NoServer`], [`CarrierError::Timeout`], or [`CarrierError::NoReply`] if the server went
    /// away or failed.
    fn call(&self, request: Bytes, timeout: Duration) -> Call;

    /// Whether a server is known now.
    fn is_served(&self) -> bool;
}

/// A call under way.
pub type Call = Pin<Box<dyn Future<Output = Result<Bytes, CarrierError>> + Send>>;

/// Answers one request. Dropped unanswered, it tells the caller that no reply will come.
pub struct Responder(Box<dyn FnOnce(Result<Bytes, String>) + Send + Sync>);

impl Responder {
    /// A responder that hands its answer to `send`.
    pub fn new(send: impl FnOnce(Result<Bytes, String>) + Send + Sync + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Sends the response, or the reason why there is none.
    pub fn answer(self, response: Result<Bytes, String>) {
        (self.0)(response);
    }
}

/// Keeps a subscription or a server alive. Dropping it ends it.
pub struct Guard {
    _held: Box<dyn Send + Sync>,
}

impl Guard {
    /// A guard that owns whatever ends the work when dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

//! The carrier between processes and machines: Zenoh, with the keys, types and hashes of ROS 2's rmw_zenoh.
//!
//! hiroz gives the session's settings, the graph and the key format. Its raw functions are passed over: the
//! raw publisher copies every message and uses no shared memory, the raw subscriber leaves a latched
//! subscription out of the graph, and the raw service server answers through C pointers only.

mod endpoint;
mod member;
mod options;
mod service;
mod shared_memory;
mod topic;

use std::{sync::Arc, time::Duration};

use ::zenoh::Wait;
use hiroz::{Builder, context::ZContext};

pub use options::{Reach, ZenohOptions};

use crate::{Carrier, CarrierError, Member, NodeName, TopicInfo};
use shared_memory::SharedMemory;

/// How long peers have to say that they run a node of a certain name.
const NAME_QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// A Zenoh session in the ROS 2 graph.
///
/// Peers find each other by multicast; a router at localhost:7447 is used if one runs, and none is needed.
/// Clones are the same session. It closes when the last clone, node, publisher and so on is gone. Zenoh's own
/// threads are one pool for the whole process and stay.
#[derive(Clone)]
pub struct Zenoh(Arc<Session>);

pub(super) struct Session {
    context: ZContext,
    memory: SharedMemory,
}

impl Zenoh {
    /// Opens a session. Takes up to half a second, in which peers are looked for.
    ///
    /// # Errors
    /// [`CarrierError::Runtime`] inside a single-threaded tokio runtime, [`CarrierError::Environment`] for a
    /// setting that cannot be used, [`CarrierError::Transport`] if the session cannot be opened.
    pub fn open(options: ZenohOptions) -> Result<Self, CarrierError> {
        needs_many_threads()?;
        let domain_id = options.domain_id;
        let memory = SharedMemory::new(&options);
        let context = options
            .into_context()?
            .build()
            .map_err(transport(|| format!("cannot open a Zenoh session on ROS domain {domain_id}")))?;
        tracing::debug!(domain_id, session = %context.graph().zid, "Zenoh session open");
        Ok(Self(Arc::new(Session { context, memory })))
    }

    /// The ROS domain that the session is in.
    pub fn domain_id(&self) -> usize {
        self.0.context.domain_id()
    }

    /// How many messages went out through shared memory so far.
    pub fn sent_through_shared_memory(&self) -> u64 {
        self.0.memory.sent()
    }

    /// How many messages came in through shared memory so far, each counted once a subscription.
    pub fn received_through_shared_memory(&self) -> u64 {
        self.0.memory.received()
    }
}

impl Carrier for Zenoh {
    fn join(&self, node: &NodeName) -> Result<Arc<dyn Member>, CarrierError> {
        needs_many_threads()?;
        let joined = self
            .0
            .context
            .create_node(node.name())
            .with_namespace(node.namespace())
            .without_parameters()
            .build()
            .map_err(transport(|| format!("cannot announce node {node}")))?;
        if self.0.others_named(&joined, node)? {
            return Err(CarrierError::DuplicateNode(node.clone()));
        }
        Ok(Arc::new(member::ZenohMember::new(self.0.clone(), joined)))
    }

    fn topics(&self) -> Vec<TopicInfo> {
        endpoint::published(self.0.context.graph())
    }
}

impl Session {
    /// Whether a node of this name exists besides `joined`, as the peers answer now. Two that start in the same
    /// instant may both be refused.
    fn others_named(&self, joined: &hiroz::node::ZNode, node: &NodeName) -> Result<bool, CarrierError> {
        let what = || format!("cannot ask for nodes named {node}");
        let own = hiroz::entity::node_lv_token_key_expr(joined.node_entity()).map_err(transport(what))?;
        // @ros2_lv/DOMAIN/SESSION/NODE/ENTITY/NN/ENCLAVE/NAMESPACE/NAME
        let parts: Vec<&str> = own.split('/').collect();
        let [admin, domain, _, _, _, kind, _, namespace, name] = parts.as_slice() else {
            return Ok(false);
        };
        let pattern = format!("{admin}/{domain}/*/*/*/{kind}/*/{namespace}/{name}");
        let tokens = joined
            .session()
            .liveliness()
            .get(pattern.as_str())
            .timeout(NAME_QUERY_TIMEOUT)
            .wait()
            .map_err(transport(what))?;
        let mut others = false;
        while let Ok(reply) = tokens.recv() {
            others |= reply.result().is_ok_and(|token| *token.key_expr() != own);
        }
        Ok(others)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Err(error) = self.context.shutdown() {
            tracing::debug!(error, "closing the Zenoh session");
        }
    }
}

/// Zenoh blocks on its own runtime, which panics inside a single-threaded one.
fn needs_many_threads() -> Result<(), CarrierError> {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::CurrentThread => {
            Err(CarrierError::Runtime("the Zenoh carrier needs tokio's multi-threaded runtime"))
        }
        _ => Ok(()),
    }
}

/// A closure that wraps Zenoh's error with what was being done.
fn transport(what: impl FnOnce() -> String) -> impl FnOnce(::zenoh::Error) -> CarrierError {
    |source| CarrierError::Transport { what: what(), source }
}

//! The carrier where ROS 2 is sourced: rcl with whichever RMW is set, through r2r.
//!
//! r2r's node must be spun, and what arrives for a subscription waits in a queue of ten that silently drops the newest.
//! Here one thread owns the node (see `spinner`): it spins, and empties every queue after every turn, in which at most one
//! message is put into each. So r2r drops nothing, and how much is kept for whom is decided by our own inboxes, as on
//! every carrier.
//!
//! Topics pass as CDR bytes. Services cannot: rcl hands them over as C structs of a type that is known when the program is
//! compiled, so they pass through r2r's types, found by name in a table (`types`; `installed` for the packages that r2r's
//! documentation build lacks). Actions are services and topics here as on every carrier.

mod client;
mod installed;
mod rosout;
mod spinner;
mod types;

use std::{
    panic::catch_unwind,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use dreamitate_msgs::hash_of;
use parking_lot::{Mutex, ReentrantMutex};
use r2r::QosProfile;
use r2r::qos::{DurabilityPolicy, HistoryPolicy, ReliabilityPolicy};

use crate::{
    Carrier, CarrierError, Endpoint, Guard, Member, NodeName, OnMessage, OnRequest, Qos, RawClient,
    RawPublisher, TopicInfo,
};
use client::RclClient;
pub(crate) use rosout::Rosout;
use spinner::{Drain, Spinner};
use types::RclSender;

/// How long other nodes are looked for before a name counts as free; discovery is not instant.
const NAME_SEARCH: Duration = Duration::from_millis(500);
/// DDS shows a node that was killed for about so long.
const AFTERLIFE: Duration = Duration::from_secs(20);
/// What a reliable topic keeps for a subscriber that is slow for a moment.
const RELIABLE_DEPTH: usize = 1000;
/// rcl keeps its loggers in a table without a lock: taken while a node is made, dropped or logs. Reentrant, since
/// r2r logs what goes wrong meanwhile.
static LOGGERS: ReentrantMutex<()> = ReentrantMutex::new(());

/// The ROS 2 graph that the process's environment names (`RMW_IMPLEMENTATION`, `ROS_DOMAIN_ID`).
///
/// rcl reads the process's `--ros-args` too and applies its remap rules once more, to names that are full already.
pub struct Rcl {
    context: r2r::Context,
    /// Any node of this process: the graph is seen through one.
    window: Mutex<Weak<Spinner>>,
}

impl Rcl {
    /// Initialises rcl, once in a process.
    ///
    /// # Errors
    /// [`CarrierError::Transport`] if rcl or the RMW cannot be initialised.
    pub fn open() -> Result<Self, CarrierError> {
        let what = || "cannot initialise ROS 2".to_owned();
        // r2r panics where rcl refuses.
        let context = catch_unwind(r2r::Context::create)
            .map_err(|panic| transport(what)(panic_text(&*panic)))?
            .map_err(transport(what))?;
        Ok(Self { context, window: Mutex::new(Weak::new()) })
    }
}

impl Carrier for Rcl {
    fn join(&self, node: &NodeName) -> Result<Arc<dyn Member>, CarrierError> {
        let what = || format!("cannot create node {node}");
        let joined = {
            let _loggers = LOGGERS.lock();
            r2r::Node::create(self.context.clone(), node.name(), node.namespace()).map_err(transport(what))?
        };
        let spinner = Arc::new(Spinner::start(joined, node).map_err(transport(what))?);
        rosout::open(&spinner)?;
        if is_taken(&spinner, node)? {
            return Err(CarrierError::DuplicateNode(node.clone()));
        }
        *self.window.lock() = Arc::downgrade(&spinner);
        Ok(Arc::new(RclMember(spinner)))
    }

    /// Those of message types that this program knows; of another it could not take the bytes either. (r2r 0.9.7 reads past
    /// an array's end here if a topic of the network has two types; only recorders ask.)
    fn topics(&self) -> Vec<TopicInfo> {
        let Some(spinner) = self.window.lock().upgrade() else { return Vec::new() };
        let what = || "the ROS graph cannot be read".to_owned();
        let topics =
            spinner.ask(|spun| published(&spun.node)).and_then(|topics| topics.map_err(transport(what)));
        topics.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            Vec::new()
        })
    }
}

/// Whether another node of this name shows up, and stays. Every node publishes its log on /rosout, which says whose it is.
fn is_taken(spinner: &Spinner, node: &NodeName) -> Result<bool, CarrierError> {
    const LOOK_EVERY: Duration = Duration::from_millis(50);
    let begun = Instant::now();
    let mut seen = false;
    loop {
        std::thread::sleep(LOOK_EVERY);
        let logs = spinner
            .ask(|spun| spun.node.get_publishers_info_by_topic("/rosout", false))?
            .map_err(transport(|| format!("cannot ask for nodes named {node}")))?;
        let mut namesakes =
            logs.iter().filter(|log| log.node_name == node.name() && log.node_namespace == node.namespace());
        let is_there = namesakes.nth(1).is_some();
        if is_there && !seen {
            tracing::warn!("a node named {node} is there already, or was killed a moment ago: looking");
        }
        seen |= is_there;
        match (is_there, begun.elapsed()) {
            (true, elapsed) if elapsed > AFTERLIFE => return Ok(true),
            (false, elapsed) if elapsed > NAME_SEARCH => return Ok(false),
            _ => {}
        }
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

/// Every published topic of a known type with its first publisher's quality of service, sorted by name.
fn published(node: &r2r::Node) -> r2r::Result<Vec<TopicInfo>> {
    let mut found = Vec::new();
    for name in node.get_topic_names_and_types()?.into_keys() {
        let publishers = node.get_publishers_info_by_topic(&name, false)?;
        let Some(publisher) = publishers.first() else { continue };
        let Some(hash) = hash_of(&publisher.topic_type) else { continue };
        let endpoint = Endpoint::new(name, &publisher.topic_type, hash);
        found.push(TopicInfo { endpoint, qos: qos(&publisher.qos_profile) });
    }
    found.sort();
    Ok(found)
}

/// A node on rcl.
struct RclMember(Arc<Spinner>);

impl RclMember {
    /// Opens a queue of r2r, which is emptied after every turn until the guard is dropped.
    fn drained(
        &self,
        open: impl FnOnce(&mut r2r::Node) -> r2r::Result<Drain> + Send + 'static,
    ) -> Result<r2r::Result<Guard>, CarrierError> {
        let lease = Arc::new(());
        let until = Arc::downgrade(&lease);
        let opened = self.0.ask(move |spun| {
            let drain = open(&mut spun.node)?;
            spun.drain_until(until, drain);
            Ok(())
        })?;
        Ok(opened.map(|()| Guard::new((lease, self.0.clone()))))
    }
}

impl Member for RclMember {
    fn advertise(&self, topic: &Endpoint, qos: Qos) -> Result<Box<dyn RawPublisher>, CarrierError> {
        let endpoint = topic.clone();
        let sender = self
            .0
            .ask(move |spun| types::advertise(&mut spun.node, &endpoint, of_publisher(qos)))?
            .map_err(transport(|| format!("cannot publish {} ({})", topic.name, topic.type_name)))?;
        let (spinner, name) = (self.0.clone(), topic.name.clone());
        Ok(Box::new(RclPublisher { sender: Mutex::new(Some(sender)), spinner, name }))
    }

    fn subscribe(&self, topic: &Endpoint, qos: Qos, on_message: OnMessage) -> Result<Guard, CarrierError> {
        let endpoint = topic.clone();
        self.drained(move |node| types::subscribe(node, &endpoint, of_subscription(qos), on_message))?
            .map_err(transport(|| format!("cannot subscribe to {} ({})", topic.name, topic.type_name)))
    }

    fn serve(&self, service: &Endpoint, on_request: OnRequest) -> Result<Guard, CarrierError> {
        let (name, what) = (service.name.clone(), || format!("cannot serve {}", service.name));
        let kind = types::service(service).map_err(transport(what))?;
        self.drained(move |node| (kind.serve)(node, &name, on_request))?.map_err(transport(what))
    }

    fn client(&self, service: &Endpoint) -> Result<Arc<dyn RawClient>, CarrierError> {
        let what = || format!("cannot make a client of {}", service.name);
        let kind = types::service(service).map_err(transport(what))?;
        let name = service.name.clone();
        let asker = self.0.ask(move |spun| (kind.client)(&mut spun.node, &name))?.map_err(transport(what))?;
        Ok(Arc::new(RclClient::new(asker, service.name.clone(), self.0.clone())?))
    }
}

struct RclPublisher {
    /// Taken when dropped.
    sender: Mutex<Option<Box<dyn RclSender>>>,
    spinner: Arc<Spinner>,
    name: String,
}

impl RawPublisher for RclPublisher {
    fn publish(&self, cdr: Bytes) -> Result<(), CarrierError> {
        match &*self.sender.lock() {
            Some(sender) => {
                sender.publish(&cdr).map_err(transport(|| format!("cannot publish {}", self.name)))
            }
            None => Ok(()),
        }
    }
}

impl Drop for RclPublisher {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.get_mut().take() {
            self.spinner.tell(move |spun| sender.destroy(&mut spun.node));
        }
    }
}

/// rcl's form of a publisher's quality of service.
fn of_publisher(qos: Qos) -> QosProfile {
    // Readers of a reliable topic that is not latched are to miss nothing, though they be slow for a moment.
    let depth = if qos.reliable && !qos.latched { qos.depth.max(RELIABLE_DEPTH) } else { qos.depth };
    profile(qos, HistoryPolicy::KeepLast, depth)
}

/// rcl's form of a subscription's: reliable ones keep all until the next turn takes it.
fn of_subscription(qos: Qos) -> QosProfile {
    let keeps_all = qos.reliable && !qos.latched;
    profile(qos, if keeps_all { HistoryPolicy::KeepAll } else { HistoryPolicy::KeepLast }, qos.depth)
}

fn profile(qos: Qos, history: HistoryPolicy, depth: usize) -> QosProfile {
    QosProfile {
        history,
        depth,
        reliability: if qos.reliable { ReliabilityPolicy::Reliable } else { ReliabilityPolicy::BestEffort },
        durability: if qos.latched { DurabilityPolicy::TransientLocal } else { DurabilityPolicy::Volatile },
        ..QosProfile::default()
    }
}

/// What we keep of rcl's form.
fn qos(profile: &QosProfile) -> Qos {
    let latched = profile.durability == DurabilityPolicy::TransientLocal;
    // DDS does not tell the depth of others: 0 stands for unknown.
    let depth = match (profile.depth, latched) {
        (0, true) => 1,
        (0, false) => 100,
        (depth, _) => depth,
    };
    Qos { depth, reliable: profile.reliability == ReliabilityPolicy::Reliable, latched }
}

/// A closure that wraps an error with what was being done.
fn transport<E>(what: impl FnOnce() -> String) -> impl FnOnce(E) -> CarrierError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    |source| CarrierError::Transport { what: what(), source: source.into() }
}

//! How a node does, once a second on `/diagnostics`.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use dreamitate_msgs::{
    builtin_interfaces::Time,
    diagnostic_msgs::{DiagnosticArray, DiagnosticStatus, KeyValue},
    std_msgs::Header,
};
use parking_lot::Mutex;

use crate::{NodeName, Publisher};

/// The topic on which ROS 2's monitors listen.
pub const DIAGNOSTICS: &str = "/diagnostics";
/// A node that is silent for longer than a few of these has stopped.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// How well a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// As it should.
    #[default]
    Ok,
    /// It works, but somebody should look.
    Warning,
    /// It does not do what it is there for.
    Error,
}

/// What a node says of itself. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    health: Health,
    message: String,
    values: BTreeMap<&'static str, String>,
}

impl Diagnostics {
    /// Says how the node does, in a few words.
    pub fn set(&self, health: Health, message: impl Into<String>) {
        let mut state = self.0.lock();
        (state.health, state.message) = (health, message.into());
    }

    /// Gives one of the node's figures; the name has its unit.
    pub fn value(&self, name: &'static str, value: impl ToString) {
        self.0.lock().values.insert(name, value.to_string());
    }

    fn status(&self, node: &NodeName, more: [(&'static str, String); 2]) -> DiagnosticStatus {
        let state = self.0.lock();
        let values = state.values.iter().map(|(name, value)| (*name, value.clone())).chain(more);
        DiagnosticStatus {
            level: match state.health {
                Health::Ok => DiagnosticStatus::OK,
                Health::Warning => DiagnosticStatus::WARN,
                Health::Error => DiagnosticStatus::ERROR,
            },
            name: node.to_string(),
            message: state.message.clone(),
            hardware_id: String::new(),
            values: values.map(|(key, value)| KeyValue { key: key.to_owned(), value }).collect(),
        }
    }

    /// Publishes until the carrier fails. `dropped` tells how many messages the node was too slow for.
    pub(crate) async fn publish(
        self,
        node: NodeName,
        publisher: Publisher<DiagnosticArray>,
        dropped: impl Fn() -> u64,
    ) {
        let since = Instant::now();
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let uptime_s = since.elapsed().as_secs().to_string();
            let more = [("dropped messages", dropped().to_string()), ("uptime s", uptime_s)];
            let array = DiagnosticArray {
                header: Header { stamp: Time::now(), ..Header::default() },
                status: vec![self.status(&node, more)],
            };
            if let Err(error) = publisher.publish(&array) {
                tracing::warn!("diagnostics are no longer published: {error}");
                return;
            }
        }
    }
}

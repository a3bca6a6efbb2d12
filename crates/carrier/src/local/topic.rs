//! One topic of the local carrier.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{CarrierError, OnMessage, Qos, RawPublisher};

/// Publishers with what they keep for late subscribers, and subscribers, each by the order of their coming.
///
/// The lock is held while subscribers are called. That makes the order of messages the same for all of them,
/// and a late subscriber's history complete and without repeats; the price is that a callback may not publish.
#[derive(Default)]
pub(super) struct Topic(Mutex<State>);

#[derive(Default)]
struct State {
    publishers: BTreeMap<u64, Kept>,
    subscribers: BTreeMap<u64, OnMessage>,
    next_id: u64,
    next_message: u64,
}

struct Kept {
    qos: Qos,
    history: VecDeque<(u64, Bytes)>,
}

impl Topic {
    /// The quality of service of the oldest publisher.
    pub(super) fn offered(&self) -> Option<Qos> {
        self.0.lock().publishers.values().next().map(|kept| kept.qos)
    }
}

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

pub(super) struct LocalPublisher {
    topic: Arc<Topic>,
    id: u64,
}

impl LocalPublisher {
    pub(super) fn new(topic: Arc<Topic>, qos: Qos) -> Self {
        let id = {
            let mut state = topic.0.lock();
            let id = state.id();
            state.publishers.insert(id, Kept { qos, history: VecDeque::new() });
            id
        };
        Self { topic, id }
    }
}

impl RawPublisher for LocalPublisher {
    fn publish(&self, cdr: Bytes) -> Result<(), CarrierError> {
        let mut state = self.topic.0.lock();
        state.next_message += 1;
        let number = state.next_message;
        if let Some(Kept { qos, history }) = state.publishers.get_mut(&self.id)
            && qos.latched
        {
            while history.len() >= qos.depth.max(1) {
                history.pop_front();
            }
            history.push_back((number, cdr.clone()));
        }
        for on_message in state.subscribers.values() {
            on_message(cdr.clone());
        }
        Ok(())
    }
}

impl Drop for LocalPublisher {
    fn drop(&mut self) {
        self.topic.0.lock().publishers.remove(&self.id);
    }
}

pub(super) struct LocalSubscriber {
    topic: Arc<Topic>,
    id: u64,
}

impl LocalSubscriber {
    pub(super) fn new(topic: Arc<Topic>, qos: Qos, on_message: OnMessage) -> Self {
        let id = {
            let mut state = topic.0.lock();
            if qos.latched {
                let mut history: Vec<_> =
                    state.publishers.values().flat_map(|kept| kept.history.iter().cloned()).collect();
                history.sort_by_key(|(number, _)| *number);
                history.into_iter().for_each(|(_, cdr)| on_message(cdr));
            }
            let id = state.id();
            state.subscribers.insert(id, on_message);
            id
        };
        Self { topic, id }
    }
}

impl Drop for LocalSubscriber {
    fn drop(&mut self) {
        let callback = self.topic.0.lock().subscribers.remove(&self.id);
        // The callback may own anything, another publisher on this topic too: drop it outside the lock.
        drop(callback);
    }
}

//! The queue between a carrier's callback and the task that reads a subscription.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Qos;

/// A queue of messages with one reader.
///
/// A reliable subscription is never cut: its queue grows as long as its reader is slower than the topic. A
/// best-effort one keeps the newest `depth` messages, and counts what it let go.
#[derive(Clone, Debug)]
pub(crate) struct Inbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: Option<usize>,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Bytes>,
    dropped: u64,
    closed: bool,
}

impl Inbox {
    pub(crate) fn new(qos: Qos) -> Self {
        let limit = (!qos.reliable).then_some(qos.depth.max(1));
        Self(Arc::new(Shared { limit, state: Mutex::default(), arrived: Notify::new() }))
    }

    pub(crate) fn push(&self, cdr: Bytes) {
        {
            let mut state = self.0.state.lock();
            if state.closed {
                return;
            }
            if self.0.limit.is_some_and(|limit| state.waiting.len() >= limit) {
                state.waiting.pop_front();
                state.dropped += 1;
            }
            state.waiting.push_back(cdr);
        }
        self.0.arrived.notify_one();
    }

    pub(crate) fn try_pop(&self) -> Option<Bytes> {
        self.0.state.lock().waiting.pop_front()
    }

    /// The oldest message, or `None` when the inbox is closed and empty. Meant for one reader at a time.
    pub(crate) async fn pop(&self) -> Option<Bytes> {
        loop {
            {
                let mut state = self.0.state.lock();
                if let Some(cdr) = state.waiting.pop_front() {
                    return Some(cdr);
                }
                if state.closed {
                    return None;
                }
            }
            self.0.arrived.notified().await;
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.0.state.lock().dropped
    }

    /// Whether the reading end still exists: it and the carrier's callback hold a share each, the asker one.
    pub(crate) fn is_read(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Lets the reader finish what waits, then end.
    pub(crate) fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn best_effort_keeps_the_newest_and_counts_the_rest() {
        let inbox = Inbox::new(Qos::sensor_data());
        (0..12u8).for_each(|n| inbox.push(vec![n].into()));
        assert_eq!(inbox.dropped(), 7);
        for n in 7..12u8 {
            assert_eq!(inbox.pop().await.unwrap(), vec![n]);
        }
        inbox.close();
        assert_eq!(inbox.pop().await, None);
    }

    #[tokio::test]
    async fn reliable_keeps_all_and_close_lets_them_out() {
        let inbox = Inbox::new(Qos::reliable(1));
        (0..100u8).for_each(|n| inbox.push(vec![n].into()));
        inbox.close();
        inbox.push(vec![200].into());
        for n in 0..100u8 {
            assert_eq!(inbox.pop().await.unwrap(), vec![n]);
        }
        assert_eq!(inbox.pop().await, None);
        assert_eq!(inbox.dropped(), 0);
    }
}

//! Typed topics: publishers and subscriptions of one message type, and the raw ones that recorders use.

use std::marker::PhantomData;

use bytes::Bytes;
use dreamitate_msgs::Message;

use crate::{CarrierError, Endpoint, Guard, RawPublisher, inbox::Inbox};

/// The sending end of a topic of messages `M`.
pub struct Publisher<M> {
    raw: Box<dyn RawPublisher>,
    topic: String,
    message: PhantomData<fn(M)>,
}

impl<M: Message> Publisher<M> {
    pub(crate) fn new(raw: Box<dyn RawPublisher>, topic: String) -> Self {
        Self { raw, topic, message: PhantomData }
    }

    /// Sends a message to all subscribers. Once it returns, local subscribers have it in their queues.
    ///
    /// # Errors
    /// [`CarrierError::Encode`] for a message that CDR cannot hold, [`CarrierError::Transport`] if the
    /// connection is lost.
    pub fn publish(&self, message: &M) -> Result<(), CarrierError> {
        self.raw.publish(encode(&self.topic, message)?)
    }

    /// The topic's fully qualified name.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}

/// The receiving end of a topic of messages `M`.
pub struct Subscription<M> {
    raw: RawSubscription,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Subscription<M> {
    pub(crate) fn new(raw: RawSubscription) -> Self {
        Self { raw, message: PhantomData }
    }

    /// The next message, or `None` once the node is gone and the queue is empty. Cancel safe.
    ///
    /// # Errors
    /// [`CarrierError::Decode`] for bytes that are no `M`. The subscription goes on.
    pub async fn recv(&mut self) -> Option<Result<M, CarrierError>> {
        let cdr = self.raw.recv().await?;
        Some(decode(self.topic(), &cdr))
    }

    /// The next message if one is waiting.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Option<Result<M, CarrierError>> {
        let cdr = self.raw.try_recv()?;
        Some(decode(self.topic(), &cdr))
    }

    /// How many messages were let go because this subscription was read too slowly. Always 0 if reliable.
    pub fn dropped(&self) -> u64 {
        self.raw.dropped()
    }

    /// The topic's fully qualified name.
    pub fn topic(&self) -> &str {
        &self.raw.topic.name
    }
}

/// The receiving end of a topic, as CDR bytes with the 4-byte header.
pub struct RawSubscription {
    inbox: Inbox,
    topic: Endpoint,
    _guard: Guard,
}

impl RawSubscription {
    pub(crate) fn new(inbox: Inbox, topic: Endpoint, guard: Guard) -> Self {
        Self { inbox, topic, _guard: guard }
    }

    /// The next message's bytes, or `None` once the node is gone and the queue is empty. Cancel safe.
    pub async fn recv(&mut self) -> Option<Bytes> {
        self.inbox.pop().await
    }

    /// The next message's bytes if one is waiting.
    pub fn try_recv(&mut self) -> Option<Bytes> {
        self.inbox.try_pop()
    }

    /// How many messages were let go because this subscription was read too slowly. Always 0 if reliable.
    pub fn dropped(&self) -> u64 {
        self.inbox.dropped()
    }

    /// The topic's name and type.
    pub fn topic(&self) -> &Endpoint {
        &self.topic
    }
}

pub(crate) fn encode<M: Message>(topic: &str, message: &M) -> Result<Bytes, CarrierError> {
    message.to_cdr().map(Bytes::from).map_err(|source| CarrierError::Encode {
        topic: topic.to_owned(),
        type_name: M::TYPE_NAME,
        source,
    })
}

pub(crate) fn decode<M: Message>(topic: &str, cdr: &[u8]) -> Result<M, CarrierError> {
    M::from_cdr(cdr).map_err(|source| CarrierError::Decode {
        topic: topic.to_owned(),
        type_name: M::TYPE_NAME,
        size: cdr.len(),
        source,
    })
}

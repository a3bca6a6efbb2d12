//! A topic as a bag knows it.

use std::sync::Arc;

use dreamitate_msgs::Message;

/// A topic: what ROS calls it, what travels on it, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The full name, `/trajectory/left`.
    pub name: String,
    /// The ROS name of the messages' type, `geometry_msgs/msg/PoseArray`.
    pub type_name: String,
    /// The RIHS01 hash of the type; empty if the bag does not say.
    pub type_hash: String,
    /// How the messages were offered.
    pub qos: TopicQos,
}

impl Topic {
    /// The topic of that name for messages of type `M`.
    pub fn of<M: Message>(name: impl Into<String>, qos: TopicQos) -> Self {
        Self { name: name.into(), type_name: M::TYPE_NAME.into(), type_hash: M::TYPE_HASH.into(), qos }
    }
}

/// How messages are offered: the part of ROS's quality of service that a player needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicQos {
    /// Lost messages are sent again.
    pub reliable: bool,
    /// Late subscribers get the last messages.
    pub transient_local: bool,
    /// How many messages are kept.
    pub depth: u32,
}

impl TopicQos {
    /// For what matters only while it is new: camera images.
    pub const fn sensor_data() -> Self {
        Self { reliable: false, transient_local: false, depth: 5 }
    }

    /// For what must arrive.
    pub const fn reliable(depth: u32) -> Self {
        Self { reliable: true, transient_local: false, depth }
    }

    /// For what must arrive, and whose last message late subscribers get too.
    pub const fn latched() -> Self {
        Self { reliable: true, transient_local: true, depth: 1 }
    }
}

/// A topic of a bag with what is recorded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedTopic {
    /// The topic.
    pub topic: Arc<Topic>,
    /// The number of its messages.
    pub message_count: u64,
    /// The earliest stamp of its messages (ns); `None` if there are none.
    pub first_stamp_ns: Option<u64>,
    /// The latest stamp of its messages (ns); `None` if there are none.
    pub last_stamp_ns: Option<u64>,
}

impl RecordedTopic {
    pub(crate) fn new(topic: Arc<Topic>) -> Self {
        Self { topic, message_count: 0, first_stamp_ns: None, last_stamp_ns: None }
    }

    /// Counts one more message.
    pub(crate) fn count(&mut self, stamp_ns: u64) {
        self.message_count += 1;
        self.first_stamp_ns = Some(self.first_stamp_ns.map_or(stamp_ns, |first| first.min(stamp_ns)));
        self.last_stamp_ns = Some(self.last_stamp_ns.map_or(stamp_ns, |last| last.max(stamp_ns)));
    }
}

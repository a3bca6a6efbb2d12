//! What identifies a topic or a service on the wire.

use crate::Qos;

/// A topic's or service's fully qualified name with its type. Two endpoints meet only if all three agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Fully qualified name, for example `/track/top/left`.
    pub name: String,
    /// ROS type name, for example `geometry_msgs/msg/PoseArray`.
    pub type_name: String,
    /// Type hash, `RIHS01_` and 64 hexadecimal digits.
    pub type_hash: String,
}

impl Endpoint {
    /// An endpoint of the given name and type.
    pub fn new(name: impl Into<String>, type_name: impl Into<String>, type_hash: impl Into<String>) -> Self {
        Self { name: name.into(), type_name: type_name.into(), type_hash: type_hash.into() }
    }
}

/// A topic that somebody publishes, as a carrier sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicInfo {
    /// Name and type.
    pub endpoint: Endpoint,
    /// The quality of service that its first publisher offers.
    pub qos: Qos,
}

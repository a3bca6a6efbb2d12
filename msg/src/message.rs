//! What a message and a service are.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::cdr::{self, CdrError};

/// A ROS message: plain data with a type name, a type hash and a form in bytes.
pub trait Message: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The ROS name, `geometry_msgs/msg/PoseArray`.
    const TYPE_NAME: &'static str;
    /// The RIHS01 hash of the definition (REP-2011), `RIHS01_` and 64 hexadecimal digits.
    const TYPE_HASH: &'static str;
    /// The definition and those of all messages within it, as MCAP's schema encoding `ros2msg` wants them.
    const DEFINITION: &'static str;

    /// The message's CDR bytes, little-endian, with the 4-byte encapsulation header.
    ///
    /// # Errors
    /// A string or sequence has more than 2³² − 1 elements.
    fn to_cdr(&self) -> Result<Vec<u8>, CdrError> {
        cdr::encode(self)
    }

    /// The message in CDR bytes of either endianness, with the 4-byte encapsulation header.
    ///
    /// Uses memory in proportion to the length of `bytes`, whatever lengths they claim.
    ///
    /// # Errors
    /// The header is missing or of another encoding, or the bytes are not exactly one message of this type.
    fn from_cdr(bytes: &[u8]) -> Result<Self, CdrError> {
        cdr::decode(bytes)
    }
}

/// A ROS service: a request, and the response to it.
pub trait Service: Send + Sync + 'static {
    /// What a client sends.
    type Request: Message;
    /// What the server answers.
    type Response: Message;
    /// The ROS name, `moveit_msgs/srv/GetPositionIK` (`pkg/action/Name_SendGoal` for a part of an action).
    const TYPE_NAME: &'static str;
    /// The RIHS01 hash of the service (not that of its request or response).
    const TYPE_HASH: &'static str;
}

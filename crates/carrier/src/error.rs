//! What can go wrong between two nodes.

use std::time::Duration;

use dreamitate_msgs::CdrError;

use crate::{ArgsError, NameError, NodeName, ParameterError};

/// A failure of a carrier or of what stands on it. Each message names the topic, service or node.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// Two nodes with one name.
    #[error(
        "a node named {0} is already running; rename this one with -r __node:=NAME or -r __ns:=/NAMESPACE"
    )]
    DuplicateNode(NodeName),
    /// No tokio runtime that the carrier can work in.
    #[error("{0}")]
    Runtime(&'static str),
    /// A second server for one service, in one process.
    #[error("service {0} already has a server")]
    ServiceTaken(String),
    /// A message that cannot become bytes.
    #[error("{topic} ({type_name}): cannot encode the message: {source}")]
    Encode {
        /// The topic or service.
        topic: String,
        /// The ROS type.
        type_name: &'static str,
        /// Why.
        source: CdrError,
    },
    /// Bytes that are no message of the type.
    #[error("{topic} ({type_name}): cannot decode {size} bytes: {source}")]
    Decode {
        /// The topic or service.
        topic: String,
        /// The ROS type.
        type_name: &'static str,
        /// How many bytes came, header included.
        size: usize,
        /// Why.
        source: CdrError,
    },
    /// A call to a service that nobody offers.
    #[error("service {0} has no server")]
    NoServer(String),
    /// A server that did not appear.
    #[error("no server for {name} within {:.3} s", .timeout.as_secs_f64())]
    NotServed {
        /// The service or action.
        name: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// A server that did not answer in time.
    #[error("service {service} did not answer within {:.3} s", .timeout.as_secs_f64())]
    Timeout {
        /// The service.
        service: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// A server that went away, or answered with an error.
    #[error("service {service} gave no reply: {reason}")]
    NoReply {
        /// The service.
        service: String,
        /// What the server or the carrier said.
        reason: String,
    },
    /// A goal that the action's server would not take. (ROS sends no reason; the server logs it.)
    #[error("action {0} rejected the goal")]
    GoalRejected(String),
    /// A goal that cannot be cancelled.
    #[error("action {action} did not cancel the goal: {reason}")]
    CancelRefused {
        /// The action.
        action: String,
        /// Why.
        reason: &'static str,
    },
    /// A type hash in another form than `RIHS01_` and 64 hexadecimal digits.
    #[error("{type_name} has the type hash \"{type_hash}\", which is not RIHS01")]
    TypeHash {
        /// The ROS type.
        type_name: String,
        /// The hash.
        type_hash: String,
    },
    /// `ROS_DOMAIN_ID` or another setting of the environment that cannot be used.
    #[error("environment variable {variable}=\"{value}\" is not {expected}")]
    Environment {
        /// The variable's name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The network, or the library that handles it, failed.
    #[error("{what}: {source}")]
    Transport {
        /// What was being done.
        what: String,
        /// What the library says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A name that ROS does not allow.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Command-line arguments that cannot be used.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// A parameter that cannot be used.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

//! How messages travel: topics, services, actions, parameters and tf over in-process channels, Zenoh or ROS 2's own rcl.
//!
//! A program works with a [`Node`] and never names a carrier, except where it makes one:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use dreamitate_carrier::{Local, Node, NodeArgs, Qos};
//! use dreamitate_msgs::geometry_msgs::PoseArray;
//!
//! let carrier = Arc::new(Local::new());
//! let fusion = Node::open(carrier.clone(), NodeArgs::new("pose_fusion")?)?;
//! let executor = Node::open(carrier, NodeArgs::new("arm_executor")?)?;
//!
//! let trajectories = fusion.publisher::<PoseArray>("trajectory/left", Qos::latched())?;
//! trajectories.publish(&PoseArray::default())?;
//! // Latched: who comes late gets the last message.
//! let mut left = executor.subscribe::<PoseArray>("trajectory/left", Qos::latched())?;
//! assert_eq!(left.recv().await.ok_or("closed")??, PoseArray::default());
//! # Ok(())
//! # }
//! ```
//!
//! Below the nodes, [`Carrier`] and [`Member`] move bytes: a topic's or service's name, its type name, its
//! RIHS01 hash, and CDR. [`Local`] does it inside a process, [`Zenoh`] between processes and with ROS 2 over its
//! rmw_zenoh, and `Rcl` (feature `rcl`) where ROS 2 is sourced, with any RMW.

mod action;
mod args;
mod carrier;
mod diagnostics;
mod endpoint;
mod error;
mod inbox;
mod local;
mod name;
mod node;
mod parameter;
mod parameter_services;
mod params_file;
mod process;
mod qos;
#[cfg(feature = "rcl")]
mod rcl;
mod remap;
mod service;
mod tf;
mod topic;
mod zenoh;

pub use action::{ActionClient, Goal, GoalHandle, Outcome};
pub use args::{ArgsError, NodeArgs};
pub use carrier::{Call, Carrier, Guard, Member, OnMessage, OnRequest, RawClient, RawPublisher, Responder};
pub use diagnostics::{DIAGNOSTICS, Diagnostics, Health};
pub use endpoint::{Endpoint, TopicInfo};
pub use error::CarrierError;
pub use local::Local;
pub use name::{NameError, NodeName};
pub use node::Node;
pub use parameter::{Declaration, Parameter, ParameterError, ParameterSet, ParameterType, ParameterValue};
pub use params_file::{Origin, ParamsFileError};
pub use process::{Running, between_processes, error_chain, run_process, stop_signal};
pub use qos::Qos;
#[cfg(feature = "rcl")]
pub use rcl::Rcl;
pub use remap::RemapRule;
pub use service::Client;
pub use tf::{TF, TF_STATIC, TfBroadcaster};
pub use topic::{Publisher, RawSubscription, Subscription};
pub use zenoh::{Reach, Zenoh, ZenohOptions};

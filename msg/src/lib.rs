//! The messages: plain structs generated from the .msg, .srv and .action files, with CDR bytes and RIHS01 type hashes.
//!
//! A module a ROS package, a struct a message:
//!
//! ```
//! use dreamitate_msgs::{Message, geometry_msgs::PoseArray};
//!
//! let mut track = PoseArray::default();
//! track.header.frame_id = "world".to_owned();
//! track.poses.resize_with(13, Default::default);
//!
//! let bytes = track.to_cdr()?;
//! assert_eq!(PoseArray::from_cdr(&bytes)?, track);
//! assert_eq!(PoseArray::TYPE_NAME, "geometry_msgs/msg/PoseArray");
//! # Ok::<(), dreamitate_msgs::CdrError>(())
//! ```
//!
//! A service `Name` is a marker with `NameRequest` and `NameResponse`; an action `Name` is a marker with `NameGoal`,
//! `NameResult`, `NameFeedback` and the structs that ROS wraps around them. A bounded sequence (`float64[<=3]`) is a
//! `Vec` whose bound is not checked.

mod action;
mod cdr;
mod info;
mod message;
mod time;

pub(crate) use action::action_parts;
pub use action::{Action, GoalId};
pub use cdr::CdrError;
pub use info::{JsonError, MessageInfo, definition_of, hash_of};
pub use message::{Message, Service};

include!(concat!(env!("OUT_DIR"), "/generated.rs"));

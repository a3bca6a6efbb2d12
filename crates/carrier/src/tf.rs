//! Frames, sent as tf2 does.

use std::collections::BTreeMap;

use dreamitate_msgs::{geometry_msgs::TransformStamped, tf2_msgs::TFMessage};
use parking_lot::Mutex;

use crate::{CarrierError, Node, Publisher, Qos};

/// Sends transforms: moving ones on `/tf`, fixed ones on `/tf_static`, where they wait for late listeners.
///
/// A transform says where `child_frame_id` stands in `header.frame_id`.
pub struct TfBroadcaster {
    moving: Publisher<TFMessage>,
    fixed: Publisher<TFMessage>,
    /// By child frame. A latched topic of depth 1 holds one message, so each holds all fixed frames.
    known: Mutex<BTreeMap<String, TransformStamped>>,
}

impl TfBroadcaster {
    pub(crate) fn new(node: &Node) -> Result<Self, CarrierError> {
        Ok(Self {
            moving: node.publisher("/tf", Qos::reliable(100))?,
            fixed: node.publisher("/tf_static", Qos::latched())?,
            known: Mutex::default(),
        })
    }

    /// Sends frames that move.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub fn send(&self, transforms: Vec<TransformStamped>) -> Result<(), CarrierError> {
        self.moving.publish(&TFMessage { transforms })
    }

    /// Sends frames that stay, with all fixed frames sent before; a child frame sent again moves.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub fn send_static(&self, transforms: Vec<TransformStamped>) -> Result<(), CarrierError> {
        let mut known = self.known.lock();
        for transform in transforms {
            known.insert(transform.child_frame_id.clone(), transform);
        }
        self.fixed.publish(&TFMessage { transforms: known.values().cloned().collect() })
    }
}

/// The quality of service for listening to `/tf`.
pub const TF: Qos = Qos::reliable(100);

/// The quality of service for listening to `/tf_static`: one latched message from each broadcaster.
pub const TF_STATIC: Qos = Qos::latched().with_depth(100);

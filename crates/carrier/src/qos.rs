//! Quality of service: how much of a topic is kept, and for whom.

/// How a topic's messages are kept and delivered.
///
/// `reliable` and `latched` have ROS 2's meaning of `RELIABLE` and `TRANSIENT_LOCAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Qos {
    /// Messages a slow best-effort subscriber holds before the oldest is dropped, and messages a latched
    /// publisher keeps for subscribers that come late. At least 1.
    pub depth: usize,
    /// No message is dropped on the way. A subscriber's queue is then bounded by memory only.
    pub reliable: bool,
    /// A late subscriber first gets each publisher's last `depth` messages.
    pub latched: bool,
}

impl Qos {
    /// Five messages, best effort: camera images and other streams of which only the newest matter.
    /// (ROS 2's `SensorDataQoS`.)
    pub const fn sensor_data() -> Self {
        Self { depth: 5, reliable: false, latched: false }
    }

    /// Every message arrives, in order, as long as the subscriber exists.
    pub const fn reliable(depth: usize) -> Self {
        Self { depth: at_least_one(depth), reliable: true, latched: false }
    }

    /// Every message arrives, and the last one waits for late subscribers. (`TRANSIENT_LOCAL`, depth 1.)
    pub const fn latched() -> Self {
        Self { depth: 1, reliable: true, latched: true }
    }

    /// The same with another depth.
    pub const fn with_depth(self, depth: usize) -> Self {
        Self { depth: at_least_one(depth), ..self }
    }
}

const fn at_least_one(depth: usize) -> usize {
    if depth == 0 { 1 } else { depth }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_never_zero() {
        assert_eq!(Qos::reliable(0).depth, 1);
        assert_eq!(Qos::sensor_data().with_depth(0).depth, 1);
        assert_eq!(Qos::latched().with_depth(7), Qos { depth: 7, reliable: true, latched: true });
    }
}

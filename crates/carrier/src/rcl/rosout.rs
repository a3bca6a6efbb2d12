//! Logging as ROS 2 does it: to the console in rcl's format, to its log file, and to /rosout.

use std::fmt::{Debug, Write};

use bytes::Bytes;
use dreamitate_msgs::{Message, builtin_interfaces::Time, rcl_interfaces::Log};
use parking_lot::Mutex;
use r2r::qos::DurabilityPolicy;
use r2r::{LogSeverity, QosProfile};
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{Layer, layer::Context};

use super::{
    LOGGERS,
    spinner::Spinner,
    transport,
    types::{self, RclSender},
};
use crate::{CarrierError, Endpoint, NodeName};

const ROSOUT: &str = "/rosout";
/// Distributions in which rcl publishes a node's log itself; after them it is for whoever makes the node, and r2r does not.
const BY_RCL: [&str; 4] = ["foxy", "galactic", "humble", "iron"];

/// Publishes what is logged where rcl does not.
static PUBLISHER: Mutex<Option<Box<dyn RclSender>>> = Mutex::new(None);

/// Makes sure that what is logged from now on is published by the node.
pub(super) fn open(node: &Spinner) -> Result<(), CarrierError> {
    if BY_RCL.contains(&r2r::ROS_DISTRO) || PUBLISHER.lock().is_some() {
        return Ok(());
    }
    let topic = Endpoint::new(ROSOUT, Log::TYPE_NAME, Log::TYPE_HASH);
    // As rclcpp has it.
    let qos =
        QosProfile { depth: 1000, durability: DurabilityPolicy::TransientLocal, ..QosProfile::default() };
    let sender = node
        .ask(move |spun| types::advertise(&mut spun.node, &topic, qos))?
        .map_err(transport(|| format!("cannot publish {ROSOUT}")))?;
    *PUBLISHER.lock() = Some(sender);
    Ok(())
}

/// Hands what is logged to rcl, in the name of a node.
pub(crate) struct Rosout {
    logger: String,
}

impl Rosout {
    pub(crate) fn new(node: &NodeName) -> Self {
        Self { logger: logger_name(node) }
    }

    fn publish(&self, text: &str, level: u8, file: &str, line: u32) {
        // Whatever is logged while this is published is not, or it would never end.
        let Some(publisher) = PUBLISHER.try_lock() else { return };
        let Some(sender) = publisher.as_ref() else { return };
        let log = Log {
            stamp: Time::now(),
            level,
            name: self.logger.clone(),
            msg: text.to_owned(),
            file: file.to_owned(),
            line,
            ..Log::default()
        };
        // There is nowhere to complain.
        let _ = log.to_cdr().map(Bytes::from).map(|cdr| sender.publish(&cdr));
    }
}

/// The name under which rcl keeps a node's logger: its full name with dots.
fn logger_name(node: &NodeName) -> String {
    format!("{}/{}", node.namespace(), node.name()).trim_start_matches('/').replace('/', ".")
}

impl<S: Subscriber> Layer<S> for Rosout {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = String::new();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a string does not fail. Fields of `log` say where libraries logged, which nobody asks.
            let _ = match field.name() {
                "message" => write!(text, "{space}{value:?}"),
                name if name.starts_with("log.") => Ok(()),
                name => write!(text, "{space}{name}={value:?}"),
            };
        });
        let place = event.metadata();
        let (severity, level) = match *place.level() {
            Level::ERROR => (LogSeverity::Error, Log::ERROR),
            Level::WARN => (LogSeverity::Warn, Log::WARN),
            Level::INFO => (LogSeverity::Info, Log::INFO),
            Level::DEBUG | Level::TRACE => (LogSeverity::Debug, Log::DEBUG),
        };
        // rcl takes C strings.
        let text = text.replace('\0', "\\0");
        let (file, line) = (place.file().unwrap_or(""), place.line().unwrap_or(0));
        {
            let _loggers = LOGGERS.lock();
            r2r::log(&text, &self.logger, file, line, severity);
        }
        self.publish(&text, level, file, line);
    }
}

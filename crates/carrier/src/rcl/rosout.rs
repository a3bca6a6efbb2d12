//! Logging as ROS 2 does it: to the console in rcl's format, to its log file, and to /rosout.

use std::fmt::{Debug, Write};

use r2r::LogSeverity;
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{Layer, layer::Context};

use crate::NodeName;

/// Hands what is logged to rcl, in the name of a node.
pub(crate) struct Rosout {
    logger: String,
}

impl Rosout {
    pub(crate) fn new(node: &NodeName) -> Self {
        Self { logger: logger_name(node) }
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
            // Writing to a string does not fail.
            let _ = match field.name() {
                "message" => write!(text, "{space}{value:?}"),
                name => write!(text, "{space}{name}={value:?}"),
            };
        });
        let place = event.metadata();
        let severity = match *place.level() {
            Level::ERROR => LogSeverity::Error,
            Level::WARN => LogSeverity::Warn,
            Level::INFO => LogSeverity::Info,
            Level::DEBUG | Level::TRACE => LogSeverity::Debug,
        };
        // rcl takes C strings.
        let text = text.replace('\0', "\\0");
        r2r::log(&text, &self.logger, place.file().unwrap_or(""), place.line().unwrap_or(0), severity);
    }
}

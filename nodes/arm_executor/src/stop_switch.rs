//! The cell's stop: MoveIt's topic `trajectory_execution_event`, and what is not done by itself after a stop.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use dreamitate_carrier::Subscription;
use dreamitate_msgs::std_msgs;
use tokio::sync::watch;

/// The topic, by MoveIt's name.
pub(crate) const TOPIC: &str = "trajectory_execution_event";
/// The event that stops, by MoveIt's name.
const STOP: &str = "stop";

/// Who asked for the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The client of the action.
    Cancel,
    /// The stop event.
    Event,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel => write!(f, "cancelled"),
            Self::Event => write!(f, "stopped by {TOPIC}"),
        }
    }
}

/// Remembers that arms were stopped until a motion that somebody asked for was executed.
#[derive(Debug)]
pub(crate) struct StopSwitch {
    /// How many stop events came.
    events: watch::Sender<u64>,
    holds: AtomicBool,
}

impl StopSwitch {
    /// Nothing was stopped.
    pub fn new() -> Self {
        Self { events: watch::Sender::new(0), holds: AtomicBool::new(false) }
    }

    /// Listens to the topic for ever.
    pub async fn listen(&self, mut events: Subscription<std_msgs::String>) {
        while let Some(event) = events.recv().await {
            match event {
                Ok(event) if event.data == STOP => self.stop(),
                Ok(event) => tracing::warn!(event = event.data, "{TOPIC} knows only \"{STOP}\""),
                // Whatever it was, somebody wanted something of moving arms.
                Err(error) => {
                    tracing::warn!(%error, "unreadable event taken for \"{STOP}\"");
                    self.stop();
                }
            }
        }
    }

    fn stop(&self) {
        tracing::warn!("stop event");
        self.hold();
        self.events.send_modify(|count| *count += 1);
    }

    /// From now on nothing is executed without being asked for.
    pub fn hold(&self) {
        self.holds.store(true, Ordering::SeqCst);
    }

    /// A motion that somebody asked for was executed; a stop since then holds.
    pub fn release(&self, since: &StopEvents) {
        if since.0.has_changed().is_ok_and(|came| !came) {
            self.holds.store(false, Ordering::SeqCst);
        }
    }

    /// Whether the arms were stopped and no motion that was asked for was executed since.
    pub fn holds(&self) -> bool {
        self.holds.load(Ordering::SeqCst)
    }

    /// The stop events from now on.
    pub fn stopped(&self) -> StopEvents {
        StopEvents(self.events.subscribe())
    }
}

/// Stop events from some time on.
pub(crate) struct StopEvents(watch::Receiver<u64>);

/// Ends at the first of the stop events, or when `cancelled` does.
pub(crate) async fn halt(mut stopped: StopEvents, cancelled: impl Future<Output = ()>) -> Halt {
    tokio::select! {
        biased;
        // An error would mean that the executor is gone: then too.
        _ = stopped.0.changed() => Halt::Event,
        () = cancelled => Halt::Cancel,
    }
}

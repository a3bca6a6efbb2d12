//! The thread that owns a node of r2r.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Weak, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{LOGGERS, client::Watch, panic_text, transport};
use crate::{CarrierError, NodeName};

/// How long one turn waits for something to arrive: what is asked of the thread waits no longer than this.
const TURN: Duration = Duration::from_millis(5);
/// How often it is seen to whether services have servers.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Hands on what waits in one of r2r's queues.
pub(super) type Drain = Box<dyn FnMut()>;

type Command = Box<dyn FnOnce(&mut Spun) + Send>;

/// A handle of the thread, which ends when this is dropped; the node leaves the graph then.
pub(super) struct Spinner {
    /// Taken when dropped.
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    node: NodeName,
}

/// What the thread owns.
pub(super) struct Spun {
    pub(super) node: r2r::Node,
    drains: Vec<(Weak<()>, Drain)>,
    watches: Vec<Watch>,
    looked_at: Instant,
}

impl Spinner {
    pub(super) fn start(node: r2r::Node, name: &NodeName) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new().name(format!("spin {}", name.name())).spawn(move || {
            let spun = catch_unwind(AssertUnwindSafe(|| spin(Spun::new(node), &receiver)));
            if let Err(panic) = spun {
                // A node that hears nothing any more must not look alive.
                tracing::error!("the node's thread panicked: {}", panic_text(&*panic));
                std::process::exit(1);
            }
        })?;
        Ok(Self { commands: Some(sender), thread: Some(thread), node: name.clone() })
    }

    /// What the thread answers, within a turn. Not to be called from the thread itself.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Spun) -> T + Send + 'static,
    ) -> Result<T, CarrierError> {
        let (sender, answer) = mpsc::sync_channel(1);
        self.tell(move |spun| {
            let _ = sender.send(question(spun));
        });
        answer.recv().map_err(transport(|| format!("node {} no longer spins", self.node)))
    }

    /// Has something done within a turn.
    pub(super) fn tell(&self, command: impl FnOnce(&mut Spun) + Send + 'static) {
        if let Some(commands) = &self.commands {
            // A thread that is gone has nothing left to do; whoever needs an answer notices.
            let _ = commands.send(Box::new(command));
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Spun {
    fn new(node: r2r::Node) -> Self {
        Self { node, drains: Vec::new(), watches: Vec::new(), looked_at: Instant::now() }
    }

    /// Calls `drain` after every turn as long as `lease` is held.
    pub(super) fn drain_until(&mut self, lease: Weak<()>, drain: Drain) {
        self.drains.push((lease, drain));
    }

    /// Keeps a client told whether it has a server.
    pub(super) fn watch(&mut self, watch: Watch) {
        self.watches.push(watch);
    }

    fn turn(&mut self) {
        self.node.spin_once(TURN);
        self.drains.retain_mut(|(lease, drain)| {
            let held = lease.strong_count() > 0;
            if held {
                drain();
            }
            held
        });
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.watches.retain_mut(Watch::look);
            self.looked_at = Instant::now();
        }
    }
}

fn spin(mut spun: Spun, commands: &mpsc::Receiver<Command>) {
    turn_until_the_end(&mut spun, commands);
    let _loggers = LOGGERS.lock();
    drop(spun);
}

fn turn_until_the_end(spun: &mut Spun, commands: &mpsc::Receiver<Command>) {
    loop {
        if spun.drains.is_empty() && spun.watches.is_empty() {
            // With nothing to wait for, rcl would return at once, for ever.
            match commands.recv() {
                Ok(command) => command(spun),
                Err(mpsc::RecvError) => return,
            }
            continue;
        }
        loop {
            match commands.try_recv() {
                Ok(command) => command(spun),
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => return,
            }
        }
        spun.turn();
    }
}

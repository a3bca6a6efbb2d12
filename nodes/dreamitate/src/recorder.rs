//! Records all that a carrier carries to a bag.

use crate::taps::tap_all;
use anyhow::Context;
use dreamitate_bag::{BagSummary, BagWriter, Topic};
use dreamitate_carrier::Node;
use std::{path::Path, sync::Arc};
use tokio::{sync::mpsc, task::JoinHandle};

/// A recording in progress.
pub(crate) struct Recorder {
    taps: JoinHandle<()>,
    writer: JoinHandle<anyhow::Result<BagSummary>>,
}

impl Recorder {
    /// Starts to record every topic of the node's carrier but the hidden ones, as `ros2 bag record --all` does.
    pub fn start(node: Arc<Node>, dir: &Path) -> anyhow::Result<Self> {
        let mut bag = BagWriter::create(dir).context("cannot record")?;
        let (sender, mut records) = mpsc::unbounded_channel::<(Arc<Topic>, u64, bytes::Bytes)>();
        let taps =
            tap_all(node, move |topic, stamp_ns, cdr| sender.send((topic.clone(), stamp_ns, cdr)).is_ok());
        let writer = tokio::task::spawn_blocking(move || {
            while let Some((topic, stamp_ns, cdr)) = records.blocking_recv() {
                bag.write(&topic, stamp_ns, &cdr)?;
            }
            Ok(bag.close()?)
        });
        Ok(Self { taps, writer })
    }

    /// Whether the writing has ended, as it does on a full disk.
    pub fn has_stopped(&self) -> bool {
        self.writer.is_finished()
    }

    /// Ends the recording once the node that was recorded from is gone, and closes the bag.
    pub async fn finish(self) -> anyhow::Result<BagSummary> {
        self.taps.abort();
        // The subscriptions end with the node, and the writer with them.
        let _ = self.taps.await;
        self.writer
            .await
            .context("the recorder stopped")?
            .context("recording failed; what was written is kept")
    }
}

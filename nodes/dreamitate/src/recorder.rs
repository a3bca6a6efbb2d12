//! Records all that a carrier carries to a bag.

use anyhow::Context;
use dreamitate_bag::{BagSummary, BagWriter, Topic, TopicQos};
use dreamitate_carrier::{Node, TopicInfo};
use std::{
    collections::HashSet,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::mpsc, task::JoinHandle};

/// How often new topics are looked for. What a topic carries before is lost unless it is latched.
const LOOK_EVERY: Duration = Duration::from_millis(20);

type Record = (Arc<Topic>, u64, bytes::Bytes);

/// A recording in progress.
pub(crate) struct Recorder {
    looker: JoinHandle<()>,
    writer: JoinHandle<anyhow::Result<BagSummary>>,
}

impl Recorder {
    /// Starts to record every topic of the node's carrier but the hidden ones, as `ros2 bag record --all` does.
    pub fn start(node: Arc<Node>, dir: &Path) -> anyhow::Result<Self> {
        let mut bag = BagWriter::create(dir).context("cannot record")?;
        let (sender, mut records) = mpsc::unbounded_channel::<Record>();
        let looker = tokio::spawn(async move {
            let mut seen = HashSet::new();
            loop {
                for info in node.topics().into_iter().filter(|info| !is_hidden(&info.endpoint.name)) {
                    if seen.insert(info.endpoint.name.clone())
                        && let Err(error) = tap(&node, &info, sender.clone())
                    {
                        tracing::warn!("{} is not recorded: {error:#}", info.endpoint.name);
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        let writer = tokio::task::spawn_blocking(move || {
            while let Some((topic, stamp_ns, cdr)) = records.blocking_recv() {
                bag.write(&topic, stamp_ns, &cdr)?;
            }
            Ok(bag.close()?)
        });
        Ok(Self { looker, writer })
    }

    /// Whether the writing has ended, as it does on a full disk.
    pub fn has_stopped(&self) -> bool {
        self.writer.is_finished()
    }

    /// Ends the recording once the node that was recorded from is gone, and closes the bag.
    pub async fn finish(self) -> anyhow::Result<BagSummary> {
        self.looker.abort();
        // The subscriptions end with the node, and the writer with them.
        let _ = self.looker.await;
        self.writer
            .await
            .context("the recorder stopped")?
            .context("recording failed; what was written is kept")
    }
}

/// A name is hidden if one of its parts starts with an underscore. Those of an action's inner topics do, and their
/// message types are names that readers of bags refuse (`Dream_FeedbackMessage`).
fn is_hidden(topic: &str) -> bool {
    topic.split('/').any(|part| part.starts_with('_'))
}

fn tap(node: &Node, info: &TopicInfo, sender: mpsc::UnboundedSender<Record>) -> anyhow::Result<()> {
    let mut subscription = node.subscribe_raw(&info.endpoint, info.qos)?;
    let topic = Arc::new(Topic {
        name: info.endpoint.name.clone(),
        type_name: info.endpoint.type_name.clone(),
        type_hash: info.endpoint.type_hash.clone(),
        qos: TopicQos {
            reliable: info.qos.reliable,
            transient_local: info.qos.latched,
            depth: info.qos.depth as u32,
        },
    });
    tokio::spawn(async move {
        while let Some(cdr) = subscription.recv().await {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
            if sender.send((topic.clone(), now, cdr)).is_err() {
                break;
            }
        }
    });
    Ok(())
}

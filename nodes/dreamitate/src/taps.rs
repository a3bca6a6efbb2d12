//! Listens to all topics of a carrier.

use bytes::Bytes;
use dreamitate_bag::{Topic, TopicQos};
use dreamitate_carrier::{Node, TopicInfo};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinHandle;

/// How often new topics are looked for. What a topic carries before is lost unless it is latched.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Hands every message of every topic but the hidden ones to `on_message`, with the time at which it came, ns since the
/// epoch, until the node is gone or `on_message` returns false. (The task that is returned looks for new topics and holds the node.)
pub(crate) fn tap_all<F>(node: Arc<Node>, on_message: F) -> JoinHandle<()>
where
    F: Fn(&Arc<Topic>, u64, Bytes) -> bool + Clone + Send + 'static,
{
    tokio::spawn(async move {
        let mut seen = HashSet::new();
        loop {
            for info in node.topics().into_iter().filter(|info| !is_hidden(&info.endpoint.name)) {
                if seen.insert(info.endpoint.name.clone())
                    && let Err(error) = tap(&node, &info, on_message.clone())
                {
                    tracing::warn!("{} is not listened to: {error:#}", info.endpoint.name);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
}

/// A name is hidden if one of its parts starts with an underscore. Those of an action's inner topics do, and their
/// message types are names that readers of bags refuse (`Dream_FeedbackMessage`).
fn is_hidden(topic: &str) -> bool {
    topic.split('/').any(|part| part.starts_with('_'))
}

fn tap<F>(node: &Node, info: &TopicInfo, on_message: F) -> anyhow::Result<()>
where
    F: Fn(&Arc<Topic>, u64, Bytes) -> bool + Send + 'static,
{
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
            if !on_message(&topic, now, cdr) {
                break;
            }
        }
    });
    Ok(())
}

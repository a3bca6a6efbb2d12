//! Shows a run to Foxglove, or whatever speaks its WebSocket protocol, while it goes on.

use crate::taps::tap_all;
use anyhow::Context as _;
use bytes::Bytes;
use dreamitate_bag::Topic;
use dreamitate_carrier::Node;
use dreamitate_msgs::definition_of;
use foxglove::{
    ChannelBuilder, Context, PartialMetadata, RawChannel, Schema, WebSocketServer, WebSocketServerHandle,
    websocket::{ChannelView, Client, ServerListener},
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;

/// How often it is looked whether somebody watches.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A server for viewers.
pub(crate) struct LiveView {
    server: WebSocketServerHandle,
    address: SocketAddr,
    taps: JoinHandle<()>,
}

/// The topics as viewers see them.
struct Shown {
    context: Arc<Context>,
    channels: Mutex<HashMap<String, ShownTopic>>,
}

struct ShownTopic {
    channel: Arc<RawChannel>,
    /// What waits for viewers that come late, if the topic is latched.
    last: Option<(u64, Bytes)>,
}

impl LiveView {
    /// Serves every topic of the node's carrier but the hidden ones.
    pub async fn start(node: Arc<Node>, address: SocketAddr) -> anyhow::Result<Self> {
        let shown = Arc::new(Shown { context: Context::new(), channels: Mutex::default() });
        let server = WebSocketServer::new()
            .name("dreamitate")
            .bind(address.ip().to_string(), address.port())
            .context(&shown.context)
            .listener(shown.clone())
            .start()
            .await
            .with_context(|| format!("cannot serve viewers on {address}"))?;
        let address = SocketAddr::new(address.ip(), server.port());
        let taps = tap_all(node, move |topic, stamp_ns, cdr| {
            shown.show(topic, stamp_ns, cdr);
            true
        });
        Ok(Self { server, address, taps })
    }

    /// Where viewers connect.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Returns once somebody watches (`true`) or nobody does any more.
    pub async fn is_watched(&self, watched: bool) {
        while (self.server.client_count() > 0) != watched {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Listens no longer, and so lets go of the node. Viewers may still look at what is latched.
    pub async fn freeze(&mut self) {
        self.taps.abort();
        // An aborted task is an error to whoever waits for it.
        let _ = (&mut self.taps).await;
    }

    /// Says good-bye to viewers.
    pub async fn close(self) {
        self.server.stop().wait().await;
    }
}

impl Shown {
    fn show(&self, topic: &Topic, stamp_ns: u64, cdr: Bytes) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if !channels.contains_key(&topic.name) {
            match channel(&self.context, topic) {
                Ok(channel) => drop(channels.insert(topic.name.clone(), ShownTopic { channel, last: None })),
                Err(error) => {
                    tracing::debug!("{} is not shown: {error:#}", topic.name);
                    return;
                }
            }
        }
        if let Some(shown) = channels.get_mut(&topic.name) {
            shown.channel.log_with_meta(&cdr, PartialMetadata::with_log_time(stamp_ns));
            if topic.qos.transient_local {
                shown.last = Some((stamp_ns, cdr));
            }
        }
    }
}

impl ServerListener for Shown {
    /// The protocol knows no latched topics: who comes late is given the last message here.
    fn on_subscribe(&self, client: Client, channel: ChannelView<'_>) {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = channels.get(channel.topic());
        if let Some((shown, (stamp_ns, cdr))) = shown.and_then(|shown| Some((shown, shown.last.as_ref()?))) {
            let meta = PartialMetadata::with_log_time(*stamp_ns);
            shown.channel.log_with_meta_to_sink(cdr, meta, client.sink_id());
        }
    }
}

fn channel(context: &Arc<Context>, topic: &Topic) -> anyhow::Result<Arc<RawChannel>> {
    let known = definition_of(&topic.type_name);
    let definition = known.with_context(|| format!("the type {} is not known", topic.type_name))?.definition;
    let schema = Schema::new(&topic.type_name, "ros2msg", definition.as_bytes());
    Ok(ChannelBuilder::new(&topic.name)
        .context(context)
        .message_encoding("cdr")
        .schema(schema)
        .build_raw()?)
}

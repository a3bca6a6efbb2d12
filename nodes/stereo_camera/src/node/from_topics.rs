use super::{Settings, info_topic, pairs::Pairs};
use crate::Stamped;
use anyhow::{Context, bail};
use dreamitate_carrier::{Diagnostics, Health, Node, Qos};
use dreamitate_clip::image_from_message;
use dreamitate_geometry::View;
use dreamitate_msgs::sensor_msgs::{CameraInfo, Image};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages that a topic is ahead of the pairing, at most: a slow reader drops the oldest in its subscription.
const AHEAD: usize = 4;
/// How often it is said how the cameras do, and after how long without a pair that is said.
const TELL_EVERY: Duration = Duration::from_secs(1);
const SILENT: Duration = Duration::from_secs(3);

enum News {
    Image(View, Image),
    Info(View, Box<CameraInfo>),
}

/// Publishes pairs of what another driver's cameras took, with their stamps and calibration.
pub(super) async fn publish(
    node: &Node,
    settings: &Settings,
    mut pairs: Pairs,
    diagnostics: &Diagnostics,
) -> anyhow::Result<()> {
    let (sender, mut news) = mpsc::channel(AHEAD);
    for (view, topic) in View::ALL.into_iter().zip(&settings.topics) {
        if topic.is_empty() {
            bail!("{view}_topic is empty; it takes the topic of the {view} camera's images");
        }
        let infos_topic = info_topic(topic);
        let mut images = node.subscribe::<Image>(topic, Qos::sensor_data())?;
        for own in View::ALL {
            let own = node.resolve(&format!("camera/{own}/image_raw"))?;
            if images.topic() == own {
                bail!(
                    "{view}_topic is {own}, on which this node publishes itself: no node is needed in between"
                );
            }
        }
        let mut infos = node.subscribe::<CameraInfo>(&infos_topic, Qos::sensor_data())?;
        let sender = sender.clone();
        tokio::spawn(async move {
            loop {
                let next = tokio::select! {
                    image = images.recv() => image.map(|image| image.map(|image| News::Image(view, image))),
                    info = infos.recv() => info.map(|info| info.map(|info| News::Info(view, Box::new(info)))),
                };
                match next {
                    // Nobody listens any more.
                    Some(Ok(next)) => {
                        if sender.send(next).await.is_err() {
                            break;
                        }
                    }
                    Some(Err(error)) => tracing::warn!(%error, "the {view} camera's message is dropped"),
                    None => break,
                }
            }
        });
    }
    let mut calibrated = [false; 2];
    let mut last_pair = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            received = news.recv() => match received.context("the cameras' topics are closed")? {
                News::Info(view, info) => match pairs.camera(view).adopt(&info) {
                    Ok(()) => calibrated[view.index()] = true,
                    Err(error) => tracing::warn!(%error, "the {view} camera's camera_info is none"),
                },
                // A picture without its calibration is of no use.
                News::Image(view, image) if calibrated[view.index()] => {
                    let stamp_ns = image.header.stamp.to_ns();
                    let item = match image_from_message(image) {
                        Ok(image) => image,
                        Err(error) => bail!("the {view} camera's images: {error}"),
                    };
                    if let Some(pair) = pairs.due(view, Stamped { stamp_ns, item }) {
                        pairs.publish(&pair, 0)?;
                        last_pair = tokio::time::Instant::now();
                    }
                }
                News::Image(..) => {}
            },
            _ = ticks.tick() => {
                pairs.tell(diagnostics);
                let missing = View::ALL.into_iter().find(|view| !calibrated[view.index()]);
                match missing {
                    Some(view) => diagnostics.set(
                        Health::Warning,
                        format!("nothing on {}", info_topic(&settings.topics[view.index()])),
                    ),
                    None if last_pair.elapsed() > SILENT => {
                        diagnostics.set(Health::Error, format!("no pair for {:.0} s", last_pair.elapsed().as_secs_f64()));
                    }
                    None => diagnostics.set(Health::Ok, "streaming"),
                }
            }
        }
    }
}

use super::{Settings, info_topic, pairs::Pairs};
use crate::Stamped;
use anyhow::{Context, bail, ensure};
use dreamitate_bag::BagReader;
use dreamitate_carrier::Diagnostics;
use dreamitate_clip::image_from_message;
use dreamitate_geometry::View;
use dreamitate_msgs::{
    Message,
    builtin_interfaces::Time,
    sensor_msgs::{CameraInfo, Image},
};
use image::RgbImage;
use std::{path::Path, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// Messages that reading is ahead of playing.
const AHEAD: usize = 4;

enum News {
    Picture(View, Stamped<RgbImage>),
    Info(View, Box<CameraInfo>),
}

/// Plays the cameras of a bag at the rate of its recording, as if they were taking the pictures now.
pub(super) async fn publish(
    settings: &Settings,
    mut pairs: Pairs,
    diagnostics: &Diagnostics,
) -> anyhow::Result<()> {
    let topics = [0, 1].map(|view| match settings.topics[view].as_str() {
        "" => format!("/camera/{}/image_raw", View::ALL[view]),
        topic => format!("/{}", topic.trim_start_matches('/')),
    });
    check(&settings.bag, &topics)?;
    loop {
        let (sender, mut news) = mpsc::channel(AHEAD);
        let (bag, topics) = (settings.bag.clone(), topics.clone());
        let reading = tokio::task::spawn_blocking(move || {
            read(&bag, &topics, |next| sender.blocking_send(next).is_ok())
        });
        // When the first pair was taken, and when it is played.
        let mut begun: Option<(i64, Instant)> = None;
        // A picture without its calibration is of no use.
        let mut calibrated = [false; 2];
        while let Some(next) = news.recv().await {
            let (view, picture) = match next {
                News::Info(view, info) => {
                    pairs
                        .camera(view)
                        .adopt(&info)
                        .with_context(|| format!("the {view} camera's camera_info"))?;
                    calibrated[view.index()] = true;
                    continue;
                }
                News::Picture(view, _) if !calibrated[view.index()] => continue,
                News::Picture(view, picture) => (view, picture),
            };
            let Some(pair) = pairs.due(view, picture) else { continue };
            let (first_ns, at) = *begun.get_or_insert_with(|| (pair[0].stamp_ns, Instant::now()));
            let since_ns = pair[0].stamp_ns.saturating_sub(first_ns).max(0);
            tokio::time::sleep_until(at + Duration::from_nanos(since_ns.unsigned_abs())).await;
            pairs.publish(&pair, Time::now().to_ns() - pair[0].stamp_ns)?;
            pairs.tell(diagnostics);
        }
        reading.await.context("reading the bag ended early")??;
        ensure!(
            begun.is_some(),
            "the bag {} has no pair of pictures within pair_tolerance_ms",
            settings.bag.display()
        );
        if !settings.repeat {
            tracing::info!("all pairs published");
            std::future::pending::<()>().await;
        }
        // Between the last pair and the first lies a period, else a bag of one pair would come without pause.
        tokio::time::sleep(Duration::from_secs_f64(1.0 / settings.rate_hz)).await;
    }
}

/// Fails if a topic is not in the bag.
fn check(bag: &Path, topics: &[String; 2]) -> anyhow::Result<()> {
    let reader = BagReader::open(bag)?;
    let known: Vec<&str> = reader.topics().iter().map(|recorded| recorded.topic.name.as_str()).collect();
    for topic in topics.iter().flat_map(|images| [images.clone(), info_topic(images)]) {
        if !known.contains(&topic.as_str()) {
            bail!("the bag {} has no topic {topic}; it has {}", bag.display(), known.join(", "));
        }
    }
    Ok(())
}

/// Reads the cameras' messages until `proceed` answers no.
fn read(bag: &Path, topics: &[String; 2], proceed: impl Fn(News) -> bool) -> anyhow::Result<()> {
    let infos = [0, 1].map(|view| info_topic(&topics[view]));
    for message in BagReader::open(bag)?.messages() {
        let message = message?;
        for view in View::ALL {
            let index = view.index();
            let next = if message.topic.name == topics[index] {
                let image = Image::from_cdr(&message.cdr)?;
                let stamp_ns = image.header.stamp.to_ns();
                let item = image_from_message(image).with_context(|| message.topic.name.clone())?;
                News::Picture(view, Stamped { stamp_ns, item })
            } else if message.topic.name == infos[index] {
                News::Info(view, Box::new(CameraInfo::from_cdr(&message.cdr)?))
            } else {
                continue;
            };
            if !proceed(next) {
                return Ok(());
            }
        }
    }
    Ok(())
}

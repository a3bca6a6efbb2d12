use super::{CameraTopics, Settings};
use crate::{FilesError, PairFiles};
use anyhow::Context;
use dreamitate_carrier::Diagnostics;
use dreamitate_geometry::Rig;
use dreamitate_msgs::builtin_interfaces::Time;
use std::{sync::Arc, time::Duration};

/// Publishes pairs of files.
pub(super) async fn publish(
    settings: &Settings,
    rig: Arc<Rig>,
    [top, side]: &[CameraTopics; 2],
    diagnostics: &Diagnostics,
) -> anyhow::Result<()> {
    let files = Arc::new(PairFiles::find(&settings.folder)?);
    let mut published = 0u64;
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / settings.rate_hz));
    // A slow disk makes the rate lower, not uneven.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        for index in 0..files.count() {
            let (files, rig) = (files.clone(), rig.clone());
            let read = move || files.read(index, &rig).transpose();
            let pair: Result<_, FilesError> =
                tokio::task::spawn_blocking(read).await.context("reading failed")?;
            let Some(pair) = pair? else { break };
            ticks.tick().await;
            let stamp = Time::now();
            top.publish(&pair.top, &stamp)?;
            side.publish(&pair.side, &stamp)?;
            published += 1;
            diagnostics.value("pairs", published);
        }
        if !settings.repeat {
            tracing::info!(pairs = files.count(), "all pairs published");
            std::future::pending::<()>().await;
        }
    }
}

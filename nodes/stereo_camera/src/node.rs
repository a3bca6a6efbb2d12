//! The camera pair as a node: files in, image topics out.

use crate::{FilesError, PairFiles};
use anyhow::Context;
use dreamitate_carrier::{
    Carrier, CarrierError, Declaration, Node, NodeArgs, ParameterError, ParameterSet, Publisher, Qos,
};
use dreamitate_clip::{camera_to_message, image_to_message};
use dreamitate_config::ConfigFolder;
use dreamitate_geometry::{Rig, View, camera_frame};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    sensor_msgs::{CameraInfo, Image},
};
use image::RgbImage;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

struct Settings {
    folder: PathBuf,
    rig: PathBuf,
    rate_hz: f64,
    repeat: bool,
}

impl Settings {
    fn declare(parameters: &mut ParameterSet) -> Result<Self, ParameterError> {
        parameters.declare(
            Declaration::text("source", "files").about("Where images come from").choices(&["files"]),
        )?;
        let folder = parameters.declare(
            Declaration::text("folder", ".")
                .about("The folder with top.png and side.png, or numbered pairs in top/ and side/"),
        )?;
        let config_dir = parameters.declare(Declaration::text("config_dir", "").about(
            "The folder of tasks, rigs, tools and robots; empty: the one that comes with the program",
        ))?;
        let rig = parameters
            .declare(Declaration::text("rig", "paper").about("The calibrated rig: a name or a YAML file"))?;
        let rate_hz = parameters.declare(
            Declaration::new("rate_hz", 2.0).unit("Hz").about("Pairs a second").range(0.01, 120.0),
        )?;
        let repeat = parameters.declare(
            Declaration::new("loop", true).about("Begin again after the last pair; otherwise the node rests"),
        )?;
        let config = ConfigFolder::find((!config_dir.is_empty()).then_some(Path::new(&config_dir)));
        Ok(Self { folder: folder.into(), rig: config.rig(&rig), rate_hz, repeat })
    }
}

/// One camera's topics.
struct Camera {
    images: Publisher<Image>,
    infos: Publisher<CameraInfo>,
    info: CameraInfo,
}

impl Camera {
    fn open(node: &Node, rig: &Rig, view: View) -> Result<Self, CarrierError> {
        Ok(Self {
            images: node.publisher(&format!("camera/{view}/image_raw"), Qos::sensor_data())?,
            infos: node.publisher(&format!("camera/{view}/camera_info"), Qos::sensor_data())?,
            info: camera_to_message(&rig.camera(view).camera, &camera_frame(view)),
        })
    }

    fn publish(&self, image: &RgbImage, stamp: &Time) -> Result<(), CarrierError> {
        let mut info = self.info.clone();
        info.header.stamp = stamp.clone();
        self.infos.publish(&info)?;
        self.images.publish(&image_to_message(image, &info.header.frame_id, stamp.clone()))
    }
}

/// The camera pair as a node; runs until it is dropped.
///
/// Publishes `camera/{top,side}/image_raw` and `camera_info`, a pair with equal stamps every `1/rate_hz` seconds.
///
/// # Errors
/// A parameter or the rig is refused, the files are not pictures of its cameras, or the carrier fails.
pub async fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let settings = node.declare_parameters(Settings::declare)?;
    let rig = Arc::new(Rig::read(&settings.rig)?);
    let files = Arc::new(PairFiles::find(&settings.folder)?);
    let [top, side] = [Camera::open(&node, &rig, View::Top)?, Camera::open(&node, &rig, View::Side)?];
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
        }
        if !settings.repeat {
            tracing::info!(pairs = files.count(), "all pairs published");
            std::future::pending::<()>().await;
        }
    }
}

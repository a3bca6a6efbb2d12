//! The camera pair as a node: image topics out.

mod from_bag;
mod from_files;
#[cfg(feature = "realsense")]
mod from_realsense;
mod from_topics;
mod pairs;

use dreamitate_carrier::{
    Carrier, CarrierError, Declaration, Node, NodeArgs, ParameterError, ParameterSet, Publisher, Qos, Running,
};
use dreamitate_clip::{CalibrationMessageError, camera_from_message, camera_to_message, image_to_message};
use dreamitate_config::ConfigFolder;
use dreamitate_geometry::{PinholeCamera, Pose, Rig, View, camera_frame};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    sensor_msgs::{CameraInfo, Image},
};
use image::RgbImage;
use nalgebra::Point2;
use pairs::Pairs;
use std::{path::PathBuf, sync::Arc};

#[cfg_attr(not(feature = "realsense"), allow(dead_code))]
struct Settings {
    source: Source,
    rig: PathBuf,
    rate_hz: f64,
    repeat: bool,
    folder: PathBuf,
    bag: PathBuf,
    /// Of another driver's images, or those in a bag, in the order of [`View::ALL`].
    topics: [String; 2],
    devices: [String; 2],
    camera_rate_hz: u32,
    exposure: f32,
    white_balance_k: f32,
    pair_tolerance_ms: f64,
}

enum Source {
    Files,
    RealSense,
    Topics,
    Bag,
}

impl Settings {
    fn declare(parameters: &mut ParameterSet) -> Result<Self, ParameterError> {
        let source = parameters.declare(
            Declaration::text("source", "files").about("Where images come from").choices(&[
                "files",
                "realsense",
                "topics",
                "bag",
            ]),
        )?;
        let folder = parameters
            .declare(Declaration::text("folder", ".").about(
                "Of files: the folder with top.png and side.png, or numbered pairs in top/ and side/",
            ))?;
        let bag =
            parameters.declare(Declaration::text("bag", "").about("Of bag: a bag's folder or .mcap file"))?;
        let topics = [
            parameters.declare(Declaration::text("top_topic", "").about(
                "Of topics and bag: the top camera's images, with its camera_info beside them; empty: \
                 /camera/top/image_raw of a bag",
            ))?,
            parameters.declare(Declaration::text("side_topic", "").about("The same for the side camera"))?,
        ];
        let config_dir = parameters.declare(Declaration::text("config_dir", "").about(
            "The folder of tasks, rigs, tools, robots and boards; empty: the one that comes with the program",
        ))?;
        let rig = parameters
            .declare(Declaration::text("rig", "paper").about("The calibrated rig: a name or a YAML file"))?;
        let rate_hz = parameters.declare(
            Declaration::new("rate_hz", 2.0).unit("Hz").about("Pairs a second, at most").range(0.01, 120.0),
        )?;
        let repeat = parameters.declare(
            Declaration::new("loop", true).about("Begin again after the last pair; otherwise the node rests"),
        )?;
        let devices = [
            parameters.declare(Declaration::text("top_device", "").about(
                "Of realsense: the top camera's serial number (after an underscore, or it is a number to ROS), or a \
                 .bag that librealsense recorded",
            ))?,
            parameters.declare(Declaration::text("side_device", "").about("The same for the side camera"))?,
        ];
        let camera_rate_hz = parameters.declare(
            Declaration::new("camera_rate_hz", 30i64)
                .unit("Hz")
                .about("Of realsense, topics and bag: frames that a camera takes a second")
                .range(1, 120),
        )?;
        let exposure = parameters.declare(
            Declaration::new("exposure", 0.0)
                .about("Of realsense: in the camera's unit, 100 µs for a D400's colour; 0: automatic")
                .range(0.0, 10_000.0),
        )?;
        let white_balance_k = parameters.declare(
            Declaration::new("white_balance_k", 0.0)
                .unit("K")
                .about("Of realsense: colour temperature of the light; 0: automatic")
                .range(0.0, 10_000.0),
        )?;
        let pair_tolerance_ms = parameters.declare(
            Declaration::new("pair_tolerance_ms", 17.0)
                .unit("ms")
                .about("Of realsense, topics and bag: largest difference of a pair's stamps")
                .range(0.0, 1000.0),
        )?;
        let config = ConfigFolder::of_parameter(&config_dir);
        Ok(Self {
            source: match source.as_str() {
                "realsense" => Source::RealSense,
                "topics" => Source::Topics,
                "bag" => Source::Bag,
                _ => Source::Files,
            },
            rig: config.rig(&rig),
            rate_hz,
            repeat,
            folder: folder.into(),
            bag: bag.into(),
            topics,
            devices,
            camera_rate_hz: camera_rate_hz as u32,
            exposure: exposure as f32,
            white_balance_k: white_balance_k as f32,
            pair_tolerance_ms,
        })
    }
}

/// How far a camera's own calibration may put a corner of the image from where the rig's has it, before it is said, px.
const MOST_APART_PX: f64 = 5.0;

/// One camera's topics.
pub struct CameraTopics {
    view: View,
    /// As the rig has it.
    camera: PinholeCamera,
    images: Publisher<Image>,
    infos: Publisher<CameraInfo>,
    info: CameraInfo,
}

impl CameraTopics {
    /// `camera/{view}/image_raw` and `camera_info` with the rig's calibration.
    ///
    /// # Errors
    /// The carrier fails.
    pub fn open(node: &Node, rig: &Rig, view: View) -> Result<Self, CarrierError> {
        Ok(Self {
            view,
            camera: rig.camera(view).camera,
            images: node.publisher(&format!("camera/{view}/image_raw"), Qos::sensor_data())?,
            infos: node.publisher(&format!("camera/{view}/camera_info"), Qos::sensor_data())?,
            info: camera_to_message(&rig.camera(view).camera, &camera_frame(view)),
        })
    }

    /// Publishes this calibration from now on, in the rig's frame; says if the rig was calibrated with another camera.
    ///
    /// # Errors
    /// It is none of a camera.
    fn adopt(&mut self, info: &CameraInfo) -> Result<(), CalibrationMessageError> {
        // A maker's distortion is told as it is; who reads pictures judges it.
        let camera = camera_from_message(&CameraInfo { d: Vec::new(), ..info.clone() })?;
        let corner = Point2::new(f64::from(camera.width - 1), f64::from(camera.height - 1));
        let apart_px = [Point2::origin(), corner]
            .iter()
            .filter_map(|pixel| {
                let ray = camera.ray(&Pose::identity(), pixel);
                Some((self.camera.project(&ray.at(1.0))? - pixel).norm())
            })
            .fold(0.0, f64::max);
        let is_new = self.info.k != info.k;
        if is_new && apart_px > MOST_APART_PX {
            tracing::warn!(
                "{} camera: its own calibration and the rig's are {apart_px:.1} px apart in a corner of the image; is it \
                 the camera that the rig was calibrated with?",
                self.view
            );
        }
        let header = self.info.header.clone();
        self.info = CameraInfo { header, ..info.clone() };
        Ok(())
    }

    /// A picture and its calibration.
    ///
    /// # Errors
    /// The carrier fails.
    pub fn publish(&self, image: &RgbImage, stamp: &Time) -> Result<(), CarrierError> {
        let mut info = self.info.clone();
        info.header.stamp = stamp.clone();
        self.infos.publish(&info)?;
        self.images.publish(&image_to_message(image, &info.header.frame_id, stamp.clone()))
    }
}

/// The topic of a camera's calibration: beside its images, as drivers have it.
fn info_topic(images: &str) -> String {
    match images.rsplit_once('/') {
        Some((namespace, _)) => format!("{namespace}/camera_info"),
        None => "camera_info".to_owned(),
    }
}

/// The camera pair as a node; runs until it is dropped.
///
/// Publishes `camera/{top,side}/image_raw` and `camera_info`: from files a pair with equal stamps every `1/rate_hz`
/// seconds, with the rig's calibration; from RealSense cameras, or another driver's topics, what they took together, with
/// their own stamps and calibration; from a bag the same with stamps of now.
///
/// # Errors
/// A parameter or the rig is refused, the files are not pictures of its cameras, a recording cannot be played, or the
/// carrier fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    Box::pin(work(carrier, args))
}

async fn work(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let settings = node.declare_parameters(Settings::declare)?;
    let rig = Arc::new(Rig::read(&settings.rig)?);
    let cameras = [CameraTopics::open(&node, &rig, View::Top)?, CameraTopics::open(&node, &rig, View::Side)?];
    match settings.source {
        Source::Files => from_files::publish(&settings, rig, &cameras, &node.diagnostics()).await,
        Source::Topics => {
            from_topics::publish(&node, &settings, Pairs::new(cameras, &settings), &node.diagnostics()).await
        }
        Source::Bag => {
            from_bag::publish(&settings, Pairs::new(cameras, &settings), &node.diagnostics()).await
        }
        #[cfg(feature = "realsense")]
        Source::RealSense => {
            let pairs = Pairs::new(cameras, &settings);
            from_realsense::publish(&settings, &rig, pairs, &node.diagnostics()).await
        }
        #[cfg(not(feature = "realsense"))]
        Source::RealSense => anyhow::bail!(
            "source realsense: this program was built without librealsense2; build it with \
             `--features stereo_camera/realsense`"
        ),
    }
}

//! A RealSense camera's colour stream, live or from a recording.

use anyhow::{Context as _, bail};
use dreamitate_geometry::PinholeCamera;
use image::RgbImage;
use realsense_rust::{
    config::Config,
    context::Context,
    device::Device,
    frame::{ColorFrame, FrameEx},
    kind::{
        Rs2CameraInfo, Rs2DistortionModel, Rs2Format, Rs2Option, Rs2ProductLine, Rs2StreamKind,
        Rs2TimestampDomain,
    },
    pipeline::{ActivePipeline, FrameWaitError, InactivePipeline},
    sensor::Sensor,
};
use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::Stamped;

/// A camera that gives nothing for so long is taken to be gone.
const SILENCE: Duration = Duration::from_secs(3);
/// How often a camera that is gone is looked for.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How often the camera's temperature is read.
const READ_TEMPERATURE_EVERY: Duration = Duration::from_secs(1);

/// Which camera, and how it is set.
#[derive(Clone, Debug, PartialEq)]
pub struct RealSenseSettings {
    /// The camera or a recording.
    pub device: RealSenseDevice,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second, one of those that the camera offers: 6, 15 or 30 at 1280×720.
    pub rate_hz: u32,
    /// In the camera's unit, 100 µs for a D400's colour; none: automatic.
    pub exposure: Option<f32>,
    /// Kelvin; none: automatic.
    pub white_balance_k: Option<f32>,
}

/// Where frames come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealSenseDevice {
    /// The camera with this serial number.
    Serial(String),
    /// A file that librealsense recorded (`.bag`).
    Recording {
        /// The file.
        file: PathBuf,
        /// Whether it begins anew after its end.
        repeat: bool,
    },
}

/// What the maker measured of a camera.
#[derive(Clone, Debug, PartialEq)]
pub struct FactoryCalibration {
    /// Focal lengths, principal point, size.
    pub camera: PinholeCamera,
    /// The model in the words of `sensor_msgs/CameraInfo`.
    pub distortion_model: &'static str,
    /// Its coefficients.
    pub distortion: [f64; 5],
}

/// What happens at a camera, in this order: open, frames, lost; then open again, or ended.
#[derive(Debug)]
pub enum RealSenseEvent {
    /// The camera streams.
    Opened {
        /// Model and serial number.
        name: String,
        /// What the maker measured.
        calibration: FactoryCalibration,
    },
    /// A picture.
    Frame(Stamped<RgbImage>),
    /// Its temperature, °C.
    Temperature(f32),
    /// The camera cannot be opened or gives no more frames; it is looked for.
    Lost(String),
    /// The recording cannot be played.
    Failed(String),
    /// A recording is over.
    Ended,
}

/// Runs a camera until `on_event` returns false. Blocks: it wants a thread of its own.
///
/// A camera that is unplugged is opened again when it is back.
pub fn run_camera(settings: &RealSenseSettings, mut on_event: impl FnMut(RealSenseEvent) -> bool) {
    loop {
        // The bindings panic on what they do not know.
        let streamed = catch_unwind(AssertUnwindSafe(|| stream(settings, &mut on_event)));
        match streamed.unwrap_or_else(|_| Err(anyhow::anyhow!("the camera's library panicked"))) {
            Ok(Stop::Asked) => return,
            Ok(Stop::Ended) => {
                on_event(RealSenseEvent::Ended);
                return;
            }
            Err(error) => {
                let why = format!("{error:#}");
                if matches!(settings.device, RealSenseDevice::Recording { .. }) {
                    on_event(RealSenseEvent::Failed(why));
                    return;
                }
                if !on_event(RealSenseEvent::Lost(why)) {
                    return;
                }
            }
        }
        std::thread::sleep(RETRY_EVERY);
    }
}

enum Stop {
    Asked,
    Ended,
}

fn stream(
    settings: &RealSenseSettings,
    on_event: &mut impl FnMut(RealSenseEvent) -> bool,
) -> anyhow::Result<Stop> {
    let (mut pipeline, is_recording) = open(settings)?;
    let calibration = calibration(&pipeline)?;
    let name = name(pipeline.profile().device());
    if !on_event(RealSenseEvent::Opened { name, calibration }) {
        return Ok(Stop::Asked);
    }
    let thermometer = thermometer(pipeline.profile().device());
    let mut read_at = Instant::now();
    loop {
        let asked_at = Instant::now();
        let frames = match pipeline.wait(Some(SILENCE)) {
            // The library looks for a lost camera itself, and streams again without what was set.
            Ok(_) if !is_recording && asked_at.elapsed() > SILENCE => bail!("the camera was away"),
            Ok(frames) => frames,
            Err(FrameWaitError::DidTimeoutBeforeFrameArrival) if is_recording => return Ok(Stop::Ended),
            Err(FrameWaitError::DidTimeoutBeforeFrameArrival) => {
                bail!("no frame within {} s", SILENCE.as_secs())
            }
            Err(error) => return Err(error).context("the camera failed"),
        };
        for frame in frames.frames_of_type::<ColorFrame>() {
            let frame = Stamped { stamp_ns: stamp_ns(&frame), item: picture(&frame, settings)? };
            if !on_event(RealSenseEvent::Frame(frame)) {
                return Ok(Stop::Asked);
            }
        }
        let temperature = thermometer.as_ref().filter(|_| read_at.elapsed() >= READ_TEMPERATURE_EVERY);
        // A D400 tells it while its depth sensor streams, and is otherwise silent.
        if let Some(sensor) = temperature {
            read_at = Instant::now();
            let Some(celsius) = sensor.get_option(Rs2Option::AsicTemperature) else { continue };
            if !on_event(RealSenseEvent::Temperature(celsius)) {
                return Ok(Stop::Asked);
            }
        }
    }
}

/// The camera's stream; and whether it is a recording.
fn open(settings: &RealSenseSettings) -> anyhow::Result<(ActivePipeline, bool)> {
    /// Looking for cameras opens them all: two that start at once would be in each other's way.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let RealSenseSettings { width, height, rate_hz, .. } = *settings;
    let context = Context::new().context("librealsense cannot be started")?;
    let mut config = Config::new();
    let what = match &settings.device {
        RealSenseDevice::Serial(serial) => {
            let found = connected(&context);
            if !found.contains(serial) {
                bail!("no camera with serial number {serial}; connected: {}", list(&found));
            }
            let serial = std::ffi::CString::new(serial.as_str()).context("the serial number")?;
            config.enable_device_from_serial(&serial)?.enable_stream(
                Rs2StreamKind::Color,
                None,
                width as usize,
                height as usize,
                Rs2Format::Rgb8,
                rate_hz as usize,
            )?;
            format!("colour of {width}×{height} px at {rate_hz} Hz")
        }
        RealSenseDevice::Recording { file, repeat } => {
            if !file.is_file() {
                bail!("no recording {}", file.display());
            }
            config.enable_device_from_file(file, *repeat)?;
            format!("the recording {}", file.display())
        }
    };
    let pipeline = InactivePipeline::try_from(&context)?
        .start(Some(config))
        .with_context(|| format!("the camera does not give {what}"))?;
    let is_recording = matches!(settings.device, RealSenseDevice::Recording { .. });
    if !is_recording {
        set(pipeline.profile().device(), settings)?;
    }
    Ok((pipeline, is_recording))
}

/// Serial numbers of all cameras, sorted.
fn connected(context: &Context) -> Vec<String> {
    let devices = context.query_devices(HashSet::from([Rs2ProductLine::AnyIntel]));
    let mut serials: Vec<_> = devices.iter().filter_map(|d| info(d, Rs2CameraInfo::SerialNumber)).collect();
    serials.sort();
    serials
}

fn list(serials: &[String]) -> String {
    if serials.is_empty() { "none".to_owned() } else { serials.join(", ") }
}

fn info(device: &Device, what: Rs2CameraInfo) -> Option<String> {
    device.info(what).map(|text| text.to_string_lossy().into_owned())
}

fn name(device: &Device) -> String {
    [Rs2CameraInfo::Name, Rs2CameraInfo::SerialNumber]
        .into_iter()
        .filter_map(|what| info(device, what))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Clock, exposure and white balance of the colour sensor.
fn set(device: &Device, settings: &RealSenseSettings) -> anyhow::Result<()> {
    let gives_colour =
        |sensor: &Sensor| sensor.stream_profiles().iter().any(|p| p.kind() == Rs2StreamKind::Color);
    let mut sensors = device.sensors();
    let sensor = sensors.iter_mut().find(|sensor| gives_colour(sensor)).context("no colour sensor")?;
    let mut wanted = vec![(Rs2Option::GlobalTimeEnabled, 1.0)];
    // In dim light the rate is kept and pictures are darker: cameras of different rates make no pairs.
    if sensor.supports_option(Rs2Option::AutoExposurePriority) {
        wanted.push((Rs2Option::AutoExposurePriority, 0.0));
    }
    for (automatic, option, value) in [
        (Rs2Option::EnableAutoExposure, Rs2Option::Exposure, settings.exposure),
        (Rs2Option::EnableAutoWhiteBalance, Rs2Option::WhiteBalance, settings.white_balance_k),
    ] {
        wanted.push((automatic, if value.is_none() { 1.0 } else { 0.0 }));
        wanted.extend(value.map(|value| (option, value)));
    }
    for (option, value) in wanted {
        if let Err(error) = sensor.set_option(option, value) {
            let range = sensor.get_option_range(option);
            let range = range.map_or("none".to_owned(), |r| format!("{} to {}", r.min, r.max));
            bail!("the camera does not take {option:?} = {value} (its range: {range}): {error}");
        }
    }
    Ok(())
}

fn thermometer(device: &Device) -> Option<Sensor> {
    device.sensors().into_iter().find(|sensor| sensor.supports_option(Rs2Option::AsicTemperature))
}

fn calibration(pipeline: &ActivePipeline) -> anyhow::Result<FactoryCalibration> {
    let streams = pipeline.profile().streams();
    let colour = streams.iter().find(|stream| stream.kind() == Rs2StreamKind::Color);
    let intrinsics = colour.context("no colour stream")?.intrinsics().context("no intrinsics")?;
    let distortion = intrinsics.distortion();
    Ok(FactoryCalibration {
        camera: PinholeCamera {
            fx_px: intrinsics.fx().into(),
            fy_px: intrinsics.fy().into(),
            cx_px: intrinsics.ppx().into(),
            cy_px: intrinsics.ppy().into(),
            width: intrinsics.width() as u32,
            height: intrinsics.height() as u32,
        },
        distortion_model: match distortion.model {
            Rs2DistortionModel::KannalaBrandt => "equidistant",
            // All others as realsense-ros does, which calls them so whatever their direction is.
            _ => "plumb_bob",
        },
        distortion: distortion.coeffs.map(f64::from),
    })
}

/// When a frame was taken. A clock of the camera's own says nothing beside another camera's: then it is when it came.
fn stamp_ns(frame: &ColorFrame) -> i64 {
    match frame.timestamp_domain() {
        Rs2TimestampDomain::GlobalTime | Rs2TimestampDomain::SystemTime => (frame.timestamp() * 1e6) as i64,
        Rs2TimestampDomain::HardwareClock => {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
        }
    }
}

fn picture(frame: &ColorFrame, settings: &RealSenseSettings) -> anyhow::Result<RgbImage> {
    let (width, height) = (frame.width(), frame.height());
    if (width, height) != (settings.width as usize, settings.height as usize) {
        let RealSenseSettings { width: wanted_width, height: wanted_height, .. } = settings;
        bail!("a frame has {width}×{height} px, the rig's camera {wanted_width}×{wanted_height} px");
    }
    let format = frame.stream_profile().format();
    if format != Rs2Format::Rgb8 {
        bail!("a frame has the format {format:?}; only Rgb8 is read");
    }
    let (row, stride) = (3 * width, frame.stride());
    if stride < row || frame.get_data_size() < stride * (height - 1) + row {
        bail!("a frame has {} bytes, rows of {stride}: too few", frame.get_data_size());
    }
    // SAFETY: librealsense keeps `get_data_size` bytes behind this pointer as long as the frame lives.
    #[allow(unsafe_code)]
    let bytes = unsafe {
        std::slice::from_raw_parts(std::ptr::from_ref(frame.get_data()).cast::<u8>(), frame.get_data_size())
    };
    let pixels = bytes.chunks(stride).take(height).flat_map(|line| &line[..row]).copied().collect();
    RgbImage::from_raw(settings.width, settings.height, pixels).context("a frame of an odd size")
}

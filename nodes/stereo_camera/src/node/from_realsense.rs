use super::{CameraTopics, Settings};
use crate::{
    FactoryCalibration, Pairing, PairingCount, RealSenseDevice, RealSenseEvent, RealSenseSettings, run_camera,
};
use anyhow::{Context, bail};
use dreamitate_carrier::{Diagnostics, Health};
use dreamitate_clip::camera_to_message;
use dreamitate_geometry::{PinholeCamera, Pose, Rig, View};
use dreamitate_msgs::builtin_interfaces::Time;
use nalgebra::Point2;
use std::{
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Events that a camera's thread is ahead: a slow network holds the thread, and librealsense drops.
const AHEAD: usize = 4;
/// How often it is said how the cameras do.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How far the maker's calibration may put a corner of the image from where the rig's has it, before it is said, px.
const MOST_APART_PX: f64 = 5.0;

/// What a camera does.
#[derive(Default)]
struct State {
    lost: Option<String>,
    frames: u64,
    celsius: Option<f32>,
    has_ended: bool,
}

/// Publishes what two RealSense cameras took together.
pub(super) async fn publish(
    settings: &Settings,
    rig: &Rig,
    mut cameras: [CameraTopics; 2],
    diagnostics: &Diagnostics,
) -> anyhow::Result<()> {
    // Dropped after the receiver, which ends them.
    let mut threads = CameraThreads(Vec::new());
    let (sender, mut events) = mpsc::channel(AHEAD);
    for (view, device) in View::ALL.into_iter().zip(&settings.devices) {
        let camera = camera_settings(settings, view, device, &rig.camera(view).camera)?;
        let sender = sender.clone();
        let run = move || run_camera(&camera, |event| sender.blocking_send((view, event)).is_ok());
        let thread = std::thread::Builder::new().name(format!("{view} camera"));
        threads.0.push(thread.spawn(run).context("a camera's thread")?);
    }
    // Those of the threads are left: with them the events end.
    drop(sender);
    let mut states = [State::default(), State::default()];
    let mut pairing = Pairing::new((settings.pair_tolerance_ms * 1e6) as i64);
    let period_ns = (1e9 / settings.rate_hz) as i64;
    // Half a frame early is in time: cameras and this clock do not keep step.
    let early_ns = (0.5e9 / f64::from(settings.camera_rate_hz)) as i64;
    let mut due_ns = i64::MIN;
    let (mut told, mut told_at) = (PairingCount::default(), Instant::now());
    while let Some((view, event)) = events.recv().await {
        let index = view.index();
        let (state, camera) = (&mut states[index], &mut cameras[index]);
        match event {
            RealSenseEvent::Opened { name, calibration } => {
                tracing::info!("{view} camera: {name}");
                compare(view, &rig.camera(view).camera, &calibration.camera);
                adopt(camera, &calibration);
                state.lost = None;
            }
            RealSenseEvent::Lost(why) => {
                // Said once, not every second.
                if state.lost.as_ref() != Some(&why) {
                    tracing::warn!("{view} camera: {why}; it is looked for");
                }
                state.lost = Some(why);
            }
            RealSenseEvent::Failed(why) => bail!("{view} camera: {why}"),
            RealSenseEvent::Temperature(celsius) => state.celsius = Some(celsius),
            RealSenseEvent::Ended => {
                state.has_ended = true;
                tracing::info!("{view} camera: the recording is over after {} frames", state.frames);
            }
            RealSenseEvent::Frame(frame) => {
                state.frames += 1;
                if let Some([top, side]) = pairing.push(view, frame) {
                    // A recording that begins anew goes back in time, a camera that was away leaps ahead.
                    if top.stamp_ns.abs_diff(due_ns) > period_ns.unsigned_abs() * 2 {
                        due_ns = top.stamp_ns;
                    }
                    if top.stamp_ns >= due_ns.saturating_sub(early_ns) {
                        due_ns = due_ns.saturating_add(period_ns);
                        cameras[0].publish(&top.item, &Time::from_ns(top.stamp_ns))?;
                        cameras[1].publish(&side.item, &Time::from_ns(side.stamp_ns))?;
                    }
                }
            }
        }
        let is_over = states.iter().all(|state| state.has_ended);
        if is_over || told_at.elapsed() >= TELL_EVERY {
            tell(pairing.count(), &told, told_at.elapsed(), &states, diagnostics);
            (told, told_at) = (pairing.count(), Instant::now());
        }
    }
    tracing::info!("all pairs published");
    std::future::pending().await
}

/// The cameras' threads, which are waited for: librealsense must not be in use when the process ends.
struct CameraThreads(Vec<JoinHandle<()>>);

impl Drop for CameraThreads {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            // One that panicked is over too.
            let _ = thread.join();
        }
    }
}

fn camera_settings(
    settings: &Settings,
    view: View,
    device: &str,
    camera: &PinholeCamera,
) -> anyhow::Result<RealSenseSettings> {
    if device.is_empty() {
        bail!(
            "{view}_device is empty; it takes the camera's serial number, or a .bag that librealsense recorded"
        );
    }
    let is_recording = Path::new(device).extension().is_some_and(|e| e.eq_ignore_ascii_case("bag"));
    let positive = |value: f32| (value > 0.0).then_some(value);
    Ok(RealSenseSettings {
        device: if is_recording {
            RealSenseDevice::Recording { file: device.into(), repeat: settings.repeat }
        } else {
            RealSenseDevice::Serial(device.trim_start_matches('_').to_owned())
        },
        width: camera.width,
        height: camera.height,
        rate_hz: settings.camera_rate_hz,
        exposure: positive(settings.exposure),
        white_balance_k: positive(settings.white_balance_k),
    })
}

/// Publishes what the maker measured from now on.
fn adopt(camera: &mut CameraTopics, calibration: &FactoryCalibration) {
    let mut info = camera_to_message(&calibration.camera, &camera.info.header.frame_id);
    info.distortion_model = calibration.distortion_model.to_owned();
    info.d = calibration.distortion.to_vec();
    camera.info = info;
}

/// Says if the rig was calibrated with another camera, or none of this size.
fn compare(view: View, rig: &PinholeCamera, factory: &PinholeCamera) {
    let corner = Point2::new(f64::from(factory.width - 1), f64::from(factory.height - 1));
    let apart_px = [Point2::origin(), corner]
        .iter()
        .filter_map(|pixel| {
            let ray = factory.ray(&Pose::identity(), pixel);
            Some((rig.project(&ray.at(1.0))? - pixel).norm())
        })
        .fold(0.0, f64::max);
    if apart_px > MOST_APART_PX {
        tracing::warn!(
            "{view} camera: the maker's calibration and the rig's are {apart_px:.1} px apart in a corner of the image; \
             is it the camera that the rig was calibrated with?"
        );
    }
}

/// Says how the cameras did.
fn tell(
    now: PairingCount,
    before: &PairingCount,
    elapsed: Duration,
    states: &[State; 2],
    diagnostics: &Diagnostics,
) {
    let celsius =
        |state: &State| state.celsius.map_or("unknown".to_owned(), |celsius| format!("{celsius:.0}"));
    let pairs_hz = (now.pairs - before.pairs) as f64 / elapsed.as_secs_f64();
    diagnostics.value("pairs Hz", format!("{pairs_hz:.1}"));
    diagnostics.value("worst gap ms", format!("{:.2}", now.worst_gap_ns as f64 / 1e6));
    diagnostics.value("top frames unpaired", now.unpaired_top);
    diagnostics.value("side frames unpaired", now.unpaired_side);
    diagnostics.value("top temperature °C", celsius(&states[0]));
    diagnostics.value("side temperature °C", celsius(&states[1]));
    let lost: Vec<String> = View::ALL
        .iter()
        .zip(states)
        .filter_map(|(view, state)| Some(format!("{view} camera: {}", state.lost.as_ref()?)))
        .collect();
    if lost.is_empty() {
        diagnostics.set(Health::Ok, "streaming");
    } else {
        diagnostics.set(Health::Error, lost.join("; "));
    }
}

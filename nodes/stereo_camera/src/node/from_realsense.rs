use super::{Settings, pairs::Pairs};
use crate::{RealSenseDevice, RealSenseEvent, RealSenseSettings, run_camera};
use anyhow::{Context, bail};
use dreamitate_carrier::{Diagnostics, Health};
use dreamitate_clip::camera_to_message;
use dreamitate_geometry::{PinholeCamera, Rig, View};
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
    mut pairs: Pairs,
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
    let mut told_at = Instant::now();
    while let Some((view, event)) = events.recv().await {
        let state = &mut states[view.index()];
        match event {
            RealSenseEvent::Opened { name, calibration } => {
                tracing::info!("{view} camera: {name}");
                let mut info = camera_to_message(&calibration.camera, "");
                info.distortion_model = calibration.distortion_model.to_owned();
                info.d = calibration.distortion.to_vec();
                pairs.camera(view).adopt(&info)?;
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
                if let Some(pair) = pairs.due(view, frame) {
                    pairs.publish(&pair, 0)?;
                }
            }
        }
        let is_over = states.iter().all(|state| state.has_ended);
        if is_over || told_at.elapsed() >= TELL_EVERY {
            pairs.tell(diagnostics);
            tell(&states, diagnostics);
            told_at = Instant::now();
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

/// Says how the cameras did.
fn tell(states: &[State; 2], diagnostics: &Diagnostics) {
    let celsius =
        |state: &State| state.celsius.map_or("unknown".to_owned(), |celsius| format!("{celsius:.0}"));
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

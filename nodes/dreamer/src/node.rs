//! The dreamer as a node: parameters and goals in, clips out.

use crate::{
    dream::{Dream, DreamError, Source, dream},
    generator::{GenerateError, Generator},
    onnx::{ModelFolder, OnnxError},
    photo_pairs::PhotoPairs,
    settings::{Settings, SourceSettings},
    truth::truth_message,
};
use anyhow::Context;
use dreamitate_carrier::{
    Carrier, Diagnostics, Goal, Health, Node, NodeArgs, Outcome, Publisher, Qos, Running,
};
use dreamitate_clip::{StereoClip, clip_to_message, image_to_message, pose_to_message};
use dreamitate_config::Task;
use dreamitate_geometry::{Rig, View, WORLD_FRAME, camera_frame};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    dreamitate_msgs::{
        Dream as DreamAction, DreamFeedback, DreamGoal, DreamResult, StereoClip as ClipMessage,
        ToolTrajectory,
    },
    geometry_msgs::{Transform, TransformStamped, Vector3},
    sensor_msgs::Image,
    std_msgs::Header,
};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// What makes the dreams.
enum Maker {
    Ready(Source),
    Model { generator: Arc<Mutex<Generator>>, pairs: PhotoPairs },
}

/// What the action and the start share.
struct Dreamer {
    /// Weak, since the node owns the server that owns the goals that hold this.
    node: Weak<Node>,
    diagnostics: Diagnostics,
    settings: Settings,
    maker: Maker,
    clips: Publisher<ClipMessage>,
    /// Latched, so each lives as long as the node.
    truths: Mutex<BTreeMap<String, Publisher<ToolTrajectory>>>,
    latest: watch::Sender<Option<Arc<StereoClip>>>,
    /// One dream at a time.
    dreaming: tokio::sync::Mutex<()>,
}

/// The dreamer as a node; runs until it is dropped.
///
/// Publishes `dream/clip` and, for rendered dreams, `dream/truth/{tool}` (latched), the cameras on `/tf_static`, and
/// with `loop_view` the frames on `dream/{top,side}/image`. Serves the action `dream`. Dreams once at the start unless
/// `autostart` is false. With source `onnx` it loads the model first, and dreams from the photos on
/// `camera/{top,side}/image_raw` with the calibration on `camera_info`.
///
/// # Errors
/// A parameter, the task or the model is refused, the carrier fails, or the dream at the start fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    Box::pin(work(carrier, args))
}

async fn work(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Arc::new(Node::open(carrier, args)?);
    let settings = node.declare_parameters(Settings::declare)?;
    let task = Task::read(&settings.config, &settings.task)?;
    let mut listening: Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> =
        Box::pin(std::future::pending());
    let maker = match &settings.source {
        SourceSettings::Ready(source) => Maker::Ready(source.clone()),
        SourceSettings::Model(model) => {
            let (pairs, photos) = PhotoPairs::listen(&node, model.pairs)?;
            listening = Box::pin(photos);
            let model = model.clone();
            let begun = Instant::now();
            let load =
                move || Generator::load(ModelFolder::open(&model.folder)?, model.settings, model.candidates);
            let generator = tokio::task::spawn_blocking(load).await.context("loading ended early")??;
            let manifest = generator.manifest();
            tracing::info!(model = manifest.name, seconds = begun.elapsed().as_secs_f64(), "loaded");
            Maker::Model { generator: Arc::new(Mutex::new(generator)), pairs }
        }
    };
    let tf = node.tf_broadcaster()?;
    tf.send_static(View::ALL.map(|view| camera_transform(&task.rig, view)).into())?;
    let (latest, clips_seen) = watch::channel(None);
    let dreamer = Arc::new(Dreamer {
        clips: node.publisher("dream/clip", Qos::latched())?,
        truths: Mutex::default(),
        latest,
        dreaming: tokio::sync::Mutex::default(),
        node: Arc::downgrade(&node),
        diagnostics: node.diagnostics(),
        maker,
        settings,
    });
    // The server lives in the node and must not keep it alive.
    let weak = Arc::downgrade(&dreamer);
    node.action_server::<DreamAction, _, _, _>("dream", accept, move |goal| {
        let dreamer = weak.upgrade();
        async move {
            match dreamer {
                Some(dreamer) => dreamer.serve(goal).await,
                None => Outcome::Aborted(failure("the node is closing".to_owned())),
            }
        }
    })?;
    let Settings { autostart, loop_view, .. } = dreamer.settings;
    let dreaming = async {
        if autostart {
            let (task, seed) = (dreamer.settings.task.clone(), dreamer.settings.seed);
            let dream = dreamer.dream(task, seed, |_, _| {}, Arc::default()).await;
            dream.context("the dream at the start failed")?;
        }
        if loop_view { show(&node, clips_seen).await } else { std::future::pending().await }
    };
    tokio::select! {
        ended = dreaming => ended,
        ended = &mut listening => ended,
    }
}

fn accept(goal: &DreamGoal) -> Result<(), String> {
    if goal.task.is_empty() { Err("the goal names no task".to_owned()) } else { Ok(()) }
}

fn failure(message: String) -> DreamResult {
    DreamResult { success: false, message, clip_id: String::new() }
}

/// Tells a blocking dream to stop when the future that waits for it is dropped.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Dreamer {
    async fn serve(&self, goal: Goal<DreamAction>) -> Outcome<DreamResult> {
        let DreamGoal { task, seed } = goal.goal().clone();
        let stop = Arc::new(AtomicBool::new(false));
        let feedback = |step, steps| {
            if let Err(error) = goal.feedback(DreamFeedback { step, steps }) {
                tracing::debug!(%error, "feedback not sent");
            }
        };
        let dream = self.dream(task, seed, feedback, stop.clone());
        tokio::pin!(dream);
        let result = tokio::select! {
            result = &mut dream => result,
            () = goal.cancelled() => {
                stop.store(true, Ordering::Relaxed);
                dream.await
            }
        };
        match result {
            Ok(clip_id) => {
                Outcome::Succeeded(DreamResult { success: true, message: "published".to_owned(), clip_id })
            }
            Err(error) => {
                let message = format!("{error:#}");
                self.diagnostics.set(Health::Warning, &message);
                let cancelled = error.downcast_ref::<DreamError>().is_some_and(DreamError::is_cancelled);
                if cancelled {
                    Outcome::Canceled(failure(message))
                } else {
                    Outcome::Aborted(failure(message))
                }
            }
        }
    }

    /// Dreams and publishes; the clip's name.
    async fn dream(
        &self,
        task: String,
        seed: u64,
        feedback: impl Fn(u32, u32),
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<String> {
        let _one_at_a_time = self.dreaming.lock().await;
        let _stop = StopOnDrop(stop.clone());
        let (send, mut steps_done) = mpsc::unbounded_channel();
        let stop_waiting = stop.clone();
        let config = self.settings.config.clone();
        let begun = Instant::now();
        let proceed = move |step, steps| {
            // Nobody listens any more once the node is gone; the dream then stops too.
            let _ = send.send((step, steps));
            !stop.load(Ordering::Relaxed)
        };
        let work = match &self.maker {
            Maker::Ready(source) => {
                let source = source.clone();
                tokio::task::spawn_blocking(move || dream(&source, &config, &task, seed, proceed))
            }
            Maker::Model { generator, pairs } => {
                let task = Task::read(&config, &task)?;
                let pair = tokio::select! {
                    pair = pairs.pair() => pair?,
                    () = asked_to_stop(&stop_waiting) => {
                        let error = GenerateError::from(OnnxError::Cancelled { done: 0, steps: 0 });
                        return Err(DreamError::from(error).into());
                    }
                };
                let generator = generator.clone();
                tokio::task::spawn_blocking(move || {
                    let mut generator = generator.lock().unwrap_or_else(PoisonError::into_inner);
                    let clip = generator.dream(&task, &pair, seed, proceed)?;
                    Ok(Dream { clip, truth: BTreeMap::new() })
                })
            }
        };
        let mut shown = 0;
        while let Some((step, steps)) = steps_done.recv().await {
            // Threads report in any order.
            if step > shown {
                shown = step;
                self.diagnostics.set(Health::Ok, format!("step {step} of {steps}"));
                feedback(step, steps);
            }
        }
        let Dream { clip, truth } = work.await.context("the dream's thread ended early")??;
        let stamp = Time::now();
        let (clip, message) = tokio::task::spawn_blocking(move || {
            let message = clip_to_message(&clip, stamp);
            (clip, message)
        })
        .await?;
        for (tool, poses) in &truth {
            self.publish_truth(tool, truth_message(&clip, tool, poses, message.header.stamp.clone()))?;
        }
        self.clips.publish(&message)?;
        tracing::info!(clip = clip.id, seconds = begun.elapsed().as_secs_f64(), "dreamt");
        let id = clip.id.clone();
        self.diagnostics.set(Health::Ok, format!("dreamt {id}"));
        self.diagnostics.value("last dream s", format!("{:.2}", begun.elapsed().as_secs_f64()));
        self.latest.send_replace(Some(Arc::new(clip)));
        Ok(id)
    }

    fn publish_truth(&self, tool: &str, message: ToolTrajectory) -> anyhow::Result<()> {
        let mut truths = self.truths.lock().unwrap_or_else(PoisonError::into_inner);
        if !truths.contains_key(tool) {
            let node = self.node.upgrade().context("the node is closing")?;
            let publisher = node.publisher(&format!("dream/truth/{tool}"), Qos::latched())?;
            truths.insert(tool.to_owned(), publisher);
        }
        if let Some(publisher) = truths.get(tool) {
            publisher.publish(&message)?;
        }
        Ok(())
    }
}

/// Returns once somebody asks to stop.
async fn asked_to_stop(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Publishes the latest clip's frames over and over, at its rate.
async fn show(node: &Node, mut clips: watch::Receiver<Option<Arc<StereoClip>>>) -> anyhow::Result<()> {
    let images: [Publisher<Image>; 2] = [
        node.publisher("dream/top/image", Qos::sensor_data())?,
        node.publisher("dream/side/image", Qos::sensor_data())?,
    ];
    loop {
        let clip = clips.wait_for(Option::is_some).await?.clone();
        let Some(clip) = clip else { continue };
        for frame in 0..clip.frame_count() {
            let stamp = Time::now();
            for (view, publisher) in View::ALL.into_iter().zip(&images) {
                if let Some(image) = clip.view(view).frames.get(frame) {
                    publisher.publish(&image_to_message(image, &camera_frame(view), stamp.clone()))?;
                }
            }
            tokio::time::sleep(Duration::from_secs_f64(clip.frame_period_s)).await;
        }
    }
}

fn camera_transform(rig: &Rig, view: View) -> TransformStamped {
    let pose = pose_to_message(&rig.camera(view).world_from_camera);
    TransformStamped {
        header: Header { stamp: Time::now(), frame_id: WORLD_FRAME.to_owned() },
        child_frame_id: camera_frame(view),
        transform: Transform {
            translation: Vector3 { x: pose.position.x, y: pose.position.y, z: pose.position.z },
            rotation: pose.orientation,
        },
    }
}

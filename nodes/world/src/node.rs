//! The world as a node: cameras and arms that nobody can tell from real ones.
//!
//! It publishes `camera/{top,side}/image_raw` and `camera_info`, and serves each arm's FollowJointTrajectory, joint states
//! and frames in the arm's namespace below its own, as `stereo_camera` and the arms' drivers do. `world/score` says how the task stands.
//! With `oracle` it also serves the action `dream` as a dreamer does: with what a scripted expert does from here on,
//! filmed with the flaws of dreams.

use crate::{Cinema, Hands, Judge, Moment, Scene, Split, ToolPieces, World, WorldArm};
use anyhow::{Context, bail, ensure};
use arm_executor::simulated_node::{self, Pace, Plant};
use dreamitate_carrier::{
    Carrier, Declaration, Goal, Node, NodeArgs, Outcome, ParameterError, ParameterSet, Publisher, Qos,
    Running,
};
use dreamitate_clip::clip_to_message;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use dreamitate_kinematics::Joints;
use dreamitate_motion::{JointSample, TrajectoryPoint};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    dreamitate_msgs::{Dream, DreamResult, StereoClip},
    std_msgs,
};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use stereo_camera::node::CameraTopics;
use tokio::task::JoinSet;

struct Parameters {
    task: String,
    config_dir: String,
    rig: String,
    seed: i64,
    split: String,
    camera_rate_hz: f64,
    time_factor: f64,
    oracle: bool,
}

impl Parameters {
    fn declare(p: &mut ParameterSet) -> Result<Self, ParameterError> {
        Ok(Self {
            task: p
                .declare(Declaration::text("task", "rotation").about("The task: its name, or a YAML file"))?,
            config_dir: p.declare(
                Declaration::text("config_dir", "")
                    .about("Folder of the configuration; the usual one if empty"),
            )?,
            rig: p.declare(
                Declaration::text("rig", "")
                    .about("The rig: its name, or a YAML file; the task's own if empty"),
            )?,
            seed: p.declare(
                Declaration::new("seed", 0_i64).about("What the scene is drawn from").range(0, i64::MAX),
            )?,
            split: p.declare(
                Declaration::text("split", "test")
                    .about("Whose objects it has")
                    .choices(&["training", "test"]),
            )?,
            camera_rate_hz: p.declare(
                Declaration::new("camera_rate_hz", 2.0)
                    .unit("Hz")
                    .about("Pairs of photos a second, at most")
                    .range(0.01, 30.0),
            )?,
            time_factor: p.declare(
                Declaration::new("time_factor", 1.0)
                    .about("Simulated seconds in a second")
                    .range(0.01, 100.0),
            )?,
            oracle: p.declare(
                Declaration::new("oracle", false)
                    .about("Serve the action dream with what a scripted expert does in this scene"),
            )?,
        })
    }
}

/// The world, and what its arms are told.
struct Shared {
    world: World,
    judge: Box<dyn Judge + Send>,
    /// The newest command of each arm.
    told: Vec<JointSample>,
}

impl Shared {
    /// What an arm is told; the world goes on to that time, and answers where the arm's joints are.
    fn tell(&mut self, arm: usize, told: JointSample) -> JointSample {
        self.told[arm] = told;
        // The others come to this time right after, and go on meanwhile.
        loop {
            let time_s = self.world.physics().time_s() + self.world.physics().timestep_s();
            if time_s > told.time_s {
                break;
            }
            let points: Vec<TrajectoryPoint> = self.told.iter().map(|told| going_on(told, time_s)).collect();
            self.world.follow(&points);
            self.world.step();
            self.judge.watch(&self.world);
        }
        JointSample {
            time_s: told.time_s,
            positions: self.world.joints(arm).iter().copied().collect(),
            velocities: self.world.joint_speeds(arm).iter().copied().collect(),
        }
    }
}

/// What an arm is to do at a time: what it was told, and after that it goes on at that speed.
fn going_on(told: &JointSample, time_s: f64) -> TrajectoryPoint {
    let since_s = (time_s - told.time_s).max(0.0);
    let joints = told.positions.iter().zip(&told.velocities);
    TrajectoryPoint {
        time_s,
        positions: joints.map(|(position, velocity)| position + velocity * since_s).collect(),
        velocities: told.velocities,
        accelerations: Joints::default(),
    }
}

/// Runs the node until it is dropped.
///
/// # Errors
/// Parameters or files that cannot be used, or a carrier that fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    Box::pin(work(carrier, args))
}

async fn work(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier.clone(), args.clone())?;
    let parameters = node.declare_parameters(Parameters::declare)?;
    let config = ConfigFolder::of_parameter(&parameters.config_dir).on_rig(&parameters.rig);
    let task = Task::read(&config, &parameters.task)?;
    let split: Split = parameters.split.parse().map_err(anyhow::Error::msg)?;
    let seed = u64::try_from(parameters.seed).context("seed")?;
    let scene = Scene::draw(&config, &task, seed, split)?;
    let arms = WorldArm::of_task(&config, &task)?;
    let told = arms.iter().map(|(arm, _)| JointSample {
        time_s: 0.0,
        positions: arm.arm.home,
        velocities: arm.arm.home.iter().map(|_| 0.0).collect(),
    });
    let world = World::with_arms(&scene, &arms)?;
    let mut judge = scene.judge();
    judge.watch(&world);
    let shared = Arc::new(Mutex::new(Shared { told: told.collect(), world, judge }));
    let pace = Arc::new(Pace::new(arms.len()));
    let mut set = JoinSet::new();
    for (index, tool) in task.tools.iter().enumerate() {
        let text = |value: &str| format!("'{value}'");
        let tool_file = tool.file.canonicalize().unwrap_or_else(|_| tool.file.clone());
        let args = args
            .of_part("simulated_arm", &tool.arm)?
            .with_parameter("config_dir", &text(&parameters.config_dir))
            .with_parameter("rig", &text(&task.rig_file.display().to_string()))
            .with_parameter("arm", &text(&tool.arm))
            .with_parameter("tool", &text(&tool_file.display().to_string()))
            .with_parameter("time_factor", &format!("{:?}", parameters.time_factor));
        let shared = shared.clone();
        let follow = Box::new(move |told| shared.lock().tell(index, told));
        let plant = Plant { arm: index, pace: pace.clone(), follow };
        let carrier = carrier.clone();
        set.spawn(async move { simulated_node::run_with_plant(carrier, args, plant).await });
    }
    let cinema = Cinema::new(&task)?.with_arms(arms.iter().map(|(arm, _)| arm))?;
    let staged = Arc::new((cinema, scene));
    if parameters.oracle {
        let clips = node.publisher("dream/clip", Qos::latched())?;
        let tools = ToolPieces::of_task(&config, &task)?;
        let oracle = Oracle {
            staged: staged.clone(),
            shared: shared.clone(),
            config,
            tools,
            rounds: AtomicU32::new(0),
            clips,
        };
        let oracle = Arc::new(oracle);
        let accept = |_: &_| Ok(());
        node.action_server::<Dream, _, _, _>("dream", accept, move |goal| serve(oracle.clone(), goal))?;
    }
    let cameras =
        [CameraTopics::open(&node, &task.rig, View::Top)?, CameraTopics::open(&node, &task.rig, View::Side)?];
    tracing::info!(seed, about = staged.1.about, "world ready");
    tokio::select! {
        ended = set.join_next() => {
            ended.context("the task has no arm")??.context("an arm of the world")?;
            ensure!(set.is_empty(), "an arm of the world has ended");
            Ok(())
        }
        ended = publish(&parameters, &node, cameras, staged, &shared) => ended,
    }
}

/// Dreams what an expert does from where things are.
struct Oracle {
    staged: Arc<(Cinema, Scene)>,
    shared: Arc<Mutex<Shared>>,
    config: ConfigFolder,
    tools: Vec<(String, ToolPieces)>,
    /// Dreams so far.
    rounds: AtomicU32,
    clips: Publisher<StereoClip>,
}

async fn serve(oracle: Arc<Oracle>, goal: Goal<Dream>) -> Outcome<DreamResult> {
    let dreaming = {
        let (oracle, task) = (oracle.clone(), goal.goal().task.clone());
        tokio::task::spawn_blocking(move || oracle.dream(&task))
    };
    let published = async {
        let clip = dreaming.await.context("the dream's thread ended early")??;
        let clip_id = clip.clip_id.clone();
        oracle.clips.publish(&clip)?;
        anyhow::Ok(clip_id)
    };
    match published.await {
        Ok(clip_id) => {
            Outcome::Succeeded(DreamResult { success: true, message: "published".to_owned(), clip_id })
        }
        Err(error) => Outcome::Aborted(DreamResult {
            success: false,
            message: format!("{error:#}"),
            clip_id: String::new(),
        }),
    }
}

impl Oracle {
    fn dream(&self, task: &str) -> anyhow::Result<StereoClip> {
        let (cinema, first) = &*self.staged;
        let (wanted, of_world) = (Task::read(&self.config, task)?.name, &first.task);
        if wanted != *of_world {
            bail!("the goal names the task {wanted:?}, this world is of {of_world:?}");
        }
        let round = self.rounds.load(Ordering::Relaxed);
        let scene = first.after(&self.shared.lock().world);
        let mut hands = Hands::new(&scene, &self.tools)?;
        let demonstration = scene.demonstrate(&mut hands, round)?;
        let mut footage = cinema.stage(&scene, 1.0).shoot(&demonstration.act, |_, _| true)?;
        footage.clip.id += &format!("-{round}");
        self.rounds.store(round + 1, Ordering::Relaxed);
        Ok(clip_to_message(&footage.clip, Time::now()))
    }
}

/// Publishes what the cameras see, and how the task stands.
async fn publish(
    parameters: &Parameters,
    node: &Node,
    cameras: [CameraTopics; 2],
    staged: Arc<(Cinema, Scene)>,
    shared: &Mutex<Shared>,
) -> anyhow::Result<()> {
    let diagnostics = node.diagnostics();
    let scores = node.publisher::<std_msgs::String>("world/score", Qos::latched())?;
    // A thread of its own keeps the stage, which has seen the table once it has drawn it.
    let (ask, asked) = std::sync::mpsc::channel::<Moment>();
    let (show, mut shown) = tokio::sync::mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let stage = staged.0.stage(&staged.1, 0.0);
        for moment in asked {
            if show.blocking_send(View::ALL.map(|view| stage.picture(&moment, view, 1))).is_err() {
                break;
            }
        }
    });
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / parameters.camera_rate_hz));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (moment, score): (Moment, _) = {
            let shared = shared.lock();
            (shared.world.moment(), shared.judge.score(&shared.world))
        };
        let stamp = Time::now();
        ask.send(moment).context("drawing ended early")?;
        let pictures = shown.recv().await.context("drawing ended early")?;
        for (camera, picture) in cameras.iter().zip(&pictures) {
            camera.publish(picture, &stamp)?;
        }
        if let Some(why) = shared.lock().world.physics().fault() {
            bail!("MuJoCo warned of {why}: this world is over");
        }
        scores.publish(&std_msgs::String { data: serde_json::to_string(&score)? })?;
        diagnostics.value("done", score.success);
        for (name, value) in &score.figures {
            diagnostics.value(name, format!("{value:.3}"));
        }
    }
}

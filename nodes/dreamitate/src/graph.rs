//! The nodes of a task and their parameters: composed in this process, or started as processes.

use anyhow::{Context, bail};
use dreamitate_carrier::{Carrier, NodeArgs};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// What a graph is to do.
#[derive(Clone, Debug)]
pub(crate) struct GraphOptions {
    pub task: String,
    pub config: ConfigFolder,
    pub dreams: Dreams,
    pub fusion: String,
    /// Whether arms take part.
    pub arms: bool,
    /// Simulated seconds a second; 0: as fast as possible.
    pub time_factor: f64,
    /// Whether the dream is shown over and over.
    pub loop_view: bool,
    /// The seed of a world with physics, whose cameras and arms take part.
    pub world: Option<u64>,
}

/// Where dreams come from.
#[derive(Clone, Debug)]
pub(crate) enum Dreams {
    Recorded(PathBuf),
    Rendered {
        seed: u64,
    },
    /// A video model dreams from photos.
    Generated(Generated),
    /// A scripted expert of the world dreams.
    Oracle,
    /// Somebody else publishes `dream/clip`.
    Elsewhere,
}

/// What is said where a world is asked for and there is none.
#[cfg(not(feature = "world"))]
pub(crate) const NO_PHYSICS: &str =
    "this program was built without physics; build it with `--features dreamitate/world`, as ./eval does";

/// How often photos from files are published, seconds.
const PHOTO_PERIOD_S: f64 = 4.0;

/// A video model, its photos, and how it is run.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    pub model: PathBuf,
    /// A folder with `top.png` and `side.png` of the cameras' sizes; none: another program publishes the photos.
    pub photos: Option<PathBuf>,
    /// More parameters of the dreamer.
    pub parameters: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    StereoCamera,
    Dreamer,
    ToolTracker,
    PoseFusion,
    SimulatedArm,
    ArmExecutor,
    SceneMarkers,
    World,
}

/// Simulated seconds a second in a world that need not keep real time: what its physics manages with some grains.
const FAST_WORLD: f64 = 4.0;

/// One node of the graph.
#[derive(Clone, Debug)]
pub(crate) struct NodeSpec {
    program: Program,
    name: String,
    namespace: String,
    parameters: Vec<(&'static str, String)>,
}

/// Lists the nodes of a task, in the order of the data's way.
pub(crate) fn nodes(options: &GraphOptions) -> anyhow::Result<Vec<NodeSpec>> {
    let task = Task::read(&options.config, &options.task)?;
    let config_dir = options.config.path().canonicalize().context("the configuration folder")?;
    let rig_file = task.rig_file.canonicalize().context("the rig's file")?;
    let of_rig =
        || vec![("config_dir", config_dir.display().to_string()), ("rig", rig_file.display().to_string())];
    let common = || [vec![("task", options.task.clone())], of_rig()].concat();
    let node = |program, name: &str, namespace: &str, more: Vec<(&'static str, String)>| NodeSpec {
        program,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        parameters: more,
    };
    let mut list = Vec::new();
    let dream = match &options.dreams {
        Dreams::Recorded(dir) => {
            Some(vec![("source", "recorded".to_owned()), ("dream_dir", absolute(dir, "no dream")?)])
        }
        Dreams::Rendered { seed } => {
            Some(vec![("source", "rendered".to_owned()), ("seed", seed.to_string())])
        }
        Dreams::Generated(Generated { model, photos, parameters }) => {
            if let Some(photos) = photos {
                let mut more = of_rig();
                more.push(("folder", absolute(photos, "no photos")?));
                // A file does not change, and every pair goes to the bag.
                more.push(("rate_hz", format!("{:?}", 1.0 / PHOTO_PERIOD_S)));
                list.push(node(Program::StereoCamera, "stereo_camera", "", more));
            }
            let mut more = vec![("source", "onnx".to_owned()), ("model_dir", absolute(model, "no model")?)];
            if photos.is_some() {
                more.push(("max_photo_age_s", format!("{:?}", 3.0 * PHOTO_PERIOD_S)));
                more.push(("photo_timeout_s", format!("{:?}", 5.0 * PHOTO_PERIOD_S)));
            }
            more.extend(parameters.iter().cloned());
            Some(more)
        }
        Dreams::Oracle | Dreams::Elsewhere => None,
    };
    if let Some(seed) = options.world {
        let mut more = common();
        more.push(("seed", seed.to_string()));
        more.push(("oracle", matches!(options.dreams, Dreams::Oracle).to_string()));
        let time_factor = if options.time_factor > 0.0 { options.time_factor } else { FAST_WORLD };
        more.push(("time_factor", format!("{time_factor:?}")));
        list.push(node(Program::World, "world", "", more));
    }
    if let Some(mut more) = dream {
        more.extend(common());
        more.push(("autostart", "false".to_owned()));
        more.push(("loop_view", options.loop_view.to_string()));
        list.push(node(Program::Dreamer, "dreamer", "", more));
    }
    for view in View::ALL {
        let mut more = common();
        more.push(("view", view.name().to_owned()));
        list.push(node(Program::ToolTracker, &format!("tool_tracker_{view}"), "", more));
    }
    let mut more = common();
    more.push(("fusion", options.fusion.clone()));
    list.push(node(Program::PoseFusion, "pose_fusion", "", more));
    if options.arms {
        let mut more = common();
        more.push(("overlay", options.loop_view.to_string()));
        list.push(node(Program::SceneMarkers, "scene_markers", "", more));
        for tool in task.tools.iter().filter(|_| options.world.is_none()) {
            let tool_file = tool.file.canonicalize().unwrap_or(tool.file.clone());
            let mut more = of_rig();
            more.push(("arm", tool.arm.clone()));
            more.push(("tool", tool_file.display().to_string()));
            more.push(("time_factor", format!("{:?}", options.time_factor)));
            list.push(node(Program::SimulatedArm, "simulated_arm", &format!("/{}", tool.arm), more));
        }
        let mut more = common();
        // Nobody need be asked before simulated arms move.
        more.push(("confirm", "false".to_owned()));
        // They share their cores with the trackers, and may be late.
        more.push(("joint_state_timeout_s", "1.0".to_owned()));
        list.push(node(Program::ArmExecutor, "arm_executor", "", more));
    }
    Ok(list)
}

/// A folder's whole path; `missing` says what is not there.
fn absolute(folder: &Path, missing: &str) -> anyhow::Result<String> {
    let path = folder.canonicalize().with_context(|| format!("{missing} in {}", folder.display()))?;
    Ok(path.display().to_string())
}

impl NodeSpec {
    /// The node's `--ros-args`.
    fn ros_args(&self) -> Vec<String> {
        let mut args = vec!["--ros-args".to_owned(), "-r".to_owned(), format!("__node:={}", self.name)];
        if !self.namespace.is_empty() {
            args.extend(["-r".to_owned(), format!("__ns:={}", self.namespace)]);
        }
        for (name, value) in &self.parameters {
            // Text is quoted as YAML, so that a folder named 1 stays text.
            let text = value.parse::<f64>().is_err() && value != "true" && value != "false";
            let value = if text { format!("'{}'", value.replace('\'', "''")) } else { value.clone() };
            args.extend(["-p".to_owned(), format!("{name}:={value}")]);
        }
        args
    }

    fn executable(&self) -> &'static str {
        match self.program {
            Program::StereoCamera => "stereo_camera",
            Program::Dreamer => "dreamer",
            Program::ToolTracker => "tool_tracker",
            Program::PoseFusion => "pose_fusion",
            Program::SimulatedArm => "simulated_arm",
            Program::ArmExecutor => "arm_executor",
            Program::SceneMarkers => "scene_markers",
            Program::World => "world",
        }
    }
}

/// Starts the nodes as tasks of this process. The set ends when a node does.
pub(crate) fn compose(
    list: &[NodeSpec],
    carrier: &Arc<dyn Carrier>,
) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let mut set = JoinSet::new();
    for spec in list {
        let args = NodeArgs::parse(&spec.name, spec.ros_args())?;
        let carrier = carrier.clone();
        let name = spec.name.clone();
        let program = spec.program;
        set.spawn(async move {
            let result = match program {
                Program::StereoCamera => stereo_camera::node::run(carrier, args).await,
                Program::Dreamer => dreamer::node::run(carrier, args).await,
                Program::ToolTracker => tool_tracker::node::run(carrier, args).await,
                Program::PoseFusion => pose_fusion::node::run(carrier, args).await,
                Program::SimulatedArm => arm_executor::simulated_node::run(carrier, args).await,
                Program::ArmExecutor => arm_executor::node::run(carrier, args).await,
                Program::SceneMarkers => scene_markers::node::run(carrier, args).await,
                #[cfg(feature = "world")]
                Program::World => world::node::run(carrier, args).await,
                #[cfg(not(feature = "world"))]
                Program::World => Err(anyhow::anyhow!("{NO_PHYSICS}")),
            };
            result.with_context(|| format!("the node {name} stopped"))
        });
    }
    Ok(set)
}

/// Nodes as processes; when dropped they are asked to end, the executor first, so that arms stop and hold.
pub(crate) struct Processes(Vec<(String, Child)>);

impl Processes {
    /// Starts the nodes' executables, which lie beside this program.
    pub fn start(list: &[NodeSpec]) -> anyhow::Result<Self> {
        let folder = std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default();
        let mut started = Self(Vec::new());
        for spec in list {
            let path = folder.join(spec.executable());
            let child = Command::new(&path).args(spec.ros_args()).spawn().with_context(|| {
                format!("cannot start {}; build all nodes first: cargo build --release", path.display())
            })?;
            started.0.push((spec.name.clone(), child));
        }
        Ok(started)
    }

    /// Fails if a process has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        for (name, child) in &mut self.0 {
            if let Some(status) = child.try_wait()? {
                bail!("the node {name} stopped: {status}");
            }
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (name, child) in self.0.iter_mut().rev() {
            if !ends_when_asked(child) {
                tracing::warn!("the node {name} did not end within {} s and is killed", GRACE.as_secs());
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// How long a node that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);

fn ends_when_asked(child: &mut Child) -> bool {
    use nix::{sys::signal, unistd::Pid};
    let Ok(pid) = i32::try_from(child.id()) else { return false };
    let asked = Instant::now();
    // It may have ended by itself.
    let _ = signal::kill(Pid::from_raw(pid), signal::Signal::SIGTERM);
    while asked.elapsed() < GRACE {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

//! The commands and what they do.

use crate::{
    bench::{BenchCommand, bench},
    calibrate::{CalibrateCommand, calibrate},
    expectations::{Expectations, Replayed, Verdict},
    graph::{Dreams, Generated, GraphOptions, Processes, compose, nodes},
    ik_command::{IkArgs, ik},
    live_view::LiveView,
    model_command::{ModelArgs, ModelCommand, model},
    mount_command::{MountArgs, mount},
    observe::{Nodes, Observed, Observer},
    outcome::Ending,
    picture,
    plan_command::{PlanArgs, plan},
    recorder::Recorder,
    report, scene_picture,
    summary::Summary,
    tracks,
};
use anyhow::{Context, anyhow, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use dreamitate_bag::BagReader;
use dreamitate_carrier::{Carrier, Endpoint, Local, Node, NodeArgs, Qos, between_processes, stop_signal};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_msgs::{Message, dreamitate_msgs as msgs};
use dreamitate_render::ToolModel;
use dreamitate_track::{FusedTrack, fused_from_message};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

/// From a stereo dream to a moving robot.
///
/// Exit codes: 0 done; 1 an error; 2 wrong arguments; 3 the dream was rejected (nothing moved: dream again
/// with another seed); 4 no plan, or the execution broke off (arms stopped and held); 5 a replay differs
/// from what was recorded or expected.
#[derive(Debug, Parser)]
#[command(version, about, long_about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Dream, track, fuse, plan and execute on simulated arms, in this process.
    Run(RunArgs),
    /// Track the tools of a dream and write their poses; nothing moves.
    Track(TrackArgs),
    /// Play a recorded dream through the trackers again and compare with what was recorded or expected.
    Replay(ReplayArgs),
    /// The same as `run` with every node a process of its own, over Zenoh (ROS 2's keys and types), or over ROS 2 where built for it.
    Launch(LaunchArgs),
    /// Plan the arms' motion along tracked poses and write a report; nothing moves.
    Plan(PlanArgs),
    /// The postures that put an arm's flange at a pose.
    Ik(IkArgs),
    /// Find how a tool sits on its flange from measurements; `--write` puts it into the tool's file.
    Mount(MountArgs),
    /// Find where cameras and arms stand from pictures of a printed board, and write a rig's file.
    Calibrate {
        #[command(subcommand)]
        command: CalibrateCommand,
    },
    /// Look at a video model: whether its folder is whole, and how fast it is here.
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Measure parts of the program on data whose truth is known.
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Count how often a task is done in a world with physics.
    #[cfg(feature = "world")]
    Eval(crate::eval::EvalArgs),
    /// Film demonstrations of a task in a world with physics.
    #[cfg(feature = "world")]
    Demos(crate::demos::DemosArgs),
    /// List what a bag holds.
    Inspect {
        /// A bag's folder or its .mcap file.
        bag: PathBuf,
    },
}

#[derive(Debug, Args)]
struct GraphArgs {
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// A rig instead of the task's own: a name, or a YAML file.
    #[arg(long, value_name = "RIG", default_value = "", hide_default_value = true)]
    rig: String,
    /// How two views become one pose; `midpoint` is the paper's way.
    #[arg(long, value_enum, default_value = "coupled")]
    fusion: Fusion,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Fusion {
    Coupled,
    Midpoint,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The task: a name, or a YAML file.
    task: String,
    /// A recorded dream: two photos and 25 frames. Without it a dream with ground truth is rendered.
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    dream: Option<PathBuf>,
    /// A video model's folder: dream with it.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Photos for the model: a folder with top.png and side.png as the rig's cameras took them. Without it the rendered
    /// scene of the seed is photographed.
    #[arg(long, value_name = "DIR", requires = "model")]
    photos: Option<PathBuf>,
    #[command(flatten)]
    sampling: ModelArgs,
    /// The seed of the dream.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the report, the bag and the numbers go; made anew.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Show the run to Foxglove, or another viewer of its protocol, on this address. The run begins when a viewer connects,
    /// and ends when the last one leaves.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:8765")]
    live: Option<SocketAddr>,
    /// Let a world with physics take the place of cameras and simulated arms, its scene drawn from this seed; without a model
    /// its scripted expert dreams, whatever --seed says. Needs a program with MuJoCo, which ./eval builds.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["dream", "photos"], value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    world: Option<u64>,
    /// Let the simulated arms run as fast as they can instead of in real time.
    #[arg(long)]
    fast: bool,
    #[command(flatten)]
    graph: GraphArgs,
}

#[derive(Debug, Args)]
struct LaunchArgs {
    #[command(flatten)]
    run: RunArgs,
    /// The model's photos come from another program, on camera/{top,side}/image_raw and camera_info.
    #[arg(long, requires = "model", conflicts_with_all = ["photos", "world"])]
    cameras: bool,
    /// The dreamer is started elsewhere, on another host perhaps; the run asks it for a dream.
    #[arg(long, conflicts_with_all = ["dream", "model", "world"])]
    remote_dreamer: bool,
}

#[derive(Debug, Args)]
struct TrackArgs {
    /// A recorded dream: two photos and 25 frames.
    #[arg(long, value_name = "DIR")]
    dream: PathBuf,
    /// Where the poses go (JSON).
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A contact sheet of all frames with the tools' outlines (PNG).
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// The task: a name, or a YAML file.
    #[arg(long, default_value = "rotation")]
    task: String,
    #[command(flatten)]
    graph: GraphArgs,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// A bag's folder or its .mcap file.
    bag: PathBuf,
    /// What the replay must come to (YAML), instead of the same bits; test/replay/rotation.yaml shows the form.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Where the poses go (JSON).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    graph: GraphArgs,
}

/// Runs a command and returns the program's exit code.
pub fn execute(cli: Cli) -> ExitCode {
    // Whoever reads a list may stop in the middle. What moves arms or writes files goes on.
    if matches!(cli.command, Command::Ik(_) | Command::Inspect { .. } | Command::Model { .. }) {
        sigpipe::reset();
    }
    let filter = std::env::var("RUST_LOG")
        .unwrap_or_else(|_| "warn,zenoh=error,calib_targets_charuco=error".to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .init();
    let result = tokio::runtime::Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        let result = runtime.block_on(async {
            match cli.command {
                Command::Run(args) => run(args, Carriage::Here).await,
                Command::Launch(args) => {
                    let LaunchArgs { run: args, cameras, remote_dreamer } = args;
                    run(args, Carriage::Processes { cameras, remote_dreamer }).await
                }
                Command::Track(args) => track(args).await,
                Command::Replay(args) => replay(args).await,
                Command::Plan(args) => plan(&args),
                Command::Mount(args) => mount(&args),
                Command::Calibrate { command } => calibrate(&command).await,
                Command::Model { command } => model(&command),
                Command::Bench { command } => bench(&command),
                Command::Ik(args) => ik(&args),
                #[cfg(feature = "world")]
                Command::Eval(args) => crate::eval::eval(&args),
                #[cfg(feature = "world")]
                Command::Demos(args) => crate::demos::demos(&args),
                Command::Inspect { bag } => inspect(&bag),
            }
        });
        // A model that is being loaded is not waited for.
        runtime.shutdown_timeout(Duration::from_secs(3));
        result
    });
    match result {
        Ok(ending) => ending.exit_code(),
        Err(error) => {
            eprintln!("error: {}", dreamitate_carrier::error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carriage {
    Here,
    Processes {
        /// Another program publishes the photos.
        cameras: bool,
        /// Another program dreams.
        remote_dreamer: bool,
    },
}

impl GraphArgs {
    fn config(&self) -> ConfigFolder {
        ConfigFolder::find(self.config.as_deref()).on_rig(&self.rig)
    }

    fn options(&self, task: &str, dreams: Dreams, arms: bool, time_factor: f64) -> GraphOptions {
        GraphOptions {
            task: task.to_owned(),
            config: self.config(),
            dreams,
            fusion: match self.fusion {
                Fusion::Coupled => "coupled".to_owned(),
                Fusion::Midpoint => "midpoint".to_owned(),
            },
            arms,
            time_factor,
            loop_view: false,
            world: None,
        }
    }
}

async fn run(args: RunArgs, carriage: Carriage) -> anyhow::Result<Ending> {
    let task = Task::read(&args.graph.config(), &args.task)?;
    let models = tool_models(&task)?;
    if args.model.is_none() && args.sampling.given() {
        bail!("--provider, --threads, --steps, --guidance and --decode-frames go with --model");
    }
    #[cfg(not(feature = "world"))]
    if args.world.is_some() {
        bail!("{}", crate::graph::NO_PHYSICS);
    }
    for input in [&args.dream, &args.model, &args.photos].into_iter().flatten() {
        keep_apart(input, &args.out)?;
    }
    prepare_folder(&args.out)?;
    let dreams = match (&args.dream, &args.model) {
        (Some(dir), _) => Dreams::Recorded(dir.clone()),
        (None, Some(model)) => {
            let photos = match (&args.photos, carriage) {
                (Some(photos), _) => Some(photos.clone()),
                (None, Carriage::Processes { cameras: true, .. }) => None,
                (None, _) if args.world.is_some() => None,
                (None, _) => Some(photograph(&task, args.seed, &args.out.join("photos"))?),
            };
            let parameters = args.sampling.parameters();
            Dreams::Generated(Generated { model: model.clone(), photos, parameters })
        }
        (None, None) if matches!(carriage, Carriage::Processes { remote_dreamer: true, .. }) => {
            Dreams::Elsewhere
        }
        (None, None) if args.world.is_some() => Dreams::Oracle,
        (None, None) => Dreams::Rendered { seed: args.seed },
    };
    let mut options = args.graph.options(&args.task, dreams, true, if args.fast { 0.0 } else { 1.0 });
    options.loop_view = args.live.is_some();
    options.world = args.world;

    let carrier: Arc<dyn Carrier> = match carriage {
        Carriage::Here => Arc::new(Local::new()),
        Carriage::Processes { .. } => between_processes()?,
    };
    let node = Arc::new(Node::open(carrier.clone(), NodeArgs::new("dreamitate")?)?);
    let mut live = match args.live {
        Some(address) => Some(LiveView::start(node.clone(), address).await?),
        None => None,
    };
    if let Some(live) = &live {
        println!("waiting for a viewer on {}", live.url());
        tokio::select! {
            () = live.is_watched(true) => {}
            error = interrupted() => return Err(error),
        }
    }
    let recorder = Recorder::start(node.clone(), &args.out.join("bag"))?;
    let goal = msgs::DreamGoal { task: options.task.clone(), seed: args.seed };
    let observed = tokio::select! {
        observed = watch(&options, carriage, &carrier, &node, Some(goal)) => observed,
        error = interrupted() => Err(error),
    };
    // Recording ends, well or not, whatever became of the run: nothing recorded is lost.
    if recorder.has_stopped() {
        tracing::error!("the recording broke off before the run ended");
    }
    if let Some(live) = &mut live {
        live.freeze().await;
    }
    drop(node);
    let bag = recorder.finish().await;
    let observed = observed?;
    let ending = observed.execution.as_ref().map_or(Ending::Done, Ending::of);
    write_results(&args.out, &observed, &models, ending)?;
    let bag = bag?;
    print_run(&args.out, &observed, bag.message_count);
    if let Some(live) = live {
        println!("the end is shown on {} until the last viewer leaves", live.url());
        tokio::select! {
            () = live.is_watched(false) => {}
            _ = stop_signal() => {}
        }
        live.close().await;
    }
    Ok(ending)
}

/// Ends when the program is asked to.
async fn interrupted() -> anyhow::Error {
    match stop_signal().await {
        Ok(signal) => anyhow!("interrupted by {signal}"),
        Err(error) => error.into(),
    }
}

/// Starts the nodes and watches them make one dream.
async fn watch(
    options: &GraphOptions,
    carriage: Carriage,
    carrier: &Arc<dyn Carrier>,
    node: &Node,
    goal: Option<msgs::DreamGoal>,
) -> anyhow::Result<Observed> {
    let task = Task::read(&options.config, &options.task)?;
    let observer = Observer::new(node, &task)?;
    let list = nodes(options)?;
    let mut nodes = match carriage {
        Carriage::Here => Nodes::Here(compose(&list, carrier)?),
        Carriage::Processes { .. } => Nodes::Processes(Processes::start(&list)?),
    };
    let observed = observer.watch(node, &mut nodes, goal, options.arms).await;
    if let Nodes::Here(set) = &mut nodes {
        set.shutdown().await;
    }
    observed
}

async fn track(args: TrackArgs) -> anyhow::Result<Ending> {
    let options = args.graph.options(&args.task, Dreams::Recorded(args.dream.clone()), false, 1.0);
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let node = Node::open(carrier.clone(), NodeArgs::new("dreamitate")?)?;
    let goal = msgs::DreamGoal { task: options.task.clone(), seed: 0 };
    let observed = watch(&options, Carriage::Here, &carrier, &node, Some(goal)).await?;
    write_json(&args.out, &tracks::entries(&observed))?;
    if let Some(path) = &args.sheet {
        let models = tool_models(&Task::read(&options.config, &options.task)?)?;
        let frames: Vec<usize> = (1..observed.clip.frame_count()).collect();
        picture::sheet(&observed, &models, &frames, 4).save(path)?;
    }
    for (tool, track) in &observed.fused {
        let accepted = track.poses.iter().filter(|p| p.accepted).count();
        println!("{tool}: {accepted} of {} frames accepted {}", track.poses.len(), track.reason);
    }
    Ok(if observed.fused.values().any(|t| t.outcome == dreamitate_track::Outcome::Rejected) {
        Ending::Rejected
    } else {
        Ending::Done
    })
}

/// The last trajectory of each name that belongs to a clip.
fn of_clip(
    clip_id: &str,
    list: Vec<(String, bytes::Bytes)>,
) -> anyhow::Result<BTreeMap<String, bytes::Bytes>> {
    let mut found = BTreeMap::new();
    for (name, cdr) in list {
        if msgs::ToolTrajectory::from_cdr(&cdr)?.clip_id == clip_id {
            found.insert(name, cdr);
        }
    }
    Ok(found)
}

async fn replay(args: ReplayArgs) -> anyhow::Result<Ending> {
    let expectations = args.expect.as_deref().map(Expectations::read).transpose()?;
    let reader = BagReader::open(&args.bag)?;
    if let Some(why) = reader.truncated() {
        eprintln!("note: the bag was cut short ({why}); it is played up to the cut");
    }
    let mut clip: Option<msgs::StereoClip> = None;
    // Of several dreams in a bag the last one is played.
    let (mut details, mut all_truths) = (Vec::new(), Vec::new());
    for message in reader.messages() {
        let message = message?;
        if message.topic.name == "/dream/clip" {
            clip = Some(msgs::StereoClip::from_cdr(&message.cdr)?);
        } else if message.topic.name.starts_with("/trajectory/") && message.topic.name.ends_with("/detail") {
            details.push((message.topic.name.clone(), message.cdr));
        } else if let Some(tool) = message.topic.name.strip_prefix("/dream/truth/") {
            all_truths.push((tool.to_owned(), message.cdr));
        }
    }
    let clip =
        clip.with_context(|| format!("the bag {} holds no dream on /dream/clip", args.bag.display()))?;
    let [recorded, truths] = [details, all_truths].map(|list| of_clip(&clip.clip_id, list));
    let (recorded, truths) = (recorded?, truths?);
    let options = args.graph.options(&clip.task, Dreams::Elsewhere, false, 1.0);
    let carrier: Arc<dyn Carrier> = Arc::new(Local::new());
    let node = Node::open(carrier.clone(), NodeArgs::new("dreamitate")?)?;
    let mut again = Vec::new();
    for topic in recorded.keys() {
        let endpoint =
            Endpoint::new(topic.clone(), msgs::ToolTrajectory::TYPE_NAME, msgs::ToolTrajectory::TYPE_HASH);
        again.push((topic.clone(), node.subscribe_raw(&endpoint, Qos::latched())?));
    }
    let publisher = node.publisher::<msgs::StereoClip>("dream/clip", Qos::latched())?;
    publisher.publish(&clip)?;
    let observed = watch(&options, Carriage::Here, &carrier, &node, None).await?;
    if let Some(out) = &args.out {
        write_json(out, &tracks::entries(&observed))?;
    }
    let mut ending = Ending::Done;
    for (topic, mut subscription) in again {
        let tool = topic.split('/').nth(2).unwrap_or_default();
        if !observed.fused.contains_key(tool) {
            println!("{topic}: the task {} has no tool {tool:?} any more", clip.task);
            ending = Ending::Differs;
            continue;
        }
        let Some(cdr) = subscription.recv().await else { bail!("{topic} came to an end") };
        let same = recorded.get(&topic).is_some_and(|before| before[..] == cdr[..]);
        println!("{topic}: {}", if same { "the same, bit for bit" } else { "differs" });
        if !same && expectations.is_none() {
            ending = Ending::Differs;
        }
    }
    if recorded.is_empty() {
        println!("no trajectory was recorded to compare with");
    }
    if let Some(expectations) = expectations {
        let decoded = |cdr: &bytes::Bytes| -> anyhow::Result<FusedTrack> {
            Ok(fused_from_message(&msgs::ToolTrajectory::from_cdr(cdr)?)?)
        };
        let mut replayed = BTreeMap::new();
        for (tool, track) in &observed.fused {
            let recorded = recorded.get(&format!("/trajectory/{tool}/detail")).map(decoded).transpose()?;
            let truth = truths.get(tool).map(decoded).transpose()?;
            replayed.insert(tool.as_str(), Replayed { track, recorded, truth });
        }
        for Verdict { passed, text } in expectations.judge(&replayed) {
            println!("{} {text}", if passed { "pass" } else { "FAIL" });
            if !passed {
                ending = Ending::Differs;
            }
        }
    }
    Ok(ending)
}

fn inspect(path: &Path) -> anyhow::Result<Ending> {
    let reader = BagReader::open(path)?;
    let (mut total, mut first, mut last) = (0, u64::MAX, 0);
    println!("{:>9}  {:>9}  {:<38}  type", "messages", "from s", "topic");
    for recorded in reader.topics() {
        total += recorded.message_count;
        if let (Some(from), Some(to)) = (recorded.first_stamp_ns, recorded.last_stamp_ns) {
            first = first.min(from);
            last = last.max(to);
        }
    }
    for recorded in reader.topics() {
        let since_start =
            recorded.first_stamp_ns.map_or(0.0, |stamp| stamp.saturating_sub(first) as f64 * 1e-9);
        println!(
            "{:>9}  {since_start:>9.3}  {:<38}  {}",
            recorded.message_count, recorded.topic.name, recorded.topic.type_name
        );
    }
    println!("{total:>9}  {:>9.3}  in all", last.saturating_sub(first) as f64 * 1e-9);
    if let Some(why) = reader.truncated() {
        println!("the bag was cut short: {why}");
    }
    Ok(Ending::Done)
}

/// Photographs the rendered scene of a seed into a folder, which is returned.
fn photograph(task: &Task, seed: u64, folder: &Path) -> anyhow::Result<PathBuf> {
    let photos = dreamer::rendered::photograph(task, seed)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    photos.top.save(folder.join("top.png"))?;
    photos.side.save(folder.join("side.png"))?;
    Ok(folder.to_owned())
}

pub(crate) fn tool_models(task: &Task) -> anyhow::Result<Vec<(String, ToolModel)>> {
    task.tools.iter().map(|tool| Ok((tool.name.clone(), ToolModel::read(&tool.file)?))).collect()
}

/// The files that a run leaves; a folder that holds anything else is not overwritten.
const RESULTS: [&str; 7] =
    ["bag", "photos", "report.html", "summary.json", "tracks.json", "overview.png", "scene.png"];

/// Fails if what is read lies in the folder for results, which is made anew.
fn keep_apart(input: &Path, out: &Path) -> anyhow::Result<()> {
    if let (Ok(input), Ok(out)) = (input.canonicalize(), out.canonicalize())
        && input.starts_with(&out)
    {
        bail!("{} lies in {}, which a run makes anew; choose another --out", input.display(), out.display());
    }
    Ok(())
}

/// Makes the folder for results, without those of an earlier run.
fn prepare_folder(out: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        if !RESULTS.iter().any(|name| entry.file_name() == *name) {
            bail!(
                "{} holds {:?}, which is not a run's; choose another --out",
                out.display(),
                entry.file_name()
            );
        }
    }
    for name in RESULTS {
        let path = out.join(name);
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else if path.exists() {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write_results(
    out: &Path,
    observed: &Observed,
    models: &[(String, ToolModel)],
    ending: Ending,
) -> anyhow::Result<()> {
    write_json(&out.join("tracks.json"), &tracks::entries(observed))?;
    let summary = Summary::of(observed, models);
    write_json(&out.join("summary.json"), &summary)?;
    fs::write(out.join("report.html"), report::page(observed, &summary, models, ending)?)?;
    let frames: Vec<usize> = (0..observed.clip.frame_count()).step_by(4).collect();
    picture::sheet(observed, models, &frames, 4).save(out.join("overview.png"))?;
    let arms = observed.execution.as_ref().map_or(&[][..], |execution| &execution.arms);
    scene_picture::draw(&scene_picture::scene(observed, models), arms)?.save(out.join("scene.png"))?;
    Ok(())
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

fn print_run(out: &Path, observed: &Observed, messages: u64) {
    for (stage, seconds) in &observed.stages {
        println!("{stage:<18} {seconds:>7.2} s");
    }
    for (tool, track) in &observed.fused {
        let accepted = track.poses.iter().filter(|p| p.accepted).count();
        let verdict = format!("{:?}", track.outcome).to_lowercase();
        println!(
            "{tool:<18} {accepted} of {} frames accepted: {verdict} {}",
            track.poses.len(),
            track.reason
        );
    }
    if let Some(execution) = &observed.execution {
        println!("{:<18} {:?}: {}", "execution", execution.outcome, execution.message);
    }
    if let Some(score) = &observed.world {
        let figures = score.figures.iter().map(|(name, value)| format!("{name} {value:.3}"));
        let verdict = score.failure.clone().unwrap_or_else(|| "done".to_owned());
        println!("{:<18} {verdict} ({})", "task", figures.collect::<Vec<_>>().join(", "));
    }
    println!("{:<18} {} ({messages} messages in its bag)", "report", out.join("report.html").display());
    if let Some(peak_mb) = peak_memory_mb() {
        println!("{:<18} {peak_mb:>7.0} MB", "peak memory");
    }
}

/// The most memory that this process has held, MB of 10⁶ bytes; known on Linux.
pub(crate) fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kib.parse::<f64>().ok()? * 1.024e-3)
}

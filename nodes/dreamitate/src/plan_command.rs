//! `dreamitate plan`: a tracked trajectory becomes a plan and a report, and nothing moves.

use crate::{outcome::Ending, report};
use anyhow::{Context, bail};
use arm_executor::{ConfiguredArm, ExecutionSummary, arms_of_task, plan_settings, plan_summary};
use clap::Args;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::{Pose, pose_from_rows};
use dreamitate_motion::{ArmTask, Waypoint, plan_arms};
use dreamitate_render::ToolModel;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The tools' poses: a `tracks.json` of `run` or `track`.
    #[arg(long, value_name = "FILE")]
    trajectory: PathBuf,
    /// The task: a name, or a YAML file.
    #[arg(long, default_value = "rotation")]
    task: String,
    /// Another robot for all arms of the task: a name of `config/robots`, or a YAML file.
    #[arg(long)]
    robot: Option<String>,
    /// Where `plan.json` and `report.html` go.
    #[arg(long, value_name = "DIR", default_value = "plan")]
    out: PathBuf,
    /// A rig instead of the task's own: a name, or a YAML file.
    #[arg(long, default_value = "")]
    rig: String,
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

/// An entry of `tracks.json`, as far as a plan needs it.
#[derive(Debug, Deserialize)]
struct Tracked {
    frame: u32,
    accepted: bool,
    topcam_from_tool: Option<[[f64; 4]; 3]>,
}

/// What `plan.json` holds.
#[derive(Debug, Serialize)]
struct PlanFile<'a> {
    /// Figures and the plan at 50 Hz, as on `execution/summary`.
    summary: &'a ExecutionSummary,
    /// All points of the trajectories, an arm each, as a controller takes them.
    trajectories: Vec<TrajectoryFile>,
}

#[derive(Debug, Serialize)]
struct TrajectoryFile {
    arm: String,
    joint_names: Vec<String>,
    points: Vec<PointFile>,
}

#[derive(Debug, Serialize)]
struct PointFile {
    time_s: f64,
    positions: Vec<f64>,
    velocities: Vec<f64>,
    accelerations: Vec<f64>,
}

pub(crate) fn plan(args: &PlanArgs) -> anyhow::Result<Ending> {
    let folder = ConfigFolder::find(args.config.as_deref()).on_rig(&args.rig);
    let mut task = Task::read(&folder, &args.task)?;
    if let Some(robot) = &args.robot {
        task.rig.arms.values_mut().for_each(|mount| mount.robot.clone_from(robot));
    }
    let arms = arms_of_task(&folder, &task)?;
    let tracks = read_tracks(&args.trajectory)?;
    let tasks: Vec<ArmTask> =
        arms.iter().map(|arm| arm_task(arm, &task, &tracks)).collect::<anyhow::Result<_>>()?;
    let found = match plan_arms(&tasks, &plan_settings(&task)) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("no plan: {error}");
            return Ok(Ending::NotExecuted);
        }
    };
    let tools: Vec<&str> = arms.iter().map(|arm| arm.tool.as_str()).collect();
    let title = args.trajectory.display().to_string();
    let summary = plan_summary(&title, &tasks, &tools, &found);

    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let trajectories = tasks.iter().zip(&found.trajectories).map(|(task, trajectory)| TrajectoryFile {
        arm: task.arm.name.clone(),
        joint_names: trajectory.joint_names.clone(),
        points: trajectory
            .points
            .iter()
            .map(|point| PointFile {
                time_s: point.time_s,
                positions: point.positions.to_vec(),
                velocities: point.velocities.to_vec(),
                accelerations: point.accelerations.to_vec(),
            })
            .collect(),
    });
    let file = PlanFile { summary: &summary, trajectories: trajectories.collect() };
    fs::write(args.out.join("plan.json"), serde_json::to_string_pretty(&file)? + "\n")?;
    let models = task.tools.iter().map(|tool| ToolModel::read(&tool.file)).collect::<Result<Vec<_>, _>>()?;
    let page = report::plan_page(&task, &tasks, &models, &summary)?;
    fs::write(args.out.join("report.html"), page)?;

    for arm in &summary.arms {
        println!(
            "{:<8} {} waypoints, largest jump {:.3} rad, velocity {:.0} %, acceleration {:.0} %, time scale {:.2}, {:.1} ms",
            arm.arm,
            arm.waypoint_times_s.len(),
            arm.largest_jump_rad,
            100.0 * arm.velocity_fraction,
            100.0 * arm.acceleration_fraction,
            arm.time_scale,
            1e3 * arm.plan_seconds,
        );
    }
    for arm in summary.arms.iter().filter(|arm| arm.lift_m > 0.0) {
        println!("{:<8} lifted by up to {:.1} mm for the task's tool height", arm.arm, 1e3 * arm.lift_m);
    }
    if let Some(clearance) = &summary.clearance {
        println!("clearance {}", serde_json::to_string(clearance)?);
    }
    println!("report   {}", args.out.join("report.html").display());
    Ok(Ending::Done)
}

fn read_tracks(path: &Path) -> anyhow::Result<BTreeMap<String, Vec<Tracked>>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no tracks.json", path.display()))
}

/// The accepted poses of an arm's tool as its waypoints, from the arm's home.
fn arm_task(
    arm: &ConfiguredArm,
    task: &Task,
    tracks: &BTreeMap<String, Vec<Tracked>>,
) -> anyhow::Result<ArmTask> {
    let Some(track) = tracks.get(&arm.tool) else {
        let present: Vec<_> = tracks.keys().collect();
        bail!("the trajectory has no tool {:?}; it has {present:?}", arm.tool);
    };
    let (mut waypoints, mut frames) = (Vec::new(), Vec::new());
    for entry in track.iter().filter(|entry| entry.accepted) {
        let topcam_from_tool: Pose =
            entry.topcam_from_tool.as_ref().and_then(pose_from_rows).with_context(|| {
                format!("tool {:?}, frame {}: topcam_from_tool is no pose", arm.tool, entry.frame)
            })?;
        waypoints.push(Waypoint {
            time_s: f64::from(entry.frame) * task.frame_period_s,
            world_from_tool: task.rig.top.world_from_camera * topcam_from_tool,
        });
        frames.push(entry.frame);
    }
    Ok(ArmTask { arm: Arc::new(arm.arm.clone()), waypoints, frames, start: arm.arm.home })
}

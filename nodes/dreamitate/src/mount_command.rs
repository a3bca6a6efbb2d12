//! `dreamitate mount`: how a tool sits on its flange, from measurements.

use crate::outcome::Ending;
use anyhow::{Context, bail};
use arm_executor::arms_of_task;
use clap::Args;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::pose_from_rows;
use dreamitate_motion::{MountSample, solve_mount, write_mount};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct MountArgs {
    /// Measurements, JSON: a list of `{"joints_rad": […], "world_from_tool": [rows of [R | t]]}`.
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// The tool, by its name in the task.
    #[arg(long)]
    tool: String,
    /// The task: a name, or a YAML file.
    #[arg(long, default_value = "rotation")]
    task: String,
    /// Measurements that are further apart than this are refused, millimetres.
    #[arg(long, default_value_t = 3.0)]
    max_mm: f64,
    /// Measurements that are turned further apart than this are refused, degrees.
    #[arg(long, default_value_t = 1.0)]
    max_deg: f64,
    /// Write the mount to the tool's file.
    #[arg(long)]
    write: bool,
    /// A rig instead of the task's own: a name, or a YAML file.
    #[arg(long, default_value = "")]
    rig: String,
    /// A folder of configuration instead of the program's own.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    joints_rad: Vec<f64>,
    world_from_tool: [[f64; 4]; 3],
}

pub(crate) fn mount(args: &MountArgs) -> anyhow::Result<Ending> {
    let folder = ConfigFolder::find(args.config.as_deref()).on_rig(&args.rig);
    let task = Task::read(&folder, &args.task)?;
    let arms = arms_of_task(&folder, &task)?;
    let held = arms.iter().zip(&task.tools).find(|(_, tool)| tool.name == args.tool);
    let Some((held, tool)) = held else {
        let known: Vec<&str> = task.tools.iter().map(|tool| tool.name.as_str()).collect();
        bail!("the task {:?} has no tool {:?}; it has {known:?}", task.name, args.tool);
    };
    let file = &args.samples;
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let samples: Vec<Sample> = serde_json::from_str(&text)
        .with_context(|| format!("{} is no list of measurements", file.display()))?;
    let samples = samples
        .iter()
        .enumerate()
        .map(|(index, sample)| {
            let joints =
                held.arm.chain.joints(&sample.joints_rad).with_context(|| format!("measurement {index}"))?;
            Ok(MountSample {
                world_from_flange: held.arm.world_from_base * held.arm.chain.tip_pose(&joints),
                world_from_tool: pose_from_rows(&sample.world_from_tool)
                    .with_context(|| format!("measurement {index}: world_from_tool is no pose"))?,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let fit = solve_mount(&samples)?;
    let (worst_mm, worst_deg) = (1e3 * fit.worst_m.0, fit.worst_rad.0.to_degrees());
    if worst_mm > args.max_mm {
        bail!(
            "measurement {} is {worst_mm:.2} mm from the others, limit {:.2} mm",
            fit.worst_m.1,
            args.max_mm
        );
    }
    if worst_deg > args.max_deg {
        bail!(
            "measurement {} is {worst_deg:.2}° from the others, limit {:.2}°",
            fit.worst_rad.1,
            args.max_deg
        );
    }
    let t = fit.flange_from_tool.translation.vector;
    let (roll, pitch, yaw) = fit.flange_from_tool.rotation.euler_angles();
    println!(
        "flange_from_tool xyz_m [{:.6}, {:.6}, {:.6}] rpy_rad [{roll:.6}, {pitch:.6}, {yaw:.6}]",
        t.x, t.y, t.z
    );
    println!("of {} measurements, at most {worst_mm:.2} mm and {worst_deg:.2}° from it", samples.len());
    if args.write {
        write_mount(&tool.file, &fit.flange_from_tool)?;
        println!("written to {}", tool.file.display());
    }
    Ok(Ending::Done)
}

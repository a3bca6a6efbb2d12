//! The executor's parameters; those of each arm are declared once the task told which arms there are.

use dreamitate_carrier::{Declaration, ParameterError, ParameterSet};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_motion::PlanSettings;

use crate::arm_files::{ArmFilesError, ConfiguredArm, arms_of_task};
use crate::plan_settings::plan_settings;

/// What holds for all arms.
pub(crate) struct Parameters {
    pub min_waypoints: i64,
    pub joint_state_timeout_s: f64,
    pub driver_timeout_s: f64,
    pub start_delay_s: f64,
    pub stop_lead_s: f64,
    pub tracking_tolerance_rad: f64,
    pub autostart: bool,
    pub confirm: bool,
    pub accept_partial_paths: bool,
}

/// An arm whose driver is chosen, with that driver's action.
pub(crate) type ChosenArm = (ConfiguredArm, String);

/// What the task's files give.
pub(crate) struct ChosenTask {
    pub settings: PlanSettings,
    pub arms: Vec<ChosenArm>,
}

/// Declares all; the arms of the task, or why there are none.
pub(crate) fn declare(
    p: &mut ParameterSet,
) -> Result<(Parameters, anyhow::Result<ChosenTask>), ParameterError> {
    let config_dir = p.declare(
        Declaration::text("config_dir", "").about("Folder of the configuration; the usual one if empty"),
    )?;
    let task = p.declare(Declaration::text("task", "rotation").about("Task: its name, or a YAML file"))?;
    let rig = p.declare(
        Declaration::text("rig", "").about("Rig: its name, or a YAML file; the task's own if empty"),
    )?;
    let folder = ConfigFolder::of_parameter(&config_dir).on_rig(&rig);
    let chosen = Task::read(&folder, &task).map_err(anyhow::Error::from).and_then(|task| {
        let arms = arms_of_task(&folder, &task)?.into_iter().map(|arm| chosen(p, arm));
        Ok(ChosenTask { settings: plan_settings(&task), arms: arms.collect::<anyhow::Result<_>>()? })
    });
    Ok((declare_common(p)?, chosen))
}

/// The arm with the driver that the parameters choose.
fn chosen(p: &mut ParameterSet, arm: ConfiguredArm) -> anyhow::Result<ChosenArm> {
    let name = arm.arm.name.clone();
    let driver = p.declare(
        Declaration::text(&format!("{name}.driver"), "")
            .about("The driver, of those in the robot's file; the file's choice if empty"),
    )?;
    let robot = arm.robot.with_driver(&driver).map_err(ArmFilesError::from)?;
    let action = p.declare(
        Declaration::text(&format!("{name}.action"), &format!("{name}/{}", robot.driver.action))
            .about("The driver's FollowJointTrajectory action"),
    )?;
    Ok((ConfiguredArm { robot, ..arm }, action))
}

fn declare_common(p: &mut ParameterSet) -> Result<Parameters, ParameterError> {
    Ok(Parameters {
        min_waypoints: p.declare(
            Declaration::new("min_waypoints", 4_i64)
                .about("The fewest accepted poses of a tool that are executed")
                .range(2, 1000),
        )?,
        joint_state_timeout_s: p.declare(
            Declaration::new("joint_state_timeout_s", 0.5)
                .unit("s")
                .about("The oldest that joint states may be")
                .range(0.01, 60.0),
        )?,
        driver_timeout_s: p.declare(
            Declaration::new("driver_timeout_s", 2.0)
                .unit("s")
                .about("How long a driver has to answer, and to say after a trajectory's end that it is over")
                .range(0.01, 60.0),
        )?,
        start_delay_s: p.declare(
            Declaration::new("start_delay_s", 0.2)
                .unit("s")
                .about(
                    "From sending the goals to the start of all arms; a driver that takes more than half of it to \
                     accept its goal keeps all from starting",
                )
                .range(0.05, 10.0),
        )?,
        stop_lead_s: p.declare(
            Declaration::new("stop_lead_s", 0.05)
                .unit("s")
                .about("How long before its begin a way to rest is sent; longer than a message takes to the driver")
                .range(0.0, 1.0),
        )?,
        tracking_tolerance_rad: p.declare(
            Declaration::new("tracking_tolerance_rad", 0.0)
                .unit("rad")
                .about("The farthest that a joint may be from its trajectory; 0 is the driver's path tolerance, at most 0.2")
                .range(0.0, 10.0),
        )?,
        autostart: p.declare(
            Declaration::new("autostart", true)
                .about("Execute a dream as soon as it came, without being asked; not after a stop"),
        )?,
        accept_partial_paths: p.declare(
            Declaration::new("accept_partial_paths", false)
                .about("Whether compute_cartesian_path says SUCCESS where it went only part of the way"),
        )?,
        confirm: p.declare(
            Declaration::new("confirm", true).about("Wait for the service ~/confirm before anything moves"),
        )?,
    })
}

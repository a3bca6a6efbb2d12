//! The node of one simulated arm: a driver's FollowJointTrajectory action, its joint states and its frames.
//!
//! It runs in the arm's namespace. As with ros2_control's joint trajectory controller, a goal replaces the one under
//! way, which is aborted, and the motion goes on smoothly from the present state. A goal that the arm does not take is
//! aborted at once with its reason, since ROS has no place for a reason in a rejection; what moved then goes on.

use std::sync::Arc;
use std::time::Duration;

use dreamitate_carrier::{
    Carrier, Declaration, Goal, Node, NodeArgs, Outcome, Publisher, Qos, Running, TfBroadcaster,
};
use dreamitate_config::ConfigFolder;
use dreamitate_geometry::{Rig, WORLD_FRAME, prefixed_frame, tool_frame};
use dreamitate_kinematics::Joints;
use dreamitate_msgs::builtin_interfaces::Time;
use dreamitate_msgs::control_msgs::{
    FollowJointTrajectory, FollowJointTrajectoryFeedback, FollowJointTrajectoryGoal,
    FollowJointTrajectoryResult, JointTolerance,
};
use dreamitate_msgs::geometry_msgs::{Quaternion, Transform, TransformStamped, Vector3};
use dreamitate_msgs::sensor_msgs::JointState;
use nalgebra::Isometry3;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::arm_files::arm_of_rig;
use crate::faults::Faults;
pub use crate::plant::{Pace, Plant};
use crate::simulation::{Ending, Motion, MotionRejection, Simulation};
use crate::trajectory_message::{from_message, point_message};
use dreamitate_motion::Arm;
use dreamitate_motion::DriverProfile;
use dreamitate_motion::TrajectoryPoint;
use dreamitate_motion::{GoalRejection, JointSample, SimulatedArm};

/// Frames are sent at about this rate; joint states tell the rest.
const FRAMES_HZ: f64 = 30.0;
/// Between two steps of an arm at rest that does not keep real time.
const IDLE_PERIOD: Duration = Duration::from_millis(20);
/// Between two messages of feedback.
const FEEDBACK_PERIOD: Duration = Duration::from_millis(100);

struct Parameters {
    config_dir: String,
    rig: String,
    arm: String,
    tool: String,
    time_factor: f64,
    joint_state_decimation: i64,
    driver: String,
    lag_s: f64,
    faults: Faults,
}

fn parameters(node: &Node) -> Result<Parameters, dreamitate_carrier::CarrierError> {
    node.declare_parameters(|p| {
        Ok(Parameters {
            config_dir: p.declare(
                Declaration::text("config_dir", "")
                    .about("Folder of the configuration; the usual one if empty"),
            )?,
            rig: p.declare(Declaration::text("rig", "paper").about("Rig: its name, or a YAML file"))?,
            arm: p.declare(Declaration::text("arm", "left").about("The arm's name in the rig"))?,
            tool: p.declare(
                Declaration::text("tool", "tracking_box_left").about("The tool: its name, or a YAML file"),
            )?,
            time_factor: p.declare(
                Declaration::new("time_factor", 1.0)
                    .about("Simulated seconds in a second; 0 does not wait at all while the arm moves")
                    .range(0.0, 100.0),
            )?,
            joint_state_decimation: p.declare(
                Declaration::new("joint_state_decimation", 1_i64)
                    .about("Every how many steps of the controller the joint states are sent")
                    .range(1, 1000),
            )?,
            driver: p.declare(Declaration::text("driver", "").about(
                "The driver whose part is played, from the robot's file; the file's choice if empty",
            ))?,
            lag_s: p.declare(
                Declaration::new("lag_s", 0.0)
                    .unit("s")
                    .about("How far the joints are behind what is commanded: a first-order lag")
                    .range(0.0, 1.0),
            )?,
            faults: Faults::declare(p)?,
        })
    })
}

/// What happens at a simulated arm, also where its driver tells nobody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArmEvent {
    /// A step of the controller: where the joints are.
    Step(JointSample),
    /// A goal came, whether or not it is taken.
    Goal {
        /// On the clock of the steps, s.
        time_s: f64,
        /// Whether another was under way or waiting.
        replaces: bool,
    },
}

/// The motion under way, and who waits for its end.
struct Controlled {
    simulation: Simulation,
    ended: Option<oneshot::Sender<Ending>>,
}

/// What the stepping loop and the goals share.
struct Driver {
    controlled: Mutex<Controlled>,
    /// Wakes the loop when a goal comes.
    wake: Notify,
    profile: DriverProfile,
    arm: Arm,
    /// The simulation's time 0, ns since the epoch.
    zero_ns: i64,
    faults: Faults,
    observe: Observer,
    plant: Option<Plant>,
}

/// Runs the node until it is dropped.
///
/// # Errors
/// Parameters or files that cannot be used, or a carrier that fails.
pub fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> Running<anyhow::Error> {
    run_observed(carrier, args, |_| {})
}

/// As [`run`], with somebody who sees what the arm does whatever its driver tells. The observer must be quick.
///
/// # Errors
/// As [`run`].
pub fn run_observed(
    carrier: Arc<dyn Carrier>,
    args: NodeArgs,
    observe: impl Fn(ArmEvent) + Send + Sync + 'static,
) -> Running<anyhow::Error> {
    boxed(carrier, args, Box::new(observe), None)
}

/// As [`run`], for joints that somebody else moves: a world with physics. The plant is asked at each step of the
/// controller.
///
/// # Errors
/// As [`run`].
pub fn run_with_plant(carrier: Arc<dyn Carrier>, args: NodeArgs, plant: Plant) -> Running<anyhow::Error> {
    boxed(carrier, args, Box::new(|_| {}), Some(plant))
}

/// Who observes an arm.
type Observer = Box<dyn Fn(ArmEvent) + Send + Sync>;

fn boxed(
    carrier: Arc<dyn Carrier>,
    args: NodeArgs,
    observe: Observer,
    plant: Option<Plant>,
) -> Running<anyhow::Error> {
    Box::pin(serve(carrier, args, observe, plant))
}

async fn serve(
    carrier: Arc<dyn Carrier>,
    args: NodeArgs,
    observe: Observer,
    plant: Option<Plant>,
) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let parameters = parameters(&node)?;
    let folder = ConfigFolder::of_parameter(&parameters.config_dir);
    let rig = Rig::read(&folder.rig(&parameters.rig))?;
    let configured =
        arm_of_rig(&folder, &rig, &parameters.arm, &parameters.arm, &folder.tool(&parameters.tool))?;
    let arm = configured.arm;
    let profile = configured.robot.with_driver(&parameters.driver)?.driver;
    let simulated = SimulatedArm::new(arm.clone(), &arm.home, profile.start_tolerance_rad)?;
    let simulation = Simulation::new(simulated.with_lag(parameters.lag_s), parameters.faults);
    let driver = Arc::new(Driver {
        controlled: Mutex::new(Controlled { simulation, ended: None }),
        wake: Notify::new(),
        zero_ns: plant.as_ref().map_or_else(|| Time::now().to_ns(), |plant| plant.pace.zero_ns()),
        profile,
        arm,
        faults: parameters.faults,
        observe,
        plant,
    });
    let joint_states = node.publisher::<JointState>("joint_states", Qos::reliable(10))?;
    let frames = node.tf_broadcaster()?;
    frames.send_static(driver.fixed_frames())?;
    node.action_server::<FollowJointTrajectory, _, _, _>(
        &driver.profile.action,
        {
            let driver = driver.clone();
            move |_| driver.take()
        },
        {
            let driver = driver.clone();
            move |goal| {
                let driver = driver.clone();
                async move { driver.follow(goal).await }
            }
        },
    )?;
    tracing::info!(
        arm = driver.arm.name,
        action = node.resolve(&driver.profile.action)?,
        "simulated arm ready"
    );
    driver.keep_time(&parameters, &joint_states, &frames).await?;
    // Nothing of the driver is there any more, and its arm is left to itself.
    drop((joint_states, frames, node));
    driver.brake(&parameters).await;
    Ok(())
}

impl Driver {
    /// Steps the arm until the driver dies of a fault, else for ever.
    async fn keep_time(
        &self,
        parameters: &Parameters,
        joint_states: &Publisher<JointState>,
        frames: &TfBroadcaster,
    ) -> anyhow::Result<()> {
        let dt_s = 1.0 / self.profile.rate_hz;
        let frames_every = (self.profile.rate_hz / FRAMES_HZ).round().max(1.0) as i64;
        let mut clock = clock(parameters, dt_s);
        for step in 0_i64.. {
            let busy = self.controlled.lock().simulation.is_busy();
            match &mut clock {
                Some(clock) => {
                    clock.tick().await;
                }
                None if busy => tokio::task::yield_now().await,
                None => tokio::select! {
                    () = tokio::time::sleep(IDLE_PERIOD) => {}
                    () = self.wake.notified() => {}
                },
            }
            let (ended, sample) = self.step(dt_s).await;
            let (dead, dumb) = {
                let simulation = &self.controlled.lock().simulation;
                let due = |after_s| simulation.is_due(after_s);
                (due(self.faults.die_after_s), due(self.faults.drop_joint_states_after_s))
            };
            if dead {
                return Ok(());
            }
            // At rest without a clock there are few steps, and each one is told.
            let all = clock.is_none() && !busy;
            if !dumb && (all || ended || step % parameters.joint_state_decimation == 0) {
                joint_states.publish(&self.joint_state(&sample))?;
            }
            if all || ended || step % frames_every == 0 {
                frames.send(self.moving_frames(&sample))?;
            }
        }
        Ok(())
    }

    /// Lets the arm's own brakes stop it.
    async fn brake(&self, parameters: &Parameters) {
        let dt_s = 1.0 / self.profile.rate_hz;
        let mut clock = clock(parameters, dt_s);
        self.controlled.lock().simulation.brake();
        while !self.controlled.lock().simulation.is_at_rest() {
            if let Some(clock) = &mut clock {
                clock.tick().await;
            }
            self.step(dt_s).await;
        }
    }

    /// One step; whether a motion ended, and where the joints are.
    async fn step(&self, dt_s: f64) -> (bool, JointSample) {
        if let Some(Plant { arm, pace, .. }) = &self.plant {
            pace.turn(*arm).await;
        }
        let mut controlled = self.controlled.lock();
        let ending = controlled.simulation.tick(dt_s);
        let ended = ending.is_some();
        if let Some((ending, waiting)) = ending.zip(controlled.ended.take_if(|_| ended)) {
            // Fails if the goal's task was dropped.
            let _ = waiting.send(ending);
        }
        if let Some(Plant { arm, pace, follow }) = &self.plant {
            let joints = follow(controlled.simulation.commanded());
            pace.went(*arm, joints.time_s + dt_s);
            controlled.simulation.measure(joints);
        }
        let sample = controlled.simulation.sample();
        drop(controlled);
        (self.observe)(ArmEvent::Step(sample));
        (ended, sample)
    }

    /// Whether a goal is looked at at all.
    fn take(&self) -> Result<(), String> {
        let (time_s, replaces) = {
            let simulation = &self.controlled.lock().simulation;
            (simulation.sample().time_s, simulation.is_busy())
        };
        (self.observe)(ArmEvent::Goal { time_s, replaces });
        match self.faults {
            Faults { reject_goals: true, .. } => Err("the robot's program is not running".to_owned()),
            Faults { refuse_replacement: true, .. } if replaces => Err("the arm is busy".to_owned()),
            _ => Ok(()),
        }
    }

    /// Works on one goal.
    async fn follow(&self, goal: Goal<FollowJointTrajectory>) -> Outcome<FollowJointTrajectoryResult> {
        let (id, mut ended) = match self.begin(goal.goal()) {
            Ok(begun) => begun,
            Err((error_code, error_string)) => {
                tracing::info!(arm = self.arm.name, error_code, error_string, "goal refused");
                return Outcome::Aborted(FollowJointTrajectoryResult { error_code, error_string });
            }
        };
        self.wake.notify_one();
        let mut feedback = tokio::time::interval(FEEDBACK_PERIOD);
        let mut cancelled = false;
        loop {
            tokio::select! {
                biased;
                ending = &mut ended => return outcome(ending.unwrap_or(Ending::Replaced)),
                () = goal.cancelled(), if !cancelled => {
                    cancelled = true;
                    self.controlled.lock().simulation.cancel(id);
                    self.wake.notify_one();
                }
                _ = feedback.tick() => {
                    if let Err(error) = goal.feedback(self.feedback()) {
                        tracing::warn!(%error, "feedback not sent");
                    }
                }
            }
        }
    }

    /// Starts a goal's motion, with its number and where its end is told; or says with FollowJointTrajectory's code why
    /// not.
    fn begin(
        &self,
        goal: &FollowJointTrajectoryGoal,
    ) -> Result<(u64, oneshot::Receiver<Ending>), (i32, String)> {
        type Code = FollowJointTrajectoryResult;
        let invalid = |error: &dyn std::error::Error| (Code::INVALID_GOAL, error.to_string());
        let trajectory = from_message(&goal.trajectory).map_err(|error| invalid(&error))?;
        let profile = &self.profile;
        let names = &trajectory.joint_names;
        let path_tolerance_rad = tolerances(names, &goal.path_tolerance, profile.path_tolerance_rad);
        let goal_tolerance_rad = tolerances(names, &goal.goal_tolerance, profile.goal_tolerance_rad);
        let asked_s = goal.goal_time_tolerance.to_s();
        let mut controlled = self.controlled.lock();
        let stamp_ns = goal.trajectory.header.stamp.to_ns();
        // A zero stamp means at once.
        let start_s = match stamp_ns {
            0 => controlled.simulation.sample().time_s,
            _ => 1e-9 * (stamp_ns - self.zero_ns) as f64,
        };
        let motion = Motion {
            trajectory,
            start_s,
            path_tolerance_rad,
            goal_tolerance_rad,
            goal_time_tolerance_s: if asked_s > 0.0 { asked_s } else { profile.goal_time_tolerance_s },
        };
        let id = controlled.simulation.begin(motion).map_err(|error| match &error {
            MotionRejection::Arm(GoalRejection::JointNames { .. }) => {
                (Code::INVALID_JOINTS, error.to_string())
            }
            MotionRejection::Late { .. } => (Code::OLD_HEADER_TIMESTAMP, error.to_string()),
            _ => invalid(&error),
        })?;
        let (sender, ended) = oneshot::channel();
        if let Some(replaced) = controlled.ended.replace(sender) {
            // Fails if the goal's task was dropped.
            let _ = replaced.send(Ending::Replaced);
        }
        Ok((id, ended))
    }

    fn feedback(&self) -> FollowJointTrajectoryFeedback {
        let (now, desired) = {
            let simulation = &self.controlled.lock().simulation;
            (simulation.sample(), simulation.desired())
        };
        let actual = TrajectoryPoint {
            time_s: desired.map_or(0.0, |d| d.time_s),
            positions: now.positions,
            velocities: now.velocities,
            accelerations: Joints::default(),
        };
        let desired = desired.unwrap_or(actual);
        let difference = |a: &Joints, b: &Joints| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let error = TrajectoryPoint {
            positions: difference(&desired.positions, &actual.positions),
            velocities: difference(&desired.velocities, &actual.velocities),
            ..actual
        };
        let mut message = FollowJointTrajectoryFeedback {
            joint_names: self.arm.joint_names(),
            desired: point_message(&desired),
            actual: point_message(&actual),
            error: point_message(&error),
            ..Default::default()
        };
        message.header.stamp = self.stamp(now.time_s);
        message
    }

    fn stamp(&self, time_s: f64) -> Time {
        Time::from_ns(self.zero_ns.saturating_add((1e9 * time_s).round() as i64))
    }

    fn joint_state(&self, sample: &JointSample) -> JointState {
        let mut message = JointState {
            name: self.arm.joint_names(),
            position: sample.positions.to_vec(),
            velocity: sample.velocities.to_vec(),
            ..JointState::default()
        };
        message.header.stamp = self.stamp(sample.time_s);
        message
    }

    /// The base in the world, and the tool on the flange.
    fn fixed_frames(&self) -> Vec<TransformStamped> {
        let links: Vec<_> = self.arm.chain.link_names().collect();
        let frame = |link: Option<&&str>| link.map(|link| prefixed_frame(&self.arm.name, link));
        let stamp = self.stamp(0.0);
        let base = frame(links.first())
            .map(|base| transform(stamp.clone(), WORLD_FRAME.to_owned(), base, &self.arm.world_from_base));
        let tool = frame(links.last())
            .map(|tip| transform(stamp, tip, tool_frame(&self.arm.name), &self.arm.flange_from_tool));
        base.into_iter().chain(tool).collect()
    }

    /// Each link in the one before it.
    fn moving_frames(&self, sample: &JointSample) -> Vec<TransformStamped> {
        let chain = &self.arm.chain;
        let frames = chain.joint_frames(&sample.positions);
        let links: Vec<_> = chain.link_names().zip(chain.link_poses(&frames)).collect();
        let stamp = self.stamp(sample.time_s);
        links
            .iter()
            .zip(links.iter().skip(1))
            .map(|((parent, base_from_parent), (child, base_from_child))| {
                let [parent, child] = [parent, child].map(|link| prefixed_frame(&self.arm.name, link));
                transform(stamp.clone(), parent, child, &base_from_parent.inv_mul(base_from_child))
            })
            .collect()
    }
}

/// Ticks as often as the controller runs, in the parameters' time; `None` does not keep time.
fn clock(parameters: &Parameters, dt_s: f64) -> Option<tokio::time::Interval> {
    (parameters.time_factor > 0.0)
        .then(|| tokio::time::interval(Duration::from_secs_f64(dt_s / parameters.time_factor)))
}

fn outcome(ending: Ending) -> Outcome<FollowJointTrajectoryResult> {
    type Code = FollowJointTrajectoryResult;
    let result = |error_code, error_string: String| FollowJointTrajectoryResult { error_code, error_string };
    match ending {
        Ending::Reached => Outcome::Succeeded(result(Code::SUCCESSFUL, String::new())),
        Ending::Cancelled => Outcome::Canceled(result(Code::SUCCESSFUL, "stopped and held".to_owned())),
        // The controller's own words and code.
        Ending::Replaced => Outcome::Aborted(result(
            Code::INVALID_GOAL,
            "Current goal cancelled due to new incoming action.".to_owned(),
        )),
        Ending::Fault(text) => Outcome::Aborted(result(Code::INVALID_GOAL, text)),
        Ending::OffPath(text) => Outcome::Aborted(result(Code::PATH_TOLERANCE_VIOLATED, text)),
        Ending::OffGoal(text) => Outcome::Aborted(result(Code::GOAL_TOLERANCE_VIOLATED, text)),
    }
}

/// The tolerance of each joint: the goal's, or the robot's where that is 0 or absent; below 0 means none.
fn tolerances(names: &[String], asked: &[JointTolerance], default_rad: f64) -> Joints {
    let of = |name: &String| match asked.iter().find(|t| t.name == *name).map(|t| t.position) {
        Some(rad) if rad > 0.0 => rad,
        Some(rad) if rad < 0.0 => f64::INFINITY,
        _ => default_rad,
    };
    names.iter().map(of).take(dreamitate_kinematics::MAX_JOINTS).collect()
}

fn transform(
    stamp: Time,
    parent: String,
    child_frame_id: String,
    parent_from_child: &Isometry3<f64>,
) -> TransformStamped {
    let (p, q) = (parent_from_child.translation.vector, parent_from_child.rotation.coords);
    let transform = Transform {
        translation: Vector3 { x: p.x, y: p.y, z: p.z },
        rotation: Quaternion { x: q.x, y: q.y, z: q.z, w: q.w },
    };
    let mut message = TransformStamped { child_frame_id, transform, ..TransformStamped::default() };
    message.header.stamp = stamp;
    message.header.frame_id = parent;
    message
}

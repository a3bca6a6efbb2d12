//! The node of one simulated arm: a driver's FollowJointTrajectory action, its joint states and its frames.
//!
//! It runs in the arm's namespace. A goal that the arm does not take while it moves is rejected; any other that it
//! does not take is aborted at once with its reason, since ROS has no place for a reason in a rejection.

use std::sync::Arc;
use std::time::Duration;

use dreamitate_carrier::{
    Carrier, Declaration, Goal, Node, NodeArgs, Outcome, Publisher, Qos, TfBroadcaster,
};
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
use tokio::sync::{Notify, watch};

use crate::arm_files::{arm_of_rig, config_folder};
use crate::simulation::{Ending, Motion, MotionRejection, Simulation};
use crate::trajectory_message::{from_message, point_message};
use dreamitate_motion::Arm;
use dreamitate_motion::RobotConfig;
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
    stall_after_s: f64,
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
            stall_after_s: p.declare(
                Declaration::new("stall_after_s", 0.0)
                    .unit("s")
                    .about("A fault: the arm sticks this long after a motion's start; 0 is never")
                    .range(0.0, 1000.0),
            )?,
        })
    })
}

/// What the stepping loop and the goals share.
struct Driver {
    simulation: Mutex<Simulation>,
    /// Wakes the loop when a goal comes.
    wake: Notify,
    /// How the last motion ended.
    ended: watch::Sender<Option<Ending>>,
    robot: RobotConfig,
    arm: Arm,
    /// The simulation's time 0, ns since the epoch.
    zero_ns: i64,
}

/// Runs the node until it is dropped.
///
/// # Errors
/// Parameters or files that cannot be used, or a carrier that fails.
pub async fn run(carrier: Arc<dyn Carrier>, args: NodeArgs) -> anyhow::Result<()> {
    let node = Node::open(carrier, args)?;
    let parameters = parameters(&node)?;
    let folder = config_folder(&parameters.config_dir);
    let rig = Rig::read(&folder.rig(&parameters.rig))?;
    let configured =
        arm_of_rig(&folder, &rig, &parameters.arm, &parameters.arm, &folder.tool(&parameters.tool))?;
    let (arm, robot) = (configured.arm, configured.robot);
    let simulated = SimulatedArm::new(arm.clone(), &arm.home, robot.start_tolerance_rad)?;
    let stall_after_s = Some(parameters.stall_after_s).filter(|s| *s > 0.0);
    let driver = Arc::new(Driver {
        simulation: Mutex::new(Simulation::new(simulated, stall_after_s)),
        wake: Notify::new(),
        ended: watch::Sender::new(None),
        zero_ns: now_ns(),
        robot,
        arm,
    });
    let joint_states = node.publisher::<JointState>("joint_states", Qos::reliable(10))?;
    let frames = node.tf_broadcaster()?;
    frames.send_static(driver.fixed_frames())?;
    node.action_server::<FollowJointTrajectory, _, _, _>(
        &driver.robot.action,
        {
            let driver = driver.clone();
            move |_| {
                let simulation = driver.simulation.lock();
                let state = simulation.arm().state();
                let busy = GoalRejection::Busy { state };
                if simulation.is_busy() { Err(busy.to_string()) } else { Ok(()) }
            }
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
        action = node.resolve(&driver.robot.action)?,
        "simulated arm ready"
    );
    driver.keep_time(&parameters, &joint_states, &frames).await
}

impl Driver {
    /// Steps the arm for ever.
    async fn keep_time(
        &self,
        parameters: &Parameters,
        joint_states: &Publisher<JointState>,
        frames: &TfBroadcaster,
    ) -> anyhow::Result<()> {
        let dt_s = 1.0 / self.robot.rate_hz;
        let frames_every = (self.robot.rate_hz / FRAMES_HZ).round().max(1.0) as i64;
        let mut clock = (parameters.time_factor > 0.0)
            .then(|| tokio::time::interval(Duration::from_secs_f64(dt_s / parameters.time_factor)));
        for step in 0_i64.. {
            let busy = self.simulation.lock().is_busy();
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
            let (ending, sample) = {
                let mut simulation = self.simulation.lock();
                let ending = simulation.tick(dt_s);
                if let Some(ending) = &ending {
                    // Under the lock: the next goal must not take this ending for its own.
                    self.ended.send_replace(Some(ending.clone()));
                }
                (ending, simulation.sample())
            };
            // At rest without a clock there are few steps, and each one is told.
            let all = clock.is_none() && !busy;
            if all || ending.is_some() || step % parameters.joint_state_decimation == 0 {
                joint_states.publish(&self.joint_state(&sample))?;
            }
            if all || ending.is_some() || step % frames_every == 0 {
                frames.send(self.moving_frames(&sample))?;
            }
        }
        Ok(())
    }

    /// Works on one goal.
    async fn follow(&self, goal: Goal<FollowJointTrajectory>) -> Outcome<FollowJointTrajectoryResult> {
        let mut ended = self.ended.subscribe();
        if let Err((error_code, error_string)) = self.begin(goal.goal(), &mut ended) {
            tracing::info!(arm = self.arm.name, error_code, error_string, "goal refused");
            return Outcome::Aborted(FollowJointTrajectoryResult { error_code, error_string });
        }
        self.wake.notify_one();
        let mut feedback = tokio::time::interval(FEEDBACK_PERIOD);
        let mut cancelled = false;
        loop {
            tokio::select! {
                changed = ended.changed() => {
                    let ending = ended.borrow_and_update().clone();
                    let ending = ending.filter(|_| changed.is_ok());
                    return outcome(ending.unwrap_or(Ending::Cancelled));
                }
                () = goal.cancelled(), if !cancelled => {
                    cancelled = true;
                    self.simulation.lock().cancel();
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

    /// Starts a goal's motion, or says with FollowJointTrajectory's code why not. The next change of `ended` is then
    /// this motion's.
    fn begin(
        &self,
        goal: &FollowJointTrajectoryGoal,
        ended: &mut watch::Receiver<Option<Ending>>,
    ) -> Result<(), (i32, String)> {
        type Code = FollowJointTrajectoryResult;
        let invalid = |error: &dyn std::error::Error| (Code::INVALID_GOAL, error.to_string());
        let trajectory = from_message(&goal.trajectory).map_err(|error| invalid(&error))?;
        let robot = &self.robot;
        let names = &trajectory.joint_names;
        let path_tolerance_rad = tolerances(names, &goal.path_tolerance, robot.path_tolerance_rad);
        let goal_tolerance_rad = tolerances(names, &goal.goal_tolerance, robot.goal_tolerance_rad);
        let asked_s = goal.goal_time_tolerance.to_s();
        let mut simulation = self.simulation.lock();
        let stamp_ns = goal.trajectory.header.stamp.to_ns();
        // A zero stamp means at once.
        let start_s =
            if stamp_ns == 0 { simulation.sample().time_s } else { 1e-9 * (stamp_ns - self.zero_ns) as f64 };
        let motion = Motion {
            trajectory,
            start_s,
            path_tolerance_rad,
            goal_tolerance_rad,
            goal_time_tolerance_s: if asked_s > 0.0 { asked_s } else { robot.goal_time_tolerance_s },
        };
        simulation.begin(motion).map_err(|error| match &error {
            MotionRejection::Arm(GoalRejection::JointNames { .. }) => {
                (Code::INVALID_JOINTS, error.to_string())
            }
            MotionRejection::Late { .. } => (Code::OLD_HEADER_TIMESTAMP, error.to_string()),
            _ => invalid(&error),
        })?;
        ended.mark_unchanged();
        Ok(())
    }

    fn feedback(&self) -> FollowJointTrajectoryFeedback {
        let (now, desired) = {
            let simulation = self.simulation.lock();
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

fn outcome(ending: Ending) -> Outcome<FollowJointTrajectoryResult> {
    type Code = FollowJointTrajectoryResult;
    let result = |error_code, error_string: String| FollowJointTrajectoryResult { error_code, error_string };
    match ending {
        Ending::Reached => Outcome::Succeeded(result(Code::SUCCESSFUL, String::new())),
        Ending::Cancelled => Outcome::Canceled(result(Code::SUCCESSFUL, "stopped and held".to_owned())),
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

fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

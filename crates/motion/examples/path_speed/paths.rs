//! Random tool paths of the rotation task's size that an arm can follow.

use std::path::{Path, PathBuf};

use dreamitate_geometry::{ArmMount, XyzRpy};
use dreamitate_kinematics::Joints;
use dreamitate_motion::{
    Arm, JointTrajectory, RobotConfig, ToolBody, ToolMount, TrajectoryPoint, Waypoint, measure_clearance,
};
use nalgebra::Point3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WAYPOINTS: usize = 13;
const STEP_S: f64 = 0.2;
/// The joint motion is looked at this much more densely than its waypoints.
const FINER: usize = 8;

pub struct RandomPath {
    pub waypoints: Vec<Waypoint>,
}

/// An arm of `config/robots` at the world's origin, with a handle and a blade of 100 × 20 × 100 mm.
pub fn bench_arm(name: &str) -> Arm {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let robot = RobotConfig::read(&root.join(format!("config/robots/{name}.yaml"))).unwrap();
    let at_origin = XyzRpy { xyz_m: [0.0; 3], rpy_rad: [0.0; 3] };
    let mount = ArmMount { robot: name.into(), joint_prefix: String::new(), world_from_base: at_origin };
    let handle = ToolMount {
        flange_from_tool: XyzRpy { xyz_m: [0.0, 0.0, 0.15], rpy_rad: [0.0; 3] },
        tool_from_tcp: None,
    };
    let corners = (0..8).map(|i| {
        let side = |bit: usize, low: f64, high: f64| if i >> bit & 1 == 0 { low } else { high };
        Point3::new(side(0, -0.05, 0.05), side(1, -0.01, 0.01), side(2, -0.1, 0.0))
    });
    Arm::new(name, &robot, &mount, &handle, ToolBody::from_points(corners.collect()).unwrap()).unwrap()
}

/// As many paths; the same each time.
pub fn random_paths(arm: &Arm, count: usize) -> Vec<RandomPath> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut paths = Vec::new();
    while paths.len() < count {
        paths.extend(random_path(arm, &mut rng));
    }
    paths
}

/// A path, unless the random joint motion is not usable.
fn random_path(arm: &Arm, rng: &mut ChaCha8Rng) -> Option<RandomPath> {
    use std::f64::consts::PI;
    let limits = arm.chain.moving_joints().iter().map(|j| j.limits);
    let start: Joints = limits.map(|l| rng.random_range(l.lower.max(-PI)..l.upper.min(PI))).collect();
    let mut each =
        |largest: f64| -> Joints { start.iter().map(|_| rng.random_range(-largest..largest)).collect() };
    let (drift, sway, phase) = (each(0.5), each(0.25), each(PI));
    let posture = |part: f64| -> Joints {
        (0..start.len())
            .map(|j| start[j] + drift[j] * part + sway[j] * ((PI * part + phase[j]).sin() - phase[j].sin()))
            .collect()
    };
    let last = (WAYPOINTS - 1) * FINER;
    let postures: Vec<Joints> = (0..=last).map(|i| posture(i as f64 / last as f64)).collect();
    // A tool is worked with where the arm is not about to be stretched or folded.
    let usable = |q: &Joints| arm.chain.limit_margin(q) > 0.04 && arm.chain.smallest_singular_value(q) > 0.05;
    if !postures.iter().all(usable) {
        return None;
    }
    let poses: Vec<_> = postures.iter().map(|q| arm.world_from_tool(q)).collect();
    let farthest = |measure: &dyn Fn(usize) -> f64| (0..poses.len()).map(measure).fold(0.0, f64::max);
    let moved_m = farthest(&|i| (poses[i].translation.vector - poses[0].translation.vector).norm());
    let turned_rad = farthest(&|i| poses[i].rotation.angle_to(&poses[0].rotation));
    if !(0.08..0.4).contains(&moved_m) || turned_rad > 1.2 {
        return None;
    }
    let still: Joints = start.iter().map(|_| 0.0).collect();
    let point = |(i, q): (usize, &Joints)| TrajectoryPoint {
        time_s: i as f64 * STEP_S / FINER as f64,
        positions: *q,
        velocities: still,
        accelerations: still,
    };
    let way = JointTrajectory {
        joint_names: arm.joint_names(),
        points: postures.iter().enumerate().map(point).collect(),
        waypoint_times_s: Vec::new(),
        time_scale: 1.0,
    };
    let clearance = measure_clearance(&[(arm, &way)]);
    // The tool's path between its waypoints is not the joint motion's: a little more room than the planner asks for.
    // The UR5 has 8 mm between two of its parts where it waits.
    if clearance.link_table_m < 0.02 || clearance.tool_table_m < 0.01 || clearance.self_m < 0.0075 {
        return None;
    }
    let waypoints = (0..WAYPOINTS)
        .map(|i| Waypoint { time_s: i as f64 * STEP_S, world_from_tool: poses[i * FINER] })
        .collect();
    Some(RandomPath { waypoints })
}

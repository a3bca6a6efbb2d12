//! The two arms of the paper's rig with their tools, put together from the project's own files.
// Each test file uses a part of this; a panic here is a test's failure.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use dreamitate_geometry::Rig;
use dreamitate_motion::{
    Arm, Deviation, JointTrajectory, RobotConfig, SimulatedArm, ToolBody, ToolMount, Waypoint, deviations,
};
use nalgebra::Point3;

pub const SIDES: [&str; 2] = ["left", "right"];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn robot() -> RobotConfig {
    RobotConfig::read(&root().join("config/robots/xarm7.yaml")).unwrap()
}

pub fn rig() -> Rig {
    Rig::read(&root().join("config/rigs/paper.yaml")).unwrap()
}

/// The arm of one side.
pub fn arm(side: &str) -> Arm {
    let tool = root().join(format!("config/tools/tracking_box_{side}.yaml"));
    let mesh = root().join(format!("urdf/tools/tracking_box/tracking_box_{side}.obj"));
    let (models, _) = tobj::load_obj(mesh, &tobj::LoadOptions::default()).unwrap();
    let points = models
        .iter()
        .flat_map(|m| m.mesh.positions.chunks(3))
        .map(|p| Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2])))
        .collect();
    let body = ToolBody::from_points(points).unwrap();
    Arm::new(side, &robot(), &rig().arms[side], &ToolMount::read(&tool).unwrap(), body).unwrap()
}

/// Follows a trajectory from home at the controller's rate; the deviation at each waypoint.
pub fn execute(arm: &Arm, trajectory: &JointTrajectory, waypoints: &[Waypoint]) -> Vec<Deviation> {
    let robot = robot();
    let mut simulated = SimulatedArm::new(arm.clone(), &arm.home, robot.driver.start_tolerance_rad).unwrap();
    let mut samples = vec![simulated.sample()];
    simulated.accept(trajectory.clone()).unwrap();
    while simulated.state() == dreamitate_motion::ArmState::Executing {
        samples.push(simulated.step(1.0 / robot.driver.rate_hz));
    }
    let found = deviations(arm, &samples, waypoints, &trajectory.waypoint_times_s);
    assert_eq!(found.len(), waypoints.len());
    found.into_iter().map(|d| d.unwrap()).collect()
}

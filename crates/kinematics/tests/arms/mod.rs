//! The arms that the project knows, and calibrated ones, for tests.
// Each test file uses a part of this; a panic here is a test's failure.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use dreamitate_kinematics::{Chain, Joints};
use nalgebra::Isometry3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Name, URDF, base and tip.
pub const ARMS: [(&str, &str, &str, &str); 3] = [
    ("xarm7", "xarm7.urdf", "link_base", "link_eef"),
    ("ur5", "ur5.urdf", "base_link", "tool0"),
    ("ur5e", "ur5e.urdf", "base_link", "tool0"),
];

/// The URDF of the arm.
pub fn urdf(name: &str) -> String {
    let (_, file, ..) = ARMS.into_iter().find(|a| a.0 == name).unwrap();
    std::fs::read_to_string(format!("{}/../../urdf/robots/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The arm's chain.
pub fn chain(name: &str) -> Chain {
    let (_, _, base, tip) = ARMS.into_iter().find(|a| a.0 == name).unwrap();
    Chain::from_urdf_text(&urdf(name), base, tip).unwrap()
}

/// The arm with every moving joint's origin off by up to 1 mm and 0.01 rad an axis, as a real one's calibration has it.
pub fn calibrated(name: &str, seed: u64) -> Chain {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (_, _, base, tip) = ARMS.into_iter().find(|a| a.0 == name).unwrap();
    let mut in_moving = false;
    let mut moved = 0;
    let lines: Vec<String> = urdf(name)
        .lines()
        .map(|line| {
            in_moving = line.contains("<joint") && line.contains("revolute")
                || in_moving && !line.contains("</joint>");
            let Some((before, after)) = line.split_once("<origin xyz=\"").filter(|_| in_moving) else {
                return line.to_owned();
            };
            let (xyz, after) = after.split_once("\" rpy=\"").unwrap();
            let (rpy, after) = after.split_once('"').unwrap();
            let mut shaken = |text: &str, by: f64| -> String {
                let values = text.split_whitespace().map(|v| v.parse::<f64>().unwrap());
                values.map(|v| format!("{} ", v + rng.random_range(-by..=by))).collect()
            };
            moved += 1;
            format!("{before}<origin xyz=\"{}\" rpy=\"{}\"{after}", shaken(xyz, 1e-3), shaken(rpy, 1e-2))
        })
        .collect();
    assert_eq!(moved, chain(name).dof());
    Chain::from_urdf_text(&lines.join("\n"), base, tip).unwrap()
}

/// The posture that lies at a fraction of each joint's range.
pub fn posture(chain: &Chain, unit: &[f64]) -> Joints {
    let limits = chain.moving_joints().iter().map(|j| j.limits);
    limits.zip(unit).map(|(l, u)| l.lower + u * (l.upper - l.lower)).collect()
}

/// Metres and radians between two poses.
pub fn distance(a: &Isometry3<f64>, b: &Isometry3<f64>) -> (f64, f64) {
    ((a.translation.vector - b.translation.vector).norm(), a.rotation.angle_to(&b.rotation))
}

/// The largest difference of any joint, whole turns aside.
pub fn difference(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).sin().atan2((a - b).cos()).abs()).fold(0.0, f64::max)
}

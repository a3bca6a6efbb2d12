//! The arms that are asked, and the poses.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dreamitate_kinematics::{Chain, Joints};
use nalgebra::Isometry3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// An arm with poses to reach.
pub struct Arm {
    pub name: &'static str,
    /// The file that all solvers read.
    pub urdf: PathBuf,
    pub base: &'static str,
    pub tip: &'static str,
    pub chain: Chain,
    /// Tip poses of postures drawn evenly from the limits.
    pub base_from_tip: Vec<Isometry3<f64>>,
}

impl Arm {
    /// The four arms of the table, their URDFs written to a folder.
    pub fn all(folder: &Path, poses: usize) -> Result<Vec<Self>> {
        [
            ("xArm 7", "xarm7", "link_base", "link_eef", false),
            ("UR5", "ur5", "base_link", "tool0", false),
            ("UR5e", "ur5e", "base_link", "tool0", false),
            ("UR5 calibrated", "ur5", "base_link", "tool0", true),
        ]
        .into_iter()
        .map(|(name, file, base, tip, is_calibrated)| {
            let source = format!("{}/../../urdf/robots/{file}.urdf", env!("CARGO_MANIFEST_DIR"));
            let mut robot = urdf_rs::read_file(&source).with_context(|| format!("reading {source}"))?;
            if is_calibrated {
                calibrate(&mut robot);
            }
            let urdf = folder.join(format!("{}.urdf", name.replace(' ', "_")));
            std::fs::write(&urdf, urdf_rs::write_to_string(&robot)?)?;
            let chain = Chain::from_urdf_file(&urdf, base, tip)?;
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let base_from_tip =
                (0..poses).map(|_| chain.tip_pose(&random_posture(&chain, &mut rng))).collect();
            Ok(Self { name, urdf, base, tip, chain, base_from_tip })
        })
        .collect()
    }

    /// Whether a posture is within limits and its tip within the tolerances, by our own forward kinematics for every solver.
    pub fn is_answer(&self, index: usize, joints: &[f64]) -> bool {
        // Another program's π may have other last digits.
        const LIMIT_SLACK: f64 = 1e-6;
        let wanted = &self.base_from_tip[index];
        let limits = self.chain.moving_joints().iter().map(|j| j.limits);
        let is_within =
            limits.zip(joints).all(|(l, q)| *q >= l.lower - LIMIT_SLACK && *q <= l.upper + LIMIT_SLACK);
        let tip = self.chain.tip_pose(joints);
        let distance_m = (tip.translation.vector - wanted.translation.vector).norm();
        is_within
            && distance_m <= crate::POSITION_M
            // A quaternion's angle is known to about 1e-8 rad.
            && tip.rotation.angle_to(&wanted.rotation) <= crate::ROTATION_RAD + 1e-7
    }
}

/// A posture drawn evenly from the limits.
pub fn random_posture(chain: &Chain, rng: &mut ChaCha8Rng) -> Joints {
    chain.moving_joints().iter().map(|j| rng.random_range(j.limits.lower..=j.limits.upper)).collect()
}

/// Moves every turning joint by up to 1 mm and 0.01 rad an axis, as a real arm's calibration does.
fn calibrate(robot: &mut urdf_rs::Robot) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for joint in robot.joints.iter_mut().filter(|j| j.joint_type == urdf_rs::JointType::Revolute) {
        joint.origin.xyz.iter_mut().for_each(|v| *v += rng.random_range(-1e-3..=1e-3));
        joint.origin.rpy.iter_mut().for_each(|v| *v += rng.random_range(-1e-2..=1e-2));
    }
}

//! The crate `k`: its Jacobian solver, restarted from random postures as ours is.

use std::time::Instant;

use anyhow::{Context, Result};
use k::nalgebra as na;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::arm::{Arm, random_posture};
use crate::measured::Measured;

/// Part of each step that is taken: of 0.5, 0.8 and 1.0 the one that solves most.
const MULTIPLIER: f64 = 0.5;

/// One posture a pose.
pub fn jacobian(arm: &Arm) -> Result<Measured> {
    // Steps of one descent: of 10, 20, 40 and 100 those with the lowest mean time.
    let steps = if arm.chain.dof() > 6 { 40 } else { 20 };

    let whole = k::Chain::<f64>::from_urdf_file(&arm.urdf)?;
    let tip = whole.find_link(arm.tip).context("the tip is not in the URDF")?;
    let chain = k::SerialChain::from_end(tip);
    let solver = k::JacobianIkSolver::new(crate::POSITION_M, crate::ROTATION_RAD, MULTIPLIER, steps);
    let start = arm.chain.middle();
    let mut measured = Measured::default();
    for (index, pose) in arm.base_from_tip.iter().enumerate() {
        // The two libraries name different versions of nalgebra; k's root is the base link of these arms.
        let (t, q) = (pose.translation.vector, pose.rotation.coords);
        let rotation = na::UnitQuaternion::from_quaternion(na::Quaternion::new(q.w, q.x, q.y, q.z));
        let target = na::Isometry3::from_parts(na::Translation3::new(t.x, t.y, t.z), rotation);
        let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
        let begun = Instant::now();
        chain.set_joint_positions(&start)?;
        let mut is_solved = k::InverseKinematicsSolver::solve(&solver, &chain, &target).is_ok();
        for _ in 0..crate::RESTARTS {
            if is_solved {
                break;
            }
            chain.set_joint_positions(&random_posture(&arm.chain, &mut rng))?;
            is_solved = k::InverseKinematicsSolver::solve(&solver, &chain, &target).is_ok();
        }
        let taken = begun.elapsed();
        measured.add(taken, is_solved && arm.is_answer(index, &chain.joint_positions()));
    }
    Ok(measured)
}

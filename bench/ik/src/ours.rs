//! Our solvers.

use std::time::Instant;

use dreamitate_kinematics::{IkSettings, InverseKinematics};

use crate::arm::Arm;
use crate::measured::Measured;

fn settings(closed_form: bool) -> IkSettings {
    IkSettings {
        position_tolerance_m: crate::POSITION_M,
        rotation_tolerance_rad: crate::ROTATION_RAD,
        max_restarts: crate::RESTARTS,
        closed_form,
        ..IkSettings::default()
    }
}

/// Levenberg-Marquardt from the middle, one posture.
pub fn descent(arm: &Arm) -> Measured {
    let ik = InverseKinematics::with_settings(&arm.chain, settings(false));
    let start = arm.chain.middle();
    let mut measured = Measured::default();
    for (index, pose) in arm.base_from_tip.iter().enumerate() {
        let begun = Instant::now();
        let answer = ik.solve(pose, &start, index as u64);
        measured.add(begun.elapsed(), answer.is_ok_and(|a| arm.is_answer(index, &a.joints)));
    }
    measured
}

/// All branches of the closed form, refined where the arm is calibrated; solved if there is one and all reach the pose.
pub fn branches(arm: &Arm) -> Option<Measured> {
    let ik = InverseKinematics::with_settings(&arm.chain, settings(true));
    let start = arm.chain.middle();
    let mut measured = Measured::default();
    for (index, pose) in arm.base_from_tip.iter().enumerate() {
        let begun = Instant::now();
        let branches = ik.branches(pose, &start)?;
        let taken = begun.elapsed();
        measured.add(taken, !branches.is_empty() && branches.iter().all(|b| arm.is_answer(index, b)));
    }
    Some(measured)
}

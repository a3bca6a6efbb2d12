//! optik-py, run by Python on the same URDF and poses; it hands back postures and times.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::arm::Arm;
use crate::measured::Measured;

#[derive(Serialize)]
struct Question<'a> {
    urdf: &'a Path,
    base: &'a str,
    tip: &'a str,
    position_m: f64,
    rotation_rad: f64,
    restarts: usize,
    start: &'a [f64],
    /// 4×4, row by row.
    base_from_tip: Vec<Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
struct Answers {
    /// Where it has the tip at the start, row by row.
    base_from_tip_at_start: Vec<Vec<f64>>,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    joints: Option<Vec<f64>>,
    time_s: f64,
}

/// One posture a pose.
pub fn solve(arm: &Arm, python: &Path, folder: &Path) -> Result<Measured> {
    let rows = |m: nalgebra::Matrix4<f64>| m.row_iter().map(|r| r.iter().copied().collect()).collect();
    let question = Question {
        urdf: &arm.urdf,
        base: arm.base,
        tip: arm.tip,
        position_m: crate::POSITION_M,
        rotation_rad: crate::ROTATION_RAD,
        restarts: crate::RESTARTS,
        start: &arm.chain.middle(),
        base_from_tip: arm.base_from_tip.iter().map(|p| rows(p.to_homogeneous())).collect(),
    };
    let (asked, answered) = (folder.join("question.json"), folder.join("answer.json"));
    std::fs::write(&asked, serde_json::to_vec(&question)?)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/optik_py.py");
    let output = Command::new(python)
        .arg(script)
        .args([&asked, &answered])
        .output()
        .with_context(|| format!("starting {}", python.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.trim().lines().last().unwrap_or("ended without a word"));
    }
    let answers: Answers = serde_json::from_slice(&std::fs::read(&answered)?)?;
    // What it answers is of worth only if it has read the same arm.
    let tip = arm.chain.tip_pose(&arm.chain.middle()).to_homogeneous();
    let rows = answers.base_from_tip_at_start.iter().take(3);
    let off_m = rows.enumerate().map(|(axis, row)| (row[3] - tip[(axis, 3)]).powi(2)).sum::<f64>().sqrt();
    if off_m > 0.1 * crate::POSITION_M {
        bail!("it reads this URDF as another arm, whose tip is {:.2} mm off at the start", off_m * 1e3);
    }
    let mut measured = Measured::default();
    for (index, answer) in answers.answers.iter().enumerate() {
        let is_solved = answer.joints.as_ref().is_some_and(|q| arm.is_answer(index, q));
        measured.add(Duration::from_secs_f64(answer.time_s), is_solved);
    }
    Ok(measured)
}

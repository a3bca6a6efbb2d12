//! Prints a table of inverse kinematics, ours and others': `ik_bench [PYTHON]`, with PYTHON one that has optik-py.
//!
//! Every solver is asked for the same random reachable poses from the middle of the limits, and may restart as often. Every
//! answer is judged by our forward kinematics.

mod arm;
mod crate_k;
mod measured;
mod optik;
mod ours;

use std::path::PathBuf;

use anyhow::Result;

use arm::Arm;
use measured::Measured;

/// Poses an arm.
const POSES: usize = 10_000;
/// Tolerances.
const POSITION_M: f64 = 1e-5;
const ROTATION_RAD: f64 = 1e-4;
/// Random starts after the first.
const RESTARTS: usize = 100;

fn main() -> Result<()> {
    let python = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/work"));
    std::fs::create_dir_all(&folder)?;
    println!(
        "{POSES} random reachable poses an arm, {POSITION_M:e} m and {ROTATION_RAD:e} rad, one thread, µs"
    );
    println!("ratio: mean and p50 in those of our Levenberg-Marquardt");
    let head = ["solved %", "mean", "p50", "p99", "mean ×", "p50 ×"];
    print!("{:15} {:34}", "arm", "solver");
    println!("{}", head.map(|h| format!(" {h:>9}")).concat());
    for arm in Arm::all(&folder, POSES)? {
        let descent = ours::descent(&arm);
        let row = |solver: &str, measured: &Measured| {
            let (mean, p50) = (measured.mean_us(), measured.quantile_us(0.5));
            let p99 = measured.quantile_us(0.99);
            let ratios = [mean / descent.mean_us(), p50 / descent.quantile_us(0.5)];
            let figures = [measured.solved_percent(), mean, p50, p99].map(|v| format!(" {v:9.2}")).concat();
            println!("{:15} {solver:34}{figures} {:9.2} {:9.2}", arm.name, ratios[0], ratios[1]);
        };
        row("ours, Levenberg-Marquardt", &descent);
        if let Some(branches) = ours::branches(&arm) {
            row("ours, closed form, all branches", &branches);
        }
        row("k 0.32.0, JacobianIkSolver", &crate_k::jacobian(&arm)?);
        let optik = match &python {
            Some(python) => optik::solve(&arm, python, &folder),
            None => Err(anyhow::anyhow!("no Python with optik-py was given")),
        };
        match optik {
            Ok(measured) => row("optik-py 0.5.0, speed mode", &measured),
            Err(error) => println!("{:15} optik-py: not measured: {error:#}", arm.name),
        }
    }
    Ok(())
}

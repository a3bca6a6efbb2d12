//! Prints the time of inverse kinematics over random reachable poses: `cargo run --release --example ik_speed`.

use std::time::Instant;

use dreamitate_kinematics::{Chain, IkSettings, InverseKinematics, Joints};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const POSES: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arms =
        [("xarm7", "link_base", "link_eef"), ("ur5", "base_link", "tool0"), ("ur5e", "base_link", "tool0")];
    println!("{POSES} random reachable poses, 1e-5 m and 1e-4 rad, one core, microseconds");
    println!(
        "{:8} {:12} {:>9} {:>7} {:>7} {:>7} {:>7}",
        "arm", "question", "solved %", "mean", "p50", "p99", "max"
    );
    for (name, base, tip) in arms {
        let path = format!("{}/../../urdf/robots/{name}.urdf", env!("CARGO_MANIFEST_DIR"));
        let chain = Chain::from_urdf_file(path, base, tip)?;
        let settings = IkSettings {
            position_tolerance_m: 1e-5,
            rotation_tolerance_rad: 1e-4,
            closed_form: false,
            ..IkSettings::default()
        };
        let ik = InverseKinematics::with_settings(&chain, settings);
        let with_closed_form =
            InverseKinematics::with_settings(&chain, IkSettings { closed_form: true, ..settings });
        for question in ["from middle", "from ±0.1", "closed form", "24 postures"] {
            if question == "closed form" && !chain.has_closed_form() {
                continue;
            }
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut times_us = Vec::with_capacity(POSES);
            let mut solved = 0;
            for index in 0..POSES {
                let limits = chain.moving_joints().iter().map(|j| j.limits);
                let posture: Joints = limits.map(|l| rng.random_range(l.lower..=l.upper)).collect();
                let near = posture.iter().map(|v| v + rng.random_range(-0.1..=0.1)).collect();
                let start = if question == "from ±0.1" { near } else { chain.middle() };
                let wanted = chain.tip_pose(&posture);
                let begun = Instant::now();
                let found = match question {
                    "closed form" => ik.branches(&wanted, &start).is_some_and(|b| !b.is_empty()),
                    "24 postures" => !with_closed_form.solutions(&wanted, 24, index as u64).is_empty(),
                    _ => ik.solve(&wanted, &start, index as u64).is_ok(),
                };
                times_us.push(begun.elapsed().as_secs_f64() * 1e6);
                solved += usize::from(found);
            }
            times_us.sort_by(f64::total_cmp);
            let mean = times_us.iter().sum::<f64>() / POSES as f64;
            println!(
                "{name:8} {question:12} {:9.2} {mean:7.1} {:7.1} {:7.1} {:7.1}",
                100.0 * solved as f64 / POSES as f64,
                times_us[POSES / 2],
                times_us[POSES * 99 / 100],
                times_us[POSES - 1]
            );
        }
    }
    Ok(())
}

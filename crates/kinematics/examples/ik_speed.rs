//! Prints the time of inverse kinematics over random reachable poses: `cargo run --release --example ik_speed`.

use std::time::Instant;

use dreamitate_kinematics::{Chain, InverseKinematics, Joints};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const POSES: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arms =
        [("xarm7", "link_base", "link_eef"), ("ur5", "base_link", "tool0"), ("ur5e", "base_link", "tool0")];
    println!("{POSES} random reachable poses, 1e-6 m and 1e-5 rad, one core, microseconds");
    println!(
        "{:8} {:6} {:>9} {:>7} {:>7} {:>7} {:>7}",
        "arm", "start", "solved %", "mean", "p50", "p99", "max"
    );
    for (name, base, tip) in arms {
        let path = format!("{}/../../urdf/robots/{name}.urdf", env!("CARGO_MANIFEST_DIR"));
        let chain = Chain::from_urdf_file(path, base, tip)?;
        let ik = InverseKinematics::new(&chain);
        for warm in [false, true] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut times_us = Vec::with_capacity(POSES);
            let mut solved = 0;
            for index in 0..POSES {
                let posture: Joints = chain
                    .moving_joints()
                    .iter()
                    .map(|j| rng.random_range(j.limits.lower..=j.limits.upper))
                    .collect();
                let start = if warm {
                    posture.iter().map(|v| v + rng.random_range(-0.1..=0.1)).collect()
                } else {
                    chain.middle()
                };
                let wanted = chain.tip_pose(&posture);
                let begun = Instant::now();
                let answer = ik.solve(&wanted, &start, index as u64);
                times_us.push(begun.elapsed().as_secs_f64() * 1e6);
                solved += usize::from(answer.is_ok());
            }
            times_us.sort_by(f64::total_cmp);
            let mean = times_us.iter().sum::<f64>() / POSES as f64;
            println!(
                "{name:8} {:6} {:9.2} {mean:7.1} {:7.1} {:7.1} {:7.1}",
                if warm { "±0.1" } else { "middle" },
                100.0 * solved as f64 / POSES as f64,
                times_us[POSES / 2],
                times_us[POSES * 99 / 100],
                times_us[POSES - 1]
            );
        }
    }
    Ok(())
}

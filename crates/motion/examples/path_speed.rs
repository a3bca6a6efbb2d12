//! How many random tool paths are planned, how fast and how well.
//!
//! Each path has 13 waypoints 0.2 s apart and comes from a smooth random joint motion within limits, clear of the table
//! and of the arm itself, of which the planner is given the tool's poses alone: a solution exists. The motion from
//! the arm's home posture to the path is part of each plan.
//!
//! `cargo run --release -p dreamitate_motion --example path_speed [paths an arm] [only this arm]`

// A program that measures may end with the reason.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "path_speed/judge.rs"]
mod judge;
#[path = "path_speed/paths.rs"]
mod paths;

use std::time::Instant;

use dreamitate_motion::{Arm, PlanSettings, Schedule, plan};
use judge::{Verdict, judge};
use paths::{RandomPath, bench_arm, random_paths};

/// Of every arm, how many paths are searched exhaustively too.
const EXHAUSTIVE: usize = 20;

fn main() {
    let count: usize = std::env::args().nth(1).map_or(300, |n| n.parse().unwrap());
    println!(
        "arm    collision | found % | jump rad | median ms |  p99 ms | off path mm |      ° | velocity | accel. | position | stretch p50 | max"
    );
    for name in
        ["xarm7", "ur5", "ur5e"].iter().filter(|n| std::env::args().nth(2).is_none_or(|only| only == **n))
    {
        let arm = bench_arm(name);
        let paths = random_paths(&arm, count);
        for collision in [false, true] {
            measure(&arm, &paths, collision);
        }
        compare(&arm, &paths[..EXHAUSTIVE.min(paths.len())]);
    }
}

fn settings(collision: bool) -> PlanSettings {
    PlanSettings { largest_jump_rad: 0.3, check_collisions: collision, ..PlanSettings::default() }
}

fn measure(arm: &Arm, paths: &[RandomPath], collision: bool) {
    let settings = settings(collision);
    let mut times_ms = Vec::new();
    let mut stretches = Vec::new();
    let mut worst = Verdict::default();
    for (index, path) in paths.iter().enumerate() {
        let begun = Instant::now();
        let found = plan(arm, &path.waypoints, &arm.home, &settings);
        times_ms.push(1e3 * begun.elapsed().as_secs_f64());
        match found {
            Ok(plan) => {
                let trajectory = plan.trajectory(&Schedule::common(&[&plan]));
                let verdict = judge(arm, &path.waypoints, &plan, &trajectory);
                if std::env::var_os("PATH_SPEED_EACH").is_some() {
                    println!("  path {index}: {:.1} ms {verdict:?}", times_ms.last().unwrap());
                }
                worst = worst.or(verdict);
                stretches.push(trajectory.time_scale);
            }
            Err(error) => println!("  {} path {index}: {error}", arm.name),
        }
    }
    times_ms.sort_by(f64::total_cmp);
    stretches.sort_by(f64::total_cmp);
    let at = |values: &[f64], part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
    println!(
        "{:6} {:9} | {:7.2} | {:8.3} | {:9.2} | {:7.2} | {:11.5} | {:6.4} | {:8.4} | {:6.4} | {:8.4} | {:11.2} | {:.2}",
        arm.name,
        if collision { "on" } else { "off" },
        100.0 * stretches.len() as f64 / paths.len() as f64,
        worst.jump_rad,
        at(&times_ms, 0.5),
        at(&times_ms, 0.99),
        worst.position_mm,
        worst.rotation_deg,
        worst.velocity_fraction,
        worst.acceleration_fraction,
        worst.position_fraction,
        at(&stretches, 0.5),
        at(&stretches, 1.0),
    );
}

/// Against a search with many more postures at every waypoint and none left out.
fn compare(arm: &Arm, paths: &[RandomPath]) {
    let quick = settings(true);
    let exhaustive = PlanSettings { solutions: 400, largest_layer: 4000, every_layer: true, ..quick.clone() };
    let outcome = |settings: &PlanSettings, path: &RandomPath| {
        let begun = Instant::now();
        let found = plan(arm, &path.waypoints, &arm.home, settings).ok().map(|p| p.least_time_scale());
        (found, begun.elapsed().as_secs_f64())
    };
    let (mut found, mut found_exhaustively, mut ratios, mut seconds) = (0, 0, Vec::new(), 0.0);
    for path in paths {
        let (a, _) = outcome(&quick, path);
        let (b, took_s) = outcome(&exhaustive, path);
        found += usize::from(a.is_some());
        found_exhaustively += usize::from(b.is_some());
        seconds += took_s;
        if let (Some(a), Some(b)) = (a, b) {
            ratios.push(a / b);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "{:6} of {}: {found} found, exhaustively {found_exhaustively} ({:.0} ms each); stretch over the exhaustive one's: \
         median {:.3}, largest {:.3}",
        arm.name,
        paths.len(),
        1e3 * seconds / paths.len() as f64,
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN),
        ratios.last().copied().unwrap_or(f64::NAN)
    );
}

//! How often the expert does its task in scenes that are held out, how fast the physics is, and how long both cameras take
//! to see a scene:
//! `cargo run --release -p world --features mujoco --example experts -- rotation test 40`.

use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::View;
use std::time::Instant;
use world::{Cinema, Hands, Scene, Split, ToolPieces};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, split, count] = args.as_slice() else { return Err("TASK SPLIT COUNT".into()) };
    let config = ConfigFolder::find(None);
    let task = Task::read(&config, name)?;
    let split: Split = split.parse()?;
    let count: u64 = count.parse()?;
    let tools = ToolPieces::of_task(&config, &task)?;
    let cinema = Cinema::new(&task)?;
    let (mut done, mut simulated_s, mut wall_s, mut seen_s) = (0, 0.0, 0.0, Vec::new());
    let mut sums: Vec<(&str, f64)> = Vec::new();
    for seed in 0..count {
        let begin = Instant::now();
        let mut scene = Scene::draw(&config, &task, seed, split)?;
        let mut hands = Hands::new(&scene, &tools)?;
        let moment = hands.world.moment();
        let stage = cinema.stage(&scene, 0.0);
        // The first time the table is seen, too.
        let _first = View::ALL.map(|view| stage.picture(&moment, view, 1));
        let looking = Instant::now();
        let _views = View::ALL.map(|view| stage.picture(&moment, view, 1));
        seen_s.push(looking.elapsed().as_secs_f64());
        let (mut tries, mut best): (u32, Option<world::Score>) = (0, None);
        for round in 0..scene.most_rounds() {
            let demonstration = scene.demonstrate(&mut hands, round)?;
            tries += demonstration.tries;
            let begin = Instant::now();
            let act = hands.perform(&scene, &demonstration.path)?;
            wall_s += begin.elapsed().as_secs_f64();
            simulated_s += act.moments.last().map_or(0.0, |m| m.time_s) - act.moments[0].time_s;
            let better = best.as_ref().is_none_or(|best| act.score.figures[0].1 > best.figures[0].1);
            let over = scene.is_over(&act.score);
            if better {
                best = Some(act.score);
            }
            if over {
                break;
            }
            scene = scene.after(&hands.world);
            hands.begin_here();
        }
        let Some(score) = best else { continue };
        done += u32::from(score.success);
        sums.resize(score.figures.len(), ("", 0.0));
        for (sum, (name, value)) in sums.iter_mut().zip(&score.figures) {
            *sum = (name, sum.1 + value);
        }
        let figures: Vec<String> =
            score.figures.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
        println!(
            "{seed:>3} {} {} after {tries} tries, {:.2} s: {} {}",
            if score.success { "done  " } else { "failed" },
            figures.join(", "),
            begin.elapsed().as_secs_f64(),
            scene.about,
            score.failure.unwrap_or_default()
        );
    }
    let means: Vec<String> =
        sums.iter().map(|(name, sum)| format!("{name} {:.3}", sum / count as f64)).collect();
    seen_s.sort_by(f64::total_cmp);
    let median_s = seen_s.get(seen_s.len() / 2).copied().unwrap_or_default();
    println!(
        "{name}, {split}: {done} of {count} done; means {}; real-time factor {:.1}; both views at 1280×720 in {:.0} ms",
        means.join(", "),
        simulated_s / wall_s,
        1e3 * median_s,
    );
    Ok(())
}

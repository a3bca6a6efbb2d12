//! Executes a dream many times on two simulated arms with random faults, cancels and stops, and prints what became of
//! them: `fault_storm [EXECUTIONS [FIRST_SEED]]`, 1000 from seed 0 by default. Exit code 1 if any execution broke a rule:
//! it ends in success or a stated error, with both arms at rest, nothing commanded after that, and no limit exceeded.

#[path = "../tests/cell/mod.rs"]
mod cell;
#[path = "../tests/storm/mod.rs"]
mod storm;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Ok(executions), Ok(first)) = (numbers.next().unwrap_or(Ok(1000)), numbers.next().unwrap_or(Ok(0)))
    else {
        eprintln!("usage: fault_storm [EXECUTIONS [FIRST_SEED]]");
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    let tally = storm::run(first..first.saturating_add(executions));
    print!("{tally}");
    println!("{:.1} s", begun.elapsed().as_secs_f64());
    tally.violations.iter().for_each(|violation| eprintln!("{violation}"));
    if tally.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

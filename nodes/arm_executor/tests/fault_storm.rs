//! Whatever goes wrong, an execution ends in success or in a stated error, with the arms at rest.

mod cell;
mod storm;

#[test]
fn sixty_executions_with_faults_all_end_stopped_and_held() {
    let tally = storm::run(0..60);
    println!("{tally}");
    assert!(tally.violations.is_empty(), "{:#?}", tally.violations);
    // Not by doing nothing.
    assert!(tally.rows.values().any(|row| row.executed > 0));
    assert!(tally.rows.values().any(|row| row.stops.get("profile").is_some_and(|stops| *stops > 0)));
    assert!(tally.highest[0] > 0.1, "{:?}", tally.highest);
}

//! Executions of a dream by two simulated arms, each with something that goes wrong, drawn from its seed; in virtual
//! time, so that a seed is the same execution each time and hours pass in minutes.
// The test and the example use a part each; a panic here is a violation too.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arm_executor::simulated_node::ArmEvent;
use arm_executor::{ExecutionOutcome, ExecutionSummary, StopKind};
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_kinematics::Joints;
use dreamitate_motion::{Arm, JointSample};
use dreamitate_msgs::dreamitate_msgs::ExecuteGoal;
use parking_lot::Mutex;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cell::{Cell, PATIENCE, SIDES, dream};

/// Longer than any execution with all its timeouts.
const SUMMARY_LIMIT: Duration = Duration::from_secs(60);
/// How long an arm is watched after the end.
const AFTERWARDS: Duration = Duration::from_millis(700);
/// About as long as the dream's motion, and a little more.
const MOTION_S: f64 = 3.5;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    Nothing,
    Cancel,
    StopEvent,
    CancelAndStopRefused,
    Stall,
    Abort,
    JointStatesDropped,
    DriverDies,
    GoalIgnored,
    GoalRejected,
    TwoFaults,
}

const TROUBLES: [Trouble; 11] = [
    Trouble::Nothing,
    Trouble::Cancel,
    Trouble::StopEvent,
    Trouble::CancelAndStopRefused,
    Trouble::Stall,
    Trouble::Abort,
    Trouble::JointStatesDropped,
    Trouble::DriverDies,
    Trouble::GoalIgnored,
    Trouble::GoalRejected,
    Trouble::TwoFaults,
];

/// What became of the executions with one trouble.
#[derive(Debug, Default, Clone)]
pub struct Row {
    pub executed: usize,
    pub cancelled: usize,
    pub failed: usize,
    /// Stops of single arms.
    pub stops: BTreeMap<&'static str, usize>,
    pub codes: BTreeMap<i32, usize>,
}

#[derive(Debug, Default)]
pub struct Tally {
    pub rows: BTreeMap<Trouble, Row>,
    pub violations: Vec<String>,
    pub executions: usize,
    /// The largest share of a limit that an arm's step reached: velocity, acceleration.
    pub highest: [f64; 2],
}

/// Executes the dream once for each seed.
pub fn run(seeds: std::ops::Range<u64>) -> Tally {
    let folder = ConfigFolder::find(None);
    let task = Task::read(&folder, "rotation").unwrap();
    let arms: Vec<Arm> = arm_executor::arms_of_task(&folder, &task)
        .unwrap()
        .into_iter()
        .map(|configured| configured.arm)
        .collect();
    let mut tally = Tally::default();
    for seed in seeds {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(one(seed, &arms, &mut tally));
        tally.executions += 1;
    }
    tally
}

/// What an observer saw of one arm.
struct Seen {
    arm: Arm,
    last: Option<JointSample>,
    goals: usize,
    violations: Vec<String>,
    highest: [f64; 2],
}

impl Seen {
    fn take(&mut self, event: ArmEvent) {
        let now = match event {
            ArmEvent::Goal { .. } => {
                self.goals += 1;
                return;
            }
            ArmEvent::Step(now) => now,
        };
        let Some(last) = self.last.replace(now) else { return };
        let dt_s = now.time_s - last.time_s;
        for (index, joint) in self.arm.chain.moving_joints().iter().enumerate() {
            let limits = &self.arm.limits;
            let rate = |now: &Joints, last: &Joints| (now[index] - last[index]).abs() / dt_s;
            let shares = [
                rate(&now.positions, &last.positions) / limits.velocity_rad_s[index],
                rate(&now.velocities, &last.velocities) / limits.acceleration_rad_s2[index],
            ];
            for ((share, highest), what) in
                shares.iter().zip(&mut self.highest).zip(["velocity", "acceleration"])
            {
                *highest = highest.max(*share);
                if *share > 1.001 || share.is_nan() {
                    let text =
                        format!("{} {what} {share:.4} of its limit at {:.3} s", joint.name, now.time_s);
                    self.violations.push(text);
                }
            }
            if !(joint.limits.lower - 1e-6..=joint.limits.upper + 1e-6).contains(&now.positions[index]) {
                self.violations.push(format!("{} at {:.4} rad", joint.name, now.positions[index]));
            }
        }
    }
}

/// The faults of one arm as parameters.
fn fault(trouble: Trouble, rng: &mut ChaCha8Rng) -> Option<(&'static str, String)> {
    let mut time = |name| Some((name, format!("{:.3}", rng.random_range(0.001..MOTION_S))));
    match trouble {
        Trouble::Stall => time("stall_after_s"),
        Trouble::Abort => time("abort_after_s"),
        Trouble::JointStatesDropped => time("drop_joint_states_after_s"),
        Trouble::DriverDies => time("die_after_s"),
        Trouble::GoalIgnored => Some(("ignore_goals", "true".to_owned())),
        Trouble::GoalRejected => Some(("reject_goals", "true".to_owned())),
        Trouble::CancelAndStopRefused => Some(("refuse_replacement", "true".to_owned())),
        Trouble::Nothing | Trouble::Cancel | Trouble::StopEvent | Trouble::TwoFaults => None,
    }
}

async fn one(seed: u64, arms: &[Arm], tally: &mut Tally) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let trouble = *TROUBLES.choose(&mut rng).unwrap();
    let asked = matches!(trouble, Trouble::Cancel | Trouble::CancelAndStopRefused);
    let bad_side = rng.random_range(0..2_usize);
    let lag_s = format!("{:.4}", rng.random_range(0.0..0.03));
    let mut cell = Cell::empty();
    let seen: Vec<Arc<Mutex<Seen>>> = arms
        .iter()
        .enumerate()
        .map(|(index, arm)| {
            let seen =
                Seen { arm: arm.clone(), last: None, goals: 0, violations: Vec::new(), highest: [0.0; 2] };
            let seen = Arc::new(Mutex::new(seen));
            let faults: Vec<(&'static str, String)> = match trouble {
                Trouble::TwoFaults => {
                    let two =
                        *[Trouble::Stall, Trouble::Abort, Trouble::JointStatesDropped, Trouble::DriverDies]
                            .choose(&mut rng)
                            .unwrap();
                    fault(two, &mut rng).into_iter().collect()
                }
                _ if index == bad_side => fault(trouble, &mut rng).into_iter().collect(),
                _ => Vec::new(),
            };
            let mut parameters = vec![("lag_s", lag_s.as_str())];
            parameters.extend(faults.iter().map(|(name, value)| (*name, value.as_str())));
            let observer = seen.clone();
            cell.add_observed_arm(SIDES[index], &parameters, move |event| observer.lock().take(event));
            seen
        })
        .collect();
    let autostart = if asked { "false" } else { "true" };
    let tracking = *["0", "0.15"].choose(&mut rng).unwrap();
    cell.add_executor(&[
        ("autostart", autostart),
        ("joint_state_timeout_s", "0.3"),
        ("tracking_tolerance_rad", tracking),
    ]);
    let action = cell.execute_action().await;
    cell.send(&dream("a"));
    let stop_after = Duration::from_secs_f64(rng.random_range(0.0..MOTION_S));
    if asked {
        cell.summary_within(SUMMARY_LIMIT).await.unwrap();
        let goal = action.send_goal(ExecuteGoal::default(), PATIENCE).await.unwrap();
        tokio::time::sleep(stop_after).await;
        // Refused if it is over.
        let _ = goal.cancel(PATIENCE).await;
    } else if trouble == Trouble::StopEvent {
        tokio::time::sleep(stop_after).await;
        cell.stop_event().await;
    }
    let mut say = |text: String| tally.violations.push(format!("seed {seed}, {trouble:?}: {text}"));
    let Some(summary) = cell.summary_within(SUMMARY_LIMIT).await else {
        say("no summary came".to_owned());
        return;
    };
    // From now on nothing may be commanded, whatever comes.
    let goals: Vec<usize> = seen.iter().map(|seen| seen.lock().goals).collect();
    let positions: Vec<Joints> = seen.iter().map(|seen| seen.lock().last.unwrap().positions).collect();
    let stopped = summary.outcome != ExecutionOutcome::Executed;
    if stopped {
        cell.send(&dream("b"));
    }
    tokio::time::sleep(AFTERWARDS).await;
    if stopped && summary.error_code == 1 || summary.message.is_empty() {
        say(format!("no stated error: {summary:?}"));
    }
    for (((seen, goals), before), arm) in seen.iter().zip(goals).zip(positions).zip(arms) {
        let seen = seen.lock();
        let now = seen.last.unwrap();
        if seen.goals > 2 || seen.goals != goals {
            say(format!("{}: {} goals, {goals} of them before the end", arm.name, seen.goals));
        }
        let fastest = now.velocities.iter().map(|v| v.abs()).fold(0.0, f64::max);
        let moved =
            now.positions.iter().zip(&before).map(|(now, before)| (now - before).abs()).fold(0.0, f64::max);
        if fastest > 1e-3 || moved > 2e-3 {
            say(format!(
                "{}: {fastest:.4} rad/s, {moved:.4} rad from where it ended: {}",
                arm.name, summary.message
            ));
        }
        seen.violations.iter().take(3).for_each(|text| say(text.clone()));
        for (highest, of_arm) in tally.highest.iter_mut().zip(seen.highest) {
            *highest = highest.max(of_arm);
        }
    }
    count(tally.rows.entry(trouble).or_default(), &summary);
}

fn count(row: &mut Row, summary: &ExecutionSummary) {
    *match summary.outcome {
        ExecutionOutcome::Executed => &mut row.executed,
        ExecutionOutcome::Cancelled => &mut row.cancelled,
        _ => &mut row.failed,
    } += 1;
    *row.codes.entry(summary.error_code).or_default() += 1;
    for stop in &summary.stops {
        let kind = match stop.kind {
            StopKind::Profile => "profile",
            StopKind::Cancelled => "cancel",
            StopKind::ByDriver => "driver",
            StopKind::NoAnswer => "no answer",
        };
        *row.stops.entry(kind).or_default() += 1;
        if stop.at_rest != Some(true) {
            *row.stops.entry("unseen").or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = ["profile", "cancel", "driver", "no answer", "unseen"];
        writeln!(
            f,
            "| trouble | executed | cancelled | failed | arms stopped by: profile | cancel | driver | no answer | not seen at rest | codes |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for (trouble, row) in &self.rows {
            write!(f, "| {trouble:?} | {} | {} | {} |", row.executed, row.cancelled, row.failed)?;
            for kind in kinds {
                write!(f, " {} |", row.stops.get(kind).unwrap_or(&0))?;
            }
            let codes: Vec<String> =
                row.codes.iter().map(|(code, count)| format!("{code}: {count}")).collect();
            writeln!(f, " {} |", codes.join(", "))?;
        }
        writeln!(
            f,
            "{} executions, {} violations; highest velocity {:.3} and acceleration {:.3} of the limits",
            self.executions,
            self.violations.len(),
            self.highest[0],
            self.highest[1]
        )
    }
}

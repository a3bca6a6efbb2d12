//! What a replay is expected to come to, and whether it does.

use crate::summary::deviations;
use anyhow::Context;
use arm_executor::DeviationSummary;
use dreamitate_track::{FusedTrack, Outcome};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// An expectation file, YAML: what each tool's trajectory must come to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectations {
    tools: BTreeMap<String, ToolExpectations>,
}

/// All that is given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolExpectations {
    outcome: Option<ExpectedOutcome>,
    /// Accepted frames, at least.
    least_accepted: Option<usize>,
    /// How far accepted poses may be from those that were recorded in the same frame, and accepted then too.
    from_recorded: Option<Tolerance>,
    /// How far accepted poses may be from the truth, which bags of rendered dreams hold.
    from_truth: Option<Tolerance>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExpectedOutcome {
    Accepted,
    Partial,
    Rejected,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tolerance {
    position_mm: f64,
    rotation_deg: f64,
}

/// What became of one expectation.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub passed: bool,
    pub text: String,
}

/// A tool's track again, and what the bag holds of it.
#[derive(Debug)]
pub(crate) struct Replayed<'a> {
    pub track: &'a FusedTrack,
    pub recorded: Option<FusedTrack>,
    pub truth: Option<FusedTrack>,
}

impl Expectations {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the expectations {}", path.display()))?;
        serde_yaml_ng::from_str(&text).with_context(|| format!("{} holds no expectations", path.display()))
    }

    /// A verdict on each expectation.
    pub fn judge(&self, replayed: &BTreeMap<&str, Replayed<'_>>) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for (tool, expected) in &self.tools {
            let mut judge = |passed, text: String| {
                verdicts.push(Verdict { passed, text: format!("{tool}: {text}") });
            };
            let Some(found) = replayed.get(tool.as_str()) else {
                judge(false, "no such tool was tracked".to_owned());
                continue;
            };
            if let Some(outcome) = expected.outcome {
                let found = found.track.outcome;
                judge(outcome.is(found), format!("{found:?}, expected {outcome:?}").to_lowercase());
            }
            if let Some(least) = expected.least_accepted {
                let accepted = found.track.poses.iter().filter(|pose| pose.accepted).count();
                judge(accepted >= least, format!("{accepted} frames accepted, at least {least} expected"));
            }
            for (what, reference, tolerance) in [
                ("what was recorded", &found.recorded, expected.from_recorded),
                ("the truth", &found.truth, expected.from_truth),
            ] {
                let Some(tolerance) = tolerance else { continue };
                let apart =
                    reference.as_ref().map_or_else(Vec::new, |reference| deviations(found.track, reference));
                if apart.is_empty() {
                    judge(false, format!("the bag holds nothing to compare with of {what}"));
                    continue;
                }
                let worst =
                    |of: fn(&DeviationSummary) -> f64| apart.iter().map(|(_, d)| of(d)).fold(0.0, f64::max);
                let (position_mm, rotation_deg) = (worst(|d| d.position_mm), worst(|d| d.rotation_deg));
                let Tolerance { position_mm: most_mm, rotation_deg: most_deg } = tolerance;
                judge(
                    position_mm <= most_mm && rotation_deg <= most_deg,
                    format!(
                        "{position_mm:.3} mm and {rotation_deg:.3}° from {what}, at most {most_mm} mm and {most_deg}° expected"
                    ),
                );
            }
        }
        verdicts
    }
}

impl ExpectedOutcome {
    fn is(self, outcome: Outcome) -> bool {
        matches!(
            (self, outcome),
            (Self::Accepted, Outcome::Accepted)
                | (Self::Partial, Outcome::Partial)
                | (Self::Rejected, Outcome::Rejected)
        )
    }
}

//! What a replay is expected to come to, and whether it does.

use anyhow::Context;
use dreamitate_geometry::rotation_angle_rad;
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replayed<'a> {
    pub track: &'a FusedTrack,
    pub recorded: Option<&'a FusedTrack>,
    pub truth: Option<&'a FusedTrack>,
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
                ("what was recorded", found.recorded, expected.from_recorded),
                ("the truth", found.truth, expected.from_truth),
            ] {
                let Some(tolerance) = tolerance else { continue };
                let apart = reference.and_then(|reference| farthest_apart(found.track, reference));
                let Some((position_mm, rotation_deg)) = apart else {
                    judge(false, format!("the bag holds nothing to compare with of {what}"));
                    continue;
                };
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

/// The largest distance, mm, and the largest angle, degrees, over the frames that are accepted in both; none without one.
fn farthest_apart(track: &FusedTrack, reference: &FusedTrack) -> Option<(f64, f64)> {
    let accepted = track.poses.iter().filter(|pose| pose.accepted);
    accepted
        .filter_map(|pose| {
            let other = reference.poses.iter().find(|other| other.frame == pose.frame && other.accepted)?;
            let (here, there) = (pose.world_from_tool_mean()?, other.world_from_tool_mean()?);
            let position_mm = 1e3 * (here.translation.vector - there.translation.vector).norm();
            Some((position_mm, rotation_angle_rad(&here, &there).to_degrees()))
        })
        .reduce(|worst, apart| (worst.0.max(apart.0), worst.1.max(apart.1)))
}

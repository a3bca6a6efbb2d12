//! `report.html`: a run to look at, in one file that opens offline.

mod data;

use crate::{observe::Observed, outcome::Ending, summary::Summary};
use arm_executor::ExecutionSummary;
use dreamitate_config::Task;
use dreamitate_motion::ArmTask;
use dreamitate_render::ToolModel;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// In the order in which they build on one another.
const SCRIPT: &str = concat!(
    include_str!("data.js"),
    include_str!("header.js"),
    include_str!("views.js"),
    include_str!("scene.js"),
    include_str!("plots.js"),
    include_str!("start.js"),
);

/// Returns the page.
///
/// # Errors
/// A frame cannot be compressed.
pub(crate) fn page(
    observed: &Observed,
    summary: &Summary,
    tools: &[(String, ToolModel)],
    ending: Ending,
) -> anyhow::Result<String> {
    filled(&data::report(observed, summary, tools, ending)?)
}

/// The page of a plan that is not executed: the arms' way and no pictures.
///
/// # Errors
/// The data cannot be written as JSON.
pub(crate) fn plan_page(
    task: &Task,
    arms: &[ArmTask],
    models: &[ToolModel],
    summary: &ExecutionSummary,
) -> anyhow::Result<String> {
    filled(&data::plan_report(task, arms, models, summary))
}

fn filled(data: &serde_json::Value) -> anyhow::Result<String> {
    // In a script, `</` would end it.
    let json = serde_json::to_string(data)?.replace('<', "\\u003c");
    let script = SCRIPT.replacen("/*__DREAMITATE_REPORT__*/null", &json, 1);
    Ok(PAGE.replacen("/*__STYLE__*/", STYLE, 1).replacen("/*__SCRIPT__*/", &script, 1))
}

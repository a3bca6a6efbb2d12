//! `report.html`: a run to look at, in one file that opens offline.

mod data;

use crate::{observe::Observed, outcome::Ending};
use dreamitate_render::ToolModel;

const TEMPLATE: &str = include_str!("template.html");
const PLACEHOLDER: &str = "/*__DREAMITATE_REPORT__*/null";

/// Returns the page.
///
/// # Errors
/// A frame cannot be compressed.
pub(crate) fn page(
    observed: &Observed,
    tools: &[(String, ToolModel)],
    ending: Ending,
) -> anyhow::Result<String> {
    let data = data::report(observed, tools, ending)?;
    // In a script, `</` would end it.
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    Ok(TEMPLATE.replacen(PLACEHOLDER, &json, 1))
}

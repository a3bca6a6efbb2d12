//! `report.html` of an evaluation: the counts, and each trial with its pictures.

use super::{Summary, trial::Trial};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1c2430}\
h1{font-size:1.4rem}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem .25rem 0;text-align:left}\
.bar{background:#e6e9ee;height:.8rem;position:relative;max-width:30rem;border-radius:.2rem}\
.bar i{position:absolute;top:0;bottom:0;background:#3b82f6;border-radius:.2rem}.bar b{position:absolute;top:.3rem;height:.2rem;background:#1c2430}\
article{border-top:1px solid #d8dde4;padding:.6rem 0}article p{margin:.2rem 0}img{width:100%;display:block;margin-top:.2rem}\
.no{color:#b42318}.yes{color:#067647}small{color:#5b6675}";

pub(super) fn page(summary: &Summary<'_>, trials: &[Trial]) -> String {
    let Summary { task, dreamer, split, done, share, share_low, share_high, .. } = summary;
    let mut html = format!(
        "<!doctype html><meta charset=utf-8><title>{task}: {done} of {count}</title><style>{STYLE}</style>\
         <h1>{task}: {done} of {count} done</h1>\
         <p>Dreamt by {dreamer}, {split} objects. {:.1} % (95 % interval {:.1} to {:.1} %).</p>\
         <div class=bar><i style='width:{:.1}%'></i><b style='left:{:.1}%;width:{:.1}%'></b></div>",
        100.0 * share,
        100.0 * share_low,
        100.0 * share_high,
        100.0 * share,
        100.0 * share_low,
        100.0 * (share_high - share_low),
        count = summary.trials,
    );
    // Writing to a string cannot fail.
    html.push_str("<table><tr><th>mean of<th>value");
    for (name, mean) in &summary.means {
        let _ = write!(html, "<tr><td>{name}<td>{mean:.3}");
    }
    html.push_str("</table><table><tr><th>failures that began in<th>count");
    for (stage, count) in &summary.failures {
        let _ = write!(html, "<tr><td>{stage}<td>{count}");
    }
    html.push_str("</table>");
    for trial in trials {
        let (class, word) = if trial.success { ("yes", "done") } else { ("no", "not done") };
        let figures: Vec<String> =
            trial.figures.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
        let tracked = trial.tracking.map_or(String::new(), |error| {
            format!(", tracked within {:.1} mm and {:.2}° (median)", error.median_mm, error.median_deg)
        });
        let _ = write!(
            html,
            "<article><p><b>{}</b> {} <span class={class}>{word}</span> {}<p><small>{}; {} round(s), {:.2} times the \
             dream's time{tracked}</small>",
            trial.seed,
            escaped(&trial.about),
            escaped(&trial.failure_text()),
            figures.join(", "),
            trial.rounds,
            trial.time_scale,
        );
        for strip in &trial.strips {
            let _ = write!(html, "<img loading=lazy src='trials/{strip}' alt='{strip}'>");
        }
        html.push_str("</article>");
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

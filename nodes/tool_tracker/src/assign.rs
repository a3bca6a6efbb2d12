use crate::{
    detect::detect,
    levels::Levels,
    look::Shot,
    refine::{Refined, Scratch},
    view_model::ViewModel,
};
use rayon::prelude::*;

/// Two tools are never nearer than this, metres.
pub(crate) const APART_M: f64 = 0.05;

/// Finds all `sought` tools in one frame: the assignment of regions to tools that explains most: a pose a tool.
pub(crate) fn assign(
    model: &ViewModel,
    sought: &[usize],
    frame: &Levels,
    shot: &Shot,
    regions: &[[f32; 2]],
) -> Option<Vec<Refined>> {
    let jobs: Vec<(usize, [f32; 2])> =
        sought.iter().flat_map(|tool| regions.iter().map(move |region| (*tool, *region))).collect();
    let found: Vec<Option<Refined>> = jobs
        .par_iter()
        .map_init(Scratch::default, |scratch, &(tool, region)| {
            detect(&model.scene(tool, frame, shot), model.bank(tool), region, scratch)
        })
        .collect();
    let table: Vec<&[Option<Refined>]> = found.chunks(regions.len().max(1)).collect();
    let mut best = None;
    if table.len() == sought.len() {
        extend(&table, &mut Vec::new(), 0.0, &mut best);
    }
    best.map(|(_, chosen)| chosen)
}

fn extend(
    table: &[&[Option<Refined>]],
    chosen: &mut Vec<Refined>,
    gain: f64,
    best: &mut Option<(f64, Vec<Refined>)>,
) {
    let Some(row) = table.get(chosen.len()) else {
        if best.as_ref().is_none_or(|(most, _)| gain > *most) {
            *best = Some((gain, chosen.clone()));
        }
        return;
    };
    for candidate in row.iter().flatten() {
        let apart = chosen.iter().all(|other| {
            (other.pose.translation.vector - candidate.pose.translation.vector).norm() > APART_M
        });
        if apart {
            chosen.push(candidate.clone());
            extend(table, chosen, gain + candidate.gain, best);
            chosen.pop();
        }
    }
}

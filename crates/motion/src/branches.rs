//! Which of an arm's many postures to take at each waypoint: a shortest path through a layered graph.
//!
//! A layer holds the postures that reach one waypoint; an edge joins postures of neighbouring waypoints that no
//! joint has to jump between (Descartes; IKLink, arXiv 2402.16154).

use dreamitate_kinematics::{Chain, InverseKinematics, Joints, nearest_wrap};
use nalgebra::Isometry3;

use crate::plan::{PlanError, PlanSettings};

/// Two postures nearer than this in every joint are one.
const SAME_RAD: f64 = 0.04;
/// Turns of a joint by 2π are nodes of their own up to this far from home.
const WRAP_RADIUS_RAD: f64 = 1.25 * std::f64::consts::PI;

/// One posture for each pose, near `home` where it has the choice; `jump_limits_rad` holds the largest change of a joint
/// from each pose to the next.
///
/// # Errors
/// [`PlanError::Unreachable`] for the first pose that no posture reaches; [`PlanError::BranchJump`] where every way
/// needs a jump. Waypoints are counted as `poses` are.
pub(crate) fn choose(
    chain: &Chain,
    base_from_flange: &[Isometry3<f64>],
    home: &Joints,
    jump_limits_rad: &[f64],
    settings: &PlanSettings,
) -> Result<Vec<Joints>, PlanError> {
    let layers = layers(chain, base_from_flange, home, jump_limits_rad, settings)?;
    let node_costs: Vec<Vec<f64>> =
        layers.iter().map(|layer| layer.iter().map(|q| posture_cost(chain, q)).collect()).collect();

    // best[layer][node]: cost of the cheapest way there and the node it comes from.
    let mut best: Vec<Vec<(f64, usize)>> = Vec::with_capacity(layers.len());
    for (index, (layer, costs)) in layers.iter().zip(&node_costs).enumerate() {
        let limit_rad = limit_before(jump_limits_rad, index, settings);
        let row: Vec<(f64, usize)> = match index.checked_sub(1) {
            None => {
                let from_home = |q: &Joints| settings.home_weight * squared_distance(q, home);
                layer.iter().zip(costs).map(|(q, cost)| (cost + from_home(q), 0)).collect()
            }
            Some(before) => layer
                .iter()
                .zip(costs)
                .map(|(q, cost)| {
                    let mut cheapest = (f64::INFINITY, 0);
                    for (from, (p, (so_far, _))) in layers[before].iter().zip(&best[before]).enumerate() {
                        if so_far.is_finite() && largest_jump(p, q) <= limit_rad {
                            let total = so_far + cost + squared_distance(p, q);
                            if total < cheapest.0 {
                                cheapest = (total, from);
                            }
                        }
                    }
                    cheapest
                })
                .collect(),
        };
        if row.iter().all(|(cost, _)| cost.is_infinite()) {
            let reached = |from: usize| index > 0 && best[index - 1][from].0.is_finite();
            let smallest = layers[index.saturating_sub(1)]
                .iter()
                .enumerate()
                .filter(|(from, _)| reached(*from))
                .flat_map(|(_, p)| layer.iter().map(move |q| largest_jump(p, q)))
                .fold(f64::INFINITY, f64::min);
            return Err(PlanError::BranchJump { waypoint: index, jump_rad: smallest, limit_rad });
        }
        best.push(row);
    }

    let mut way = Vec::with_capacity(layers.len());
    let mut at = best
        .last()
        .and_then(|row| row.iter().enumerate().min_by(|a, b| a.1.0.total_cmp(&b.1.0)))
        .map_or(0, |(node, _)| node);
    for (layer, row) in layers.iter().zip(&best).rev() {
        way.push(layer[at]);
        at = row[at].1;
    }
    way.reverse();
    Ok(way)
}

/// The postures of each pose: random ones, and those that the neighbours' lead to when followed.
fn layers(
    chain: &Chain,
    base_from_flange: &[Isometry3<f64>],
    home: &Joints,
    jump_limits_rad: &[f64],
    settings: &PlanSettings,
) -> Result<Vec<Vec<Joints>>, PlanError> {
    let ik = InverseKinematics::new(chain);
    let mut layers: Vec<Vec<Joints>> = Vec::with_capacity(base_from_flange.len());
    for (index, pose) in base_from_flange.iter().enumerate() {
        let seed = settings.seed.wrapping_add(index as u64);
        let mut layer = Vec::new();
        // Random starts give breadth; home's own posture gives the one that a person would expect.
        let answer = ik
            .solve(pose, home, seed)
            .map_err(|source| PlanError::Unreachable { waypoint: index, source })?;
        add(&mut layer, nearest_wrap(chain, &answer.joints, home), settings);
        for joints in ik.solutions(pose, settings.solutions, seed) {
            let near_home = nearest_wrap(chain, &joints, home);
            add(&mut layer, near_home, settings);
            for wrap in chain.wraps(&near_home, home, WRAP_RADIUS_RAD) {
                add(&mut layer, wrap, settings);
            }
        }
        layers.push(layer);
    }
    let forward = (1..layers.len()).map(|to| (to - 1, to));
    let backward = (1..layers.len()).rev().map(|from| (from, from - 1));
    for (from, to) in forward.chain(backward).collect::<Vec<_>>() {
        let limit_rad = limit_before(jump_limits_rad, from.max(to), settings);
        let followed: Vec<Joints> = layers[from]
            .iter()
            .filter_map(|start| ik.follow(&base_from_flange[to], start).ok().map(|a| (start, a.joints)))
            .filter(|(start, joints)| largest_jump(start, joints) <= limit_rad)
            .map(|(_, joints)| joints)
            .collect();
        for joints in followed {
            add(&mut layers[to], joints, settings);
        }
    }
    Ok(layers)
}

/// The limit between pose `index` and the one before it.
fn limit_before(jump_limits_rad: &[f64], index: usize, settings: &PlanSettings) -> f64 {
    index.checked_sub(1).and_then(|i| jump_limits_rad.get(i)).copied().unwrap_or(settings.largest_jump_rad)
}

fn add(layer: &mut Vec<Joints>, joints: Joints, settings: &PlanSettings) {
    let is_new = || !layer.iter().any(|other| largest_jump(other, &joints) < SAME_RAD);
    if layer.len() < settings.largest_layer && is_new() {
        layer.push(joints);
    }
}

/// What a posture costs by itself, in the unit of a squared joint step: near a limit, and near a singularity.
fn posture_cost(chain: &Chain, joints: &Joints) -> f64 {
    /// Margin and singular value at which the cost is that of a step of 0.1 rad.
    const MARGIN: f64 = 0.1;
    const SINGULAR: f64 = 0.1;
    const STEP: f64 = 0.01;
    let inverse_square = |value: f64, scale: f64| (scale / value.max(0.01 * scale)).powi(2);
    STEP * (inverse_square(chain.limit_margin(joints), MARGIN)
        + inverse_square(chain.smallest_singular_value(joints), SINGULAR))
}

fn squared_distance(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// The largest change of any joint.
pub(crate) fn largest_jump(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

//! Which of an arm's many postures to take at each waypoint: a shortest path through a layered graph.
//!
//! A layer holds the postures that reach one waypoint; an edge joins postures of neighbouring waypoints that no
//! joint has to jump between (Descartes; IKLink, arXiv 2402.16154). What takes time to know of a posture, clearances,
//! is looked at only on the best way; a way is taken when nothing new was learnt of it (LazySP, arXiv 1710.04101).

use dreamitate_kinematics::Joints;

use crate::arm::Arm;
use crate::clearance::{ClearanceError, nearest_m, too_near};
use crate::layers::{largest_jump, within};
use crate::plan_error::PlanError;
use crate::plan_settings::PlanSettings;

/// Searches in which the cost of clearance may change the way; later ones only keep clear of what is too near.
const COSTED_SEARCHES: usize = 24;
/// Clearances beyond this cost nothing.
const FAR_M: f64 = 0.05;

/// Postures of one waypoint after the other.
pub(crate) struct Graph<'a> {
    arm: &'a Arm,
    settings: &'a PlanSettings,
    layers: &'a [Vec<Joints>],
    times_s: &'a [f64],
    /// The largest change of a joint from each layer to the next.
    jump_limits_rad: &'a [f64],
    nodes: Vec<Vec<Node>>,
    /// Cost of the cheapest way to each node and the node that it comes from.
    best: Vec<Vec<(f64, usize)>>,
    /// Layers from this one on are to be searched again.
    stale_from: usize,
    blocked: Vec<BlockedStep>,
    searches: usize,
    /// What the first posture was too near to that was given up for it.
    refusal: Option<ClearanceError>,
}

#[derive(Clone, Copy)]
struct Node {
    cost: f64,
    looked_at: bool,
}

/// A step between two postures that cannot be gone, nor those like it.
struct BlockedStep {
    from_layer: usize,
    from: Joints,
    to: Joints,
    radius_rad: f64,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(
        arm: &'a Arm,
        layers: &'a [Vec<Joints>],
        times_s: &'a [f64],
        jump_limits_rad: &'a [f64],
        home: &Joints,
        settings: &'a PlanSettings,
    ) -> Self {
        let node = |joints: &Joints| Node { cost: posture_cost(arm, joints, settings), looked_at: false };
        let mut nodes: Vec<Vec<Node>> = layers.iter().map(|layer| layer.iter().map(node).collect()).collect();
        for (node, joints) in nodes.iter_mut().take(1).flatten().zip(layers.iter().take(1).flatten()) {
            node.cost += settings.home_weight * squared_distance(joints, home);
        }
        Self {
            arm,
            settings,
            layers,
            times_s,
            jump_limits_rad,
            nodes,
            best: Vec::new(),
            stale_from: 0,
            blocked: Vec::new(),
            searches: 0,
            refusal: None,
        }
    }

    /// The places in the layers of the cheapest way.
    ///
    /// # Errors
    /// [`PlanError::BranchJump`] where every way needs a jump, [`PlanError::Clearance`] where ways without one come too
    /// near to something. Waypoints are counted as the layers are.
    pub(crate) fn cheapest(&mut self) -> Result<Vec<usize>, PlanError> {
        loop {
            self.search()?;
            self.searches += 1;
            let way = self.way();
            if !self.settings.check_collisions || !self.look_at(&way) {
                return Ok(way);
            }
        }
    }

    /// The postures of a way.
    pub(crate) fn postures(&self, way: &[usize]) -> Vec<Joints> {
        self.layers.iter().zip(way).map(|(layer, &node)| layer[node]).collect()
    }

    /// Never again goes that step of a way, nor one whose postures are within a radius of its own.
    pub(crate) fn block(&mut self, way: &[usize], from_layer: usize, radius_rad: f64) {
        let from_layer = from_layer.min(self.layers.len().saturating_sub(2));
        let (from, to) =
            (self.layers[from_layer][way[from_layer]], self.layers[from_layer + 1][way[from_layer + 1]]);
        self.blocked.push(BlockedStep { from_layer, from, to, radius_rad });
        self.stale_from = self.stale_from.min(from_layer + 1);
    }

    fn search(&mut self) -> Result<(), PlanError> {
        self.best.truncate(self.stale_from);
        for index in self.stale_from..self.layers.len() {
            let row = self.row(index);
            if row.iter().all(|(cost, _)| cost.is_infinite()) {
                self.stale_from = index;
                return Err(self.refused(index));
            }
            self.best.push(row);
        }
        self.stale_from = self.layers.len();
        Ok(())
    }

    fn row(&self, index: usize) -> Vec<(f64, usize)> {
        let costs = self.nodes[index].iter().map(|n| n.cost);
        let Some(before) = index.checked_sub(1) else { return costs.map(|cost| (cost, 0)).collect() };
        let limit_rad = self.limit_before(index);
        let blocked: Vec<_> = self.blocked.iter().filter(|b| b.from_layer == before).collect();
        let is_blocked = |p: &Joints, q: &Joints| {
            blocked.iter().any(|b| within(&b.from, p, b.radius_rad) && within(&b.to, q, b.radius_rad))
        };
        let cheapest_to = |(q, cost): (&Joints, f64)| {
            let mut cheapest = (f64::INFINITY, 0);
            for (from, (p, (so_far, _))) in self.layers[before].iter().zip(&self.best[before]).enumerate() {
                let least = so_far + cost;
                if least < cheapest.0 && within(p, q, limit_rad) {
                    let total = least + squared_distance(p, q);
                    if total < cheapest.0 && !is_blocked(p, q) {
                        cheapest = (total, from);
                    }
                }
            }
            cheapest
        };
        self.layers[index].iter().zip(costs).map(cheapest_to).collect()
    }

    fn way(&self) -> Vec<usize> {
        let last = self.best.last().and_then(|row| {
            row.iter().enumerate().min_by(|a, b| a.1.0.total_cmp(&b.1.0)).map(|(node, _)| node)
        });
        let mut at = last.unwrap_or(0);
        let mut way = Vec::with_capacity(self.best.len());
        for row in self.best.iter().rev() {
            way.push(at);
            at = row[at].1;
        }
        way.reverse();
        way
    }

    /// Looks at postures of a way that were not looked at yet; whether a way could now be cheaper.
    fn look_at(&mut self, way: &[usize]) -> bool {
        let mut changed = false;
        for (index, &place) in way.iter().enumerate() {
            let node = &mut self.nodes[index][place];
            if node.looked_at {
                continue;
            }
            node.looked_at = true;
            let joints = &self.layers[index][place];
            if let Some(refusal) = too_near(self.arm, joints, &self.settings.clearance, self.times_s[index]) {
                self.refusal.get_or_insert(refusal);
                node.cost = f64::INFINITY;
            } else if self.settings.clearance_weight > 0.0 && self.searches <= COSTED_SEARCHES {
                const COSTED_M: f64 = 0.01;
                let clearance_m = nearest_m(self.arm, joints, FAR_M);
                if clearance_m >= FAR_M {
                    continue;
                }
                node.cost += self.settings.clearance_weight * inverse_square(clearance_m, COSTED_M);
            } else {
                continue;
            }
            changed = true;
            self.stale_from = self.stale_from.min(index);
        }
        changed
    }

    fn limit_before(&self, index: usize) -> f64 {
        let limit = index.checked_sub(1).and_then(|i| self.jump_limits_rad.get(i));
        limit.copied().unwrap_or(self.settings.largest_jump_rad)
    }

    fn refused(&self, index: usize) -> PlanError {
        if let Some(refusal) = &self.refusal {
            return PlanError::Clearance(refusal.clone());
        }
        let reached = |from: usize| index > 0 && self.best[index - 1][from].0.is_finite();
        let jump_rad = self.layers[index.saturating_sub(1)]
            .iter()
            .enumerate()
            .filter(|(from, _)| reached(*from))
            .flat_map(|(_, p)| self.layers[index].iter().map(move |q| largest_jump(p, q)))
            .fold(f64::INFINITY, f64::min);
        PlanError::BranchJump { waypoint: index, jump_rad, limit_rad: self.limit_before(index) }
    }
}

/// What a posture costs by itself: near a limit, and near a singularity.
fn posture_cost(arm: &Arm, joints: &Joints, settings: &PlanSettings) -> f64 {
    /// Margin and singular value at which the cost is the weight.
    const MARGIN: f64 = 0.1;
    const SINGULAR: f64 = 0.1;
    let weighed = |weight: f64, value: &dyn Fn() -> f64, scale| {
        if weight > 0.0 { weight * inverse_square(value(), scale) } else { 0.0 }
    };
    weighed(settings.margin_weight, &|| arm.chain.limit_margin(joints), MARGIN)
        + weighed(settings.singular_weight, &|| arm.chain.smallest_singular_value(joints), SINGULAR)
}

fn inverse_square(value: f64, scale: f64) -> f64 {
    (scale / value.max(0.01 * scale)).powi(2)
}

fn squared_distance(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

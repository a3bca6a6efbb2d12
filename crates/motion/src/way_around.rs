//! A way between two postures around what stands between them: RRT-Connect (Kuffner and LaValle, ICRA 2000), then
//! shortcuts.

use dreamitate_kinematics::Joints;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Postures looked at on a straight way are this near to one another in every joint, rad.
const LOOK_RAD: f64 = 0.03;
/// A tree grows by at most this at once, rad.
const GROW_RAD: f64 = 0.4;
/// Postures are taken at random from about both ends, this far around, rad; every fourth from all that limits allow.
const ROUND_RAD: f64 = 1.2;
const SHORTCUTS: usize = 80;

/// Looks at postures, and no more often than it may.
pub(crate) struct Looks<'a> {
    pub is_free: &'a mut dyn FnMut(&Joints) -> bool,
    pub done: usize,
    pub most: usize,
}

impl Looks<'_> {
    fn exhausted(&self) -> bool {
        self.done >= self.most
    }

    fn is_free(&mut self, joints: &Joints) -> bool {
        self.done += 1;
        (self.is_free)(joints)
    }

    /// The last free posture on the straight way, and whether that is its end.
    fn go(&mut self, from: &Joints, to: &Joints) -> (Joints, bool) {
        let pieces = pieces(from, to);
        let mut last = *from;
        for piece in 1..=pieces {
            let next = between(from, to, piece as f64 / pieces as f64);
            if !self.is_free(&next) {
                return (last, false);
            }
            last = next;
        }
        (last, true)
    }

    pub(crate) fn is_straight_free(&mut self, from: &Joints, to: &Joints) -> bool {
        self.go(from, to).1
    }
}

struct Tree {
    postures: Vec<Joints>,
    parents: Vec<usize>,
}

impl Tree {
    fn nearest(&self, to: &Joints) -> usize {
        let distances = self.postures.iter().map(|q| squared_distance(q, to)).enumerate();
        distances.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
    }

    /// Grows from its nearest posture towards one; where it came to, and whether that is it.
    fn grow(&mut self, towards: &Joints, farthest_rad: f64, looks: &mut Looks<'_>) -> Option<(usize, bool)> {
        let parent = self.nearest(towards);
        let from = self.postures[parent];
        let distance = squared_distance(&from, towards).sqrt();
        let reaches = distance <= farthest_rad;
        let goal = if reaches { *towards } else { between(&from, towards, farthest_rad / distance) };
        let (last, arrived) = looks.go(&from, &goal);
        if last == from && !arrived {
            return None;
        }
        self.postures.push(last);
        self.parents.push(parent);
        Some((self.postures.len() - 1, arrived && reaches))
    }

    fn way_to(&self, mut at: usize) -> Vec<Joints> {
        let mut way = vec![self.postures[at]];
        while at != 0 {
            at = self.parents[at];
            way.push(self.postures[at]);
        }
        way.reverse();
        way
    }
}

/// Corners of a way from one posture to another, both included; straight if that is free. `None` if none was found in
/// as many looks as there may be. The same looks give the same way.
pub(crate) fn way_around(
    from: &Joints,
    to: &Joints,
    limits: &[(f64, f64)],
    seed: u64,
    looks: &mut Looks<'_>,
) -> Option<Vec<Joints>> {
    if looks.is_straight_free(from, to) {
        return Some(vec![*from, *to]);
    }
    if !looks.is_free(from) || !looks.is_free(to) {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut trees = [from, to].map(|root| Tree { postures: vec![*root], parents: vec![0] });
    let mut turn = 0;
    while !looks.exhausted() {
        let anywhere = turn % 4 == 3;
        let target: Joints = (0..from.len())
            .map(|j| {
                let (low, high) = (from[j].min(to[j]) - ROUND_RAD, from[j].max(to[j]) + ROUND_RAD);
                let (lower, upper) =
                    if anywhere { limits[j] } else { (limits[j].0.max(low), limits[j].1.min(high)) };
                if lower < upper { rng.random_range(lower..upper) } else { lower }
            })
            .collect();
        let [start, goal] = &mut trees;
        let (growing, other) = if turn % 2 == 0 { (start, goal) } else { (goal, start) };
        if let Some((reached, _)) = growing.grow(&target, GROW_RAD, looks) {
            let joint = growing.postures[reached];
            if let Some((met, true)) = other.grow(&joint, f64::INFINITY, looks) {
                let (mut way, mut rest) = (growing.way_to(reached), other.way_to(met));
                rest.reverse();
                way.extend(rest.into_iter().skip(1));
                if turn % 2 == 1 {
                    way.reverse();
                }
                return Some(shortened(way, &mut rng, looks));
            }
        }
        turn += 1;
    }
    None
}

/// The same way with straight pieces where they are free: between random places, then between corners.
fn shortened(mut way: Vec<Joints>, rng: &mut ChaCha8Rng, looks: &mut Looks<'_>) -> Vec<Joints> {
    for _ in 0..SHORTCUTS {
        if way.len() < 3 {
            break;
        }
        let mut places = [0; 2].map(|_: i32| rng.random_range(0.0..(way.len() - 1) as f64));
        places.sort_by(f64::total_cmp);
        let [first, second] = places.map(|p| (p as usize, p.fract()));
        if first.0 == second.0 {
            continue;
        }
        let at = |(piece, part): (usize, f64)| between(&way[piece], &way[piece + 1], part);
        let (a, b) = (at(first), at(second));
        if looks.is_straight_free(&a, &b) {
            way.splice(first.0 + 1..=second.0, [a, b]);
        }
    }
    let mut corner = 1;
    while corner + 1 < way.len() {
        if looks.is_straight_free(&way[corner - 1], &way[corner + 1]) {
            way.remove(corner);
        } else {
            corner += 1;
        }
    }
    way
}

fn pieces(from: &Joints, to: &Joints) -> usize {
    let largest = from.iter().zip(to).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    (largest / LOOK_RAD).ceil().max(1.0) as usize
}

pub(crate) fn between(from: &Joints, to: &Joints, part: f64) -> Joints {
    from.iter().zip(to).map(|(a, b)| a + (b - a) * part).collect()
}

fn squared_distance(a: &Joints, b: &Joints) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joints(values: [f64; 2]) -> Joints {
        values.into_iter().collect()
    }

    //   start │ goal      a wall between x = −0.1 and 0.1, open above y = 1
    fn find(open_above: f64, most: usize) -> (Option<Vec<Joints>>, usize) {
        let mut is_free = |q: &Joints| q[0].abs() > 0.1 || q[1] > open_above;
        let mut looks = Looks { is_free: &mut is_free, done: 0, most };
        let limits = [(-2.0, 2.0); 2];
        let way = way_around(&joints([-1.0, 0.0]), &joints([1.0, 0.0]), &limits, 3, &mut looks);
        (way, looks.done)
    }

    #[test]
    fn goes_around_a_wall_and_not_far() {
        let way = find(1.0, 20_000).0.unwrap();
        assert_eq!((way[0], *way.last().unwrap()), (joints([-1.0, 0.0]), joints([1.0, 0.0])));
        let length: f64 = way.windows(2).map(|w| squared_distance(&w[0], &w[1]).sqrt()).sum();
        // Over the wall's corners: 2·√(0.9² + 1²) + 0.2.
        assert!((2.89..3.3).contains(&length), "{length}");
        for pair in way.windows(2) {
            for i in 0..=1000 {
                let q = between(&pair[0], &pair[1], f64::from(i) / 1000.0);
                assert!(q[0].abs() > 0.1 - LOOK_RAD || q[1] > 1.0 - LOOK_RAD, "{q:?}");
            }
        }
        assert_eq!(find(1.0, 20_000).0.unwrap(), way, "the same looks give the same way");
    }

    #[test]
    fn a_closed_wall_ends_the_search_in_time() {
        let (way, looks) = find(3.0, 2_000);
        assert!(way.is_none());
        assert!((2_000..2_200).contains(&looks), "{looks}");
    }
}

//! How near the arms come to the table, to obstacles, to themselves and to one another.
//!
//! Distances are parry's, of the exact shapes. Most pairs are told apart by balls and capsules about them, which are
//! never farther: a capsule takes a quarter of parry's time, a ball a hundredth. Parry is asked only where they come
//! nearer than what was seen.

use dreamitate_kinematics::{Capsule, Joints};
use nalgebra::Isometry3;

use crate::arm::Arm;
use crate::arm_shape::PlacedArm;
use crate::segment_distance::segment_distance_m;
use crate::solid::Placed;
use crate::trajectory::JointTrajectory;

/// The smallest distances on a way, m; negative is inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clearance {
    /// Links above the table; the base and the link that turns on it aside.
    pub link_table_m: f64,
    /// The tool's lowest point above the table.
    pub tool_table_m: f64,
    /// Between two arms with their tools; infinite with one arm.
    pub arms_m: f64,
    /// Between parts of one arm that no joint joins.
    pub self_m: f64,
    /// Between an arm and an obstacle; infinite without obstacles.
    pub obstacles_m: f64,
    /// When each of them was smallest.
    pub times_s: ClearanceTimes,
}

/// When the distances of a [`Clearance`] were smallest, seconds of the trajectories.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClearanceTimes {
    /// Of [`Clearance::link_table_m`].
    pub link_table: f64,
    /// Of [`Clearance::tool_table_m`].
    pub tool_table: f64,
    /// Of [`Clearance::arms_m`].
    pub arms: f64,
    /// Of [`Clearance::self_m`].
    pub within_arm: f64,
    /// Of [`Clearance::obstacles_m`].
    pub obstacles: f64,
}

/// How near is too near, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClearanceLimits {
    /// For links above the table.
    pub link_table_m: f64,
    /// For the tool above the table; below zero for a tool that may press on it.
    pub tool_table_m: f64,
    /// Between two arms.
    pub arms_m: f64,
    /// Between parts of one arm.
    pub self_m: f64,
    /// Between an arm and an obstacle.
    pub obstacles_m: f64,
}

impl Default for ClearanceLimits {
    /// 10 mm for links over the table and for obstacles, 0 for the tool over the table, 20 mm between arms, 5 mm within one.
    fn default() -> Self {
        Self { link_table_m: 0.01, tool_table_m: 0.0, arms_m: 0.02, self_m: 0.005, obstacles_m: 0.01 }
    }
}

impl ClearanceLimits {
    /// The same limits, all farther by a length.
    pub(crate) fn widened(&self, by_m: f64) -> Self {
        Self {
            link_table_m: self.link_table_m + by_m,
            tool_table_m: self.tool_table_m + by_m,
            arms_m: self.arms_m + by_m,
            self_m: self.self_m + by_m,
            obstacles_m: self.obstacles_m + by_m,
        }
    }
}

/// A way that comes too near.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClearanceError {
    /// To the table.
    #[error("{arm}: {part} is {clearance_m:.4} m above the table at {time_s:.2} s, limit {limit_m:.4} m")]
    Table {
        /// The arm's name; all of them if several were checked.
        arm: String,
        /// `link` or `tool`.
        part: &'static str,
        /// The smallest height.
        clearance_m: f64,
        /// The limit.
        limit_m: f64,
        /// When.
        time_s: f64,
    },
    /// To the other arm.
    #[error("{arms}: {clearance_m:.4} m between the arms at {time_s:.2} s, limit {limit_m:.4} m")]
    Arms {
        /// Their names.
        arms: String,
        /// The smallest distance.
        clearance_m: f64,
        /// The limit.
        limit_m: f64,
        /// When.
        time_s: f64,
    },
    /// Of an arm to itself.
    #[error("{arm}: {clearance_m:.4} m between {first} and {second} at {time_s:.2} s, limit {limit_m:.4} m")]
    Itself {
        /// The arm's name.
        arm: String,
        /// One of its parts.
        first: String,
        /// The other one.
        second: String,
        /// The smallest distance.
        clearance_m: f64,
        /// The limit.
        limit_m: f64,
        /// When.
        time_s: f64,
    },
    /// To an obstacle.
    #[error(
        "{arm}: {clearance_m:.4} m between {part} and obstacle '{obstacle}' at {time_s:.2} s, limit {limit_m:.4} m"
    )]
    Obstacle {
        /// The arm's name.
        arm: String,
        /// Its part.
        part: String,
        /// The obstacle's name.
        obstacle: String,
        /// The smallest distance.
        clearance_m: f64,
        /// The limit.
        limit_m: f64,
        /// When.
        time_s: f64,
    },
}

/// The smallest distances while the arms follow their trajectories, started together; sampled at 100 Hz.
///
/// Obstacles are those of the arms, see [`Arm::with_obstacles`].
pub fn measure_clearance(ways: &[(&Arm, &JointTrajectory)]) -> Clearance {
    look_along(ways, Clearance::FAR).0
}

/// As [`measure_clearance`], refused where a limit is passed.
///
/// # Errors
/// [`ClearanceError`] with the parts, the clearance, the limit and the time.
pub fn check_clearance(
    ways: &[(&Arm, &JointTrajectory)],
    limits: &ClearanceLimits,
) -> Result<Clearance, ClearanceError> {
    let (found, nearest) = look_along(ways, Clearance::FAR);
    let names = || ways.iter().map(|(arm, _)| arm.name.as_str()).collect::<Vec<_>>().join(" and ");
    refusal(&found, &nearest, limits, &|index| ways.get(index).map(|(arm, _)| *arm), names())
        .map_or(Ok(found), Err)
}

/// What one arm in one posture comes too near to, if to anything; the time in the error is the one given.
pub(crate) fn too_near(
    arm: &Arm,
    joints: &Joints,
    limits: &ClearanceLimits,
    time_s: f64,
) -> Option<ClearanceError> {
    // What is farther than its limit need not be known.
    let mut found = Clearance {
        link_table_m: limits.link_table_m,
        tool_table_m: limits.tool_table_m,
        arms_m: f64::NEG_INFINITY,
        self_m: limits.self_m,
        obstacles_m: limits.obstacles_m,
        times_s: ClearanceTimes::default(),
    };
    let mut nearest = Nearest::default();
    found.look(&[(arm, PlacedArm::new(arm, joints))], time_s, &mut nearest);
    found.arms_m = f64::INFINITY;
    refusal(&found, &nearest, limits, &|_| Some(arm), arm.name.clone())
}

/// The smallest of one arm's distances to links over the table, itself and obstacles, or `cap_m` if all are larger.
pub(crate) fn nearest_m(arm: &Arm, joints: &Joints, cap_m: f64) -> f64 {
    let mut found = Clearance {
        link_table_m: cap_m,
        tool_table_m: f64::NEG_INFINITY,
        arms_m: f64::NEG_INFINITY,
        self_m: cap_m,
        obstacles_m: cap_m,
        times_s: ClearanceTimes::default(),
    };
    found.look(&[(arm, PlacedArm::new(arm, joints))], 0.0, &mut Nearest::default());
    found.link_table_m.min(found.self_m).min(found.obstacles_m)
}

/// The smallest of the first arm's distances to the table, obstacles, itself and the other arms.
pub(crate) fn nearest_of_all_m(arms: &[(&Arm, Joints)]) -> f64 {
    let placed: Vec<_> = arms.iter().map(|(arm, joints)| (*arm, PlacedArm::new(arm, joints))).collect();
    let mut found = Clearance::FAR;
    let mut nearest = Nearest::default();
    found.look(placed.get(..1).unwrap_or_default(), 0.0, &mut nearest);
    let alone_m = found.link_table_m.min(found.tool_table_m).min(found.self_m).min(found.obstacles_m);
    let mut among = Clearance { arms_m: alone_m, ..Clearance::NEAR };
    among.look(&placed, 0.0, &mut nearest);
    among.arms_m
}

/// Who was nearest to whom: arm and parts, by their places.
#[derive(Debug, Clone, Copy, Default)]
struct Nearest {
    within_arm: (usize, usize, usize),
    obstacle: (usize, usize, usize),
}

fn look_along(ways: &[(&Arm, &JointTrajectory)], mut clearance: Clearance) -> (Clearance, Nearest) {
    const RATE_HZ: f64 = 100.0;
    let mut nearest = Nearest::default();
    let duration_s = ways.iter().map(|(_, t)| t.duration_s()).fold(0.0, f64::max);
    for sample in 0..=(duration_s * RATE_HZ).ceil() as usize {
        let time_s = (sample as f64 / RATE_HZ).min(duration_s);
        let placed: Vec<_> = ways
            .iter()
            .filter_map(|(arm, way)| way.at(time_s).map(|p| (*arm, PlacedArm::new(arm, &p.positions))))
            .collect();
        clearance.look(&placed, time_s, &mut nearest);
    }
    (clearance, nearest)
}

fn refusal<'a>(
    found: &Clearance,
    nearest: &Nearest,
    limits: &ClearanceLimits,
    arm_at: &dyn Fn(usize) -> Option<&'a Arm>,
    names: String,
) -> Option<ClearanceError> {
    let parts = [
        ("link", found.link_table_m, limits.link_table_m, found.times_s.link_table),
        ("tool", found.tool_table_m, limits.tool_table_m, found.times_s.tool_table),
    ];
    // Of two that are too near, the one that is further beyond its limit says more.
    let worst = parts.into_iter().min_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2)));
    if let Some((part, clearance_m, limit_m, time_s)) =
        worst.filter(|(_, clearance, limit, _)| clearance < limit)
    {
        return Some(ClearanceError::Table { arm: names, part, clearance_m, limit_m, time_s });
    }
    let arm_name = |index| arm_at(index).map_or_else(String::new, |arm| arm.name.clone());
    let part_name = |arm, part: usize| {
        arm_at(arm).and_then(|a| a.shape.parts.get(part)).map_or_else(String::new, |p| p.name.clone())
    };
    if found.self_m < limits.self_m {
        let (arm, first, second) = nearest.within_arm;
        return Some(ClearanceError::Itself {
            arm: arm_name(arm),
            first: part_name(arm, first),
            second: part_name(arm, second),
            clearance_m: found.self_m,
            limit_m: limits.self_m,
            time_s: found.times_s.within_arm,
        });
    }
    if found.obstacles_m < limits.obstacles_m {
        let (arm, part, obstacle) = nearest.obstacle;
        let obstacle =
            arm_at(arm).and_then(|a| a.obstacles.get(obstacle)).map_or_else(String::new, |o| o.name.clone());
        return Some(ClearanceError::Obstacle {
            arm: arm_name(arm),
            part: part_name(arm, part),
            obstacle,
            clearance_m: found.obstacles_m,
            limit_m: limits.obstacles_m,
            time_s: found.times_s.obstacles,
        });
    }
    if found.arms_m < limits.arms_m {
        let (clearance_m, limit_m) = (found.arms_m, limits.arms_m);
        return Some(ClearanceError::Arms { arms: names, clearance_m, limit_m, time_s: found.times_s.arms });
    }
    None
}

impl Clearance {
    /// Nearer than anything can be: nothing new is taken in.
    const NEAR: Self = Self {
        link_table_m: f64::NEG_INFINITY,
        tool_table_m: f64::NEG_INFINITY,
        arms_m: f64::NEG_INFINITY,
        self_m: f64::NEG_INFINITY,
        obstacles_m: f64::NEG_INFINITY,
        ..Self::FAR
    };
    const FAR: Self = Self {
        link_table_m: f64::INFINITY,
        tool_table_m: f64::INFINITY,
        arms_m: f64::INFINITY,
        self_m: f64::INFINITY,
        obstacles_m: f64::INFINITY,
        times_s: ClearanceTimes {
            link_table: 0.0,
            tool_table: 0.0,
            arms: 0.0,
            within_arm: 0.0,
            obstacles: 0.0,
        },
    };

    /// Takes in all distances at one time that are smaller than those that it holds.
    fn look(&mut self, arms: &[(&Arm, PlacedArm<'_>)], time_s: f64, nearest: &mut Nearest) {
        for (index, (arm, placed)) in arms.iter().enumerate() {
            self.look_at_table(placed, time_s);
            for &(first, second) in &placed.shape.pairs {
                if nearer(&mut self.self_m, (placed, first), (placed, second)) {
                    self.times_s.within_arm = time_s;
                    nearest.within_arm = (index, first, second);
                }
            }
            for (place, obstacle) in arm.obstacle_solids.iter().enumerate() {
                let still = Placed { solid: obstacle, world_from_part: Isometry3::identity() };
                // What the base is bolted to may be an obstacle to the rest of the arm.
                for part in placed.shape.base_count..placed.shape.parts.len() {
                    if bound_distance_m(placed.bounds(part), &obstacle.bounds) < self.obstacles_m
                        && lower(&mut self.obstacles_m, placed.part(part).distance_m(&still))
                    {
                        self.times_s.obstacles = time_s;
                        nearest.obstacle = (index, part, place);
                    }
                }
            }
            for (_, other) in arms.iter().skip(index + 1) {
                for a in 0..placed.shape.parts.len() {
                    for b in 0..other.shape.parts.len() {
                        if nearer(&mut self.arms_m, (placed, a), (other, b)) {
                            self.times_s.arms = time_s;
                        }
                    }
                }
            }
        }
    }

    fn look_at_table(&mut self, placed: &PlacedArm<'_>, time_s: f64) {
        let tool = placed.shape.parts.len().saturating_sub(1);
        for part in placed.shape.base_count..placed.shape.parts.len() {
            let (least, at_s) = if part == tool {
                (&mut self.tool_table_m, &mut self.times_s.tool_table)
            } else {
                (&mut self.link_table_m, &mut self.times_s.link_table)
            };
            let bound = |c: &Capsule| c.start.z.min(c.end.z) - c.radius_m;
            if placed.bounds(part).iter().any(|c| bound(c) < *least)
                && lower(least, placed.part(part).lowest_z_m())
            {
                *at_s = time_s;
            }
        }
    }
}

/// Makes `least` the distance of two parts if that is smaller.
fn nearer(least: &mut f64, a: (&PlacedArm<'_>, usize), b: (&PlacedArm<'_>, usize)) -> bool {
    let ((arm_a, part_a), (arm_b, part_b)) = (a, b);
    !arm_a.apart(part_a, arm_b, part_b, *least)
        && bound_distance_m(arm_a.bounds(part_a), arm_b.bounds(part_b)) < *least
        && lower(least, arm_a.part(part_a).distance_m(&arm_b.part(part_b)))
}

fn lower(least: &mut f64, value: f64) -> bool {
    let is_lower = value < *least;
    if is_lower {
        *least = value;
    }
    is_lower
}

/// The smallest distance between any two capsules.
pub(crate) fn bound_distance_m(a: &[Capsule], b: &[Capsule]) -> f64 {
    let mut least = f64::INFINITY;
    for a in a {
        for b in b {
            let between = segment_distance_m([a.start, a.end], [b.start, b.end]);
            least = least.min(between - a.radius_m - b.radius_m);
        }
    }
    least
}

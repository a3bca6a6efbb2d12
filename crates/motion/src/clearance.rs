//! How near the arms come to the table and to one another.

use dreamitate_kinematics::{Capsule, Joints};
use nalgebra::{Point3, Vector3};

use crate::arm::{Arm, ArmCapsules};
use crate::trajectory::JointTrajectory;

/// The smallest distances on a way, m; negative is inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clearance {
    /// Links (their capsules) above the table; the base and the link that turns on it aside.
    pub link_table_m: f64,
    /// The tool's lowest point above the table.
    pub tool_table_m: f64,
    /// Between two arms with their tools; infinite with one arm.
    pub arms_m: f64,
    /// When each of the three was smallest, seconds of the trajectories.
    pub times_s: [f64; 3],
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
}

impl Default for ClearanceLimits {
    /// 10 mm for links, 0 for the tool, 20 mm between arms.
    fn default() -> Self {
        Self { link_table_m: 0.01, tool_table_m: 0.0, arms_m: 0.02 }
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
}

/// The smallest distances while the arms follow their trajectories, started together; sampled at 50 Hz.
pub fn measure_clearance(ways: &[(&Arm, &JointTrajectory)]) -> Clearance {
    const RATE_HZ: f64 = 50.0;
    let mut clearance = Clearance {
        link_table_m: f64::INFINITY,
        tool_table_m: f64::INFINITY,
        arms_m: f64::INFINITY,
        times_s: [0.0; 3],
    };
    let duration_s = ways.iter().map(|(_, t)| t.duration_s()).fold(0.0, f64::max);
    for sample in 0..=(duration_s * RATE_HZ).ceil() as usize {
        let time_s = (sample as f64 / RATE_HZ).min(duration_s);
        let postures: Vec<_> =
            ways.iter().filter_map(|(arm, way)| way.at(time_s).map(|p| (*arm, p.positions))).collect();
        clearance.take_in(&at_postures(&postures), time_s);
    }
    clearance
}

/// As [`measure_clearance`], refused where a limit is passed.
///
/// # Errors
/// [`ClearanceError`] with the clearance, the limit and the time.
pub fn check_clearance(
    ways: &[(&Arm, &JointTrajectory)],
    limits: &ClearanceLimits,
) -> Result<Clearance, ClearanceError> {
    let found = measure_clearance(ways);
    let names = || ways.iter().map(|(arm, _)| arm.name.as_str()).collect::<Vec<_>>().join(" and ");
    let [link_s, tool_s, arms_s] = found.times_s;
    let parts = [
        ("link", found.link_table_m, limits.link_table_m, link_s),
        ("tool", found.tool_table_m, limits.tool_table_m, tool_s),
    ];
    // Of two that are too near, the one that is further beyond its limit says more.
    let worst = parts.into_iter().min_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2)));
    if let Some((part, clearance_m, limit_m, time_s)) =
        worst.filter(|(_, clearance, limit, _)| clearance < limit)
    {
        return Err(ClearanceError::Table { arm: names(), part, clearance_m, limit_m, time_s });
    }
    if found.arms_m < limits.arms_m {
        let (clearance_m, limit_m) = (found.arms_m, limits.arms_m);
        return Err(ClearanceError::Arms { arms: names(), clearance_m, limit_m, time_s: arms_s });
    }
    Ok(found)
}

impl Clearance {
    fn take_in(&mut self, other: &Self, time_s: f64) {
        let [link_s, tool_s, arms_s] = &mut self.times_s;
        for (least, new, at_s) in [
            (&mut self.link_table_m, other.link_table_m, link_s),
            (&mut self.tool_table_m, other.tool_table_m, tool_s),
            (&mut self.arms_m, other.arms_m, arms_s),
        ] {
            if new < *least {
                *least = new;
                *at_s = time_s;
            }
        }
    }
}

fn at_postures(postures: &[(&Arm, Joints)]) -> Clearance {
    let volumes: Vec<ArmCapsules> =
        postures.iter().map(|(arm, joints)| arm.capsules_in_world(joints)).collect();
    let lowest = |heights: &mut dyn Iterator<Item = f64>| heights.fold(f64::INFINITY, f64::min);
    let links = volumes.iter().flat_map(|v| v.all.get(v.base_count..v.tool_starts).unwrap_or_default());
    let link_table_m = lowest(&mut links.map(|c| c.start.z.min(c.end.z) - c.radius_m));
    let tools = postures.iter().zip(&volumes).flat_map(|((arm, _), volume)| {
        arm.tool.points_in_tool.iter().map(|p| (volume.world_from_tool * p).z)
    });
    let tool_table_m = lowest(&mut { tools });
    let mut arms_m = f64::INFINITY;
    for (index, first) in volumes.iter().enumerate() {
        for second in volumes.iter().skip(index + 1) {
            for (a, b) in first.all.iter().flat_map(|a| second.all.iter().map(move |b| (a, b))) {
                arms_m = arms_m.min(capsule_distance_m(a, b));
            }
        }
    }
    Clearance { link_table_m, tool_table_m, arms_m, times_s: [0.0; 3] }
}

fn capsule_distance_m(a: &Capsule, b: &Capsule) -> f64 {
    segment_distance_m([a.start, a.end], [b.start, b.end]) - a.radius_m - b.radius_m
}

/// The smallest distance of two segments; a segment may be a point.
///
/// The squared distance is convex in both parameters: the nearest points are either inside both segments, where the
/// lines are nearest, or at an end of one of them.
pub fn segment_distance_m(a: [Point3<f64>; 2], b: [Point3<f64>; 2]) -> f64 {
    let (along_a, along_b, between) = (a[1] - a[0], b[1] - b[0], b[0] - a[0]);
    let (aa, bb, ab) = (along_a.norm_squared(), along_b.norm_squared(), along_a.dot(&along_b));
    let determinant = aa * bb - ab * ab;
    if determinant > 1e-12 * aa * bb {
        let s = (bb * along_a.dot(&between) - ab * along_b.dot(&between)) / determinant;
        let t = (ab * along_a.dot(&between) - aa * along_b.dot(&between)) / determinant;
        if (0.0..=1.0).contains(&s) && (0.0..=1.0).contains(&t) {
            return (between + along_b * t - along_a * s).norm();
        }
    }
    let ends = a.map(|end| point_segment(end, b[0], along_b)).into_iter();
    ends.chain(b.map(|end| point_segment(end, a[0], along_a))).fold(f64::INFINITY, f64::min)
}

fn point_segment(point: Point3<f64>, start: Point3<f64>, along: Vector3<f64>) -> f64 {
    let length_squared = along.norm_squared();
    let fraction = if length_squared > 0.0 {
        ((point - start).dot(&along) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (point - start - along * fraction).norm()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_distances() {
        let p = Point3::new;
        let x = [p(0.0, 0.0, 0.0), p(1.0, 0.0, 0.0)];
        assert_eq!(segment_distance_m(x, [p(0.5, -1.0, 0.3), p(0.5, 1.0, 0.3)]), 0.3);
        assert_eq!(segment_distance_m(x, [p(2.0, 0.0, 0.0), p(3.0, 0.0, 0.0)]), 1.0);
        assert_eq!(segment_distance_m(x, [p(0.2, 0.4, 0.0), p(0.8, 0.4, 0.0)]), 0.4);
        assert_eq!(segment_distance_m([x[0]; 2], [p(0.0, 3.0, 4.0); 2]), 5.0);
    }

    proptest! {
        #[test]
        fn no_sample_is_nearer_and_some_is_near(c in prop::array::uniform12(-1.0f64..1.0)) {
            let p = |i: usize| Point3::new(c[i], c[i + 1], c[i + 2]);
            let (a, b) = ([p(0), p(3)], [p(6), p(9)]);
            let distance = segment_distance_m(a, b);
            let mut nearest = f64::INFINITY;
            for i in 0..=60 {
                for j in 0..=60 {
                    let on = |s: [Point3<f64>; 2], k: i32| s[0] + (s[1] - s[0]) * (f64::from(k) / 60.0);
                    nearest = nearest.min((on(a, i) - on(b, j)).norm());
                }
            }
            prop_assert!(distance <= nearest + 1e-12);
            prop_assert!(distance >= nearest - 0.06);
            prop_assert!((segment_distance_m(b, a) - distance).abs() < 1e-12);
        }
    }
}

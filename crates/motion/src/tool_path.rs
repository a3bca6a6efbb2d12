//! The tool's smooth path through the waypoints of a dream.

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};

use crate::cubic_spline::CubicSpline;
use crate::plan_error::PlanError;

/// Where the tool is at one time of the dream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waypoint {
    /// Seconds on the dream's clock; tools of one dream share it.
    pub time_s: f64,
    /// The tool's pose.
    pub world_from_tool: Isometry3<f64>,
}

/// A twice continuously differentiable path that is at rest at both ends and exactly at each waypoint in time.
///
/// Position is a cubic spline; rotation is a cubic spline of quaternions (signs made to agree), normalised.
#[derive(Debug, Clone)]
pub(crate) struct ToolPath {
    spline: CubicSpline<7>,
}

impl ToolPath {
    /// The path through the waypoints.
    pub(crate) fn through(waypoints: &[Waypoint]) -> Result<Self, PlanError> {
        check(waypoints)?;
        let mut before = Quaternion::new(0.0, 0.0, 0.0, 0.0);
        let rows = waypoints.iter().map(|w| {
            let p = w.world_from_tool.translation.vector;
            let mut q = *w.world_from_tool.rotation.quaternion();
            // q and −q turn alike; the spline must not go the long way round.
            if q.dot(&before) < 0.0 {
                q = -q;
            }
            before = q;
            [p.x, p.y, p.z, q.i, q.j, q.k, q.w]
        });
        let rows = rows.collect();
        CubicSpline::at_rest(waypoints.iter().map(|w| w.time_s).collect(), rows)
            .map(|spline| Self { spline })
            .ok_or(PlanError::TooFewWaypoints { found: waypoints.len() })
    }

    /// The tool's pose at a time of the dream.
    pub(crate) fn world_from_tool(&self, time_s: f64) -> Isometry3<f64> {
        let [x, y, z, i, j, k, w] = self.spline.at(time_s).value;
        Isometry3::from_parts(
            Translation3::new(x, y, z),
            UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k)),
        )
    }
}

/// The pose from which the tool comes to the first waypoint, `lead_s` before it.
///
/// A tool that starts there at rest and gains speed evenly has at the first waypoint the dream's velocity: half the
/// way that it would go at that velocity, back from it and turned back with it, and lifted off the table.
pub(crate) fn lead_in(waypoints: &[Waypoint], lead_s: f64, lift_m: f64) -> Option<Waypoint> {
    /// A noisy first pose must not throw the start far away.
    const FARTHEST_M: f64 = 0.15;
    const FARTHEST_RAD: f64 = 0.5;
    let [first, second, ..] = waypoints else { return None };
    let fraction = 0.5 * lead_s / (second.time_s - first.time_s);
    let back = |velocity: Vector3<f64>, farthest: f64| {
        let way = -velocity * fraction;
        way * (farthest / way.norm()).min(1.0)
    };
    let (a, b) = (first.world_from_tool, second.world_from_tool);
    let moved = back(b.translation.vector - a.translation.vector, FARTHEST_M);
    let turned = back((b.rotation * a.rotation.inverse()).scaled_axis(), FARTHEST_RAD);
    // A path that begins at rest has no way back; `way * (x / 0)` would be NaN.
    let or_none = |v: Vector3<f64>| if v.iter().all(|c| c.is_finite()) { v } else { Vector3::zeros() };
    let position = a.translation.vector + or_none(moved) + Vector3::z() * lift_m;
    let rotation = UnitQuaternion::from_scaled_axis(or_none(turned)) * a.rotation;
    Some(Waypoint {
        time_s: first.time_s - lead_s,
        world_from_tool: Isometry3::from_parts(Translation3::from(position), rotation),
    })
}

/// At least two waypoints, finite, in order of time.
pub(crate) fn check(waypoints: &[Waypoint]) -> Result<(), PlanError> {
    if waypoints.len() < 2 {
        return Err(PlanError::TooFewWaypoints { found: waypoints.len() });
    }
    for (index, waypoint) in waypoints.iter().enumerate() {
        let pose = waypoint.world_from_tool;
        let finite = pose.translation.vector.iter().chain(pose.rotation.coords.iter()).all(|v| v.is_finite());
        if !finite || !waypoint.time_s.is_finite() {
            return Err(PlanError::NotFinite { waypoint: index });
        }
    }
    for (index, pair) in waypoints.windows(2).enumerate() {
        if pair[1].time_s <= pair[0].time_s {
            return Err(PlanError::TimesNotIncreasing {
                waypoint: index + 1,
                time_s: pair[1].time_s,
                before_s: pair[0].time_s,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waypoints(poses: &[([f64; 3], [f64; 3])]) -> Vec<Waypoint> {
        let pose = |(p, r): &([f64; 3], [f64; 3])| Isometry3::new(Vector3::from(*p), Vector3::from(*r));
        poses
            .iter()
            .enumerate()
            .map(|(i, p)| Waypoint { time_s: i as f64 / 6.0, world_from_tool: pose(p) })
            .collect()
    }

    proptest! {
        #[test]
        fn the_tool_is_at_each_waypoint(poses in prop::collection::vec((prop::array::uniform3(-0.3f64..0.3), prop::array::uniform3(-0.6f64..0.6)), 2..13)) {
            let waypoints = waypoints(&poses);
            let path = ToolPath::through(&waypoints).unwrap();
            for w in &waypoints {
                let found = path.world_from_tool(w.time_s);
                prop_assert!((found.translation.vector - w.world_from_tool.translation.vector).norm() < 1e-9);
                prop_assert!(found.rotation.angle_to(&w.world_from_tool.rotation) < 1e-7);
            }
        }
    }

    #[test]
    fn the_lead_in_comes_from_where_the_motion_comes_from() {
        let waypoints = waypoints(&[([0.0, 0.0, 0.1], [0.0; 3]), ([0.05, 0.0, 0.1], [0.0, 0.0, 0.1])]);
        let lead = lead_in(&waypoints, 1.0 / 3.0, 0.02).unwrap();
        assert!((lead.world_from_tool.translation.vector - Vector3::new(-0.05, 0.0, 0.12)).norm() < 1e-9);
        assert!((lead.world_from_tool.rotation.scaled_axis().z + 0.1).abs() < 1e-9);
        let still = [waypoints[0], Waypoint { time_s: 1.0, ..waypoints[0] }];
        let lead = lead_in(&still, 0.3, 0.0).unwrap();
        assert!((lead.world_from_tool.translation.vector - Vector3::new(0.0, 0.0, 0.1)).norm() < 1e-12);
    }

    #[test]
    fn bad_waypoints_are_named() {
        let good = waypoints(&[([0.0; 3], [0.0; 3]), ([0.1; 3], [0.0; 3]), ([0.2; 3], [0.0; 3])]);
        assert!(matches!(check(&good[..1]), Err(PlanError::TooFewWaypoints { found: 1 })));
        let mut late = good.clone();
        late[2].time_s = late[1].time_s;
        assert!(matches!(check(&late), Err(PlanError::TimesNotIncreasing { waypoint: 2, .. })));
        let mut nan = good;
        nan[1].world_from_tool.translation.y = f64::NAN;
        assert!(matches!(check(&nan), Err(PlanError::NotFinite { waypoint: 1 })));
    }
}

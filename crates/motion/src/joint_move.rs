//! Moves in joint space from rest to rest: to where the dream begins, and away from where it ends.

use dreamitate_kinematics::{IkSettings, InverseKinematics, Joints, MAX_JOINTS};
use nalgebra::Translation3;

use crate::arm::Arm;
use crate::clearance::{ClearanceError, ClearanceLimits, too_near};
use crate::cubic_spline::CubicSpline;
use crate::fastest_timing::fastest;
use crate::layers::within;
use crate::plan_error::PlanError;
use crate::plan_settings::PlanSettings;
use crate::quintic;
use crate::tool_height::height_of;
use crate::trajectory::TrajectoryPoint;
use crate::way_around::{Looks, between, way_around};

/// A move; the first point is at time 0, the first and the last are at rest.
#[derive(Debug, Clone)]
pub(crate) struct JointMove {
    pub points: Vec<TrajectoryPoint>,
}

/// A point at rest.
pub(crate) fn rest(time_s: f64, positions: Joints) -> TrajectoryPoint {
    let still: Joints = positions.iter().map(|_| 0.0).collect();
    TrajectoryPoint { time_s, positions, velocities: still, accelerations: still }
}

impl JointMove {
    /// How long it takes.
    pub(crate) fn duration_s(&self) -> f64 {
        self.points.last().map_or(0.0, |p| p.time_s)
    }

    /// Straight from one posture to another, all joints together, as fast as a quintic within limits.
    fn straight(arm: &Arm, from: &Joints, to: &Joints, settings: &PlanSettings) -> Self {
        /// Time between points; one quintic, so that more would say nothing new.
        const STEP_S: f64 = 0.05;
        let width_s = (0..arm.chain.dof())
            .map(|joint| {
                quintic::rest_to_rest_s(
                    to[joint] - from[joint],
                    settings.limit_fraction * arm.limits.velocity_rad_s[joint],
                    settings.limit_fraction * arm.limits.acceleration_rad_s2[joint],
                )
            })
            .fold(0.0, f64::max);
        let pieces = (width_s / STEP_S).ceil() as usize;
        let mut points = vec![rest(0.0, *from)];
        for piece in 1..=pieces {
            let since_s = width_s * piece as f64 / pieces as f64;
            let mut point = rest(since_s, *to);
            for joint in 0..arm.chain.dof() {
                let ends = [[from[joint], 0.0, 0.0], [to[joint], 0.0, 0.0]];
                [point.positions[joint], point.velocities[joint], point.accelerations[joint]] =
                    quintic::between(ends[0], ends[1], width_s, since_s);
            }
            points.push(point);
        }
        Self { points }
    }

    /// Around the corners of a way, which it rounds off but passes through.
    fn rounded(arm: &Arm, corners: &[Joints], settings: &PlanSettings) -> Option<Self> {
        const STEP_S: f64 = 0.02;
        let mut times_s = vec![0.0];
        for pair in corners.windows(2) {
            // Times at the joints' highest speeds; a joint at a standstill is told apart from none.
            let speeds = arm.limits.velocity_rad_s.iter();
            let width_s = pair[0]
                .iter()
                .zip(&pair[1])
                .zip(speeds)
                .map(|((a, b), v)| (a - b).abs() / v)
                .fold(1e-3, f64::max);
            times_s.push(times_s.last()? + width_s);
        }
        let row = |q: &Joints| {
            let mut row = [0.0; MAX_JOINTS];
            row.iter_mut().zip(q).for_each(|(place, value)| *place = *value);
            row
        };
        let rows: Vec<_> = corners.iter().map(row).collect();
        let plain = Self::along(arm, &CubicSpline::at_rest(times_s.clone(), rows.clone())?, settings, STEP_S);
        // The fastest timing takes a curve that has a slope at its ends.
        let fast = CubicSpline::unbent(times_s, rows)
            .and_then(|curve| fastest(arm, &curve, settings, STEP_S))
            .and_then(|curve| Self::along(arm, &curve, settings, STEP_S));
        match (plain, fast) {
            (Some(plain), Some(fast)) if plain.duration_s() <= fast.duration_s() => Some(plain),
            (plain, fast) => fast.or(plain),
        }
    }

    /// Along a curve, which is gone through by a law of time that begins and ends at rest without a jolt.
    fn along(
        arm: &Arm,
        curve: &CubicSpline<MAX_JOINTS>,
        settings: &PlanSettings,
        step_s: f64,
    ) -> Option<Self> {
        let (velocity, acceleration) = curve.peaks();
        let scale = (0..arm.chain.dof())
            .map(|joint| {
                let part = settings.limit_fraction;
                (velocity[joint] / (part * arm.limits.velocity_rad_s[joint]))
                    .max((acceleration[joint] / (part * arm.limits.acceleration_rad_s2[joint])).sqrt())
            })
            .fold(0.0, f64::max);
        let width_s = curve.span_s().1 * scale;
        if !(width_s.is_finite() && width_s > 0.0) {
            return None;
        }
        let dof = arm.chain.dof();
        let pieces = (width_s / step_s).ceil() as usize;
        // The spline's acceleration is not zero at its ends: a short rest lets the controller take it up.
        let points = (0..=pieces).map(|piece| {
            let since_s = width_s * piece as f64 / pieces as f64;
            let state = curve.at(since_s / scale);
            TrajectoryPoint {
                time_s: SETTLE_S + since_s,
                positions: state.value.iter().take(dof).copied().collect(),
                velocities: state.velocity.iter().take(dof).map(|v| v / scale).collect(),
                accelerations: state.acceleration.iter().take(dof).map(|a| a / (scale * scale)).collect(),
            }
        });
        let points: Vec<_> = points.collect();
        let (first, last) = (points.first()?.positions, points.last()?.positions);
        let end = rest(2.0 * SETTLE_S + width_s, last);
        Some(Self { points: std::iter::once(rest(0.0, first)).chain(points).chain([end]).collect() })
    }

    /// What the move comes too near to, if to anything.
    fn obstructed(&self, arm: &Arm, limits: &ClearanceLimits) -> Option<ClearanceError> {
        /// Postures looked at are this near to one another in every joint, rad.
        const LOOK_RAD: f64 = 0.02;
        let mut before: Option<Joints> = None;
        for point in &self.points {
            let from = before.unwrap_or(point.positions);
            let mut pieces = 1;
            while !within(&from, &between(&from, &point.positions, 1.0 / f64::from(pieces)), LOOK_RAD) {
                pieces += 1;
            }
            for piece in 1..=pieces {
                let q = between(&from, &point.positions, f64::from(piece) / f64::from(pieces));
                if let Some(error) = too_near(arm, &q, limits, point.time_s) {
                    return Some(error);
                }
            }
            before = Some(point.positions);
        }
        None
    }
}

/// Rest before and after a motion. A controller's quintic from rest without acceleration to rest with the motion's first
/// acceleration A stays below A all the way, so that no limit is passed there. Meanwhile a joint strays by up to
/// 0.0173·A times this squared: 0.16 mrad at 10 rad/s².
pub(crate) const SETTLE_S: f64 = 0.03;

/// A move from one posture to another, straight or around what stands between them.
///
/// # Errors
/// [`PlanError::NoWayAround`] if none is found; `what` says which move it is.
pub(crate) fn find_move(
    arm: &Arm,
    from: &Joints,
    to: &Joints,
    what: &'static str,
    settings: &PlanSettings,
) -> Result<JointMove, PlanError> {
    /// A way is sought that keeps this much more room than it must: it is looked at only in places.
    const ROOM_M: f64 = 0.003;
    let straight = JointMove::straight(arm, from, to, settings);
    if !settings.check_collisions {
        return Ok(straight);
    }
    let limits = limits_between(arm, from, to, settings);
    let Some(nearest) = straight.obstructed(arm, &limits) else { return Ok(straight) };
    let mut checks = 0;
    for room_m in [ROOM_M, 0.0] {
        let wide = limits.widened(room_m);
        let ends = [from, to].map(|q| *q);
        // Where an end itself has less room than that, a way that starts there has not either.
        let mut is_free = |q: &Joints| ends.contains(q) || too_near(arm, q, &wide, 0.0).is_none();
        let bounds: Vec<_> = arm
            .chain
            .moving_joints()
            .iter()
            .map(|j| (j.limits.lower.max(-7.0), j.limits.upper.min(7.0)))
            .collect();
        let mut looks = Looks { is_free: &mut is_free, done: 0, most: settings.most_checks };
        let way = way_around(from, to, &bounds, settings.seed, &mut looks);
        checks += looks.done;
        let Some(way) = way else { continue };
        if let Some(found) = fitted(arm, way, &limits, settings) {
            return Ok(found);
        }
    }
    Err(PlanError::NoWayAround { what, checks, limit: 2 * settings.most_checks, nearest })
}

/// What is too near on a move: the tool keeps its height here too, as far as both ends do.
fn limits_between(arm: &Arm, from: &Joints, to: &Joints, settings: &PlanSettings) -> ClearanceLimits {
    /// A path that is lifted to its limit is rounded below it.
    const TOLERANCE_M: f64 = 1e-4;
    let ends = [from, to].map(|q| height_of(arm, &arm.world_from_tool(q)));
    let height_m = settings.min_tool_height_m.map(|limit| limit.min(ends[0]).min(ends[1]) - TOLERANCE_M);
    let tool_table_m = height_m.unwrap_or(f64::NEG_INFINITY).max(settings.clearance.tool_table_m);
    ClearanceLimits { tool_table_m, ..settings.clearance }
}

/// A move that rounds off the corners of a way where there is room, more tightly where there is little, and else stops at
/// each.
fn fitted(
    arm: &Arm,
    way: Vec<Joints>,
    limits: &ClearanceLimits,
    settings: &PlanSettings,
) -> Option<JointMove> {
    const HALVINGS: usize = 4;
    let mut corners = way.clone();
    for _ in 0..=HALVINGS {
        let found = JointMove::rounded(arm, &corners, settings)?;
        let inside = found.points.iter().all(|p| arm.chain.joints(&p.positions).is_ok());
        if inside && found.obstructed(arm, limits).is_none() {
            return Some(found);
        }
        let middles = corners.windows(2).map(|w| between(&w[0], &w[1], 0.5)).collect::<Vec<_>>();
        let last = *corners.last()?;
        corners = corners.iter().zip(middles).flat_map(|(q, m)| [*q, m]).chain([last]).collect();
    }
    let mut points = vec![rest(0.0, *way.first()?)];
    for pair in way.windows(2) {
        let since_s = points.last()?.time_s;
        let piece = JointMove::straight(arm, &pair[0], &pair[1], settings);
        points.extend(
            piece.points.into_iter().skip(1).map(|p| TrajectoryPoint { time_s: p.time_s + since_s, ..p }),
        );
    }
    let stopping = JointMove { points };
    stopping.obstructed(arm, limits).is_none().then_some(stopping)
}

/// The move that lifts the tool straight up from a posture, as far as the settings say or as there is room, and how far
/// that is, m. `None` if that is not at all.
pub(crate) fn retreat(arm: &Arm, from: &Joints, settings: &PlanSettings) -> Option<(JointMove, f64)> {
    const STEP_M: f64 = 0.005;
    const LARGEST_STEP_RAD: f64 = 0.1;
    let ik =
        InverseKinematics::with_settings(&arm.chain, IkSettings { max_restarts: 0, ..IkSettings::default() });
    let world_from_tool = arm.world_from_tool(from);
    let steps = (settings.retreat_m / STEP_M).ceil() as usize;
    let mut way = vec![*from];
    let mut lifted_m = 0.0;
    for step in 1..=steps {
        let height_m = settings.retreat_m * step as f64 / steps as f64;
        let before = *way.last()?;
        let pose = arm.base_from_flange(&(Translation3::new(0.0, 0.0, height_m) * world_from_tool));
        let Ok(answer) = ik.follow(&pose, &before) else { break };
        let joints = answer.joints;
        let is_near = within(&before, &joints, LARGEST_STEP_RAD);
        let is_clear =
            !settings.check_collisions || too_near(arm, &joints, &settings.clearance, 0.0).is_none();
        if !is_near || !is_clear {
            break;
        }
        way.push(joints);
        lifted_m = height_m;
    }
    let found = if way.len() > 1 { JointMove::rounded(arm, &way, settings) } else { None };
    found.map(|found| (found, lifted_m))
}

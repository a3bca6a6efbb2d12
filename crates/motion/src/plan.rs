//! From a tool's waypoints to a joint path that starts in the arm's present posture.

use std::cell::Cell;

use dreamitate_kinematics::{Joints, MAX_JOINTS};
use nalgebra::Isometry3;

use crate::arm::Arm;
use crate::arm_plan::{ArmPlan, joints_of};
use crate::branches::Graph;
use crate::clearance::{ClearanceError, too_near};
use crate::cubic_spline::CubicSpline;
use crate::joint_move::{find_move, retreat};
use crate::layers::{followed, sample, within};
use crate::plan_error::PlanError;
use crate::plan_settings::PlanSettings;
use crate::smoothing::{Followed, Smoothing};
use crate::tool_height::{Lift, height_of, kept_high};
use crate::tool_path::{ToolPath, Waypoint, check, lead_in};
use crate::tracking::track;

/// Ways through the same postures that are tried before others are sought.
const ATTEMPTS: usize = 16;
/// Searches for a way around obstacles that may find none, in one plan.
const VAIN_SEARCHES: usize = 3;
/// The way to the first waypoint is not the dream's: a joint may go further on it than between two waypoints.
const LEAD_JUMP_RAD: f64 = 1.0;

/// Plans the motion of one arm from a posture through all waypoints; the table, obstacles and the arm itself are looked
/// at, other arms are not.
///
/// # Errors
/// [`PlanError`], with the value and the limit.
pub fn plan(
    arm: &Arm,
    waypoints: &[Waypoint],
    start: &[f64],
    settings: &PlanSettings,
) -> Result<ArmPlan, PlanError> {
    check(waypoints)?;
    settings.check()?;
    let start = arm.chain.joints(start)?;
    // From the wanted lead to a short one, then none: a tool that enters at the edge of the arm's reach may have no
    // room behind it.
    let leads = [
        (settings.lead_s, settings.lift_m),
        (settings.lead_s, 2.0 * settings.lift_m + 0.03),
        (0.5 * settings.lead_s, settings.lift_m),
        (2.0 * settings.lead_s, settings.lift_m),
    ];
    let (waypoints, lift) = kept_high(arm, waypoints, &leads, settings)?;
    if settings.check_collisions {
        if let Some(error) = too_near(arm, &start, &settings.clearance, 0.0) {
            return Err(PlanError::StartTooNear(error));
        }
        tool_above_table(arm, &waypoints, settings)?;
    }
    let task = Task { arm, waypoints: &waypoints, lift, start: &start, vain_searches: Cell::new(0) };
    // More postures where a few do not join; asking for every layer at once asks for that.
    let thorough = PlanSettings { every_layer: true, solutions: 4 * settings.solutions, ..settings.clone() };
    let efforts = if settings.every_layer { vec![settings] } else { vec![settings, &thorough] };
    let mut refused = None;
    for effort in efforts {
        match task.plan(&leads, effort) {
            Ok(plan) => return Ok(plan),
            Err(error @ PlanError::Unreachable { .. }) => return Err(error),
            // The last words of the most thorough search say most, unless they are of a jump.
            Err(error) => match (&refused, &error) {
                (Some(PlanError::Clearance(_)), PlanError::BranchJump { .. })
                | (Some(PlanError::NoWayAround { .. }), _) => {}
                _ => refused = Some(error),
            },
        }
    }
    Err(refused.unwrap_or(PlanError::TooFewWaypoints { found: waypoints.len() }))
}

/// What one arm is to do.
struct Task<'a> {
    arm: &'a Arm,
    waypoints: &'a [Waypoint],
    lift: Option<Lift>,
    start: &'a Joints,
    /// Searches for a way around obstacles that found none.
    vain_searches: Cell<usize>,
}

/// Where time has to be stretched by more, other ways to the first waypoint are tried too.
const STRETCHED: f64 = 1.5;

/// What is in the way of a path through certain postures, and after which of them.
struct Hindrance {
    after: usize,
    error: PlanError,
}

impl Task<'_> {
    fn plan(&self, leads: &[(f64, f64)], settings: &PlanSettings) -> Result<ArmPlan, PlanError> {
        let poses = self.flange_poses(self.waypoints);
        let layers = sample(&self.arm.chain, &poses, self.start, settings)?;
        let mut first_error = None;
        let mut best: Option<ArmPlan> = None;
        for &(lead_s, lift_m) in leads {
            let Some(lead) = lead_in(self.waypoints, lead_s, lift_m) else { continue };
            let lead_pose = self.arm.base_from_flange(&lead.world_from_tool);
            let first = layers.first().map_or(&[][..], Vec::as_slice);
            let before = followed(&self.arm.chain, &lead_pose, first, LEAD_JUMP_RAD);
            if before.is_empty() {
                continue;
            }
            let all: Vec<Waypoint> = std::iter::once(lead).chain(self.waypoints.iter().copied()).collect();
            let mut with_lead = vec![before];
            with_lead.extend(layers.iter().cloned());
            match self.through(&all, &with_lead, settings) {
                Ok(plan) if plan.least_time_scale <= STRETCHED => return Ok(plan),
                Ok(plan) => {
                    if best.as_ref().is_none_or(|best| plan.least_time_scale < best.least_time_scale) {
                        best = Some(plan);
                    }
                }
                // What stands in the way of the waypoints themselves stands there whatever comes before them.
                Err(error @ PlanError::BranchJump { .. }) if error.waypoint() > Some(1) => {
                    return Err(error.counted_without(1));
                }
                Err(error) => {
                    first_error.get_or_insert(error.counted_without(1));
                }
            }
        }
        match self.through(self.waypoints, &layers, settings) {
            Ok(plan) => match best {
                Some(best) if best.least_time_scale <= plan.least_time_scale => Ok(best),
                _ => Ok(plan),
            },
            Err(error) if best.is_some() => best.ok_or(error),
            Err(error @ PlanError::BranchJump { .. }) => Err(error),
            Err(error) => Err(first_error.unwrap_or(error)),
        }
    }

    fn flange_poses(&self, waypoints: &[Waypoint]) -> Vec<Isometry3<f64>> {
        waypoints.iter().map(|w| self.arm.base_from_flange(&w.world_from_tool)).collect()
    }

    /// Plans through `all`, of which the last ones are the dream's own.
    fn through(
        &self,
        all: &[Waypoint],
        layers: &[Vec<Joints>],
        settings: &PlanSettings,
    ) -> Result<ArmPlan, PlanError> {
        let tool_path = ToolPath::through(all)?;
        let times_s: Vec<f64> = all.iter().map(|w| w.time_s).collect();
        let mut jump_limits_rad = vec![settings.largest_jump_rad; all.len() - 1];
        for limit in jump_limits_rad.iter_mut().take(all.len() - self.waypoints.len()) {
            *limit = limit.max(LEAD_JUMP_RAD);
        }
        let mut graph = Graph::new(self.arm, layers, &times_s, &jump_limits_rad, self.start, settings);
        let mut first_error = None;
        for attempt in 0..ATTEMPTS {
            let way = match graph.cheapest() {
                Ok(way) => way,
                Err(error) => return Err(first_error.unwrap_or(error)),
            };
            let postures = graph.postures(&way);
            match self.realised(&tool_path, all, &postures, &jump_limits_rad, settings) {
                Ok(plan) => return Ok(plan),
                Err(hindrance) => {
                    // What hindered is wider than one pair of postures: look further away each time.
                    graph.block(&way, hindrance.after, 0.05 * 1.3f64.powi(attempt as i32));
                    first_error.get_or_insert(hindrance.error);
                }
            }
        }
        Err(first_error.unwrap_or(PlanError::TooFewWaypoints { found: all.len() }))
    }

    /// The plan through postures, as smooth as it can be.
    fn realised(
        &self,
        tool_path: &ToolPath,
        all: &[Waypoint],
        postures: &[Joints],
        jump_limits_rad: &[f64],
        settings: &PlanSettings,
    ) -> Result<ArmPlan, Hindrance> {
        let arm = self.arm;
        let scale = |path: &CubicSpline<MAX_JOINTS>| least_time_scale(arm, path, settings);
        let tracked = |postures: &[Joints]| track(arm, tool_path, all, postures, settings);
        let plain = tracked(postures).map_err(hindrance)?;
        let smooth = (settings.smooth && scale(&plain) > 1.0).then(|| {
            let smoothing = Smoothing {
                arm,
                base_from_flange: &self.flange_poses(all),
                times_s: &all.iter().map(|w| w.time_s).collect::<Vec<_>>(),
                follow: &|postures| tracked(postures).ok(),
                is_good: &|q| may_replace(arm, q, postures, jump_limits_rad),
                time_scale: &scale,
            };
            let found = smoothing.smoothed(&Followed { postures: postures.to_vec(), path: plain.clone() })?;
            self.is_clear(&found.path, all, settings).is_ok().then_some(found.path)
        });
        let path = match smooth.flatten() {
            Some(smooth) => smooth,
            None => {
                self.is_clear(&plain, all, settings)?;
                plain
            }
        };
        let (first_s, last_s) = path.span_s();
        let [first, last] = [first_s, last_s].map(|t| joints_of(&path.at(t).value, arm.chain.dof()));
        let moved = |from: &Joints, to: &Joints, what| {
            // Where a few searches found none, others would take as long: only straight ways are taken then.
            let most_checks = if self.vain_searches.get() < VAIN_SEARCHES { settings.most_checks } else { 0 };
            let limited = PlanSettings { most_checks, ..settings.clone() };
            find_move(arm, from, to, what, &limited).map_err(|error| {
                self.vain_searches.set(self.vain_searches.get() + 1);
                Hindrance { after: 0, error }
            })
        };
        let approach = moved(self.start, &first, "to the first waypoint")?;
        let mut away = Vec::new();
        let (lift, retreat_m) = retreat(arm, &last, settings).unzip();
        away.extend(lift);
        if settings.return_home {
            let from = away.last().and_then(|m| m.points.last()).map_or(last, |p| p.positions);
            away.push(moved(&from, self.start, "home")?);
        }
        Ok(ArmPlan {
            joint_names: arm.joint_names(),
            dof: arm.chain.dof(),
            least_time_scale: scale(&path),
            path,
            tool_path: tool_path.clone(),
            waypoint_times_s: self.waypoints.iter().map(|w| w.time_s).collect(),
            approach,
            retreat: away,
            retreat_m: retreat_m.unwrap_or(0.0),
            lift: self.lift,
        })
    }

    /// Whether a path keeps within limits and clear of everything.
    fn is_clear(
        &self,
        path: &CubicSpline<MAX_JOINTS>,
        all: &[Waypoint],
        settings: &PlanSettings,
    ) -> Result<(), Hindrance> {
        for &time_s in path.times_s() {
            let joints = joints_of(&path.at(time_s).value, self.arm.chain.dof());
            let error = match within_limits(self.arm, &joints) {
                Err(error) => Some(error),
                Ok(()) if settings.check_collisions => {
                    too_near(self.arm, &joints, &settings.clearance, time_s).map(PlanError::Clearance)
                }
                Ok(()) => None,
            };
            if let Some(error) = error {
                let after = all.iter().take_while(|w| w.time_s < time_s).count().saturating_sub(1);
                return Err(Hindrance { after, error });
            }
        }
        Ok(())
    }
}

/// Where the tool's path cannot be followed.
fn hindrance(error: PlanError) -> Hindrance {
    let after = match &error {
        PlanError::UnreachableBetween { waypoint, .. } => *waypoint,
        PlanError::BranchJump { waypoint, .. } => waypoint.saturating_sub(1),
        _ => 0,
    };
    Hindrance { after, error }
}

/// Stretching time by k divides velocities by k and accelerations by k².
fn least_time_scale(arm: &Arm, path: &CubicSpline<MAX_JOINTS>, settings: &PlanSettings) -> f64 {
    let (velocity, acceleration) = path.peaks();
    (0..arm.chain.dof()).fold(1.0f64, |scale, joint| {
        let velocity_limit = settings.limit_fraction * arm.limits.velocity_rad_s[joint];
        let acceleration_limit = settings.limit_fraction * arm.limits.acceleration_rad_s2[joint];
        scale.max(velocity[joint] / velocity_limit).max((acceleration[joint] / acceleration_limit).sqrt())
    })
}

/// Whether smoother postures jump no further than they may and come no nearer to limits and singularities than the
/// others did, or than they need to care about.
fn may_replace(arm: &Arm, smooth: &[Joints], plain: &[Joints], jump_limits_rad: &[f64]) -> bool {
    const MARGIN: f64 = 0.1;
    const SINGULAR: f64 = 0.1;
    let least = |postures: &[Joints], value: &dyn Fn(&Joints) -> f64, enough: f64| {
        postures.iter().map(value).fold(enough, f64::min)
    };
    let margin = |q: &Joints| arm.chain.limit_margin(q);
    let singular = |q: &Joints| arm.chain.smallest_singular_value(q);
    smooth.windows(2).zip(jump_limits_rad).all(|(pair, limit)| within(&pair[0], &pair[1], *limit))
        && least(smooth, &margin, MARGIN) >= 0.9 * least(plain, &margin, MARGIN)
        && least(smooth, &singular, SINGULAR) >= 0.9 * least(plain, &singular, SINGULAR)
}

/// Whatever the posture, the tool is where the waypoint is.
fn tool_above_table(arm: &Arm, waypoints: &[Waypoint], settings: &PlanSettings) -> Result<(), PlanError> {
    let limit_m = settings.clearance.tool_table_m;
    let heights = waypoints.iter().map(|w| (height_of(arm, &w.world_from_tool), w.time_s));
    match heights.min_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((clearance_m, time_s)) if clearance_m < limit_m => {
            let arm = arm.name.clone();
            Err(ClearanceError::Table { arm, part: "tool", clearance_m, limit_m, time_s }.into())
        }
        _ => Ok(()),
    }
}

fn within_limits(arm: &Arm, joints: &Joints) -> Result<(), PlanError> {
    for (joint, &value_rad) in arm.chain.moving_joints().iter().zip(joints) {
        let (lower_rad, upper_rad) = (joint.limits.lower, joint.limits.upper);
        if !(lower_rad..=upper_rad).contains(&value_rad) {
            return Err(PlanError::JointLimit { joint: joint.name.clone(), value_rad, lower_rad, upper_rad });
        }
    }
    Ok(())
}

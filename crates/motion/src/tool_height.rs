//! Keeps the tool's lowest point above a height, by lifting its path as little as that needs.

use nalgebra::{Isometry3, Translation3};

use crate::arm::Arm;
use crate::plan_error::PlanError;
use crate::plan_settings::PlanSettings;
use crate::solid::Placed;
use crate::tool_path::{ToolPath, Waypoint, lead_in};

/// How a tool's path was lifted to keep its height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lift {
    /// The largest lift, m.
    pub largest_m: f64,
    /// The waypoint that was lifted most.
    pub waypoint: usize,
}

/// The waypoints lifted so that the tool's lowest point is nowhere on the path below the settings' height; `None` where
/// nothing had to be lifted. The ways to the first waypoint that a plan may begin with are kept as high.
///
/// # Errors
/// [`PlanError::TooLow`] if a waypoint would have to be lifted by more than the settings allow.
pub(crate) fn kept_high(
    arm: &Arm,
    waypoints: &[Waypoint],
    leads: &[(f64, f64)],
    settings: &PlanSettings,
) -> Result<(Vec<Waypoint>, Option<Lift>), PlanError> {
    /// A place between two waypoints is raised by both of them in a few rounds.
    const ROUNDS: usize = 24;
    /// A tenth of what an arm repeats.
    const TOLERANCE_M: f64 = 1e-5;
    let Some(limit_m) = settings.min_tool_height_m else { return Ok((waypoints.to_vec(), None)) };
    let mut lifts = vec![0.0f64; waypoints.len()];
    let mut lowest = vec![f64::INFINITY; waypoints.len()];
    let mut lifted = waypoints.to_vec();
    for round in 0..ROUNDS {
        let mut more = vec![0.0f64; waypoints.len()];
        for lead in leads.iter().map(Some).chain([None]) {
            let lead = lead.and_then(|&(lead_s, lift_m)| lead_in(&lifted, lead_s, lift_m));
            let all: Vec<Waypoint> = lead.into_iter().chain(lifted.iter().copied()).collect();
            let path = ToolPath::through(&all)?;
            for (index, height_m) in heights(arm, &path, &all, settings.rate_hz) {
                let index = index.saturating_sub(all.len() - waypoints.len());
                let next = (index + 1).min(waypoints.len() - 1);
                if round == 0 {
                    lowest[index] = lowest[index].min(height_m);
                }
                if height_m < limit_m - TOLERANCE_M {
                    for place in [index, next] {
                        more[place] = more[place].max(limit_m - height_m);
                    }
                }
            }
        }
        // A waypoint of its own height needs its neighbour not: lift what is low itself first.
        if round == 0 {
            for (place, more) in more.iter_mut().enumerate() {
                *more = (limit_m - height_of(arm, &lifted[place].world_from_tool)).max(0.0);
            }
        }
        for (place, (lift, more)) in lifts.iter_mut().zip(&more).enumerate() {
            *lift += more;
            if *lift > settings.max_lift_m {
                return Err(PlanError::TooLow {
                    waypoint: place,
                    height_m: lowest[place].min(height_of(arm, &waypoints[place].world_from_tool)),
                    limit_m,
                    lift_m: *lift,
                    max_lift_m: settings.max_lift_m,
                });
            }
            let up = Translation3::new(0.0, 0.0, *lift);
            lifted[place].world_from_tool = up * waypoints[place].world_from_tool;
        }
        if round > 0 && more.iter().all(|m| *m <= 0.0) {
            break;
        }
    }
    let most = lifts.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let lift = most.filter(|(_, m)| *m > 0.0).map(|(waypoint, largest_m)| Lift { largest_m, waypoint });
    Ok((lifted, lift))
}

/// The height of the tool's lowest point along a path, with the place of the waypoint before.
fn heights(
    arm: &Arm,
    path: &ToolPath,
    waypoints: &[Waypoint],
    rate_hz: f64,
) -> impl Iterator<Item = (usize, f64)> {
    waypoints.windows(2).enumerate().flat_map(move |(index, pair)| {
        let width_s = pair[1].time_s - pair[0].time_s;
        let pieces = (width_s * rate_hz).ceil().max(1.0) as usize;
        (0..=pieces).map(move |piece| {
            let time_s = pair[0].time_s + width_s * piece as f64 / pieces as f64;
            (index, height_of(arm, &path.world_from_tool(time_s)))
        })
    })
}

/// The height of the tool's lowest point above the table, m.
pub(crate) fn height_of(arm: &Arm, world_from_tool: &Isometry3<f64>) -> f64 {
    let world_from_part = world_from_tool * arm.flange_from_tool.inverse();
    arm.shape
        .parts
        .last()
        .map_or(f64::INFINITY, |tool| Placed { solid: &tool.solid, world_from_part }.lowest_z_m())
}

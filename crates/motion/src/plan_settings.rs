//! How a plan is made.

use crate::clearance::ClearanceLimits;
use crate::plan_error::PlanError;

/// How a plan is made.
///
/// The weights are of a path's cost, whose unit is the squared step of one joint by 1 rad between two waypoints.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSettings {
    /// Random postures looked for at the first, middle and last waypoint; where they do not join, four times as many
    /// at every waypoint.
    pub solutions: usize,
    /// Whether random postures are looked for at every waypoint at once.
    pub every_layer: bool,
    /// The most postures kept at a waypoint.
    pub largest_layer: usize,
    /// The largest change of a joint from one waypoint to the next, rad.
    pub largest_jump_rad: f64,
    /// Cost of a squared radian away from the start posture at the first waypoint.
    pub home_weight: f64,
    /// Cost of a posture a tenth of the way from a position limit to the middle; it goes with the inverse square.
    pub margin_weight: f64,
    /// Cost of a posture whose smallest singular value is 0.1; it goes with the inverse square.
    pub singular_weight: f64,
    /// Cost of a posture that is 10 mm from something; it goes with the inverse square.
    pub clearance_weight: f64,
    /// Whether the redundancy of an arm is used to even out its accelerations.
    pub smooth: bool,
    /// Knots a second of dreamed time.
    pub rate_hz: f64,
    /// The part of the velocity and acceleration limits that is used; the rest is the controller's.
    pub limit_fraction: f64,
    /// The time from rest to the first waypoint, s of dreamed time; shorter ones are tried when it cannot be done.
    pub lead_s: f64,
    /// How far above the first waypoint the tool comes from, m; higher ones are tried when it cannot be done.
    pub lift_m: f64,
    /// How far the tool is lifted after the last waypoint, m; less where the arm has no room, 0 for not at all.
    pub retreat_m: f64,
    /// Whether the arm goes back to its start posture in the end.
    pub return_home: bool,
    /// The tool's lowest point is kept this high above the table, m; the paper does so when sweeping and pushing.
    pub min_tool_height_m: Option<f64>,
    /// The farthest that the tool's path is lifted for that, m.
    pub max_lift_m: f64,
    /// Whether ways that come too near to something are refused.
    pub check_collisions: bool,
    /// What is too near.
    pub clearance: ClearanceLimits,
    /// The most postures that are looked at for a way around obstacles, to the path or home.
    pub most_checks: usize,
    /// Of the random postures.
    pub seed: u64,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            solutions: 12,
            every_layer: false,
            largest_layer: 400,
            largest_jump_rad: 0.6,
            home_weight: 0.05,
            margin_weight: 0.01,
            singular_weight: 0.01,
            clearance_weight: 0.02,
            smooth: true,
            rate_hz: 100.0,
            limit_fraction: 0.95,
            lead_s: 0.4,
            lift_m: 0.03,
            retreat_m: 0.05,
            return_home: false,
            min_tool_height_m: None,
            max_lift_m: 0.02,
            check_collisions: true,
            clearance: ClearanceLimits::default(),
            most_checks: 20_000,
            seed: 0,
        }
    }
}

impl PlanSettings {
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let positive = [
            ("solutions", self.solutions as f64),
            ("largest_layer", self.largest_layer as f64),
            ("largest_jump_rad", self.largest_jump_rad),
            ("rate_hz", self.rate_hz),
            ("limit_fraction", self.limit_fraction),
            ("lead_s", self.lead_s),
        ];
        let not_negative = [
            ("home_weight", self.home_weight),
            ("margin_weight", self.margin_weight),
            ("singular_weight", self.singular_weight),
            ("clearance_weight", self.clearance_weight),
            ("retreat_m", self.retreat_m),
            ("max_lift_m", self.max_lift_m),
        ];
        let finite = [("lift_m", self.lift_m), ("min_tool_height_m", self.min_tool_height_m.unwrap_or(0.0))];
        let bad = |(key, value)| Err(PlanError::BadSetting { key, value });
        if let Some(found) = positive.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return bad(found);
        }
        if let Some(found) = not_negative.into_iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            return bad(found);
        }
        match finite.into_iter().find(|(_, v)| !v.is_finite()) {
            Some(found) => bad(found),
            None if self.limit_fraction > 1.0 => bad(("limit_fraction", self.limit_fraction)),
            None => Ok(()),
        }
    }
}

use crate::view_pose::ViewPose;
use dreamitate_geometry::{Pose, midpoint_pose, rotation_angle_rad};
use nalgebra::Point3;
use std::f64::consts::PI;

/// When a fused pose is rejected, and how many must be accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusionLimits {
    /// Largest residual of a view, levels.
    pub max_residual: f64,
    /// Largest distance between the rays, metres.
    pub max_ray_gap_m: f64,
    /// Largest angle between the views' rotations, radians.
    pub max_rotation_gap_rad: f64,
    /// Farthest that a tool is moved from one frame to the next, metres.
    pub max_step_m: f64,
    /// Farthest that a tool is turned from one frame to the next, radians.
    pub max_turn_rad: f64,
    /// Fewest accepted frames of a usable trajectory.
    pub min_accepted: usize,
    /// Fewest views that must agree on an accepted pose; with 1 a view that has no other is believed, with half the
    /// confidence.
    pub min_views: usize,
}

impl Default for FusionLimits {
    fn default() -> Self {
        Self {
            max_residual: 80.0,
            max_ray_gap_m: 0.015,
            max_rotation_gap_rad: 25f64.to_radians(),
            max_step_m: 0.3,
            max_turn_rad: 75f64.to_radians(),
            min_accepted: 4,
            min_views: 2,
        }
    }
}

/// How well views agree; a view agrees with itself.
pub(crate) struct Agreement {
    residual: f64,
    pub ray_gap_m: f64,
    pub rotation_gap_rad: f64,
    /// The paper's fusion; none of one view, or where rays do not meet.
    pub midpoint: Option<Pose>,
}

impl Agreement {
    pub fn of(views: &[&ViewPose]) -> Self {
        let poses: Vec<Pose> = views.iter().map(|view| view.world_from_tool()).collect();
        let centres: Vec<Point3<f64>> =
            views.iter().map(|view| view.world_from_camera.translation.vector.into()).collect();
        let later = |index: usize| &poses[index + 1..];
        let angles = poses.iter().enumerate().flat_map(|(index, first)| {
            later(index).iter().map(move |second| rotation_angle_rad(first, second))
        });
        let midpoint = (views.len() > 1).then(|| midpoint_pose(&poses, &centres));
        Self {
            residual: views.iter().map(|view| view.residual).fold(0.0, f64::max),
            rotation_gap_rad: angles.fold(0.0, f64::max),
            ray_gap_m: match &midpoint {
                None => 0.0,
                Some(Ok((_, gap_m))) => *gap_m,
                Some(Err(_)) => f64::INFINITY,
            },
            midpoint: midpoint.and_then(Result::ok).map(|(pose, _)| pose),
        }
    }

    /// Name, value, limit, unit to print it in and its scale.
    fn values(&self, limits: &FusionLimits) -> [(&'static str, f64, f64, &'static str, f64); 3] {
        [
            ("residual", self.residual, limits.max_residual, "", 1.0),
            ("ray gap", self.ray_gap_m, limits.max_ray_gap_m, " mm", 1e3),
            ("rotation gap", self.rotation_gap_rad, limits.max_rotation_gap_rad, "°", 180.0 / PI),
        ]
    }

    /// The first value that is beyond its limit.
    pub fn beyond(&self, limits: &FusionLimits) -> Option<(&'static str, f64, f64, &'static str, f64)> {
        self.values(limits).into_iter().find(|(_, value, limit, ..)| value > limit || value.is_nan())
    }

    /// How far the values stay from their limits: 1 at none of them, below 0 beyond one.
    pub fn confidence(&self, limits: &FusionLimits) -> f64 {
        self.values(limits).iter().map(|(_, value, limit, ..)| 1.0 - value / limit).fold(1.0, f64::min)
    }
}

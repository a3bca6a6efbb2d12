//! A joint trajectory as controllers take it, and what it asks of the arm.

use dreamitate_kinematics::Joints;

use crate::arm::Arm;
use crate::quintic;

/// The state of all joints at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrajectoryPoint {
    /// Seconds since the start of the trajectory.
    pub time_s: f64,
    /// rad.
    pub positions: Joints,
    /// rad/s.
    pub velocities: Joints,
    /// rad/s².
    pub accelerations: Joints,
}

/// Points that a controller joins by quintics; at rest at both ends.
#[derive(Debug, Clone, PartialEq)]
pub struct JointTrajectory {
    /// Joint names with the arm's prefix, in the order of the values.
    pub joint_names: Vec<String>,
    /// In order of time, the first at 0.
    pub points: Vec<TrajectoryPoint>,
    /// When the tool is at each waypoint of the plan, seconds since the start of the trajectory.
    pub waypoint_times_s: Vec<f64>,
    /// Executed time over dreamed time: 1 keeps the dream's timing, 2 is half as fast.
    pub time_scale: f64,
}

impl JointTrajectory {
    /// How long it takes.
    pub fn duration_s(&self) -> f64 {
        self.points.last().map_or(0.0, |p| p.time_s)
    }

    /// The state at a time, by quintics between points; the first point before, the last one after. `None` without
    /// points.
    pub fn at(&self, time_s: f64) -> Option<TrajectoryPoint> {
        let after = self.points.partition_point(|p| p.time_s <= time_s);
        let Some(start) = after.checked_sub(1).and_then(|i| self.points.get(i)) else {
            return self.points.first().copied();
        };
        let Some(end) = self.points.get(after) else { return Some(*start) };
        let mut state = TrajectoryPoint { time_s, ..*start };
        let pva = |p: &TrajectoryPoint, i: usize| [p.positions[i], p.velocities[i], p.accelerations[i]];
        for joint in 0..start.positions.len() {
            let [position, velocity, acceleration] = quintic::between(
                pva(start, joint),
                pva(end, joint),
                end.time_s - start.time_s,
                time_s - start.time_s,
            );
            state.positions[joint] = position;
            state.velocities[joint] = velocity;
            state.accelerations[joint] = acceleration;
        }
        Some(state)
    }

    /// Makes it last `factor` times as long: velocities fall by it, accelerations by its square.
    pub fn stretch(&mut self, factor: f64) {
        for point in &mut self.points {
            point.time_s *= factor;
            point.velocities.iter_mut().for_each(|v| *v /= factor);
            point.accelerations.iter_mut().for_each(|a| *a /= factor * factor);
        }
        self.waypoint_times_s.iter_mut().for_each(|t| *t *= factor);
        self.time_scale *= factor;
    }

    /// The states at a fixed rate from start to end, both included.
    pub fn sampled(&self, rate_hz: f64) -> impl Iterator<Item = TrajectoryPoint> + '_ {
        let last = (self.duration_s() * rate_hz).ceil() as usize;
        (0..=last).filter_map(move |i| self.at((i as f64 / rate_hz).min(self.duration_s())))
    }

    /// The states at a rate from start to end, and at least `least` of each stretch between two points, however short: what
    /// happens between them is seen.
    pub fn sampled_between(&self, rate_hz: f64, least: usize) -> impl Iterator<Item = TrajectoryPoint> + '_ {
        let stretches = self.points.windows(2).flat_map(move |pair| {
            let (from_s, length_s) = (pair[0].time_s, pair[1].time_s - pair[0].time_s);
            let steps = ((length_s * rate_hz).ceil() as usize).max(least).max(1);
            (0..steps).map(move |step| from_s + length_s * step as f64 / steps as f64)
        });
        stretches.filter_map(|time_s| self.at(time_s)).chain(self.points.last().copied())
    }

    /// What the trajectory asks of the arm, sampled at 1 kHz.
    pub fn demand(&self, arm: &Arm) -> Demand {
        let mut demand = Demand {
            largest_jump_rad: 0.0,
            velocity_fraction: 0.0,
            acceleration_fraction: 0.0,
            limit_margin: 1.0,
        };
        let at_waypoints: Vec<_> = self.waypoint_times_s.iter().filter_map(|&t| self.at(t)).collect();
        for pair in at_waypoints.windows(2) {
            for (a, b) in pair[0].positions.iter().zip(&pair[1].positions) {
                demand.largest_jump_rad = demand.largest_jump_rad.max((a - b).abs());
            }
        }
        for point in self.sampled(1000.0) {
            let fraction = |values: &Joints, limits: &Joints| {
                values.iter().zip(limits).map(|(v, limit)| v.abs() / limit).fold(0.0, f64::max)
            };
            demand.velocity_fraction =
                demand.velocity_fraction.max(fraction(&point.velocities, &arm.limits.velocity_rad_s));
            demand.acceleration_fraction = demand
                .acceleration_fraction
                .max(fraction(&point.accelerations, &arm.limits.acceleration_rad_s2));
            demand.limit_margin = demand.limit_margin.min(arm.chain.limit_margin(&point.positions));
        }
        demand
    }
}

/// What a trajectory asks of an arm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The largest change of any joint between two consecutive waypoints, rad.
    pub largest_jump_rad: f64,
    /// The largest speed of any joint over its limit; 1 is at the limit.
    pub velocity_fraction: f64,
    /// The largest acceleration of any joint over its limit.
    pub acceleration_fraction: f64,
    /// The smallest distance of any joint to its position limits over half its range: 0 is at a limit.
    pub limit_margin: f64,
}

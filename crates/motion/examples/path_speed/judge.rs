//! What a trajectory asks of the arm and where it takes the tool, by the differences of its positions.

use dreamitate_kinematics::Joints;
use dreamitate_motion::{Arm, ArmPlan, JointTrajectory, Waypoint};

/// The worst of one trajectory or of many.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verdict {
    pub jump_rad: f64,
    pub position_mm: f64,
    pub rotation_deg: f64,
    pub velocity_fraction: f64,
    pub acceleration_fraction: f64,
    pub position_fraction: f64,
}

impl Verdict {
    pub fn or(self, other: Self) -> Self {
        Self {
            jump_rad: self.jump_rad.max(other.jump_rad),
            position_mm: self.position_mm.max(other.position_mm),
            rotation_deg: self.rotation_deg.max(other.rotation_deg),
            velocity_fraction: self.velocity_fraction.max(other.velocity_fraction),
            acceleration_fraction: self.acceleration_fraction.max(other.acceleration_fraction),
            position_fraction: self.position_fraction.max(other.position_fraction),
        }
    }
}

/// Velocities and accelerations by differences of positions 1 ms apart; the tool's way at 100 Hz, off the knots.
pub fn judge(arm: &Arm, waypoints: &[Waypoint], plan: &ArmPlan, trajectory: &JointTrajectory) -> Verdict {
    const STEP_S: f64 = 1e-3;
    let mut worst = Verdict::default();
    let at = |time_s: f64| trajectory.at(time_s).unwrap().positions;
    let count = (trajectory.duration_s() / STEP_S) as usize + 2;
    let positions: Vec<Joints> = (0..count).map(|i| at(i as f64 * STEP_S)).collect();
    for (j, joint) in arm.chain.moving_joints().iter().enumerate() {
        let (middle, half) = (
            0.5 * (joint.limits.lower + joint.limits.upper),
            0.5 * (joint.limits.upper - joint.limits.lower),
        );
        for q in &positions {
            worst.position_fraction = worst.position_fraction.max((q[j] - middle).abs() / half);
        }
        for pair in positions.windows(2) {
            let velocity = (pair[1][j] - pair[0][j]).abs() / STEP_S;
            worst.velocity_fraction = worst.velocity_fraction.max(velocity / arm.limits.velocity_rad_s[j]);
        }
        for w in positions.windows(3) {
            let acceleration = (w[2][j] - 2.0 * w[1][j] + w[0][j]).abs() / STEP_S.powi(2);
            worst.acceleration_fraction =
                worst.acceleration_fraction.max(acceleration / arm.limits.acceleration_rad_s2[j]);
        }
    }
    let at_waypoints: Vec<Joints> = trajectory.waypoint_times_s.iter().map(|&t| at(t)).collect();
    for pair in at_waypoints.windows(2) {
        let jump = pair[0].iter().zip(&pair[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        worst.jump_rad = worst.jump_rad.max(jump);
    }
    let (first_s, last_s) = (trajectory.waypoint_times_s[0], *trajectory.waypoint_times_s.last().unwrap());
    let dreamed_s = waypoints[0].time_s;
    for i in 0..((last_s - first_s) * 100.0) as usize {
        let time_s = first_s + (i as f64 + 0.5) / 100.0;
        let wanted = plan.world_from_tool(dreamed_s + (time_s - first_s) / trajectory.time_scale);
        let found = arm.world_from_tool(&at(time_s));
        let off_mm = 1e3 * (found.translation.vector - wanted.translation.vector).norm();
        worst.position_mm = worst.position_mm.max(off_mm);
        worst.rotation_deg = worst.rotation_deg.max(found.rotation.angle_to(&wanted.rotation).to_degrees());
    }
    worst
}

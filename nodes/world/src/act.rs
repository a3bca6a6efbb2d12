//! A try: tools go their way, and somebody watches.

use crate::{Moment, Scene, Score, World};
use dreamitate_clip::FRAMES_PER_VIEW;
use dreamitate_geometry::Pose;
use nalgebra::{UnitQuaternion, UnitVector3, Vector3};
use std::sync::Arc;

/// A tool's pose in the world at a time in frames of the clip.
pub type ToolPath = Arc<dyn Fn(usize, f64) -> Pose + Send + Sync>;

/// The frame from which on hands are seen.
pub(crate) const FIRST_FRAME: f64 = 1.0;
/// The clip's last frame.
pub(crate) const LAST_FRAME: f64 = (FRAMES_PER_VIEW - 1) as f64;
/// What falls has fallen so long after the last frame, seconds.
const SETTLE_S: f64 = 0.3;

/// Watches a try and says how it went.
pub trait Judge {
    /// Looks at the world after a step.
    fn watch(&mut self, world: &World);
    /// How it went.
    fn score(&self, world: &World) -> Score;
    /// How good it was, to choose among tries: more is better.
    fn value(&self, world: &World) -> f64;
}

/// A try and how it went.
#[derive(Clone, Debug)]
pub struct Act {
    /// How it went.
    pub score: Score,
    /// How good it was.
    pub value: f64,
    /// Where everything was, from the first frame on, step by step.
    pub moments: Vec<Moment>,
}

impl Act {
    /// Where everything was at a time in frames of the clip.
    pub fn at(&self, scene: &Scene, frame: f64) -> &Moment {
        let index = (frame - FIRST_FRAME).max(0.0) * scene.frame_period_s / scene.options.timestep_s;
        &self.moments[(index.round() as usize).min(self.moments.len() - 1)]
    }
}

/// Leads the tools along a path from the first frame to the last, and waits until what falls has fallen.
pub(crate) fn perform(scene: &Scene, world: &mut World, path: &ToolPath) -> Act {
    let mut judge = scene.judge();
    let tools = world.moment().tools.len();
    let per_step = world.physics().timestep_s() / scene.frame_period_s;
    let steps = ((LAST_FRAME - FIRST_FRAME) / per_step).round() as usize;
    let settle = (SETTLE_S / world.physics().timestep_s()).round() as usize;
    let lead = world.hand_lead_s / scene.frame_period_s;
    let mut moments = vec![world.moment()];
    judge.watch(world);
    for step in 1..=steps + settle {
        let frame = (FIRST_FRAME + step as f64 * per_step + lead).min(LAST_FRAME);
        let poses: Vec<Pose> = (0..tools).map(|tool| path(tool, frame)).collect();
        world.lead(&poses);
        world.step();
        judge.watch(world);
        moments.push(world.moment());
    }
    Act { score: judge.score(world), value: judge.value(world), moments }
}

/// How far between rest and rest, of 1, things are at a share of the time: with the least jerk.
pub(crate) fn smooth(share: f64) -> f64 {
    let u = share.clamp(0.0, 1.0);
    u.powi(3) * (10.0 - 15.0 * u + 6.0 * u * u)
}

/// The same between two times.
pub(crate) fn between(time: f64, from: f64, to: f64) -> f64 {
    smooth((time - from) / (to - from))
}

pub(crate) fn about(axis: UnitVector3<f64>, angle_rad: f64) -> UnitQuaternion<f64> {
    UnitQuaternion::from_axis_angle(&axis, angle_rad)
}

/// A tool's orientation: turned about z, then its front down by `pitch_rad`, then about its own x.
pub(crate) fn attitude(yaw_rad: f64, pitch_rad: f64, roll_rad: f64) -> UnitQuaternion<f64> {
    about(Vector3::z_axis(), yaw_rad)
        * about(Vector3::y_axis(), pitch_rad)
        * about(Vector3::x_axis(), roll_rad)
}

/// The angle to an angle by the shorter way round, radians.
pub(crate) fn wrapped(angle_rad: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    (angle_rad + PI).rem_euclid(TAU) - PI
}

/// A pose's heading: the direction of its x in the world's plane, radians.
pub(crate) fn heading_rad(pose: &Pose) -> f64 {
    let x = pose.rotation * Vector3::x();
    x.y.atan2(x.x)
}

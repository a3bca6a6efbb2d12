//! MuJoCo: a model made of MJCF, stepped, looked at, saved and restored.

use crate::WorldError;
use dreamitate_geometry::Pose;
use mujoco_rs::prelude::*;
use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use std::sync::Arc;

/// All that decides what happens next, bit for bit.
const WHOLE_STATE: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// MuJoCo's warnings in the order of `mjtWarning`.
const FAULTS: [&str; 7] = [
    "a nearly singular inertia",
    "too many contacts",
    "too many constraints",
    "a position that is no number",
    "a speed that is no number",
    "an acceleration that is no number",
    "a command that is no number",
];

/// A body of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyId(usize);

/// A model under way.
pub struct Physics {
    data: MjData<Arc<MjModel>>,
    timestep_s: f64,
}

/// A moment to which a [`Physics`] of the same model can go back.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedState(Box<[f64]>);

/// Two bodies that touch.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    /// The bodies.
    pub bodies: [BodyId; 2],
}

impl Physics {
    /// # Errors
    /// MuJoCo refuses the model, with its reason.
    pub fn new(mjcf: &str) -> Result<Self, WorldError> {
        let model = MjModel::from_xml_string(mjcf).map_err(|error| WorldError::Model(error.to_string()))?;
        let timestep_s = model.opt().timestep;
        let mut data = MjData::new(Arc::new(model));
        data.forward();
        Ok(Self { data, timestep_s })
    }

    /// Seconds of one step.
    pub fn timestep_s(&self) -> f64 {
        self.timestep_s
    }

    /// Seconds since the beginning.
    pub fn time_s(&self) -> f64 {
        self.data.time()
    }

    /// Lets one timestep pass.
    pub fn step(&mut self) {
        self.data.step();
    }

    /// Works out where everything is after the state was changed.
    pub fn forward(&mut self) {
        self.data.forward();
    }

    /// A body by its name.
    ///
    /// # Errors
    /// There is none.
    pub fn body(&self, name: &str) -> Result<BodyId, WorldError> {
        let found = self.data.model().name_to_id(MjtObjBase::mjOBJ_BODY, name);
        found.map(BodyId).ok_or_else(|| WorldError::NoBody(name.to_owned()))
    }

    /// Where a body is in the world.
    pub fn pose(&self, body: BodyId) -> Pose {
        let (position, [w, x, y, z]) = (self.data.xpos()[body.0], self.data.xquat()[body.0]);
        Pose::from_parts(
            Vector3::from(position).into(),
            UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z)),
        )
    }

    /// Puts a body that has a free joint somewhere, at rest.
    pub fn place(&mut self, body: BodyId, pose: &Pose) {
        let model = self.data.model();
        let joint = model.body_jntadr()[body.0] as usize;
        let (at, speed) = (model.jnt_qposadr()[joint] as usize, model.jnt_dofadr()[joint] as usize);
        self.data.qpos_mut()[at..at + 7].copy_from_slice(&numbers(pose));
        self.data.qvel_mut()[speed..speed + 6].fill(0.0);
    }

    /// Gives a body that has a free joint a speed, m/s.
    #[cfg(test)]
    pub(crate) fn push(&mut self, body: BodyId, velocity_m_s: Vector3<f64>) {
        let model = self.data.model();
        let speed = model.jnt_dofadr()[model.body_jntadr()[body.0] as usize] as usize;
        self.data.qvel_mut()[speed..speed + 3].copy_from_slice(velocity_m_s.as_slice());
    }

    /// Moves what a mocap body drags.
    pub fn lead(&mut self, mocap: usize, pose: &Pose) {
        let [x, y, z, qw, qx, qy, qz] = numbers(pose);
        self.data.mocap_pos_mut()[mocap] = [x, y, z];
        self.data.mocap_quat_mut()[mocap] = [qw, qx, qy, qz];
    }

    /// What the actuators are told, in their order.
    pub fn command(&mut self, values: &[f64]) {
        self.data.ctrl_mut()[..values.len()].copy_from_slice(values);
    }

    /// Sets the joints from `first` on to positions, at rest.
    pub fn set_joints(&mut self, first: usize, positions: &[f64]) {
        self.data.qpos_mut()[first..first + positions.len()].copy_from_slice(positions);
        self.data.qvel_mut()[first..first + positions.len()].fill(0.0);
    }

    /// Positions and speeds of `count` joints from `first` on.
    pub fn joints(&self, first: usize, count: usize) -> (&[f64], &[f64]) {
        (&self.data.qpos()[first..first + count], &self.data.qvel()[first..first + count])
    }

    /// What touches now.
    pub fn touches(&self) -> impl Iterator<Item = Touch> {
        let bodies = self.data.model().geom_bodyid();
        self.data.contact().iter().map(move |contact| Touch {
            bodies: contact.geom.map(|geom| BodyId(bodies[geom as usize] as usize)),
        })
    }

    /// What MuJoCo warned of so far: it then began anew, or left contacts out, and what came after is nothing.
    pub fn fault(&self) -> Option<String> {
        let warned = FAULTS.iter().zip(self.data.warning()).filter(|(_, warning)| warning.number > 0);
        let each: Vec<String> =
            warned.map(|(name, warning)| format!("{name} ({} times)", warning.number)).collect();
        (!each.is_empty()).then(|| each.join(", "))
    }

    /// Kinetic and potential energy, joules.
    #[cfg(test)]
    pub(crate) fn energy_j(&mut self) -> f64 {
        self.data.forward();
        self.data.energy_pos();
        self.data.energy_vel();
        self.data.energy().iter().sum()
    }

    /// The state now.
    pub fn save(&self) -> SavedState {
        SavedState(self.data.state(WHOLE_STATE))
    }

    /// Goes back to a state of the same model.
    ///
    /// # Errors
    /// The state is of another model.
    pub fn restore(&mut self, saved: &SavedState) -> Result<(), WorldError> {
        self.data.set_state(&saved.0, WHOLE_STATE).map_err(|error| WorldError::State(error.to_string()))?;
        self.data.forward();
        Ok(())
    }
}

fn numbers(pose: &Pose) -> [f64; 7] {
    let (p, q) = (pose.translation.vector, pose.rotation.coords);
    [p.x, p.y, p.z, q.w, q.x, q.y, q.z]
}

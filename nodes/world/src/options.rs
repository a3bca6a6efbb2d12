use serde::Deserialize;

/// How MuJoCo works on a scene; what each means is in its XML reference, under `option` and `geom`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhysicsOptions {
    /// Seconds of one step.
    pub timestep_s: f64,
    /// `pyramidal` or `elliptic`.
    pub cone: String,
    /// `CG`, `Newton` or `PGS`.
    pub solver: String,
    /// Most iterations of the solver.
    pub iterations: u32,
    /// Most iterations of its line search.
    pub ls_iterations: u32,
    /// When it stops.
    pub tolerance: f64,
    /// Stiffness of friction over that of the normal.
    pub impratio: f64,
    /// Iterations against slip.
    pub noslip_iterations: u32,
    /// Time in which a contact's overlap is undone.
    pub contact_time_constant_s: f64,
    /// Impedance of a contact at first touch and at 1 mm of overlap.
    pub contact_impedance: [f64; 2],
    /// The table's coefficient of friction.
    pub table_friction: f64,
    /// Time in which a tool follows the hand.
    pub hand_time_constant_s: f64,
    /// How far the hand is ahead of where the tool is to be.
    pub hand_lead_s: f64,
}

impl PhysicsOptions {
    /// MJCF's `option` and defaults.
    pub(crate) fn mjcf(&self) -> String {
        let Self { timestep_s, cone, solver, iterations, ls_iterations, tolerance, impratio, .. } = self;
        format!(
            r#"<option timestep="{timestep_s}" integrator="implicitfast" cone="{cone}" solver="{solver}" iterations="{iterations}" ls_iterations="{ls_iterations}" tolerance="{tolerance}" impratio="{impratio}" noslip_iterations="{}"/>
<default><geom solref="{} 1" solimp="{} {} 0.001"/></default>
"#,
            self.noslip_iterations,
            self.contact_time_constant_s,
            self.contact_impedance[0],
            self.contact_impedance[1]
        )
    }
}

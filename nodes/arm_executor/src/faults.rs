//! Faults of a simulated arm's driver, to try others' reactions.

use dreamitate_carrier::{Declaration, ParameterError, ParameterSet};

/// What goes wrong, and when after the first motion's start. Nothing by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Faults {
    /// The joints stick: they brake and stay, whatever is commanded, s.
    pub stall_after_s: Option<f64>,
    /// The controller aborts the motion, brakes and holds, s.
    pub abort_after_s: Option<f64>,
    /// No joint states any more, s.
    pub drop_joint_states_after_s: Option<f64>,
    /// The driver goes away; the arm's own brakes stop it, s.
    pub die_after_s: Option<f64>,
    /// Goals are accepted, and nothing moves.
    pub ignore_goals: bool,
    /// Goals are rejected.
    pub reject_goals: bool,
    /// A goal that would replace a running one is rejected.
    pub refuse_replacement: bool,
}

impl Faults {
    /// The faults that a node's parameters ask for.
    pub fn declare(p: &mut ParameterSet) -> Result<Self, ParameterError> {
        let mut after = |name: &str, what: &str| -> Result<Option<f64>, ParameterError> {
            let about = format!("A fault: {what} this long after the first motion's start; 0 is never");
            let declaration = Declaration::new(name, 0.0).unit("s").about(&about).range(0.0, 1000.0);
            Ok(Some(p.declare(declaration)?).filter(|after_s| *after_s > 0.0))
        };
        let stall_after_s = after("stall_after_s", "the joints stick")?;
        let abort_after_s = after("abort_after_s", "the controller aborts")?;
        let drop_joint_states_after_s = after("drop_joint_states_after_s", "no more joint states")?;
        let die_after_s = after("die_after_s", "the driver goes away")?;
        let mut is = |name: &str, about: &str| {
            p.declare(Declaration::new(name, false).about(&format!("A fault: {about}")))
        };
        Ok(Self {
            stall_after_s,
            abort_after_s,
            drop_joint_states_after_s,
            die_after_s,
            ignore_goals: is("ignore_goals", "goals are accepted, and nothing moves")?,
            reject_goals: is("reject_goals", "goals are rejected")?,
            refuse_replacement: is(
                "refuse_replacement",
                "a goal that would replace a running one is rejected",
            )?,
        })
    }
}

use arm_executor::{ExecutionOutcome, ExecutionSummary};
use std::process::ExitCode;

/// How a run ended; each has an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All that was asked for was done.
    Done,
    /// The dream is not fit to be executed: nothing moved. Dream again with another seed.
    Rejected,
    /// No plan, or the execution broke off; the arms are stopped and held.
    NotExecuted,
    /// A replay gave other tracks than were recorded or expected.
    Differs,
}

impl Ending {
    /// 0, 3, 4 and 5; errors are 1, wrong arguments 2.
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Ending::Done => 0,
            Ending::Rejected => 3,
            Ending::NotExecuted => 4,
            Ending::Differs => 5,
        })
    }

    /// The ending of an execution.
    pub(crate) fn of(summary: &ExecutionSummary) -> Self {
        match summary.outcome {
            ExecutionOutcome::Executed | ExecutionOutcome::Planned => Ending::Done,
            ExecutionOutcome::Rejected => Ending::Rejected,
            ExecutionOutcome::Failed | ExecutionOutcome::Cancelled => Ending::NotExecuted,
        }
    }
}

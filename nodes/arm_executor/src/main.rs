//! The process of the arm executor.

use std::process::ExitCode;

use dreamitate_carrier::run_process;

fn main() -> ExitCode {
    run_process("arm_executor", arm_executor::node::run)
}

//! The process of one simulated arm.

use std::process::ExitCode;

use dreamitate_carrier::run_process;

fn main() -> ExitCode {
    run_process("simulated_arm", arm_executor::simulated_node::run)
}

//! The dreamer as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreamitate_carrier::run_process("dreamer", dreamer::node::run)
}

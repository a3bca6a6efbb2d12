//! The markers as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreamitate_carrier::run_process("scene_markers", scene_markers::node::run)
}

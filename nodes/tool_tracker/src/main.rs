//! The `tool_tracker` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreamitate_carrier::run_process("tool_tracker", tool_tracker::node::run)
}

//! The `pose_fusion` process.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreamitate_carrier::run_process("pose_fusion", pose_fusion::node::run)
}

//! The camera pair as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreamitate_carrier::run_process("stereo_camera", stereo_camera::node::run)
}

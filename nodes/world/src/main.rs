//! The process of the world.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreamitate_carrier::run_process("world", world::node::run)
}

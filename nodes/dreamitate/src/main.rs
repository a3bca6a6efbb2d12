//! The `dreamitate` program.

use clap::Parser;
use dreamitate::{Cli, execute};
use std::process::ExitCode;

fn main() -> ExitCode {
    execute(Cli::parse())
}

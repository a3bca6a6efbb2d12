//! The nodes' programs, for tests that start them.

use std::process::Command;

/// `cargo test` builds this package's program, but not those of the other nodes, which may be missing or old.
pub fn build_all_programs() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--workspace", "--bins"]);
    if cfg!(feature = "world") {
        cargo.args(["--features", "dreamitate/world"]);
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo tells a test of its package would make build scripts of dependencies run again, and so half of all
    // crates be compiled anew.
    let of_package =
        |name: &str| name == "OUT_DIR" || ["CARGO_PKG", "CARGO_MANIFEST"].iter().any(|p| name.starts_with(p));
    for (name, _) in std::env::vars().filter(|(name, _)| of_package(name)) {
        cargo.env_remove(name);
    }
    assert!(cargo.status().unwrap().success());
}

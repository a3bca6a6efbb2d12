//! Writes the Rust structs of all messages, services and actions to `$OUT_DIR/generated.rs`.
//!
//! The text files are the one truth: `msg/`, `srv/` and `action/` here are this package's own, and
//! `standard/<package>/` holds the ROS 2 definitions that they and the nodes use.

mod definition;
mod hash;
mod read;
mod rust;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").context("CARGO_MANIFEST_DIR is not set")?);
    let out = PathBuf::from(std::env::var("OUT_DIR").context("OUT_DIR is not set")?);
    for watched in ["build", "msg", "srv", "action", "standard"] {
        let path = root.join(watched);
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }

    let mut interfaces = read::read_package(&root, "dreamitate_msgs")?;
    for folder in folders(&root.join("standard"))? {
        let package =
            folder.file_name().and_then(|name| name.to_str()).context("a folder's name is no UTF-8")?;
        interfaces.append(read::read_package(&folder, package)?);
    }
    interfaces.sort();
    interfaces.check_names()?;
    std::fs::write(out.join("generated.rs"), rust::write(&interfaces)?).context("writing generated.rs")
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(parent).with_context(|| format!("reading {}", parent.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

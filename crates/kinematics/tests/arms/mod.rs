//! The three arms that the project knows, for tests.
// Each test file uses a part of this; a panic here is a test's failure.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use dreamitate_kinematics::Chain;

/// Name, URDF, base and tip.
pub const ARMS: [(&str, &str, &str, &str); 3] = [
    ("xarm7", "xarm7.urdf", "link_base", "link_eef"),
    ("ur5", "ur5.urdf", "base_link", "tool0"),
    ("ur5e", "ur5e.urdf", "base_link", "tool0"),
];

/// The arm's chain.
pub fn chain(name: &str) -> Chain {
    let (_, file, base, tip) = ARMS.into_iter().find(|a| a.0 == name).unwrap();
    let path = format!("{}/../../urdf/robots/{file}", env!("CARGO_MANIFEST_DIR"));
    Chain::from_urdf_file(path, base, tip).unwrap()
}

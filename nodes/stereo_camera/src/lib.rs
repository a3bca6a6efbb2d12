//! Publishes synchronised image pairs with their calibration.
//!
//! Source `files`: [`PairFiles`], read from a folder.

mod files;
pub mod node;

pub use files::{FilesError, ImagePair, PairFiles};

//! Publishes synchronised image pairs with their calibration.
//!
//! Source `files`: [`PairFiles`], read from a folder. Source `realsense` (feature `realsense`): two RealSense cameras,
//! whose frames are paired by their stamps ([`Pairing`]).

mod files;
pub mod node;
mod pairing;
#[cfg(feature = "realsense")]
mod realsense;

pub use files::{FilesError, ImagePair, PairFiles};
pub use pairing::{Pairing, PairingCount, Stamped};
#[cfg(feature = "realsense")]
pub use realsense::{FactoryCalibration, RealSenseDevice, RealSenseEvent, RealSenseSettings, run_camera};

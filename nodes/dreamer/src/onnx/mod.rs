//! A dream that a video model makes of two photos, by ONNX Runtime.

mod condition;
mod error;
mod folder;
mod graph;
mod manifest;
mod memory;
mod model;
mod noise;
mod runtime;
pub mod schedule;

pub use condition::Photos;
pub use error::OnnxError;
pub use folder::{DECODER, ENCODER, GUIDED_STEP, ModelFolder, STEP, TEXT};
pub use manifest::{FileEntry, Manifest, NoiseLevels};
pub use model::{ModelSettings, Video, VideoModel};
pub use noise::Noise;
pub use runtime::Provider;

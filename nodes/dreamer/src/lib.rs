//! Turns a stereo photo into a stereo dream: by a video model ([`onnx`]), [`recorded`], or [`rendered`] with ground truth.

mod dream;
mod generator;
pub mod node;
pub mod onnx;
mod photo_pairs;
pub mod recorded;
pub mod rendered;
mod settings;
mod truth;

pub use dream::{Dream, DreamError, Source, dream};
pub use generator::{GenerateError, Generator};
pub use photo_pairs::{PairLimits, PhotoPair, PhotoPairs};
pub use truth::truth_message;

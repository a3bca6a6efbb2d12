//! Turns a stereo photo into a stereo dream: [`recorded`], or [`rendered`] with ground truth.

mod dream;
pub mod node;
pub mod recorded;
pub mod rendered;
mod settings;
mod truth;

pub use dream::{Dream, DreamError, Source, dream};
pub use truth::truth_message;

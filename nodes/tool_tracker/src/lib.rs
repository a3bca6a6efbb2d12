//! Follows a known rigid tool through one view of a dream.
//!
//! The pose is found by analysis by synthesis: the tool is drawn at a pose, each facet in the colour that the
//! picture shows there, over the photo that the dream began with; Gauss-Newton moves the pose until drawing
//! and picture agree, from coarse to fine. The start needs no person: regions that changed against the photo
//! and show the tool's colours are searched with a bank of drawings ([`ViewTracker::track`]). Further rounds
//! tie each pose softly to the one fused over both views ([`ViewTracker::track_with_fused`]); [`track_together`] does
//! both for all views of a clip. [`LiveTracker`] takes pictures one by one. [`reprojection_px`] says how well a pose fits a
//! picture without asking the tracker.

mod appearance;
mod assign;
mod blur;
mod detect;
mod equations;
mod expected;
mod follow;
mod hand;
mod levels;
mod live;
mod look;
pub mod node;
mod pixel;
mod points;
#[doc(hidden)]
pub mod probe;
mod refine;
mod region;
mod reprojection;
mod settings;
mod sight;
mod synthesis;
mod templates;
mod together;
mod tracker;
mod view_model;

pub use live::LiveTracker;
pub use reprojection::reprojection_px;
pub use settings::TrackerSettings;
pub use together::{ToolTracks, track_together};
pub use tracker::{TrackError, ViewTracker};
pub use view_model::ViewModel;

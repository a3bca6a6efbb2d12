//! Finds where a rig's cameras and arms stand from pictures of a printed board.
//!
//! A [`Board`] is found in pictures of both views ([`PairCorners`]); [`solve_stereo`] gives the cameras' places, and
//! their intrinsics where asked; [`world_from_top`] puts the world on the table on which the board lay; and arms are
//! found by corners that they touched ([`solve_touched`]) or by the board on their flange ([`solve_flange`]). A set that
//! does not say enough, or contradicts itself, is refused.

mod arms;
mod board;
mod error;
mod homography;
mod least_squares;
mod stereo;
mod world;

pub use arms::{FlangeFit, TouchedFit, TouchedPoint, solve_flange, solve_touched};
pub use board::{Board, BoardError, BoardFinder, Corner, Page};
pub use error::CalibrateError;
pub use stereo::{PairCorners, StereoFit, solve_stereo};
pub use world::{laid_flat, world_from_top};

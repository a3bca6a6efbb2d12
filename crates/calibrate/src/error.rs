use dreamitate_geometry::{CameraError, View};

/// Why pictures and measurements do not make a calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// Too few pairs show the board.
    #[error("{found} pairs show at least {corners} corners of the board in both views, {least} are needed")]
    FewPairs {
        /// Pairs that do.
        found: usize,
        /// Corners that a pair must show in each view.
        corners: usize,
        /// Pairs that are needed.
        least: usize,
    },
    /// The board always leaned the same way.
    #[error(
        "the board leans by at most {found_deg:.1}° more in one pair than in another, {least_deg:.1}° are needed: tilt it"
    )]
    OneTilt {
        /// The largest angle between the board's normals, degrees.
        found_deg: f64,
        /// What is needed, degrees.
        least_deg: f64,
    },
    /// The board was always in the same part of the image.
    #[error(
        "the corners fill {found:.2} of the {view} image's {side}, {least:.2} are needed: hold the board elsewhere too"
    )]
    Coverage {
        /// The view.
        view: View,
        /// `width` or `height`.
        side: &'static str,
        /// The share that they fill.
        found: f64,
        /// The share that is needed.
        least: f64,
    },
    /// The pictures contradict one another, or the cameras are not those that are assumed.
    #[error("the corners are {rms_px:.2} px (RMS) from where they should be, limit {limit_px:.2} px; {hint}")]
    Residual {
        /// Root mean square over all corners, px.
        rms_px: f64,
        /// The limit, px.
        limit_px: f64,
        /// What may be wrong.
        hint: &'static str,
    },
    /// One pair contradicts the others.
    #[error(
        "pair {pair}: its corners are {rms_px:.2} px (RMS) from where the others put them, limit {limit_px:.2} px; leave it out"
    )]
    Pair {
        /// The pair's name.
        pair: String,
        /// Root mean square over its corners, px.
        rms_px: f64,
        /// The limit, px.
        limit_px: f64,
    },
    /// The pictures say that the cameras are others than those given.
    #[error(
        "the pictures put a corner of the {view} image {apart_px:.1} px from where the given intrinsics have it, limit \
         {limit_px:.1} px; have them found too"
    )]
    Intrinsics {
        /// The view.
        view: View,
        /// The largest distance, px.
        apart_px: f64,
        /// The limit, px.
        limit_px: f64,
    },
    /// The intrinsics that come out are none of a camera.
    #[error("the {view} camera's intrinsics come out implausible")]
    Camera {
        /// The view.
        view: View,
        /// What is wrong.
        source: CameraError,
    },
    /// A corner that the board does not have.
    #[error("the board has no corner {corner}; they are 0 to {last}")]
    NoCorner {
        /// The corner asked for.
        corner: u32,
        /// The last that there is.
        last: u32,
    },
    /// A pair that does not show the board, or is not there.
    #[error(
        "there is no pair {pair:?} that shows the board well in both views; names are those of the files, in quotes"
    )]
    NoPair {
        /// The pair asked for.
        pair: String,
    },
    /// Too few measurements of an arm.
    #[error("{found} measurements, at least {least} are needed")]
    FewMeasurements {
        /// Given.
        found: usize,
        /// Needed.
        least: usize,
    },
    /// Touched points along a line leave a rotation open.
    #[error("the touched points lie within {spread_m:.3} m of a line, {least_m:.3} m are needed")]
    Collinear {
        /// Root mean square distance from the line, metres.
        spread_m: f64,
        /// What is needed, metres.
        least_m: f64,
    },
    /// Touched points that are not where the arm says.
    #[error(
        "touched point {index} is {error_mm:.1} mm from where the others put it, limit {limit_mm:.1} mm; is the tip measured well?"
    )]
    Touched {
        /// Which, from 0.
        index: usize,
        /// Its distance, mm.
        error_mm: f64,
        /// The limit, mm.
        limit_mm: f64,
    },
    /// The flange was always turned about the same axis.
    #[error(
        "the flange turns by {found_deg:.1}° about a second axis, {least_deg:.1}° are needed: turn it in all ways"
    )]
    OneAxis {
        /// Root mean square turn about the second axis, degrees.
        found_deg: f64,
        /// What is needed, degrees.
        least_deg: f64,
    },
}

use dreamitate_clip::CalibrationMessageError;
use nalgebra::Matrix6;

/// Why a message is not a track.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum TrackMessageError {
    /// Not the name of a view.
    #[error("{0}")]
    View(String),
    /// The camera's place is not a rigid transform.
    #[error("the place of the camera is refused: {0}")]
    Camera(CalibrationMessageError),
    /// No time between frames.
    #[error("the time between frames is {0} s; it must be above 0")]
    Period(f64),
    /// A pose is not a rigid transform.
    #[error("the pose of frame {frame} is refused: {why}")]
    Pose {
        /// The frame.
        frame: u32,
        /// Why.
        why: CalibrationMessageError,
    },
    /// A 6×6 matrix with an entry that is not finite.
    #[error("element {index} of the 6×6 matrix of frame {frame} is {value}")]
    Matrix {
        /// The frame.
        frame: u32,
        /// Which element, row by row.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// An accepted pose that does not say how well it fits.
    #[error("the residual of frame {frame} is {value}, though its pose is accepted")]
    Residual {
        /// The frame.
        frame: u32,
        /// Its value.
        value: f64,
    },
    /// A status or outcome without a meaning.
    #[error("{what} {value} is not known; the largest is {limit}")]
    Unknown {
        /// Which field.
        what: &'static str,
        /// Its value.
        value: u8,
        /// The largest known.
        limit: u8,
    },
}

/// Row by row, as messages carry it.
pub(crate) fn matrix_to_message(matrix: &Matrix6<f64>) -> [f64; 36] {
    std::array::from_fn(|i| matrix[(i / 6, i % 6)])
}

pub(crate) fn matrix_from_message(values: &[f64; 36], frame: u32) -> Result<Matrix6<f64>, TrackMessageError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(TrackMessageError::Matrix { frame, index, value: values[index] }),
        None => Ok(Matrix6::from_row_slice(values)),
    }
}

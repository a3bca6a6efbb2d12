//! Turns a stereo photo into a stereo dream: recorded, or rendered with ground truth.

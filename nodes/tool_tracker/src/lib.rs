//! Follows a known rigid tool through one view of a dream.

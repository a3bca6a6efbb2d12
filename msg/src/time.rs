//! Conversions of ROS times and durations.

use crate::builtin_interfaces::{Duration, Time};
use std::time::{SystemTime, UNIX_EPOCH};

const NANOSECONDS: i64 = 1_000_000_000;

/// Whole seconds rounded down, and the nanoseconds beyond them; seconds outside of `i32` are clamped.
fn split(ns: i64) -> (i32, u32) {
    let sec = ns.div_euclid(NANOSECONDS);
    match i32::try_from(sec) {
        // The remainder is below 10⁹, so it fits.
        Ok(sec) => (sec, u32::try_from(ns.rem_euclid(NANOSECONDS)).unwrap_or(0)),
        Err(_) if sec > 0 => (i32::MAX, 999_999_999),
        Err(_) => (i32::MIN, 0),
    }
}

fn join(sec: i32, nanosec: u32) -> i64 {
    i64::from(sec) * NANOSECONDS + i64::from(nanosec)
}

impl Time {
    /// The system's time, since 1970.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_ns(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// The time that is `ns` nanoseconds after the clock's zero, clamped to what a message can hold.
    pub fn from_ns(ns: i64) -> Self {
        let (sec, nanosec) = split(ns);
        Self { sec, nanosec }
    }

    /// The nanoseconds since the clock's zero.
    pub fn to_ns(&self) -> i64 {
        join(self.sec, self.nanosec)
    }
}

impl Duration {
    /// The duration of `ns` nanoseconds, clamped to what a message can hold.
    pub fn from_ns(ns: i64) -> Self {
        let (sec, nanosec) = split(ns);
        Self { sec, nanosec }
    }

    /// The duration in nanoseconds.
    pub fn to_ns(&self) -> i64 {
        join(self.sec, self.nanosec)
    }

    /// The duration of `duration_s` seconds to the nearest nanosecond, clamped to what a message can hold; NaN is zero.
    pub fn from_s(duration_s: f64) -> Self {
        Self::from_ns((duration_s * 1e9).round() as i64)
    }

    /// The duration in seconds.
    pub fn to_s(&self) -> f64 {
        f64::from(self.sec) + f64::from(self.nanosec) * 1e-9
    }
}

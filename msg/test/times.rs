//! Moments and durations as nanoseconds.

use dreamitate_msgs::builtin_interfaces::{Duration, Time};
use proptest::prelude::*;

#[test]
fn nanoseconds_are_never_negative() {
    assert_eq!(Time::from_ns(-1), Time { sec: -1, nanosec: 999_999_999 });
    assert_eq!(Duration::from_s(-0.25), Duration { sec: -1, nanosec: 750_000_000 });
    assert_eq!(Duration::from_s(1.0 / 6.0), Duration { sec: 0, nanosec: 166_666_667 });
    assert_eq!(Duration::from_s(f64::NAN), Duration::from_ns(0));
}

#[test]
fn times_that_do_not_fit_are_clamped() {
    assert_eq!(Time::from_ns(i64::MAX), Time { sec: i32::MAX, nanosec: 999_999_999 });
    assert_eq!(Time::from_ns(i64::MIN), Time { sec: i32::MIN, nanosec: 0 });
}

proptest! {
    #[test]
    fn nanoseconds_survive(ns in -2_000_000_000_000_000_000_i64..2_000_000_000_000_000_000) {
        prop_assert_eq!(Time::from_ns(ns).to_ns(), ns);
        prop_assert_eq!(Duration::from_ns(ns).to_ns(), ns);
    }
}

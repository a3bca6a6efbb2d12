//! Quality of service in the YAML of rosbag2 (metadata version 9: words, in a list).

use serde::{Deserialize, Serialize};

use crate::TopicQos;

/// One offered profile as rosbag2 writes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Profile {
    history: &'static str,
    depth: u32,
    reliability: &'static str,
    durability: &'static str,
    deadline: Span,
    lifespan: Span,
    liveliness: &'static str,
    liveliness_lease_duration: Span,
    avoid_ros_namespace_conventions: bool,
}

/// A duration in rosbag2's YAML.
#[derive(Debug, Clone, Copy, Serialize)]
struct Span {
    sec: u64,
    nsec: u64,
}

/// What rmw calls an infinite duration: i64::MAX nanoseconds.
const FOREVER: Span = Span { sec: 9_223_372_036, nsec: 854_775_807 };

impl From<TopicQos> for Profile {
    fn from(qos: TopicQos) -> Self {
        Self {
            history: "keep_last",
            depth: qos.depth,
            reliability: if qos.reliable { "reliable" } else { "best_effort" },
            durability: if qos.transient_local { "transient_local" } else { "volatile" },
            deadline: FOREVER,
            lifespan: FOREVER,
            liveliness: "automatic",
            liveliness_lease_duration: FOREVER,
            avoid_ros_namespace_conventions: false,
        }
    }
}

/// The part of a profile that is read back.
#[derive(Deserialize)]
struct Offered {
    #[serde(default)]
    depth: u32,
    reliability: WordOrNumber,
    durability: WordOrNumber,
}

/// Version 9 has words, earlier versions rmw's numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum WordOrNumber {
    Word(String),
    Number(i64),
}

impl WordOrNumber {
    fn is(&self, word: &str, number: i64) -> bool {
        match self {
            Self::Word(given) => given == word,
            Self::Number(given) => *given == number,
        }
    }
}

/// The YAML of `offered_qos_profiles` in a channel's metadata.
pub(crate) fn to_yaml(qos: TopicQos) -> Result<String, serde_yaml_ng::Error> {
    serde_yaml_ng::to_string(&[Profile::from(qos)])
}

/// The first profile in the YAML of a channel; ROS's default (reliable, volatile, depth 10) where there is none,
/// since a bag by another program may leave it out.
pub(crate) fn from_yaml(yaml: &str) -> TopicQos {
    let profiles: Vec<Offered> = serde_yaml_ng::from_str(yaml).unwrap_or_default();
    match profiles.first() {
        Some(first) => TopicQos {
            reliable: first.reliability.is("reliable", 1),
            transient_local: first.durability.is("transient_local", 1),
            depth: first.depth,
        },
        None => TopicQos::reliable(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_survive() {
        for qos in [TopicQos::sensor_data(), TopicQos::reliable(7), TopicQos::latched()] {
            assert_eq!(from_yaml(&to_yaml(qos).unwrap()), qos);
        }
    }

    #[test]
    fn numbers_of_older_bags_are_read() {
        let yaml = "- history: 1\n  depth: 3\n  reliability: 2\n  durability: 1\n";
        assert_eq!(from_yaml(yaml), TopicQos { reliable: false, transient_local: true, depth: 3 });
    }

    #[test]
    fn missing_profiles_are_the_default() {
        for yaml in ["", "[]", "{", "7", "- depth: 4\n"] {
            assert_eq!(from_yaml(yaml), TopicQos::reliable(10), "{yaml:?}");
        }
    }
}

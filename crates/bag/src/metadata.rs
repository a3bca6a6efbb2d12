//! The `metadata.yaml` beside a bag's file, version 9 of rosbag2's format.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::qos::Profile;
use crate::writer::BagSummary;
use crate::{BagError, RecordedTopic};

pub(crate) const FILE_NAME: &str = "metadata.yaml";

#[derive(Serialize)]
struct Metadata<'a> {
    rosbag2_bagfile_information: Information<'a>,
}

#[derive(Serialize)]
struct Information<'a> {
    version: u32,
    storage_identifier: &'static str,
    duration: Nanoseconds,
    starting_time: SinceEpoch,
    message_count: u64,
    topics_with_message_count: Vec<TopicWithCount<'a>>,
    compression_format: &'static str,
    compression_mode: &'static str,
    relative_file_paths: [&'a str; 1],
    files: [File<'a>; 1],
    custom_data: Option<()>,
    ros_distro: &'static str,
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    starting_time: SinceEpoch,
    duration: Nanoseconds,
    message_count: u64,
}

#[derive(Serialize, Clone, Copy)]
struct Nanoseconds {
    nanoseconds: u64,
}

#[derive(Serialize, Clone, Copy)]
struct SinceEpoch {
    nanoseconds_since_epoch: u64,
}

#[derive(Serialize)]
struct TopicWithCount<'a> {
    topic_metadata: TopicMetadata<'a>,
    message_count: u64,
}

#[derive(Serialize)]
struct TopicMetadata<'a> {
    name: &'a str,
    r#type: &'a str,
    serialization_format: &'static str,
    offered_qos_profiles: [Profile; 1],
    type_description_hash: &'a str,
}

/// The text of `metadata.yaml` for a bag with one file.
pub(crate) fn text(summary: &BagSummary, file_name: &str) -> Result<String, serde_yaml_ng::Error> {
    let first = summary.topics.iter().filter_map(|t| t.first_stamp_ns).min().unwrap_or(0);
    let last = summary.topics.iter().filter_map(|t| t.last_stamp_ns).max().unwrap_or(first);
    let starting_time = SinceEpoch { nanoseconds_since_epoch: first };
    let duration = Nanoseconds { nanoseconds: last.saturating_sub(first) };
    let message_count = summary.message_count;
    serde_yaml_ng::to_string(&Metadata {
        rosbag2_bagfile_information: Information {
            version: 9,
            storage_identifier: "mcap",
            duration,
            starting_time,
            message_count,
            topics_with_message_count: summary.topics.iter().map(topic).collect(),
            // MCAP compresses its chunks by itself; rosbag2's own compression is another thing.
            compression_format: "",
            compression_mode: "",
            relative_file_paths: [file_name],
            files: [File { path: file_name, starting_time, duration, message_count }],
            custom_data: None,
            ros_distro: "jazzy",
        },
    })
}

fn topic(recorded: &RecordedTopic) -> TopicWithCount<'_> {
    let topic = &recorded.topic;
    TopicWithCount {
        topic_metadata: TopicMetadata {
            name: &topic.name,
            r#type: &topic.type_name,
            serialization_format: "cdr",
            offered_qos_profiles: [topic.qos.into()],
            type_description_hash: &topic.type_hash,
        },
        message_count: recorded.message_count,
    }
}

#[derive(Deserialize)]
struct Index {
    rosbag2_bagfile_information: Files,
}

#[derive(Deserialize)]
struct Files {
    relative_file_paths: Vec<PathBuf>,
}

/// The bag's files in the order of `metadata.yaml`, or `None` if the folder has no such file: a bag cut short.
pub(crate) fn files(folder: &Path) -> Result<Option<Vec<PathBuf>>, BagError> {
    let path = folder.join(FILE_NAME);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let index: Index =
                serde_yaml_ng::from_str(&text).map_err(|source| BagError::Metadata { path, source })?;
            // A file's name only: a bag's metadata has no business outside of its folder.
            let names = index.rosbag2_bagfile_information.relative_file_paths;
            Ok(Some(names.iter().filter_map(|p| p.file_name()).map(|name| folder.join(name)).collect()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BagError::File { path, source }),
    }
}

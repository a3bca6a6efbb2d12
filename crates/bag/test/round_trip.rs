//! What is written is read back: by this crate, and in the files' own terms.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A panic is the report of a failure.

use std::path::Path;

use dreamitate_bag::{BagError, BagMessage, BagReader, BagWriter, Topic, TopicQos};
use dreamitate_msgs::Message;
use dreamitate_msgs::dreamitate_msgs::ToolTrajectory;
use dreamitate_msgs::geometry_msgs::PoseArray;
use dreamitate_msgs::sensor_msgs::Image;

fn image(at: u32) -> Vec<u8> {
    let mut image =
        Image { height: 120, width: 160, encoding: "rgb8".to_owned(), step: 480, ..Default::default() };
    image.data =
        (0..57_600_u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(at) >> 24) as u8).collect();
    image.to_cdr().unwrap()
}

/// Three topics, 2 s at 30 Hz: 60 images of 57.6 kB, so some chunks are full and some are late.
pub fn write_sample(dir: &Path) -> Vec<(String, u64, Vec<u8>)> {
    let camera = Topic::of::<Image>("/camera/top/image_raw", TopicQos::sensor_data());
    let poses = Topic::of::<PoseArray>("/trajectory/left", TopicQos::latched());
    let detail = Topic::of::<ToolTrajectory>("/trajectory/left/detail", TopicQos::reliable(10));
    let mut trajectory = ToolTrajectory { clip_id: "rotation-3".to_owned(), ..Default::default() };
    trajectory.poses.resize_with(13, Default::default);
    let mut writer = BagWriter::create(dir).unwrap();
    let mut written = Vec::new();
    for i in 0..60_u32 {
        let stamp = 1_700_000_000_000_000_000 + u64::from(i) * 33_333_333;
        let mut messages = vec![(&camera, image(i))];
        if i % 20 == 0 {
            messages.push((&poses, PoseArray::default().to_cdr().unwrap()));
            messages.push((&detail, trajectory.to_cdr().unwrap()));
        }
        for (topic, cdr) in messages {
            writer.write(topic, stamp, &cdr).unwrap();
            written.push((topic.name.clone(), stamp, cdr));
        }
    }
    let summary = writer.close().unwrap();
    assert_eq!(summary.message_count, written.len() as u64);
    assert_eq!(summary.bytes, std::fs::metadata(&summary.path).unwrap().len());
    written
}

#[test]
fn messages_come_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("runs/rotation");
    let written = write_sample(&dir);
    let reader = BagReader::open(&dir).unwrap();
    assert_eq!(reader.truncated(), None);
    let read: Vec<BagMessage> = reader.messages().collect::<Result<_, _>>().unwrap();
    let read: Vec<_> = read.iter().map(|m| (m.topic.name.clone(), m.stamp_ns, m.cdr.to_vec())).collect();
    assert!(read == written, "{} messages read, {} written", read.len(), written.len());
}

#[test]
fn topics_come_back_with_counts_and_stamps() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bag");
    write_sample(&dir);
    let reader = BagReader::open(&dir.join("bag_0.mcap")).unwrap();
    let [camera, poses, _] = reader.topics() else { panic!("{:?}", reader.topics()) };
    assert_eq!(*camera.topic, Topic::of::<Image>("/camera/top/image_raw", TopicQos::sensor_data()));
    assert_eq!(*poses.topic, Topic::of::<PoseArray>("/trajectory/left", TopicQos::latched()));
    assert_eq!((camera.message_count, poses.message_count), (60, 3));
    assert_eq!(camera.first_stamp_ns, Some(1_700_000_000_000_000_000));
    assert_eq!(camera.last_stamp_ns, Some(1_700_000_000_000_000_000 + 59 * 33_333_333));
    assert_eq!(poses.last_stamp_ns, Some(1_700_000_000_000_000_000 + 40 * 33_333_333));
}

#[test]
fn the_same_messages_make_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| {
        write_sample(&folder.path().join(name).join("bag"));
        std::fs::read(folder.path().join(name).join("bag/bag_0.mcap")).unwrap()
    });
    assert!(files[0] == files[1]);
}

#[test]
fn the_file_is_what_ros2_bag_expects() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bag");
    write_sample(&dir);
    let bytes = std::fs::read(dir.join("bag_0.mcap")).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().expect("a summary");
    assert!(summary.chunk_indexes.len() >= 3, "{} chunks", summary.chunk_indexes.len());
    assert!(summary.chunk_indexes.iter().all(|chunk| chunk.compression == "zstd"));
    let channel = summary.channels.values().find(|c| c.topic == "/trajectory/left").unwrap();
    let schema = channel.schema.as_ref().unwrap();
    assert_eq!((channel.message_encoding.as_str(), schema.encoding.as_str()), ("cdr", "ros2msg"));
    assert_eq!(schema.name, "geometry_msgs/msg/PoseArray");
    assert_eq!(schema.data, PoseArray::DEFINITION.as_bytes());
    assert_eq!(channel.metadata["topic_type_hash"], PoseArray::TYPE_HASH);
    assert!(channel.metadata["offered_qos_profiles"].starts_with("- history: keep_last\n"));

    let yaml = std::fs::read_to_string(dir.join("metadata.yaml")).unwrap();
    let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(&yaml).unwrap();
    let info = &yaml["rosbag2_bagfile_information"];
    assert_eq!(info["version"], 9);
    assert_eq!(info["message_count"], 66);
    assert_eq!(info["relative_file_paths"][0], "bag_0.mcap");
    assert_eq!(info["duration"]["nanoseconds"], 59_u64 * 33_333_333);
    let durability =
        &info["topics_with_message_count"][1]["topic_metadata"]["offered_qos_profiles"][0]["durability"];
    assert_eq!(durability, "transient_local");
}

#[test]
fn a_dropped_writer_closes_its_bag() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bag");
    let mut writer = BagWriter::create(&dir).unwrap();
    let topic = Topic::of::<PoseArray>("/poses", TopicQos::latched());
    writer.write(&topic, 5, &PoseArray::default().to_cdr().unwrap()).unwrap();
    drop(writer);
    let reader = BagReader::open(&dir).unwrap();
    assert_eq!((reader.truncated(), reader.messages().count()), (None, 1));
    assert!(dir.join("metadata.yaml").exists());
}

#[test]
fn an_empty_bag_is_a_bag() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bag");
    BagWriter::create(&dir).unwrap().close().unwrap();
    let reader = BagReader::open(&dir).unwrap();
    assert_eq!((reader.truncated(), reader.topics().len(), reader.messages().count()), (None, 0, 0));
}

#[test]
fn a_bag_of_an_unknown_type_keeps_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bag");
    let topic = Topic {
        name: "/odd".to_owned(),
        type_name: "odd_msgs/msg/Odd".to_owned(),
        type_hash: "RIHS01_0".to_owned(),
        qos: TopicQos::reliable(1),
    };
    let mut writer = BagWriter::create(&dir).unwrap();
    writer.write(&topic, 1, &[0, 1, 0, 0, 7]).unwrap();
    writer.close().unwrap();
    let message = BagReader::open(&dir).unwrap().messages().next().unwrap().unwrap();
    assert_eq!((&*message.topic, &message.cdr[..]), (&topic, &[0, 1, 0, 0, 7][..]));
}

#[test]
fn a_topic_keeps_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = BagWriter::create(&folder.path().join("bag")).unwrap();
    let cdr = PoseArray::default().to_cdr().unwrap();
    writer.write(&Topic::of::<PoseArray>("/a", TopicQos::reliable(1)), 1, &cdr).unwrap();
    let error = writer.write(&Topic::of::<Image>("/a", TopicQos::reliable(1)), 2, &cdr).unwrap_err();
    assert!(matches!(error, BagError::TopicChanged { .. }));
    assert_eq!(
        error.to_string(),
        "topic /a is recorded as geometry_msgs/msg/PoseArray, so a sensor_msgs/msg/Image cannot be written to it"
    );
    assert_eq!(writer.close().unwrap().message_count, 1);
}

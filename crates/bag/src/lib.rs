//! MCAP bags that `ros2 bag` plays: recording, reading and recovery of bags cut short.
//!
//! A bag is a folder with `<name>_0.mcap` and `metadata.yaml`.
//!
//! ```
//! use dreamitate_bag::{BagReader, BagWriter, Topic, TopicQos};
//! use dreamitate_msgs::{Message, geometry_msgs::PoseArray};
//!
//! # let folder = tempfile::tempdir()?;
//! let bag = folder.path().join("bag");
//! let topic = Topic::of::<PoseArray>("/trajectory/left", TopicQos::latched());
//! let mut writer = BagWriter::create(&bag)?;
//! writer.write(&topic, 1_000_000_000, &PoseArray::default().to_cdr()?)?;
//! writer.close()?;
//!
//! let reader = BagReader::open(&bag)?;
//! assert_eq!(reader.topics()[0].message_count, 1);
//! for message in reader.messages() {
//!     let message = message?;
//!     assert_eq!(message.topic.name, "/trajectory/left");
//!     assert_eq!(PoseArray::from_cdr(&message.cdr)?, PoseArray::default());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod messages;
mod metadata;
mod qos;
mod reader;
mod sink;
mod summary;
mod topic;
mod writer;

pub use error::BagError;
pub use messages::{BagMessage, Messages};
pub use reader::BagReader;
pub use sink::Sink;
pub use topic::{RecordedTopic, Topic, TopicQos};
pub use writer::{BagSummary, BagWriter};

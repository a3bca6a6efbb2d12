//! What can go wrong with a bag.

use std::io;
use std::path::PathBuf;

use mcap::McapError;

/// Why a bag cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BagError {
    /// Bags are never overwritten.
    #[error("{path} exists already; a bag needs a folder of its own")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file or folder cannot be created, opened, read or listed.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing failed, often because the disk is full. What was recorded before is kept.
    #[error(
        "{path}: recording stopped after {written} bytes, of which the {kept} bytes of whole chunks are kept: {source}"
    )]
    Write {
        /// The bag's file.
        path: PathBuf,
        /// The bytes that were written before the failure.
        written: u64,
        /// The file's length now, up to the last whole chunk.
        kept: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Writing was tried after it had failed.
    #[error("{path}: recording has stopped before")]
    Stopped {
        /// The bag's file.
        path: PathBuf,
    },
    /// A topic has one type for the length of a bag.
    #[error("topic {topic} is recorded as {recorded}, so a {given} cannot be written to it")]
    TopicChanged {
        /// The topic's name.
        topic: String,
        /// The type of its first message.
        recorded: String,
        /// The type of the message at hand.
        given: String,
    },
    /// The MCAP library refused.
    #[error("{path}: {source}")]
    Mcap {
        /// The bag's file.
        path: PathBuf,
        /// What it said.
        source: McapError,
    },
    /// Neither an .mcap file nor a folder with one.
    #[error("{path} holds no .mcap file")]
    NoFile {
        /// The folder.
        path: PathBuf,
    },
    /// The bag's metadata.yaml is damaged or cannot be made.
    #[error("{path}: {source}")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        source: serde_yaml_ng::Error,
    },
}

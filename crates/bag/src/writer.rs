//! Recording.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcap::records::{MessageHeader, Metadata};
use mcap::{Compression, McapError, WriteOptions, Writer};

use crate::sink::{Counted, Sink};
use crate::{BagError, RecordedTopic, Topic, metadata, qos};

const CHUNK_BYTES: u64 = 1 << 20;
/// zstd's fastest regular level: images are large and mostly incompressible.
const ZSTD_LEVEL: u32 = 1;
/// A chunk is written after this long even if it is small, so that a crash costs little. By the messages' stamps,
/// not the wall clock, so that the same messages make the same file.
const CHUNK_SPAN_NS: u64 = 1_000_000_000;

/// Records messages to an MCAP file of zstd chunks.
///
/// Memory holds one chunk (1 MiB and the message that fills it) and an index of some bytes a message.
/// Dropping the writer closes the bag; [`close`](Self::close) also says whether that went well.
pub struct BagWriter<S: Sink = File> {
    path: PathBuf,
    /// The folder that gets a `metadata.yaml`.
    folder: Option<PathBuf>,
    state: State<S>,
    written: Arc<AtomicU64>,
    /// Bytes up to the last whole chunk.
    whole: u64,
    chunk_start_ns: Option<u64>,
    channels: HashMap<String, Channel>,
    topics: Vec<RecordedTopic>,
}

enum State<S: Sink> {
    // Boxed, since the library's writer is some hundreds of bytes.
    Open(Box<Writer<Counted<S>>>),
    /// Closed, or stopped by an error.
    Over,
}

struct Channel {
    id: u16,
    at: usize,
    sequence: u32,
}

/// What a closed bag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BagSummary {
    /// The MCAP file.
    pub path: PathBuf,
    /// The file's length.
    pub bytes: u64,
    /// The number of messages on all topics.
    pub message_count: u64,
    /// The topics, in the order of their first messages.
    pub topics: Vec<RecordedTopic>,
}

impl BagWriter<File> {
    /// Creates the folder `dir` with a new bag in it.
    ///
    /// # Errors
    /// [`BagError::Exists`] if `dir` exists, [`BagError::File`] if it cannot be created.
    pub fn create(dir: &Path) -> Result<Self, BagError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| BagError::File { path, source }
        };
        if let Some(parent) = dir.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        std::fs::create_dir(dir).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => BagError::Exists { path: dir.to_owned() },
            _ => at(dir)(source),
        })?;
        let name = dir.file_name().unwrap_or("bag".as_ref()).to_string_lossy();
        let path = dir.join(format!("{name}_0.mcap"));
        let file = File::create_new(&path).map_err(at(&path))?;
        let mut writer = Self::new(file, &path)?;
        writer.folder = Some(dir.to_owned());
        Ok(writer)
    }
}

impl<S: Sink> BagWriter<S> {
    /// Records to any sink, without a folder and `metadata.yaml`; `path` names the sink in errors.
    ///
    /// # Errors
    /// The file's head cannot be written.
    pub fn new(sink: S, path: &Path) -> Result<Self, BagError> {
        let sink = Counted::new(sink);
        let written = sink.written.clone();
        let writer = WriteOptions::new()
            .profile("ros2")
            .library(concat!("dreamitate_bag ", env!("CARGO_PKG_VERSION")))
            .chunk_size(Some(CHUNK_BYTES))
            .compression(Some(Compression::Zstd))
            .compression_level(ZSTD_LEVEL)
            // In the caller's thread: the cores are needed elsewhere.
            .compression_threads(0)
            // Chunks reach the file only when they are whole.
            .disable_seeking(true)
            .create(sink)
            .map_err(|error| failed(path, written.load(Ordering::Relaxed), 0, error))?;
        Ok(Self {
            path: path.to_owned(),
            folder: None,
            state: State::Open(Box::new(writer)),
            whole: written.load(Ordering::Relaxed),
            written,
            chunk_start_ns: None,
            channels: HashMap::new(),
            topics: Vec::new(),
        })
    }

    /// Records a message; `stamp_ns` is when it was received, `cdr` its bytes with the 4-byte header.
    ///
    /// # Errors
    /// [`BagError::Write`] if the disk is full or gone: the file is then cut to its last whole chunk, and every
    /// further call answers [`BagError::Stopped`]. [`BagError::TopicChanged`] if the topic has another type.
    pub fn write(&mut self, topic: &Topic, stamp_ns: u64, cdr: &[u8]) -> Result<(), BagError> {
        let State::Open(writer) = &mut self.state else {
            return Err(BagError::Stopped { path: self.path.clone() });
        };
        let start_ns = *self.chunk_start_ns.get_or_insert(stamp_ns);
        let late = stamp_ns.abs_diff(start_ns) >= CHUNK_SPAN_NS;
        let result = match self.channels.get_mut(&topic.name) {
            Some(channel) => Ok(channel),
            None => add_channel(writer, topic).map(|id| {
                let channel = Channel { id, at: self.topics.len(), sequence: 0 };
                self.topics.push(RecordedTopic::new(Arc::new(topic.clone())));
                self.channels.entry(topic.name.clone()).or_insert(channel)
            }),
        };
        let result = result.and_then(|channel| {
            let Some(recorded) = self.topics.get_mut(channel.at) else { return Ok(None) };
            if recorded.topic.type_name != topic.type_name {
                return Ok(Some(recorded.topic.type_name.clone()));
            }
            let header = MessageHeader {
                channel_id: channel.id,
                sequence: channel.sequence,
                log_time: stamp_ns,
                publish_time: stamp_ns,
            };
            // What a large message may fail at has nothing to do with the small ones before it.
            if late || cdr.len() as u64 >= CHUNK_BYTES {
                writer.flush()?;
                self.chunk_start_ns = Some(stamp_ns);
            }
            writer.write_to_known_channel(&header, cdr)?;
            channel.sequence = channel.sequence.wrapping_add(1);
            recorded.count(stamp_ns);
            Ok(None)
        });
        match result {
            Ok(None) => {
                // In between calls only whole chunks have been written.
                self.whole = self.written.load(Ordering::Relaxed);
                Ok(())
            }
            Ok(Some(recorded)) => Err(BagError::TopicChanged {
                topic: topic.name.clone(),
                recorded,
                given: topic.type_name.clone(),
            }),
            Err(error) => Err(self.stop(error)),
        }
    }

    /// Writes the present chunk to the file, however small it is.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), BagError> {
        let State::Open(writer) = &mut self.state else {
            return Err(BagError::Stopped { path: self.path.clone() });
        };
        match writer.flush() {
            Ok(()) => {
                self.whole = self.written.load(Ordering::Relaxed);
                self.chunk_start_ns = None;
                Ok(())
            }
            Err(error) => Err(self.stop(error)),
        }
    }

    /// Writes the last chunk, the summary and `metadata.yaml`.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn close(mut self) -> Result<BagSummary, BagError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<BagSummary, BagError> {
        // The last chunk first: if the disk has room for it and not for the summary, it is still kept.
        self.flush()?;
        let summary = BagSummary {
            path: self.path.clone(),
            bytes: 0,
            message_count: self.topics.iter().map(|topic| topic.message_count).sum(),
            topics: self.topics.clone(),
        };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let text = metadata::text(&summary, &name)
            .map_err(|source| BagError::Metadata { path: self.path.clone(), source })?;
        let State::Open(mut writer) = std::mem::replace(&mut self.state, State::Over) else {
            return Err(BagError::Stopped { path: self.path.clone() });
        };
        // rosbag2 reads it from here where metadata.yaml is lost.
        let inside = BTreeMap::from([("serialized_metadata".to_owned(), text.clone())]);
        let result = writer
            .write_metadata(&Metadata { name: "rosbag2".to_owned(), metadata: inside })
            .and_then(|()| writer.finish().map(drop));
        let mut sink = writer.into_inner().sink;
        if let Err(error) = result.and_then(|()| sink.sync().map_err(McapError::Io)) {
            return Err(self.cut(sink, error));
        }
        if let Some(folder) = &self.folder {
            let path = folder.join(metadata::FILE_NAME);
            // Under another name first, so that a reader never sees half of it.
            let half = folder.join("metadata.yaml.part");
            std::fs::write(&half, text)
                .and_then(|()| std::fs::rename(&half, &path))
                .map_err(|source| BagError::File { path, source })?;
        }
        Ok(BagSummary { bytes: self.written.load(Ordering::Relaxed), ..summary })
    }

    /// Ends the recording after an error.
    fn stop(&mut self, error: McapError) -> BagError {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Open(writer) => self.cut(writer.into_inner().sink, error),
            State::Over => BagError::Stopped { path: self.path.clone() },
        }
    }

    /// Cuts the file to its whole chunks, so that it holds nothing half written.
    fn cut(&self, mut sink: S, error: McapError) -> BagError {
        let written = self.written.load(Ordering::Relaxed);
        if let Err(error) = sink.cut(self.whole) {
            tracing::warn!("{}: cannot be cut to its last whole chunk: {error}", self.path.display());
        }
        failed(&self.path, written, self.whole, error)
    }
}

impl<S: Sink> Drop for BagWriter<S> {
    fn drop(&mut self) {
        if matches!(self.state, State::Open(_))
            && let Err(error) = self.finish()
        {
            tracing::error!("closing the bag: {error}");
        }
    }
}

fn failed(path: &Path, written: u64, kept: u64, error: McapError) -> BagError {
    let path = path.to_owned();
    match error {
        McapError::Io(source) => BagError::Write { path, written, kept, source },
        source => BagError::Mcap { path, source },
    }
}

fn add_channel<S: Sink>(writer: &mut Writer<Counted<S>>, topic: &Topic) -> Result<u16, McapError> {
    let known =
        dreamitate_msgs::definition_of(&topic.type_name).filter(|info| info.type_hash == topic.type_hash);
    if known.is_none() {
        // Recorded all the same: the bytes may be all that there is of an incident.
        tracing::warn!("{}: no definition of {} {} is known", topic.name, topic.type_name, topic.type_hash);
    }
    let (encoding, text) = known.map_or(("", ""), |info| ("ros2msg", info.definition));
    let schema = writer.add_schema(&topic.type_name, encoding, text.as_bytes())?;
    let profiles = qos::to_yaml(topic.qos).map_err(|error| McapError::Io(std::io::Error::other(error)))?;
    let metadata = BTreeMap::from([
        ("offered_qos_profiles".to_owned(), profiles),
        ("topic_type_hash".to_owned(), topic.type_hash.clone()),
    ]);
    writer.add_channel(schema, &topic.name, "cdr", &metadata)
}

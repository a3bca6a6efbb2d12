//! The messages of a bag, one after the other.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use mcap::McapError;
use mcap::records::Record;
use mcap::sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions};

use crate::{BagError, Topic, qos};

/// A longer record, or a chunk that unpacks to more, is taken for damage (bytes).
pub(crate) const LONGEST_RECORD: usize = 1 << 30;
/// How much is read at a time (bytes), so that a claimed length alone allocates nothing.
const READ_BYTES: usize = 1 << 20;

/// A recorded message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BagMessage {
    /// The topic that it came on; the same `Arc` for all messages of a topic in a file.
    pub topic: Arc<Topic>,
    /// When it was received (ns).
    pub stamp_ns: u64,
    /// Its CDR bytes with the 4-byte header.
    pub cdr: Bytes,
}

/// The messages of a bag in the order of its files, which is that of their recording.
///
/// Memory holds one chunk. In a bag cut short the iterator ends at the cut; damage before the end of a whole file is
/// an error, and the last item.
pub struct Messages {
    files: std::vec::IntoIter<(PathBuf, bool)>,
    current: Option<FileMessages>,
}

impl Messages {
    /// The messages of these files; `true` where a file is cut short.
    pub(crate) fn new(files: Vec<(PathBuf, bool)>) -> Self {
        Self { files: files.into_iter(), current: None }
    }
}

impl Iterator for Messages {
    type Item = Result<BagMessage, BagError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(current) = &mut self.current {
                match current.next_message() {
                    Ok(Some(message)) => return Some(Ok(message)),
                    Ok(None) => self.current = None,
                    Err(_) if current.cut => self.current = None,
                    Err(error) => {
                        self.current = None;
                        self.files = Vec::new().into_iter();
                        return Some(Err(error));
                    }
                }
                continue;
            }
            let (path, cut) = self.files.next()?;
            match FileMessages::open(path, cut) {
                Ok(file) => self.current = Some(file),
                Err(error) => {
                    self.files = Vec::new().into_iter();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The messages of one file.
pub(crate) struct FileMessages {
    path: PathBuf,
    cut: bool,
    file: File,
    reader: LinearReader,
    schemas: HashMap<u16, String>,
    channels: HashMap<u16, Arc<Topic>>,
}

impl FileMessages {
    pub(crate) fn open(path: PathBuf, cut: bool) -> Result<Self, BagError> {
        let file = File::open(&path).map_err(|source| BagError::File { path: path.clone(), source })?;
        let options = LinearReaderOptions::default()
            // A chunk is given out only if all of it is right.
            .with_prevalidate_chunk_crcs(true)
            .with_record_length_limit(LONGEST_RECORD);
        let reader = LinearReader::new_with_options(options);
        Ok(Self { path, cut, file, reader, schemas: HashMap::new(), channels: HashMap::new() })
    }

    /// The topics met so far.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.channels.values()
    }

    pub(crate) fn next_message(&mut self) -> Result<Option<BagMessage>, BagError> {
        let Self { path, file, reader, schemas, channels, .. } = self;
        let failed = |source| BagError::Mcap { path: path.clone(), source };
        while let Some(event) = reader.next_event() {
            let (opcode, data) = match event.map_err(failed)? {
                LinearReadEvent::ReadRequest(wanted) => {
                    let buffer = reader.insert(wanted.clamp(1, READ_BYTES));
                    let read =
                        file.read(buffer).map_err(|source| BagError::File { path: path.clone(), source })?;
                    reader.notify_read(read);
                    continue;
                }
                LinearReadEvent::Record { opcode, data } => (opcode, data),
            };
            match mcap::parse_record(opcode, data).map_err(failed)? {
                Record::Schema { header, .. } => {
                    schemas.insert(header.id, header.name);
                }
                Record::Channel(channel) => {
                    let type_name = schemas.get(&channel.schema_id).cloned().unwrap_or_default();
                    let topic = topic(channel.topic, type_name, &channel.metadata);
                    // The summary repeats the channels: one topic stays one `Arc`.
                    channels.entry(channel.id).or_insert_with(|| Arc::new(topic));
                }
                Record::Message { header, data } => {
                    let unknown = || McapError::UnknownChannel(header.sequence, header.channel_id);
                    let topic = channels.get(&header.channel_id).ok_or_else(|| failed(unknown()))?.clone();
                    let cdr = Bytes::copy_from_slice(&data);
                    return Ok(Some(BagMessage { topic, stamp_ns: header.log_time, cdr }));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

/// A topic from what a channel says of it.
pub(crate) fn topic(
    name: String,
    type_name: String,
    metadata: &std::collections::BTreeMap<String, String>,
) -> Topic {
    let entry = |key: &str| metadata.get(key).map(String::as_str).unwrap_or_default();
    Topic {
        name,
        type_name,
        type_hash: entry("topic_type_hash").to_owned(),
        qos: qos::from_yaml(entry("offered_qos_profiles")),
    }
}

//! What a file holds, from its summary and index where it has them, or else by reading all of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use mcap::records::{ChunkIndex, Record};
use mcap::sans_io::{
    LinearReadEvent, LinearReader, LinearReaderOptions, SummaryReadEvent, SummaryReader, SummaryReaderOptions,
};
use mcap::{McapError, McapResult, Summary};

use crate::messages::{self, FileMessages, LONGEST_RECORD};
use crate::{BagError, RecordedTopic};

/// What one file holds.
pub(crate) struct Contents {
    pub(crate) topics: Vec<RecordedTopic>,
    /// Why and where the file ends early.
    pub(crate) cut: Option<String>,
}

/// The contents of a file.
pub(crate) fn contents(path: &Path) -> Result<Contents, BagError> {
    let mut file = File::open(path).map_err(|source| BagError::File { path: path.to_owned(), source })?;
    match indexed(&mut file) {
        Ok(Some(topics)) => Ok(Contents { topics, cut: None }),
        // No summary, or not a right one: what is in the file decides.
        Ok(None) | Err(_) => scan(path),
    }
}

/// The topics of a file by its summary and message indexes, without unpacking a chunk; `None` without a summary.
fn indexed(file: &mut File) -> McapResult<Option<Vec<RecordedTopic>>> {
    let Some(summary) = read_summary(file)? else { return Ok(None) };
    let mut topics: HashMap<u16, RecordedTopic> = HashMap::new();
    for (id, channel) in &summary.channels {
        let type_name = channel.schema.as_ref().map(|schema| schema.name.clone()).unwrap_or_default();
        let topic = messages::topic(channel.topic.clone(), type_name, &channel.metadata);
        topics.insert(*id, RecordedTopic::new(Arc::new(topic)));
    }
    for chunk in &summary.chunk_indexes {
        count_chunk(file, chunk, &mut topics)?;
    }
    let counted: u64 = topics.values().map(|topic| topic.message_count).sum();
    if summary.stats.is_some_and(|stats| stats.message_count != counted) {
        return Ok(None);
    }
    Ok(Some(topics.into_values().collect()))
}

fn read_summary(file: &mut File) -> McapResult<Option<Summary>> {
    let file_size = file.metadata()?.len();
    let options =
        SummaryReaderOptions::default().with_file_size(file_size).with_record_length_limit(LONGEST_RECORD);
    let mut reader = SummaryReader::new_with_options(options);
    while let Some(event) = reader.next_event() {
        match event? {
            SummaryReadEvent::ReadRequest(wanted) => {
                let read = file.read(reader.insert(wanted))?;
                reader.notify_read(read);
            }
            SummaryReadEvent::SeekRequest(to) => {
                let at = file.seek(to)?;
                reader.notify_seeked(at);
            }
        }
    }
    Ok(reader.finish())
}

/// Counts a chunk's messages by the index that follows it.
fn count_chunk(
    file: &mut File,
    chunk: &ChunkIndex,
    topics: &mut HashMap<u16, RecordedTopic>,
) -> McapResult<()> {
    file.seek(SeekFrom::Start(chunk.chunk_start_offset.saturating_add(chunk.chunk_length)))?;
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(true)
        .with_record_length_limit(LONGEST_RECORD);
    let mut reader = LinearReader::new_with_options(options);
    let mut index = file.take(chunk.message_index_length);
    while let Some(event) = reader.next_event() {
        match event? {
            LinearReadEvent::ReadRequest(wanted) => {
                let read = index.read(reader.insert(wanted.clamp(1, 1 << 20)))?;
                reader.notify_read(read);
            }
            LinearReadEvent::Record { opcode, data } => {
                let Record::MessageIndex(index) = mcap::parse_record(opcode, data)? else {
                    return Err(McapError::BadIndex);
                };
                let topic = topics.get_mut(&index.channel_id).ok_or(McapError::BadIndex)?;
                for entry in &index.records {
                    topic.count(entry.log_time);
                }
            }
        }
    }
    Ok(())
}

/// Reads a file up to its end or its cut.
fn scan(path: &Path) -> Result<Contents, BagError> {
    let mut file = FileMessages::open(path.to_owned(), true)?;
    let mut topics: HashMap<String, RecordedTopic> = HashMap::new();
    let mut count = 0_u64;
    let cut = loop {
        match file.next_message() {
            Ok(Some(message)) => {
                count += 1;
                let new = || RecordedTopic::new(message.topic.clone());
                topics.entry(message.topic.name.clone()).or_insert_with(new).count(message.stamp_ns);
            }
            Ok(None) => break None,
            Err(BagError::Mcap { source: McapError::BadMagic, .. }) if count == 0 => {
                return Err(BagError::Mcap { path: path.to_owned(), source: McapError::BadMagic });
            }
            Err(BagError::Mcap { source, .. }) => {
                break Some(format!("{} ends early, after {count} messages: {source}", path.display()));
            }
            Err(error) => return Err(error),
        }
    };
    for topic in file.topics() {
        topics.entry(topic.name.clone()).or_insert_with(|| RecordedTopic::new(topic.clone()));
    }
    Ok(Contents { topics: topics.into_values().collect(), cut })
}

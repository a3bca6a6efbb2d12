//! Reading.

use std::path::{Path, PathBuf};

use crate::messages::Messages;
use crate::{BagError, RecordedTopic, metadata, summary};

/// A bag that is read.
#[derive(Debug)]
pub struct BagReader {
    /// The files, and whether each is cut short.
    files: Vec<(PathBuf, bool)>,
    topics: Vec<RecordedTopic>,
    truncated: Option<String>,
}

impl BagReader {
    /// Opens a bag: its folder, or one .mcap file.
    ///
    /// A whole file is judged by its summary; one that is cut short is read once up to the cut.
    ///
    /// # Errors
    /// There is no such file or folder, there is no .mcap file in it, or a file is no MCAP file.
    pub fn open(path: &Path) -> Result<Self, BagError> {
        let mut reader = Self { files: Vec::new(), topics: Vec::new(), truncated: None };
        for file in files(path)? {
            let contents = summary::contents(&file)?;
            reader.files.push((file, contents.cut.is_some()));
            reader.truncated = reader.truncated.or(contents.cut);
            for topic in contents.topics {
                reader.add(topic);
            }
        }
        reader.topics.sort_by(|a, b| a.topic.name.cmp(&b.topic.name));
        Ok(reader)
    }

    /// The topics, sorted by name, with the number of messages and their first and last stamps.
    pub fn topics(&self) -> &[RecordedTopic] {
        &self.topics
    }

    /// If the bag was cut short (by a crash, a full disk, or because it is still being written): which file ends
    /// early and after how many messages. The messages before that are there.
    pub fn truncated(&self) -> Option<&str> {
        self.truncated.as_deref()
    }

    /// The messages, in the order of their recording.
    pub fn messages(&self) -> Messages {
        Messages::new(self.files.clone())
    }

    /// Joins a topic with that of the same name in an earlier file.
    fn add(&mut self, new: RecordedTopic) {
        match self.topics.iter_mut().find(|old| old.topic.name == new.topic.name) {
            Some(old) => {
                old.message_count += new.message_count;
                let stamps = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b);
                old.first_stamp_ns = stamps(old.first_stamp_ns, new.first_stamp_ns).min();
                old.last_stamp_ns = stamps(old.last_stamp_ns, new.last_stamp_ns).max();
            }
            None => self.topics.push(new),
        }
    }
}

/// The .mcap files of a bag in order.
fn files(path: &Path) -> Result<Vec<PathBuf>, BagError> {
    let at = |source| BagError::File { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(at)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = match metadata::files(path)? {
        Some(files) => files,
        None => {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(path).map_err(at)? {
                let file = entry.map_err(at)?.path();
                if file.extension().is_some_and(|extension| extension == "mcap") {
                    found.push(file);
                }
            }
            // `bag_10` after `bag_9`.
            found.sort_by_key(|file| (file.as_os_str().len(), file.clone()));
            found
        }
    };
    if files.is_empty() { Err(BagError::NoFile { path: path.to_owned() }) } else { Ok(files) }
}

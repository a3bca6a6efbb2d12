//! Bags cut short, damaged or without room.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A panic is the report of a failure.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use dreamitate_bag::{BagError, BagReader, BagWriter, Sink, Topic, TopicQos};
use dreamitate_msgs::{Message, std_msgs};
use proptest::prelude::*;

fn topic() -> Topic {
    Topic::of::<std_msgs::String>("/text", TopicQos::reliable(10))
}

/// 20 kB that do not compress, so that a chunk of 1 MiB is about 52 of them.
fn text(at: u64) -> Vec<u8> {
    let mut state = at.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    std_msgs::String { data: (0..20_000).map(|_| letter()).collect() }.to_cdr().unwrap()
}

fn write<S: Sink>(writer: &mut BagWriter<S>, messages: u64) -> Result<(), BagError> {
    (0..messages).try_for_each(|i| writer.write(&topic(), i, &text(i)))
}

/// A closed bag of 200 messages in four chunks; its file.
fn sample(folder: &Path) -> std::path::PathBuf {
    let mut writer = BagWriter::create(&folder.join("bag")).unwrap();
    write(&mut writer, 200).unwrap();
    writer.close().unwrap().path
}

/// Checks that the messages are the first ones written, and gives their number.
fn first_messages(path: &Path) -> u64 {
    let reader = BagReader::open(path).unwrap();
    let mut count = 0;
    for message in reader.messages() {
        assert_eq!(message.unwrap().cdr, text(count), "message {count}");
        count += 1;
    }
    assert_eq!(reader.topics().iter().map(|topic| topic.message_count).sum::<u64>(), count);
    count
}

#[test]
fn a_cut_bag_plays_up_to_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = sample(folder.path());
    std::fs::remove_file(folder.path().join("bag/metadata.yaml")).unwrap();
    let whole = std::fs::metadata(&path).unwrap().len();
    let mut counts = Vec::new();
    for tenths in (1..10).rev() {
        File::options().write(true).open(&path).unwrap().set_len(whole * tenths / 10).unwrap();
        let reader = BagReader::open(&folder.path().join("bag")).unwrap();
        let said = reader.truncated().expect("it is cut").to_owned();
        let count = first_messages(&path);
        assert!(said.contains(&format!("ends early, after {count} messages")), "{said}");
        counts.push(count);
    }
    // Chunks of 53 messages: from three of the four down to none.
    assert_eq!(counts, [159, 159, 106, 106, 53, 53, 53, 0, 0]);
}

#[test]
fn a_bag_without_its_last_byte_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = sample(folder.path());
    let whole = std::fs::metadata(&path).unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(whole - 1).unwrap();
    assert!(BagReader::open(&path).unwrap().truncated().is_some());
    assert_eq!(first_messages(&path), 200);
}

#[test]
fn a_bag_is_readable_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bag");
    let mut writer = BagWriter::create(&dir).unwrap();
    write(&mut writer, 60).unwrap();
    assert_eq!(first_messages(&dir), 53, "one whole chunk is in the file");
    writer.flush().unwrap();
    assert_eq!(first_messages(&dir), 60);
    // One second later the chunk is written although it is small.
    writer.write(&topic(), 59, &text(60)).unwrap();
    writer.write(&topic(), 2_000_000_000, &text(61)).unwrap();
    assert_eq!(first_messages(&dir), 61);
    std::mem::forget(writer); // as kill -9 does
    assert_eq!(first_messages(&dir), 61);
}

/// A file on a disk that has room for `room` bytes.
struct SmallDisk {
    file: File,
    room: u64,
}

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.room.saturating_sub(self.file.stream_position()?)).unwrap();
        match bytes.len().min(room) {
            0 if !bytes.is_empty() => Err(io::ErrorKind::StorageFull.into()),
            len => self.file.write(&bytes[..len]),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SmallDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Sink for SmallDisk {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.file.cut(len)
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_stops_the_recording_and_keeps_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag_0.mcap");
    let disk = SmallDisk { file: File::create(&path).unwrap(), room: 2_500_000 };
    let mut writer = BagWriter::new(disk, &path).unwrap();
    let error = write(&mut writer, 1000).unwrap_err();
    let BagError::Write { written, kept, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*written, source.kind()), (2_500_000, io::ErrorKind::StorageFull));
    assert_eq!(*kept, std::fs::metadata(&path).unwrap().len());
    assert!(error.to_string().starts_with(&format!(
        "{}: recording stopped after 2500000 bytes, of which the {kept} bytes of whole chunks are kept",
        path.display()
    )));
    assert!(matches!(writer.write(&topic(), 0, &text(0)), Err(BagError::Stopped { .. })));
    assert!(matches!(writer.close(), Err(BagError::Stopped { .. })));
    let kept_messages = first_messages(&path);
    assert_eq!(kept_messages % 53, 0);
    assert!(kept_messages >= 106, "{kept_messages} messages are kept");
}

#[test]
fn a_disk_that_is_full_at_the_summary_loses_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag_0.mcap");
    let whole = std::fs::metadata(sample(folder.path())).unwrap().len();
    let disk = SmallDisk { file: File::create(&path).unwrap(), room: whole - 100 };
    let mut writer = BagWriter::new(disk, &path).unwrap();
    write(&mut writer, 200).unwrap();
    assert!(matches!(writer.close(), Err(BagError::Write { .. })));
    assert_eq!(first_messages(&path), 200);
}

#[test]
fn the_system_s_full_device_is_an_error() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: this system has no /dev/full");
        return;
    };
    let Err(error) = BagWriter::new(full, Path::new("/dev/full")) else { panic!("the head fits nowhere") };
    let BagError::Write { written: 0, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_bag_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = sample(folder.path());
    let before = std::fs::read(&path).unwrap();
    let Err(error) = BagWriter::create(&folder.path().join("bag")) else { panic!("it was overwritten") };
    let dir = folder.path().join("bag");
    assert_eq!(
        error.to_string(),
        format!("{} exists already; a bag needs a folder of its own", dir.display())
    );
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn what_is_no_bag_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    assert!(matches!(BagReader::open(&missing), Err(BagError::File { .. })));
    assert!(matches!(BagReader::open(folder.path()), Err(BagError::NoFile { .. })));
    let text = folder.path().join("text.mcap");
    std::fs::write(&text, "not a bag at all, but longer than its magic").unwrap();
    let error = BagReader::open(&text).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: Bad magic number", text.display()));
    std::fs::write(folder.path().join("metadata.yaml"), "{").unwrap();
    assert!(matches!(BagReader::open(folder.path()), Err(BagError::Metadata { .. })));
}

#[test]
fn damage_in_a_whole_file_is_an_error_not_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = sample(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
    let results: Vec<_> = BagReader::open(&path).unwrap().messages().collect();
    let (last, before) = results.split_last().unwrap();
    assert!(matches!(last, Err(BagError::Mcap { .. })), "{last:?}");
    for (i, message) in before.iter().enumerate() {
        assert_eq!(message.as_ref().unwrap().cdr, text(i as u64));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happened to the bytes, reading ends without a panic.
    #[test]
    fn damaged_bytes_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bag");
        let mut writer = BagWriter::create(&dir).unwrap();
        for stamp in 0..20 {
            let cdr = std_msgs::String { data: format!("message {stamp}") }.to_cdr().unwrap();
            writer.write(&topic(), stamp * 300_000_000, &cdr).unwrap();
        }
        let path = writer.close().unwrap().path;
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |at| at.index(bytes.len())));
        std::fs::write(&path, bytes).unwrap();
        if let Ok(reader) = BagReader::open(&path) {
            prop_assert!(reader.messages().count() <= 21);
        }
    }
}

//! What a bag is written to, and how much of it is whole.

use std::fs::File;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something a bag can be written to: a file, or memory.
pub trait Sink: Write + Seek + Send {
    /// Drops everything after the first `len` bytes.
    ///
    /// # Errors
    /// The system refuses.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Brings what was written to where it outlives a crash of the machine.
    ///
    /// # Errors
    /// The system refuses; some report a full disk only here.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Sink for Cursor<Vec<u8>> {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.get_mut().truncate(usize::try_from(len).map_err(io::Error::other)?);
        self.set_position(len);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what passes, where the bag's writer can see it while the MCAP library holds the sink.
pub(crate) struct Counted<S> {
    pub(crate) sink: S,
    pub(crate) written: Arc<AtomicU64>,
}

impl<S: Sink> Counted<S> {
    pub(crate) fn new(sink: S) -> Self {
        Self { sink, written: Arc::default() }
    }
}

impl<S: Sink> Write for Counted<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.sink.write(bytes)?;
        self.written.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl<S: Sink> Seek for Counted<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.sink.seek(to)
    }
}

//! The bytes of a job: what was uploaded, and after it what is noted of its rows. In memory while they are few, else
//! in a temporary file without a name, which is gone when the job is.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::ops::Range;

use tempfile::SpooledTempFile;

/// What stays in memory; small jobs are many, and each file costs a handle.
const IN_MEMORY: usize = 64 * 1024;

pub(super) struct Content {
    file: SpooledTempFile,
    length: u64,
}

impl Content {
    pub(super) fn new() -> Self {
        Self {
            file: SpooledTempFile::new(IN_MEMORY),
            length: 0,
        }
    }

    /// In bytes.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Reads these bytes over what is in `into`.
    pub(super) fn read(&mut self, bytes: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
        into.resize((bytes.end - bytes.start) as usize, 0);
        self.file.seek(SeekFrom::Start(bytes.start))?;
        self.file.read_exact(into)
    }

    /// Writes over what is there, or on from its end.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        self.length = self.length.max(at + bytes.len() as u64);
        Ok(())
    }
}

/// Writes on from the end.
impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(self.length, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

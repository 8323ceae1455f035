//! Ends of records, found without taking records apart.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// Walks through a file from the start of a record on, from end of record to end of record.
pub(crate) struct Scan {
    input: BufReader<File>,
    reader: Reader,
    /// The place of the next byte.
    at: u64,
}

/// Room for a record's text, which is thrown away piece by piece.
const ROOM: usize = 64 << 10;

impl Scan {
    pub(crate) fn new(path: &Path, delimiter: u8, from: u64) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        Ok(Self {
            input: BufReader::with_capacity(1 << 20, file),
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            at: from,
        })
    }

    /// The place behind the next record; none at the end of the file.
    pub(crate) fn next_end(&mut self) -> std::io::Result<Option<u64>> {
        let mut text = vec![0; ROOM];
        let mut ends = vec![0; 1 << 10];
        loop {
            let input = self.input.fill_buf()?;
            let (result, read, _, _) = self.reader.read_record(input, &mut text, &mut ends);
            self.input.consume(read);
            self.at += read as u64;
            match result {
                ReadRecordResult::Record => return Ok(Some(self.at)),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::InputEmpty
                | ReadRecordResult::OutputFull
                | ReadRecordResult::OutputEndsFull => {}
            }
        }
    }
}

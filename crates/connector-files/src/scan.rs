//! Ends of records, found without taking records apart and in little memory, however long a record is.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr_iter, memchr3};
use model::Failure;
use serde::{Deserialize, Serialize};

use crate::files::unreadable;

/// Room for a record's text, which is thrown away piece by piece.
const ROOM: usize = 64 << 10;
/// A record longer than this is taken for a quote that was left open long before.
const LONGEST: u64 = 32 << 20;

/// A place in a file, at the start of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Bytes before it.
    pub(crate) byte: u64,
    /// Line ends before it, and one.
    pub(crate) line: u64,
}

impl Place {
    /// The line that a record from here on begins in: rests of line ends and empty lines may come before it.
    pub(crate) fn line_in(self, path: &Path) -> u64 {
        let skipped = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(self.byte))?;
            let mut lines = 0;
            for byte in BufReader::with_capacity(256, file).bytes() {
                match byte? {
                    b'\n' => lines += 1,
                    b'\r' => {}
                    _ => break,
                }
            }
            Ok::<u64, std::io::Error>(lines)
        };
        self.line + skipped().unwrap_or_default()
    }
}

/// Walks through a file from the start of a record on, from end of record to end of record.
pub(crate) struct Scan {
    path: PathBuf,
    input: BufReader<File>,
    reader: Reader,
    delimiter: u8,
    at: Place,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Scan {
    pub(crate) fn new(path: &Path, delimiter: u8, from: Place) -> Result<Self, Failure> {
        let open = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(from.byte))?;
            Ok(file)
        };
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(1 << 20, open().map_err(|e| unreadable(path, &e))?),
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            at: from,
            text: vec![0; ROOM],
            ends: vec![0; 1 << 10],
        })
    }

    /// The place behind the next record; none at the end of the file.
    pub(crate) fn next_end(&mut self) -> Result<Option<Place>, Failure> {
        if let Some(end) = self.in_hand()? {
            return Ok(Some(end));
        }
        let begin = self.at;
        let mut pending = false;
        loop {
            let input = self
                .input
                .fill_buf()
                .map_err(|error| unreadable(&self.path, &error))?;
            let at_end = input.is_empty();
            if at_end && !pending {
                return Ok(None);
            }
            // The last line may have no end; within quotes another would not end the record.
            let input = if at_end { b"\n" } else { input };
            let (result, read, _, _) =
                self.reader
                    .read_record(input, &mut self.text, &mut self.ends);
            if !at_end {
                let consumed = &input[..read];
                pending |= consumed.iter().any(|byte| !b"\r\n".contains(byte));
                self.at.byte += read as u64;
                self.at.line += consumed.iter().filter(|byte| **byte == b'\n').count() as u64;
                self.input.consume(read);
            }
            if result == ReadRecordResult::Record {
                return Ok(Some(self.at));
            }
            if at_end || self.at.byte - begin.byte > LONGEST {
                return Err(self.unclosed(begin));
            }
        }
    }

    /// The place behind the next record where that is in hand whole, found without a look at its every letter.
    fn in_hand(&mut self) -> Result<Option<Place>, Failure> {
        let input = self
            .input
            .fill_buf()
            .map_err(|error| unreadable(&self.path, &error))?;
        // The rest of a line end, and empty lines.
        let blank = input.iter().take_while(|byte| b"\r\n".contains(byte));
        let blank = blank.count();
        let Some(length) = end_of_record(&input[blank..], self.delimiter) else {
            return Ok(None);
        };
        let read = blank + length + 1;
        self.at.line += memchr_iter(b'\n', &input[..read]).count() as u64;
        self.at.byte += read as u64;
        self.input.consume(read);
        Ok(Some(self.at))
    }

    fn unclosed(&self, begin: Place) -> Failure {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        Failure::pause(
            "unclosed_quote",
            format!(
                "{file}: the record that begins at line {} does not end within {} MiB, or not at all: a quote was opened and not closed",
                begin.line_in(&self.path),
                LONGEST >> 20
            ),
        )
        .hint("a quote within quotes is written twice; mend the file, and start a new run")
    }
}

/// Where the line ends that ends a record; none where that is not within these bytes. A quote opens a value only at its beginning, and is closed by the next one
/// that is not written twice.
fn end_of_record(record: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr3(b'"', b'\n', b'\r', &record[at..])?;
        if record[found] != b'"' {
            return Some(found);
        }
        at = found + 1;
        if found > 0 && record[found - 1] != delimiter {
            continue;
        }
        loop {
            let quote = at + memchr(b'"', &record[at..])?;
            at = quote + 1;
            if *record.get(at)? != b'"' {
                break;
            }
            at += 1;
        }
    }
}

//! What is noted of a job's rows, behind its content: where each stands in the upload and what became of it, in
//! entries of one length; then the texts of errors.

use std::io::{self, Write as _};
use std::ops::Range;

use super::content::Content;
use crate::ids::RecordId;

/// Start, end, outcome, and of the outcome the record's number or where its error begins.
const ENTRY: usize = 20;

const UNPROCESSED: u32 = 0;
const CREATED: u32 = 1;
const UPDATED: u32 = 2;
const FAILED: u32 = 3;

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowOutcome {
    Unprocessed,
    Created(RecordId),
    Updated(RecordId),
    Failed(Box<str>),
}

pub(super) struct Ledger {
    /// Where the entries begin: the upload's length.
    from: u64,
    rows: usize,
    object: u16,
}

/// One row's entry.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    end: u32,
    outcome: u32,
    detail: u64,
}

/// Some rows that follow each other, read.
pub(super) struct Rows {
    text: String,
    rows: Vec<(Range<u32>, RowOutcome)>,
}

impl Ledger {
    /// A ledger of the rows of this object's records, to which rows are added before anything else is noted.
    pub(super) fn new(content: &Content, object: u16) -> Self {
        Self {
            from: content.len(),
            rows: 0,
            object,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn add(&mut self, content: &mut Content, rows: &[Range<u32>]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(rows.len() * ENTRY);
        for row in rows {
            let entry = Entry {
                start: row.start,
                end: row.end,
                outcome: UNPROCESSED,
                detail: 0,
            };
            entry.write(&mut bytes);
        }
        self.rows += rows.len();
        content.write_all(&bytes)
    }

    /// Notes what became of rows that follow each other, from this one.
    pub(super) fn note(
        &self,
        content: &mut Content,
        from: usize,
        outcomes: &[RowOutcome],
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        content.read(self.places(from..from + outcomes.len()), &mut bytes)?;
        let mut entries = Vec::with_capacity(bytes.len());
        let mut errors = Vec::new();
        for (old, outcome) in bytes.chunks_exact(ENTRY).zip(outcomes) {
            let (outcome, detail) = match outcome {
                RowOutcome::Unprocessed => (UNPROCESSED, 0),
                RowOutcome::Created(id) => (CREATED, u64::from(id.serial)),
                RowOutcome::Updated(id) => (UPDATED, u64::from(id.serial)),
                RowOutcome::Failed(error) => {
                    let at = content.len() + errors.len() as u64;
                    errors.extend((error.len() as u32).to_le_bytes());
                    errors.extend(error.as_bytes());
                    (FAILED, at)
                }
            };
            let entry = Entry {
                outcome,
                detail,
                ..Entry::read(old)
            };
            entry.write(&mut entries);
        }
        // The texts first: an entry must not lead to one that could not be written.
        content.write_all(&errors)?;
        content.put(self.places(from..from).start, &entries)
    }

    /// Reads rows that follow each other, with what became of them.
    pub(super) fn read(&self, content: &Content, rows: Range<usize>) -> io::Result<Rows> {
        let mut bytes = Vec::new();
        content.read(self.places(rows), &mut bytes)?;
        let entries: Vec<Entry> = bytes.chunks_exact(ENTRY).map(Entry::read).collect();
        let at = entries.first().map_or(0, |entry| entry.start);
        let end = entries.last().map_or(0, |entry| entry.end);
        let mut text = Vec::new();
        content.read(u64::from(at)..u64::from(end), &mut text)?;
        let rows = entries.into_iter().map(|entry| {
            let outcome = self.outcome(content, entry)?;
            Ok((entry.start - at..entry.end - at, outcome))
        });
        Ok(Rows {
            rows: rows.collect::<io::Result<_>>()?,
            text: utf8(text)?,
        })
    }

    fn outcome(&self, content: &Content, entry: Entry) -> io::Result<RowOutcome> {
        let id = RecordId {
            object: self.object,
            serial: entry.detail as u32,
        };
        Ok(match entry.outcome {
            CREATED => RowOutcome::Created(id),
            UPDATED => RowOutcome::Updated(id),
            FAILED => {
                let text = entry.detail + 4;
                let mut length = Vec::new();
                content.read(entry.detail..text, &mut length)?;
                let length = u64::from(number(&length, 0));
                let mut error = Vec::new();
                content.read(text..text + length, &mut error)?;
                RowOutcome::Failed(utf8(error)?.into_boxed_str())
            }
            _ => RowOutcome::Unprocessed,
        })
    }

    fn places(&self, rows: Range<usize>) -> Range<u64> {
        let place = |row: usize| self.from + (row * ENTRY) as u64;
        place(rows.start)..place(rows.end)
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Self {
        let detail = u64::from(number(bytes, 12)) | u64::from(number(bytes, 16)) << 32;
        Self {
            start: number(bytes, 0),
            end: number(bytes, 4),
            outcome: number(bytes, 8),
            detail,
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        for number in [self.start, self.end, self.outcome] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.detail.to_le_bytes());
    }
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A row as it was uploaded, without its line ending.
    pub(super) fn text(&self, row: usize) -> &str {
        let range = &self.rows[row].0;
        &self.text[range.start as usize..range.end as usize]
    }

    pub(super) fn outcome(&self, row: usize) -> &RowOutcome {
        &self.rows[row].1
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.map_or(0, |four| u32::from_le_bytes(*four))
}

/// The upload was checked when it was read first.
fn utf8(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(io::Error::other)
}

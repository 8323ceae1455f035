//! ORDER BY: every record becomes a few bytes that compare as the records do, sorted in memory while they are few,
//! and in sorted stretches in a temporary file where they are many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use super::path::Path;
use super::plan::OfRecord;
use super::scalar::Scalar;
use crate::ids::RecordId;
use crate::store::fold;

/// What may be in memory, in bytes.
const BUDGET: usize = 16 * 1024 * 1024;
/// What a key costs besides its own bytes.
const EACH: usize = 24;

/// One item of ORDER BY.
#[derive(Debug)]
pub(super) struct By {
    pub(super) path: Path,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

/// Sorts records; those that are equal stay in the order they were created.
pub(super) struct Sorter<'a> {
    order: &'a [By],
    /// More than the first of these are not asked for.
    most: usize,
    budget: usize,
    keys: Vec<Box<[u8]>>,
    bytes: usize,
    stretches: Vec<File>,
    fault: Option<io::Error>,
}

impl<'a> Sorter<'a> {
    pub(super) fn new(order: &'a [By], most: usize) -> Self {
        Self {
            order,
            most,
            budget: BUDGET,
            keys: Vec::new(),
            bytes: 0,
            stretches: Vec::new(),
            fault: None,
        }
    }

    /// Adds a record; `false` when no further one is of use.
    pub(super) fn add(&mut self, record: &OfRecord<'_>) -> bool {
        self.push(sort_key(self.order, record), record.id.serial)
    }

    /// Adds a record by the bytes it is sorted by; `false` when no further one is of use.
    pub(super) fn push(&mut self, mut key: Vec<u8>, serial: u32) -> bool {
        key.extend(serial.to_be_bytes());
        self.bytes += key.len() + EACH;
        self.keys.push(key.into_boxed_slice());
        if self.bytes > self.budget
            && let Err(error) = self.make_room()
        {
            self.fault = Some(error);
        }
        self.fault.is_none()
    }

    /// The first of the records, in order.
    pub(super) fn finish(mut self, object: u16) -> io::Result<Vec<RecordId>> {
        if let Some(error) = self.fault {
            return Err(error);
        }
        let id = |serial| RecordId { object, serial };
        self.keys.sort_unstable();
        if self.stretches.is_empty() {
            let first = self.keys.iter().take(self.most);
            return Ok(first.map(|key| id(serial_of(key))).collect());
        }
        self.write_out()?;
        let mut stretches: Vec<BufReader<File>> =
            self.stretches.into_iter().map(BufReader::new).collect();
        let mut next = BinaryHeap::new();
        for (place, stretch) in stretches.iter_mut().enumerate() {
            if let Some(key) = read_key(stretch)? {
                next.push(Reverse((key, place)));
            }
        }
        let mut ids = Vec::new();
        while ids.len() < self.most
            && let Some(Reverse((key, place))) = next.pop()
        {
            ids.push(id(serial_of(&key)));
            if let Some(key) = read_key(&mut stretches[place])? {
                next.push(Reverse((key, place)));
            }
        }
        Ok(ids)
    }

    /// Forgets what is not among the first, or else writes a stretch.
    fn make_room(&mut self) -> io::Result<()> {
        self.keys.sort_unstable();
        if self.most < self.keys.len() / 2 {
            self.keys.truncate(self.most);
            self.bytes = self.keys.iter().map(|key| key.len() + EACH).sum();
            return Ok(());
        }
        self.write_out()
    }

    fn write_out(&mut self) -> io::Result<()> {
        let mut out = BufWriter::new(tempfile::tempfile()?);
        for key in self.keys.drain(..) {
            out.write_all(&(key.len() as u32).to_be_bytes())?;
            out.write_all(&key)?;
        }
        let mut file = out.into_inner()?;
        file.seek(SeekFrom::Start(0))?;
        self.stretches.push(file);
        self.bytes = 0;
        Ok(())
    }
}

fn read_key(stretch: &mut BufReader<File>) -> io::Result<Option<Box<[u8]>>> {
    let mut length = [0; 4];
    match stretch.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut key = vec![0; u32::from_be_bytes(length) as usize];
    stretch.read_exact(&mut key)?;
    Ok(Some(key.into_boxed_slice()))
}

/// The record's number is the end of its key.
fn serial_of(key: &[u8]) -> u32 {
    key.last_chunk().map_or(0, |last| u32::from_be_bytes(*last))
}

/// Bytes that compare as records do in this order.
pub(super) fn sort_key(order: &[By], record: &OfRecord<'_>) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    for by in order {
        record.look(&by.path, |value| write_key(value, by, &mut key));
    }
    key
}

/// Appends bytes that compare as [`Scalar::compare`] does within one field. Nulls are first, in descending order too,
/// unless asked to be last.
fn write_key(value: &Scalar<'_>, by: &By, key: &mut Vec<u8>) {
    let from = key.len() + 1;
    key.push(match value {
        Scalar::Null if by.nulls_last => 2,
        Scalar::Null => 0,
        _ => 1,
    });
    let signed = |number: i64| (number ^ i64::MIN).to_be_bytes();
    match value {
        Scalar::Null => {}
        Scalar::Text(text) => {
            // Ends so that a text is before one it is the beginning of, and no byte in it looks like the end.
            for byte in fold(text).bytes() {
                key.push(byte);
                if byte == 0 {
                    key.push(0xff);
                }
            }
            key.extend([0, 0]);
        }
        Scalar::Bool(flag) => key.push(u8::from(*flag)),
        // All of one field have one scale.
        Scalar::Number(number, _) => key.extend((number.digits ^ i128::MIN).to_be_bytes()),
        Scalar::Double(number) => {
            let bits = number.to_bits() as i64;
            // As `f64::total_cmp` orders them.
            key.extend(signed(bits ^ (((bits >> 63) as u64) >> 1) as i64));
        }
        Scalar::Date(days) => key.extend(signed(i64::from(*days))),
        Scalar::Moment(seconds) => key.extend(signed(*seconds)),
        Scalar::Id(id) => {
            key.extend(id.object.to_be_bytes());
            key.extend(id.serial.to_be_bytes());
        }
    }
    if by.descending {
        for byte in &mut key[from..] {
            *byte = !*byte;
        }
    }
}

#[cfg(test)]
impl Sorter<'_> {
    /// With so little memory that stretches are written.
    pub(super) fn in_bytes(self, budget: usize) -> Self {
        Self { budget, ..self }
    }
}

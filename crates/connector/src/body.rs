//! The rows of a job on their way into it: small in memory, large in an unnamed temporary file, so that a job may be as large as the target lets it.

use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use model::Failure;
use tempfile::SpooledTempFile;

/// Bytes of one body that stay in memory.
const IN_MEMORY: usize = 8 << 20;
/// Bytes read at a time.
const PIECE: usize = 256 << 10;

/// Encoded rows, in the parts in which they came. Copies share the bytes and differ in the parts that they count in.
#[derive(Debug, Clone)]
pub struct JobBody {
    file: Arc<Mutex<SpooledTempFile>>,
    parts: Vec<Range<u64>>,
}

impl Default for JobBody {
    fn default() -> Self {
        Self {
            file: Arc::new(Mutex::new(SpooledTempFile::new(IN_MEMORY))),
            parts: Vec::new(),
        }
    }
}

impl JobBody {
    /// A body of these parts.
    pub fn of(parts: &[Bytes]) -> Result<Self, Failure> {
        let mut body = Self::default();
        for part in parts {
            body.push(part)?;
        }
        Ok(body)
    }

    /// Adds a part behind the others.
    pub fn push(&mut self, part: &[u8]) -> Result<(), Failure> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file
            .seek(SeekFrom::End(0))
            .and_then(|start| file.write_all(part).map(|()| start));
        let start = written.map_err(|error| unstored(&error))?;
        self.parts.push(start..start + part.len() as u64);
        Ok(())
    }

    /// The bytes of one part, by its place.
    pub fn part(&self, place: usize) -> Result<Bytes, Failure> {
        let Some(part) = self.parts.get(place) else {
            return Err(Failure::bug("a job's body has fewer parts than chunks"));
        };
        let mut bytes = Vec::new();
        let length = (part.end - part.start) as usize;
        read(&self.file, part.start, length, &mut bytes).map_err(|error| unstored(&error))?;
        Ok(bytes.into())
    }

    /// Keeps the parts for which `keep` says so, by their places.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut place = 0;
        self.parts.retain(|_| {
            place += 1;
            keep(place - 1)
        });
    }

    /// Bytes of all parts.
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.end - part.start).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same bytes cut up otherwise: these ranges of what `pieces` gives are the parts now, in this order.
    pub fn rearranged(&self, ranges: impl Iterator<Item = Range<u64>>) -> Self {
        let mut starts = Vec::with_capacity(self.parts.len());
        let mut next = 0;
        for part in &self.parts {
            starts.push(next);
            next += part.end - part.start;
        }
        let mut parts = Vec::with_capacity(ranges.size_hint().0);
        for mut range in ranges {
            while !range.is_empty() {
                let Some(place) = starts
                    .partition_point(|start| *start <= range.start)
                    .checked_sub(1)
                else {
                    break;
                };
                let part = &self.parts[place];
                let start = part.start + (range.start - starts[place]);
                let end = part.end.min(start + (range.end - range.start));
                if start >= end {
                    break;
                }
                range.start += end - start;
                parts.push(start..end);
            }
        }
        Self {
            file: Arc::clone(&self.file),
            parts,
        }
    }

    /// The bytes, from the first part to the last, in pieces. May be read more than once.
    pub fn pieces(&self) -> impl Iterator<Item = std::io::Result<Bytes>> + Send + use<> {
        let file = Arc::clone(&self.file);
        let mut parts = self.parts.clone().into_iter();
        let mut part = 0..0;
        std::iter::from_fn(move || {
            let mut piece = Vec::new();
            // Small parts share a piece.
            while piece.len() < PIECE {
                while part.is_empty() {
                    match parts.next() {
                        Some(next) => part = next,
                        None => return (!piece.is_empty()).then(|| Ok(piece.into())),
                    }
                }
                let room = (PIECE - piece.len()) as u64;
                let length = (part.end - part.start).min(room);
                if let Err(error) = read(&file, part.start, length as usize, &mut piece) {
                    // Nothing after a gap.
                    (part, parts) = (0..0, Vec::new().into_iter());
                    return Some(Err(error));
                }
                part.start += length;
            }
            Some(Ok(piece.into()))
        })
    }
}

/// Appends bytes of the file to a piece.
fn read(
    file: &Mutex<SpooledTempFile>,
    start: u64,
    length: usize,
    piece: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    let place = piece.len();
    piece.resize(place + length, 0);
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut piece[place..])
}

fn unstored(error: &std::io::Error) -> Failure {
    Failure::pause("no_space", format!("a job's rows can't be stored on the way: {error}"))
        .hint("the folder for temporary files (TMPDIR) needs to be writable, with some hundred megabytes free; then resume")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(body: &JobBody) -> Vec<u8> {
        body.pieces()
            .flat_map(|piece| piece.unwrap().to_vec())
            .collect()
    }

    #[test]
    fn parts_come_back_in_their_order_and_as_often_as_wanted() {
        let large = vec![b'x'; PIECE * 2 + 1];
        let mut body = JobBody::of(&[Bytes::from_static(b"one\n"), large.clone().into()]).unwrap();
        body.push(b"").unwrap();
        body.push(b"end\n").unwrap();
        let whole = [b"one\n".to_vec(), large, b"end\n".to_vec()].concat();
        assert_eq!(body.len(), whole.len() as u64);
        for _ in 0..2 {
            assert_eq!(text(&body), whole);
        }
        body.retain(|place| place != 1);
        assert_eq!(text(&body), b"one\nend\n");
        assert_eq!(body.part(2).unwrap(), "end\n");
        assert!(body.part(9).is_err());
        body.push(b"more").unwrap();
        assert_eq!(text(&body), b"one\nend\nmore");
    }

    #[test]
    fn bytes_can_be_put_in_another_order_over_all_parts() {
        let mut body = JobBody::of(&[
            Bytes::from_static(b"aaB"),
            Bytes::from_static(b"gone"),
            Bytes::from_static(b"bcc"),
        ])
        .unwrap();
        body.retain(|place| place != 1);
        assert_eq!(text(&body), b"aaBbcc");
        let other = body.rearranged([4..6, 2..4, 0..2, 9..12].into_iter());
        assert_eq!(text(&other), b"ccBbaa");
        assert_eq!(other.len(), 6);
        assert_eq!(text(&body), b"aaBbcc", "the first stays as it is");
    }
}

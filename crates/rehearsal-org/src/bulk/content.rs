//! The bytes of a job: what was uploaded, and after it what is noted of its rows. Those of all jobs stand in one
//! temporary file without a name, in blocks: jobs may be thousands, and open files may not.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const BLOCK: u64 = 16 * 1024;

/// The file, made when it is needed first.
#[derive(Default)]
pub(crate) struct Spool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    blocks: u32,
    /// Blocks of jobs that are gone.
    free: Vec<u32>,
}

impl Spool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(tempfile::tempfile()?)),
        }
    }

    fn take_block(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.blocks += 1;
            self.blocks - 1
        })
    }
}

pub(super) struct Content {
    spool: Arc<Spool>,
    blocks: Vec<u32>,
    length: u64,
}

impl Content {
    pub(super) fn new(spool: &Arc<Spool>) -> Self {
        Self {
            spool: Arc::clone(spool),
            blocks: Vec::new(),
            length: 0,
        }
    }

    /// In bytes.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// All of it.
    pub(super) fn whole(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(0..self.length, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads these bytes over what is in `into`.
    pub(super) fn read(&self, bytes: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
        if bytes.end > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into.resize(bytes.end.saturating_sub(bytes.start) as usize, 0);
        let mut state = self.spool.state();
        let file = state.file()?;
        let mut rest = into.as_mut_slice();
        for (place, length) in self.places(bytes) {
            let (now, later) = rest.split_at_mut(length);
            file.seek(SeekFrom::Start(place))?;
            file.read_exact(now)?;
            rest = later;
        }
        Ok(())
    }

    /// Writes over what is there, or on from its end.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at + bytes.len() as u64;
        let mut state = self.spool.state();
        while (self.blocks.len() as u64) * BLOCK < end {
            self.blocks.push(state.take_block());
        }
        let file = state.file()?;
        let mut rest = bytes;
        for (place, length) in self.places(at..end) {
            let (now, later) = rest.split_at(length);
            file.seek(SeekFrom::Start(place))?;
            file.write_all(now)?;
            rest = later;
        }
        drop(state);
        self.length = self.length.max(end);
        Ok(())
    }

    /// Where these bytes stand in the file, and how many together.
    fn places(&self, bytes: Range<u64>) -> Vec<(u64, usize)> {
        let mut places: Vec<(u64, usize)> = Vec::new();
        let mut at = bytes.start;
        while at < bytes.end {
            let in_block = at % BLOCK;
            let length = (BLOCK - in_block).min(bytes.end - at);
            let place = u64::from(self.blocks[(at / BLOCK) as usize]) * BLOCK + in_block;
            match places.last_mut() {
                Some((before, so_far)) if *before + *so_far as u64 == place => {
                    *so_far += length as usize;
                }
                _ => places.push((place, length as usize)),
            }
            at += length;
        }
        places
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.spool.state().free.append(&mut self.blocks);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Bytes that differ from those of other jobs and from their neighbours.
    fn bytes(job: u64, length: u64) -> Vec<u8> {
        (0..length)
            .map(|at| ((at * 7 + at / 251) ^ (job * 31)) as u8)
            .collect()
    }

    #[test]
    fn jobs_that_grow_side_by_side_keep_their_own_bytes() {
        let spool = Arc::<Spool>::default();
        let lengths = [0, 1, BLOCK, BLOCK + 1, 5 * BLOCK - 3];
        let whole: Vec<Vec<u8>> = (0..)
            .zip(lengths)
            .map(|(job, length)| bytes(job, length))
            .collect();
        let mut jobs: Vec<Content> = lengths.iter().map(|_| Content::new(&spool)).collect();
        for from in (0..5 * BLOCK as usize).step_by(1000) {
            for (content, whole) in jobs.iter_mut().zip(&whole) {
                let piece = whole.get(from..).unwrap_or_default();
                content.write_all(&piece[..piece.len().min(1000)]).unwrap();
            }
        }
        let mut read = Vec::new();
        for (content, whole) in jobs.iter().zip(&whole) {
            content.read(0..content.len(), &mut read).unwrap();
            assert_eq!(&read, whole);
            assert!(content.read(0..content.len() + 1, &mut read).is_err());
        }
        let (from, to) = (BLOCK as usize - 5, 3 * BLOCK as usize + 5);
        jobs[4]
            .put(from as u64, &bytes(9, (to - from) as u64))
            .unwrap();
        jobs[4].read(0..lengths[4], &mut read).unwrap();
        assert_eq!(read[..from], whole[4][..from]);
        assert_eq!(read[from..to], bytes(9, (to - from) as u64));
        assert_eq!(read[to..], whole[4][to..]);
    }

    #[test]
    fn the_blocks_of_jobs_that_are_gone_are_used_again() {
        let spool = Arc::<Spool>::default();
        for job in 0..100 {
            let mut content = Content::new(&spool);
            content.write_all(&bytes(job, 3 * BLOCK)).unwrap();
        }
        assert_eq!(spool.state().blocks, 3);
        let file = spool.state().file.as_ref().unwrap().metadata().unwrap();
        assert_eq!(file.len(), 3 * BLOCK);
    }
}

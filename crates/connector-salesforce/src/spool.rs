//! A result file on its way: downloaded whole before its first row is handed over, small in memory, large in an unnamed temporary file.
//! So a connection that breaks in the middle is only downloaded again, and memory stays flat.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use csv_core::{ReadRecordResult, Reader};
use model::Failure;
use reqwest::{Response, StatusCode};
use tempfile::SpooledTempFile;

use crate::client::{Call, Client, TRANSFER_TIMEOUT};
use crate::errors::{self, CallError};

/// Bytes of one file that stay in memory.
const IN_MEMORY: usize = 8 * 1024 * 1024;
/// Between two pieces of a download.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) struct Spool {
    file: SpooledTempFile,
    rows: RowCount,
}

impl Spool {
    /// Downloads a file of a job; an answer without content is an empty one.
    pub(crate) async fn download(client: &Client, job: &str, file: &str) -> Result<Self, Failure> {
        let call = Call::get(&["jobs", "ingest", job, file])
            .timeout(TRANSFER_TIMEOUT)
            .settling();
        let spool = client
            .send(call, |answer| Box::pin(Self::read(answer)))
            .await?;
        Ok(spool)
    }

    /// Downloads a page of a query's results, and says where the next one is.
    pub(crate) async fn page(
        client: &Client,
        call: Call,
    ) -> Result<(Self, Option<String>), Failure> {
        let page = client.send(call, |answer| {
            let next = answer.headers().get("Sforce-Locator");
            let next = next.and_then(|next| next.to_str().ok());
            let next = next.filter(|next| !next.is_empty() && *next != "null");
            let next = next.map(str::to_owned);
            Box::pin(async move { Ok((Self::read(answer).await?, next)) })
        });
        Ok(page.await?)
    }

    async fn read(mut answer: Response) -> Result<Self, CallError> {
        let host = answer.url().origin().ascii_serialization();
        let mut spool = Self::empty();
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(spool);
        }
        loop {
            let piece = tokio::time::timeout(SILENCE, answer.chunk()).await;
            let piece = piece.map_err(|_| {
                CallError::before(Failure::retry(
                    "no_answer",
                    format!("{host} fell silent in the middle of a file"),
                ))
            })?;
            match piece.map_err(|error| errors::unanswered(&error, &host))? {
                // Pieces are small and go to memory or the page cache.
                Some(piece) => spool.take(&piece).map_err(|error| unstored(&error))?,
                None => {
                    spool.rows.end();
                    return Ok(spool);
                }
            }
        }
    }

    fn empty() -> Self {
        Self {
            file: SpooledTempFile::new(IN_MEMORY),
            rows: RowCount::new(),
        }
    }

    fn take(&mut self, piece: &[u8]) -> std::io::Result<()> {
        self.rows.take(piece);
        self.file.write_all(piece)
    }

    /// The rows of the file below its header, counted while it came.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.rows.saturating_sub(1)
    }

    /// The file from its beginning.
    pub(crate) fn reader(&mut self) -> Result<impl Read + '_, Failure> {
        self.file
            .seek(SeekFrom::Start(0))
            .map_err(|error| unstored(&error).failure)?;
        Ok(&mut self.file)
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        let mut spool = Self::empty();
        assert!(spool.take(text.as_bytes()).is_ok(), "memory takes it");
        spool.rows.end();
        spool
    }
}

/// Counts the rows of a CSV file that comes in pieces, cut anywhere.
struct RowCount {
    reader: Reader,
    rows: u64,
    /// Room for a row's text, which is thrown away piece by piece.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl RowCount {
    fn new() -> Self {
        Self {
            reader: Reader::new(),
            rows: 0,
            text: vec![0; 4 << 10],
            ends: vec![0; 128],
        }
    }

    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (result, read, _, _) =
                self.reader
                    .read_record(piece, &mut self.text, &mut self.ends);
            self.rows += u64::from(result == ReadRecordResult::Record);
            piece = &piece[read..];
        }
    }

    /// The last row need not end with its line.
    fn end(&mut self) {
        let (result, _, _, _) = self.reader.read_record(&[], &mut self.text, &mut self.ends);
        self.rows += u64::from(result == ReadRecordResult::Record);
    }
}

fn unstored(error: &std::io::Error) -> CallError {
    CallError::before(
        Failure::pause("no_space", format!("a job's results can't be stored on the way: {error}"))
            .hint("the folder for temporary files (TMPDIR) needs to be writable, with some hundred megabytes free; then resume"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_wherever_a_file_is_cut_into_pieces() {
        for (text, rows) in [
            ("", 0),
            ("\n", 0),
            ("sf__Id,Name", 0),
            ("sf__Id,Name\n", 0),
            ("sf__Id,Name\n1,\"a\nb, \"\"c\"\"\"\n\n2,\"\"", 2),
            ("\"sf__Id\",\"Name\"\r\n\"1\",\"é\"\r\n\"2\",\"\"\r\n", 2),
        ] {
            for cut in 0..=text.len() {
                let mut spool = Spool::empty();
                let (start, end) = text.as_bytes().split_at(cut);
                assert!(spool.take(start).and_then(|()| spool.take(end)).is_ok());
                spool.rows.end();
                assert_eq!(spool.rows(), rows, "{text:?} cut at {cut}");
            }
        }
    }
}

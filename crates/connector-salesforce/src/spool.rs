//! A result file on its way: downloaded whole before its first row is handed over, small in memory, large in an unnamed temporary file.
//! So a connection that breaks in the middle is only downloaded again, and memory stays flat.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use model::Failure;
use reqwest::{Response, StatusCode};
use tempfile::SpooledTempFile;

use crate::client::{Call, Client, TRANSFER_TIMEOUT};
use crate::errors::{self, CallError};

/// Bytes of one file that stay in memory.
const IN_MEMORY: usize = 8 * 1024 * 1024;
/// Between two pieces of a download.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) struct Spool(SpooledTempFile);

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
        let mut file = SpooledTempFile::new(IN_MEMORY);
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(Self(file));
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
                Some(piece) => file.write_all(&piece).map_err(|error| unstored(&error))?,
                None => return Ok(Self(file)),
            }
        }
    }

    /// The file from its beginning.
    pub(crate) fn reader(&mut self) -> Result<impl Read + '_, Failure> {
        self.0
            .seek(SeekFrom::Start(0))
            .map_err(|error| unstored(&error).failure)?;
        Ok(&mut self.0)
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        let mut file = SpooledTempFile::new(IN_MEMORY);
        let written = file.write_all(text.as_bytes());
        assert!(written.is_ok(), "memory takes it");
        Self(file)
    }
}

fn unstored(error: &std::io::Error) -> CallError {
    CallError::before(
        Failure::pause("no_space", format!("a job's results can't be stored on the way: {error}"))
            .hint("the folder for temporary files (TMPDIR) needs to be writable, with some hundred megabytes free; then resume"),
    )
}

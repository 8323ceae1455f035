//! Receives a job's rows: once per job, chunked or not, straight to where they stay.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt as _;

use super::content::{Content, Spool};
use super::job::{Job, State, Upload};
use crate::errors::ApiError;
use crate::rest::Reply;
use crate::rest::call::Call;

/// 150 MB after base64 are at most this many bytes before.
const MOST: u64 = 112_500_000;

pub(super) async fn receive(job: &Job, spool: &Arc<Spool>, call: Call) -> Result<Reply, ApiError> {
    call.only("PUT")?;
    let content_type = call
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if !content_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("text/csv")
    {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            format!("Content-Type of a job's content must be text/csv, not '{content_type}'"),
        ));
    }
    {
        let mut progress = job.progress();
        if progress.state != State::Open {
            let message = format!(
                "Job is in state {}, content can only be uploaded while it is Open",
                progress.state.name()
            );
            return Err(ApiError::bad("INVALIDJOBSTATE", message));
        }
        if !matches!(progress.upload, Upload::None) {
            let message = format!(
                "Found multiple contents for job: <{}>, please upload once per job",
                job.id
            );
            return Err(ApiError::bad("CLIENTINPUTERROR", message));
        }
        progress.upload = Upload::Running;
    }
    let mut guard = Unfinished {
        job,
        finished: false,
    };
    let data = collect(Content::new(spool), &call.headers, call.body, MOST).await?;
    let mut progress = job.progress();
    if progress.state != State::Open {
        let message = format!("Job became {} during the upload", progress.state.name());
        return Err(ApiError::bad("INVALIDJOBSTATE", message));
    }
    progress.upload = Upload::Done(data);
    guard.finished = true;
    drop(progress);
    Ok(Reply::empty(StatusCode::CREATED))
}

/// An upload that broke off, its future dropped, leaves the job as it was, to be uploaded again.
struct Unfinished<'a> {
    job: &'a Job,
    finished: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let mut progress = self.job.progress();
            if matches!(progress.upload, Upload::Running) {
                progress.upload = Upload::None;
            }
        }
    }
}

/// Reads a body of at most this many bytes.
pub(super) async fn collect(
    mut content: Content,
    headers: &HeaderMap,
    body: Body,
    most: u64,
) -> Result<Content, ApiError> {
    let too_large = || {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "REQUEST_TOO_LARGE",
            "A job's content may hold 150 MB after base64 encoding; send more jobs",
        )
    };
    let broken = || {
        ApiError::bad(
            "CLIENTINPUTERROR",
            "The content could not be read to its end",
        )
    };
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or_default();
    if length > most {
        return Err(too_large());
    }
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| broken())?;
        content.write_all(&piece).map_err(no_room)?;
        if content.len() > most {
            return Err(too_large());
        }
    }
    Ok(content)
}

/// The error of an org that can't keep what it is sent.
pub(super) fn no_room(error: std::io::Error) -> ApiError {
    tracing::error!(%error, "no room for an upload");
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "UNKNOWN_EXCEPTION",
        "The content could not be kept",
    )
}

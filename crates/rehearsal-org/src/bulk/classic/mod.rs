//! Bulk API 1.0, for clients that still use it: jobs of batches in CSV, JSON or XML. `routes` takes the calls,
//! `create` reads what a job is to do, `job` holds it, `content` reads batches, `drive` works through them by the
//! same writes as Bulk API 2.0, `results` and `rows` tell what came of it, `format` writes all else.

mod content;
mod create;
mod drive;
mod format;
mod job;
mod results;
mod routes;
mod rows;
mod summary;

use axum::http::{HeaderMap, StatusCode};

use crate::errors::ApiError;
use crate::rest::Reply;

pub(crate) use job::ClassicJobs;
pub(crate) use routes::answer;
pub(super) use summary::{outcomes, summaries};

/// How these calls are told what the org refuses before it looks at them.
pub(crate) fn refused(headers: &HeaderMap, error: ApiError) -> Reply {
    let exception = match error.status {
        StatusCode::UNAUTHORIZED => {
            format::Exception::new("InvalidSessionId", "Invalid session id")
        }
        status => {
            let mut exception = format::Exception::from(error);
            exception.status = status;
            exception
        }
    };
    exception.reply(format::Format::of(headers).unwrap_or(format::Format::Xml))
}

//! The calls under `/services/async/{version}/job`.

use std::sync::Arc;

use axum::http::{Method, StatusCode};

use super::create::{JobInfo, spec};
use super::drive::drive;
use super::format::{
    CSV, DECLARATION, Exception, Format, Info, JSON, NAMESPACE, XML, one, several,
};
use super::job::{Batch, BatchState, ClassicJob, Content, JobState, Kind};
use super::results::results;
use super::rows;
use crate::bulk::content::Content as Upload;
use crate::bulk::upload::{collect, no_room};
use crate::errors::ApiError;
use crate::org::Org;
use crate::rest::Reply;
use crate::rest::call::Call;
use crate::xml::write_element;

/// The versions answered; those before are retired.
const VERSIONS: std::ops::RangeInclusive<u32> = 31..=67;
/// The most a batch may hold, in bytes.
const MOST: u64 = 10 * 1024 * 1024;
const MOST_INFO: u64 = 64 * 1024;

/// `version` is the segment of the address, without a `v`.
pub(crate) async fn answer(org: &Arc<Org>, call: Call, version: &str, path: &[&str]) -> Reply {
    let asked = Format::of(&call.headers);
    // Of a job that is there, the answer is in the language it was created in, unless the call says another.
    let known = path.first().and_then(|id| org.jobs.classic.find(id));
    let own = known.as_ref().map(|job| job.spec.format);
    let format = asked.or(own).unwrap_or(Format::Xml);
    match take(org, call, version, path, known, format).await {
        Ok(reply) => reply,
        Err(exception) => exception.reply(format),
    }
}

async fn take(
    org: &Arc<Org>,
    mut call: Call,
    version: &str,
    path: &[&str],
    job: Option<Arc<ClassicJob>>,
    format: Format,
) -> Result<Reply, Exception> {
    let session = call.headers.get("x-sfdc-session");
    let session = session.and_then(|v| v.to_str().ok());
    let allowed = match session {
        Some(token) => org.auth.check_token(token.trim()),
        None => org.auth.check(&call.headers),
    };
    if allowed.is_err() {
        call.drain().await;
        return Err(Exception::new("InvalidSessionId", "Invalid session id"));
    }
    let number = version.strip_suffix(".0").and_then(|v| v.parse().ok());
    if !number.is_some_and(|v: u32| VERSIONS.contains(&v)) {
        let message = format!("Invalid API version: {version}");
        return Err(Exception::new("InvalidVersion", message));
    }
    call.version = version.to_owned();
    let Some((id, rest)) = path.split_first() else {
        return create(org, call, format).await;
    };
    let unknown = || Exception::new("InvalidJob", format!("Unable to find object: {id}"));
    let job = job.ok_or_else(unknown)?;
    match rest {
        [] => match call.method {
            Method::GET => Ok(told(format, StatusCode::OK, "jobInfo", &job.info(org))),
            Method::POST => change(org, &job, call, format).await,
            _ => Err(ApiError::method(call.method.as_str(), "GET,POST").into()),
        },
        ["batch"] => match call.method {
            Method::GET => {
                let batches: Vec<Arc<Batch>> = job.progress().batches.clone();
                let infos: Vec<Info> = batches.iter().map(|b| b.info(&job)).collect();
                Ok(format.reply(StatusCode::OK, several(format, &infos)))
            }
            Method::POST => add(org, job, call, format).await,
            _ => Err(ApiError::method(call.method.as_str(), "GET,POST").into()),
        },
        ["batch", id, rest @ ..] => {
            call.only("GET")?;
            let unknown = || Exception::new("InvalidBatch", format!("Unable to find object: {id}"));
            let batch = job.batch(id).ok_or_else(unknown)?;
            of_batch(org, &job, &batch, rest, format)
        }
        _ => Err(ApiError::not_found().into()),
    }
}

fn told(format: Format, status: StatusCode, name: &str, info: &Info) -> Reply {
    format.reply(status, one(format, name, info))
}

async fn create(org: &Arc<Org>, mut call: Call, format: Format) -> Result<Reply, Exception> {
    call.only("POST")?;
    let body = std::mem::take(&mut call.body);
    let body = collect(Upload::new(&org.jobs.spool), &call.headers, body, MOST_INFO).await?;
    let body = body.whole().map_err(no_room)?;
    let info = JobInfo::read(format, &body)?;
    let spec = spec(&org.catalogue, &call, &info, format)?;
    let job = org.jobs.classic.create(org.jobs.next_number(), spec);
    Ok(told(format, StatusCode::CREATED, "jobInfo", &job.info(org)))
}

async fn change(
    org: &Arc<Org>,
    job: &ClassicJob,
    call: Call,
    format: Format,
) -> Result<Reply, Exception> {
    let body = call.bytes(MOST_INFO as usize).await?;
    let info = JobInfo::read(format, &body)?;
    let state = match info.get("state") {
        Some("Closed") => JobState::Closed,
        Some("Aborted") => JobState::Aborted,
        _ => {
            let message = "The state must be Closed or Aborted";
            return Err(Exception::new("InvalidJobState", message));
        }
    };
    job.change(state)
        .map_err(|message| Exception::new("InvalidJobState", message))?;
    Ok(told(format, StatusCode::OK, "jobInfo", &job.info(org)))
}

/// Takes a batch, which is worked through whether or not the job is closed.
async fn add(
    org: &Arc<Org>,
    job: Arc<ClassicJob>,
    mut call: Call,
    format: Format,
) -> Result<Reply, Exception> {
    let body = std::mem::take(&mut call.body);
    let data = collect(Upload::new(&org.jobs.spool), &call.headers, body, MOST).await?;
    let batch = org.jobs.classic.batch(Arc::new(data));
    {
        let mut progress = job.progress();
        if progress.state != JobState::Open {
            let message = format!(
                "Job is {}, no batch can be added to it",
                progress.state.name()
            );
            return Err(Exception::new("InvalidJobState", message));
        }
        progress.batches.push(Arc::clone(&batch));
    }
    let reply = told(format, StatusCode::CREATED, "batchInfo", &batch.info(&job));
    org.spawn(drive(Arc::clone(org), job, batch));
    Ok(reply)
}

fn of_batch(
    org: &Arc<Org>,
    job: &Arc<ClassicJob>,
    batch: &Arc<Batch>,
    path: &[&str],
    format: Format,
) -> Result<Reply, Exception> {
    let content = job.spec.content;
    let (state, matched) = {
        let progress = batch.progress();
        (progress.state, progress.matched.clone())
    };
    match path {
        [] => Ok(told(format, StatusCode::OK, "batchInfo", &batch.info(job))),
        ["request"] => request(job, batch),
        ["result", ..] if !matches!(state, BatchState::Completed | BatchState::Failed) => {
            let message = format!("Batch is {}, it has no result", state.name());
            Err(Exception::new("InvalidBatch", message))
        }
        ["result"] => match &job.spec.kind {
            Kind::Ingest(_) => Ok(results(org, batch, content)),
            Kind::Query { .. } => Ok(result_list(
                content,
                matched.is_some().then(|| batch.result_id()),
            )),
        },
        ["result", id] if *id == batch.result_id() => {
            let matched =
                matched.ok_or_else(|| Exception::new("InvalidBatch", "The batch has no result"))?;
            let rows = rows::Result::new(org, &matched, content, &job.spec.api_version);
            let content_type = match content {
                Content::Csv => CSV,
                Content::Json => JSON,
                Content::Xml => XML,
            };
            Ok(Reply::pieces(content_type, rows))
        }
        ["result", id] => Err(Exception::new(
            "InvalidBatch",
            format!("Unable to find object: {id}"),
        )),
        _ => Err(ApiError::not_found().into()),
    }
}

/// What was sent.
fn request(job: &ClassicJob, batch: &Batch) -> Result<Reply, Exception> {
    let body = batch.request.whole().map_err(no_room)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(match (&job.spec.kind, job.spec.content) {
        (Kind::Ingest(_), Content::Json) => Format::Json.reply(StatusCode::OK, body),
        (Kind::Ingest(_), Content::Xml) => Format::Xml.reply(StatusCode::OK, body),
        _ => Reply::whole(StatusCode::OK, CSV, body),
    })
}

/// The ids of a query's results, of which a batch has one.
fn result_list(content: Content, id: Option<String>) -> Reply {
    match content {
        Content::Json => {
            let ids: Vec<String> = id.into_iter().collect();
            let body = serde_json::Value::from(ids).to_string();
            Format::Json.reply(StatusCode::OK, body)
        }
        Content::Csv | Content::Xml => {
            let mut body = format!("{DECLARATION}<result-list xmlns=\"{NAMESPACE}\">");
            if let Some(id) = id {
                write_element("result", &id, &mut body);
            }
            body.push_str("</result-list>");
            Format::Xml.reply(StatusCode::OK, body)
        }
    }
}

//! The calls under `jobs/ingest`.

use std::io::Write as _;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::content::Content;
use super::info::{Detail, info};
use super::job::{Job, State, Upload};
use super::process::drive;
use super::results::{File, results};
use super::{create, multipart, upload};
use crate::errors::ApiError;
use crate::org::Org;
use crate::rest::Reply;
use crate::rest::call::Call;

/// Jobs on one page of the list.
const PAGE: usize = 1000;
const MOST_JSON: usize = 64 * 1024;

pub(crate) async fn answer(org: &Arc<Org>, call: Call, path: &[&str]) -> Result<Reply, ApiError> {
    let find = |id: &str| org.jobs.find(id).ok_or_else(ApiError::not_found);
    match path {
        [] if call.method == Method::POST => start(org, call).await,
        [] => list(org, &call),
        [id] => {
            let job = find(id)?;
            match call.method {
                Method::GET => Ok(Reply::json(&info(org, &job, Detail::Full))),
                Method::PATCH => change(org, job, call).await,
                Method::DELETE => remove(org, &job),
                _ => Err(ApiError::method(call.method.as_str(), "GET,PATCH,DELETE")),
            }
        }
        [id, "batches"] => upload::receive(&*find(id)?, &org.jobs.spool, call).await,
        [id, file] => {
            call.only("GET")?;
            let file = File::named(file).ok_or_else(ApiError::not_found)?;
            result_file(org, find(id)?, file).await
        }
        _ => Err(ApiError::not_found()),
    }
}

async fn start(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    let version = call.version.clone();
    if let Some(boundary) = multipart::boundary(&call.headers) {
        let body = call.bytes(multipart::MOST).await?;
        let parts = multipart::read(&body, &boundary)?;
        let spec = create::spec(&org.catalogue, &version, parts.job)?;
        let mut content = Content::new(&org.jobs.spool);
        content.write_all(parts.content).map_err(upload::no_room)?;
        let job = org.jobs.create(spec);
        {
            let mut progress = job.progress();
            progress.upload = Upload::Done(content);
            progress.enter(State::UploadComplete);
        }
        let reply = Reply::json(&info(org, &job, Detail::Created));
        org.spawn(drive(Arc::clone(org), job));
        return Ok(reply);
    }
    let body = call.bytes(MOST_JSON).await?;
    let spec = create::spec(&org.catalogue, &version, &body)?;
    let job = org.jobs.create(spec);
    Ok(Reply::json(&info(org, &job, Detail::Created)))
}

fn list(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let other_type = call.parameter("jobType").is_some_and(|t| t != "V2Ingest");
    let after = match call.parameter("queryLocator") {
        None | Some("") => 0,
        Some(locator) => {
            let number = locator.parse();
            number.map_err(|_| ApiError::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))?
        }
    };
    let mut jobs = if other_type {
        Vec::new()
    } else {
        org.jobs.after(after, PAGE + 1)
    };
    let done = jobs.len() <= PAGE;
    jobs.truncate(PAGE);
    let mut reply = json!({
        "done": done,
        "records": jobs.iter().map(|job| info(org, job, Detail::Listed)).collect::<Vec<Json>>(),
    });
    if let (false, Some(last)) = (done, jobs.last()) {
        let url = format!(
            "/services/data/v{}/jobs/ingest?queryLocator={}",
            call.version, last.number
        );
        reply["nextRecordsUrl"] = json!(url);
    }
    Ok(Reply::json(&reply))
}

async fn change(org: &Arc<Org>, job: Arc<Job>, call: Call) -> Result<Reply, ApiError> {
    let body = call.json().await?;
    match body.get("state").and_then(Json::as_str) {
        Some("UploadComplete") => {
            if matches!(job.progress().upload, Upload::Running) {
                let message = "Job can't be closed while its content is still being uploaded";
                return Err(ApiError::bad("INVALIDJOBSTATE", message));
            }
            refuse_unless(&job, "Closing", |job| {
                job.progress().enter(State::UploadComplete)
            })?;
            org.spawn(drive(Arc::clone(org), Arc::clone(&job)));
        }
        Some("Aborted") => {
            // Not before the chunk under way is written and told.
            let _gate = job.gate.lock().await;
            refuse_unless(&job, "Aborting", |job| job.progress().enter(State::Aborted))?;
            job.wake.notify_waiters();
            job.wake.notify_one();
        }
        _ => {
            return Err(ApiError::bad(
                "INVALIDJOB",
                "InvalidJob : state must be UploadComplete or Aborted",
            ));
        }
    }
    Ok(Reply::json(&info(org, &job, Detail::Changed)))
}

fn refuse_unless(job: &Job, doing: &str, enter: impl FnOnce(&Job) -> bool) -> Result<(), ApiError> {
    let before = job.state();
    if enter(job) {
        return Ok(());
    }
    let now = match before {
        State::JobComplete => "Completed",
        other => other.name(),
    };
    Err(ApiError::bad(
        "INVALIDJOBSTATE",
        format!("{doing} already {now} Job not allowed"),
    ))
}

fn remove(org: &Org, job: &Job) -> Result<Reply, ApiError> {
    let state = job.state();
    if !(state.is_end() || state == State::UploadComplete) {
        let message = "Error encountered when deleting the job because the job is not terminated";
        return Err(ApiError::bad("API_ERROR", message));
    }
    // One that waits must not be processed after it is gone.
    job.progress().enter(State::Aborted);
    job.wake.notify_one();
    org.jobs.remove(job);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn result_file(org: &Arc<Org>, job: Arc<Job>, file: File) -> Result<Reply, ApiError> {
    let state = job.state();
    if !state.is_end() {
        let message = format!(
            "Results are there once the job has ended, it is {}",
            state.name()
        );
        return Err(ApiError::bad("INVALIDJOBSTATE", message));
    }
    let results = {
        let org = Arc::clone(org);
        org.clone()
            .blocking(move |_| results(&org, &job, file))
            .await?
    };
    if results.is_empty() && org.faults.empty_results() {
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    Ok(Reply::csv(results))
}

//! The calls under `jobs/query`.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::create;
use super::drive::drive;
use super::job::{Matched, QueryJob};
use super::pages::{Page, locator, read_locator};
use crate::bulk::job::State;
use crate::errors::ApiError;
use crate::org::Org;
use crate::rest::Reply;
use crate::rest::call::Call;
use crate::values::moment::moment_text;

/// Jobs on one page of the list.
const LISTED: usize = 1000;
/// Pages named by one answer of `resultPages`.
const NAMED: usize = 5;
/// A statement of 100,000 characters, escaped, and what goes with it.
const MOST_JSON: usize = 1024 * 1024;
/// The versions that have query jobs, and that name their pages.
const SINCE: u32 = 47;
const NAMED_SINCE: u32 = 58;

pub(crate) async fn answer(org: &Arc<Org>, call: Call, path: &[&str]) -> Result<Reply, ApiError> {
    let version = call.version_number();
    if version < SINCE {
        return Err(ApiError::not_found());
    }
    let find = |id: &str| org.jobs.queries.find(id).ok_or_else(ApiError::not_found);
    match path {
        [] if call.method == Method::POST => start(org, call).await,
        [] => list(org, &call),
        [id] => {
            let job = find(id)?;
            match call.method {
                Method::GET => Ok(Reply::json(&info(org, &job, true))),
                Method::PATCH => abort(org, &job, call).await,
                Method::DELETE => remove(org, &job),
                _ => Err(ApiError::method(call.method.as_str(), "GET,PATCH,DELETE")),
            }
        }
        [id, "results"] => {
            call.only("GET")?;
            results(org, find(id)?, call).await
        }
        [id, "resultPages"] if version >= NAMED_SINCE => {
            call.only("GET")?;
            result_pages(org, &*find(id)?, &call)
        }
        _ => Err(ApiError::not_found()),
    }
}

async fn start(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    let version = call.version.clone();
    let body = call.bytes(MOST_JSON).await?;
    let spec = org
        .blocking(move |org| create::spec(org, &version, &body))
        .await??;
    let job = org.jobs.queries.create(org.jobs.next_number(), spec);
    let reply = Reply::json(&info(org, &job, false));
    org.spawn(drive(Arc::clone(org), job));
    Ok(reply)
}

/// A job as the API tells it; `full` with how far it is.
fn info(org: &Org, job: &QueryJob, full: bool) -> Json {
    let progress = job.progress();
    let spec = &job.spec;
    let mut info = Map::new();
    let mut put = |name: &str, value: Json| {
        info.insert(name.to_owned(), value);
    };
    put("id", json!(job.id));
    let operation = if spec.deleted { "queryAll" } else { "query" };
    put("operation", json!(operation));
    put("object", json!(spec.object));
    put(
        "createdById",
        json!(org.catalogue.id_text(org.catalogue.user)),
    );
    put("createdDate", json!(moment_text(job.created)));
    put("systemModstamp", json!(moment_text(progress.modified)));
    put("state", json!(progress.state.name()));
    put("concurrencyMode", json!("Parallel"));
    put("contentType", json!("CSV"));
    put(
        "apiVersion",
        json!(spec.api_version.parse::<f64>().unwrap_or_default()),
    );
    put("lineEnding", json!(if spec.crlf { "CRLF" } else { "LF" }));
    put("columnDelimiter", json!(spec.delimiter.name));
    if full {
        let rows = progress.matched.as_ref().map_or(0, |m| m.ids.len());
        put("jobType", json!("V2Query"));
        put("numberRecordsProcessed", json!(rows));
        put("retries", json!(0));
        put(
            "totalProcessingTime",
            json!(progress.busy.as_millis() as u64),
        );
        put("isPkChunkingSupported", json!(true));
        if let Some(error) = &progress.error {
            put("errorMessage", json!(error));
        }
    }
    Json::Object(info)
}

fn list(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let other_type = call.parameter("jobType").is_some_and(|t| t != "V2Query");
    let after = match call.parameter("queryLocator") {
        None | Some("") => 0,
        Some(locator) => locator.parse().map_err(|_| bad_locator())?,
    };
    let mut jobs = if other_type {
        Vec::new()
    } else {
        org.jobs.queries.after(after, LISTED + 1)
    };
    let done = jobs.len() <= LISTED;
    jobs.truncate(LISTED);
    let records: Vec<Json> = jobs
        .iter()
        .map(|job| {
            let mut info = info(org, job, false);
            info["jobType"] = json!("V2Query");
            info
        })
        .collect();
    let next = jobs.last().filter(|_| !done).map(|last| {
        let number = last.number;
        format!(
            "/services/data/v{}/jobs/query?queryLocator={number}",
            call.version
        )
    });
    Ok(Reply::json(
        &json!({"done": done, "records": records, "nextRecordsUrl": next}),
    ))
}

async fn abort(org: &Org, job: &QueryJob, call: Call) -> Result<Reply, ApiError> {
    let body = call.json().await?;
    if body.get("state").and_then(Json::as_str) != Some("Aborted") {
        return Err(ApiError::bad(
            "INVALIDJOB",
            "InvalidJob : state must be Aborted",
        ));
    }
    let before = job.state();
    if !job.enter(State::Aborted) {
        let now = match before {
            State::JobComplete => "Completed",
            other => other.name(),
        };
        return Err(ApiError::bad(
            "INVALIDJOBSTATE",
            format!("Aborting already {now} Job not allowed"),
        ));
    }
    job.wake.notify_one();
    Ok(Reply::json(&info(org, job, false)))
}

fn remove(org: &Org, job: &QueryJob) -> Result<Reply, ApiError> {
    if !job.state().is_end() {
        let message = "Error encountered when deleting the job because the job is not terminated";
        return Err(ApiError::bad("API_ERROR", message));
    }
    org.jobs.queries.remove(job);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn bad_locator() -> ApiError {
    ApiError::bad("INVALID_QUERY_LOCATOR", "invalid query locator")
}

/// What a finished job matched.
fn matched(job: &QueryJob, call: &Call) -> Result<Arc<Matched>, ApiError> {
    if job.spec.api_version != call.version {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "API_VERSION_MISMATCH",
            format!(
                "The job was created with API version {}, its results can't be read with {}",
                job.spec.api_version, call.version
            ),
        ));
    }
    let progress = job.progress();
    match (&progress.matched, progress.state) {
        (Some(matched), State::JobComplete) => Ok(Arc::clone(matched)),
        (_, state) => Err(ApiError::bad(
            "INVALIDJOBSTATE",
            format!(
                "Results are there once the job is complete, it is {}",
                state.name()
            ),
        )),
    }
}

/// The rows a call asks for: where they begin, and at most how many.
fn wanted(org: &Org, call: &Call, total: usize) -> Result<(usize, usize), ApiError> {
    let from = match call.parameter("locator") {
        None | Some("") => 0,
        Some(text) => read_locator(text)
            .filter(|from| *from < total)
            .ok_or_else(bad_locator)?,
    };
    let most = match call.parameter("maxRecords") {
        None | Some("") => org.page_rows(),
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|most| *most > 0)
            .ok_or_else(|| {
                let message = format!("maxRecords must be a whole number above 0, not '{text}'");
                ApiError::bad("INVALIDJOB", format!("InvalidJob : {message}"))
            })?,
    };
    Ok((from, most.min(org.page_rows())))
}

async fn results(org: &Arc<Org>, job: Arc<QueryJob>, call: Call) -> Result<Reply, ApiError> {
    let matched = matched(&job, &call)?;
    let total = matched.ids.len();
    let (from, most) = wanted(org, &call, total)?;
    // Its body can't be shared between threads, and nothing of it is needed any more.
    drop(call);
    let to = (from + most).min(total);
    let next = locator(to, total);
    let page = {
        let org = Arc::clone(org);
        org.clone()
            .blocking(move |_| Page::new(&org, &job, &matched, from, to))
            .await?
    };
    let rows = page.len().to_string();
    Ok(Reply::csv(page)
        .with("sforce-locator", &next)
        .with("sforce-numberofrecords", &rows))
}

/// The addresses of the next pages, for who reads them side by side.
fn result_pages(org: &Org, job: &QueryJob, call: &Call) -> Result<Reply, ApiError> {
    let total = matched(job, call)?.ids.len();
    let (from, most) = wanted(org, call, total)?;
    let base = format!("/services/data/v{}/jobs/query/{}", call.version, job.id);
    // Said again where it was asked for; the documented call has no parameters.
    let size = call
        .parameter("maxRecords")
        .filter(|asked| !asked.is_empty());
    let size = size.map_or_else(String::new, |_| format!("&maxRecords={most}"));
    let starts: Vec<usize> = (from..total.max(1)).step_by(most).take(NAMED + 1).collect();
    let urls: Vec<Json> = starts
        .iter()
        .take(NAMED)
        .map(|start| {
            // A query that found nothing has one page, which nothing leads to.
            let url = match locator(*start, total).as_str() {
                "null" => format!("{base}/results"),
                locator => format!("{base}/results?locator={locator}{size}"),
            };
            json!({"resultUrl": url})
        })
        .collect();
    let next = starts.get(NAMED).map(|start| {
        let locator = locator(*start, total);
        format!("{base}/resultPages?locator={locator}{size}")
    });
    Ok(Reply::json(&json!({
        "resultPages": urls,
        "nextRecordsUrl": next,
        "done": next.is_none(),
    })))
}

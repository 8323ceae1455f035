//! A job from opening to end. Which of its calls may be made twice decides how each treats a lost answer (the table in the README).

use std::time::Duration;

use connector::{JobBody, JobStatus, LoadPlan};
use model::Failure;
use model::migration::Operation;
use serde::Deserialize;
use serde_json::json;

use crate::client::{Call, Client};
use crate::columns::{columns, header};
use crate::{key, parent_order};

/// The kill switch was read right before a job is closed; the call is not sent later than this after.
const LEAVE: Duration = Duration::from_secs(1);
/// From creating a job to closing it: without room for these in the budget of API calls an upload would be for nothing.
const CALLS: u64 = 3;
/// What the org takes in one job, as uploaded.
const MOST_BYTES: u64 = 100_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobInfo {
    id: String,
    state: String,
    #[serde(default)]
    number_records_processed: u64,
    #[serde(default)]
    error_message: Option<String>,
}

/// The operation in the org's words.
fn in_org(operation: Operation) -> &'static str {
    match operation {
        Operation::HardDelete => "hardDelete",
        other => other.as_str(),
    }
}

/// Opens a job. When the answer is lost another is opened: one that nobody knows is never closed, writes nothing, and the org clears it away.
pub(crate) async fn create(client: &Client, plan: &LoadPlan) -> Result<String, Failure> {
    let mut body = json!({
        "object": plan.to,
        "operation": in_org(plan.operation),
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    });
    if plan.operation == Operation::Upsert {
        body["externalIdFieldName"] = json!(key::field(plan)?.name);
    }
    let call = Call::post(&["jobs", "ingest"], &body).leading_to(CALLS);
    let job: JobInfo = client
        .json(call)
        .await
        .map_err(|error| Failure::from(error).object(&plan.object))?;
    Ok(job.id)
}

/// Fills a job. A job can be filled once, so that a lost answer is not followed by a second try: the caller fills a new job instead.
pub(crate) async fn upload(
    client: &Client,
    plan: &LoadPlan,
    job: &str,
    body: JobBody,
) -> Result<(), Failure> {
    let header = header(&columns(plan)?);
    let size = header.len() as u64 + body.len();
    if size > MOST_BYTES {
        return Err(Failure::bug(format!(
            "a job of {size} bytes was filled, of which the org takes {MOST_BYTES}"
        ))
        .object(&plan.object));
    }
    let body = {
        let plan = plan.clone();
        let ordering = tokio::task::spawn_blocking(move || parent_order::ordered(&plan, &body));
        ordering.await.map_err(|error| {
            Failure::bug(format!("ordering a job's rows did not end: {error}"))
        })??
    };
    let call = Call::put_csv(&["jobs", "ingest", job, "batches"], header, body).unless_acted(None);
    client
        .done(call)
        .await
        .map_err(|error| Failure::from(error).object(&plan.object))
}

/// Lets the org begin to write. Tried once within the leave that the caller got; what became of it is asked when the answer is lost.
pub(crate) async fn close(client: &Client, job: &str) -> Result<(), Failure> {
    let body = json!({"state": "UploadComplete"});
    let call = Call::patch(&["jobs", "ingest", job], &body).unless_acted(Some(LEAVE));
    let Err(error) = client.done(call).await else {
        return Ok(());
    };
    if !error.may_have_acted && error.code != "INVALIDJOBSTATE" {
        return Err(error.into());
    }
    match state(client, job).await? {
        Some(info) if info.state == "Open" => Err(Failure::retry(
            "not_closed",
            format!(
                "the job {job} could not be closed: {}",
                error.failure.message
            ),
        )),
        Some(info) if info.state == "Aborted" => Err(Failure::retry(
            "job_aborted",
            format!("the job {job} was aborted before it was closed"),
        )),
        Some(_) => Ok(()),
        None => Err(error.into()),
    }
}

/// Ends a job early; one that has ended, or is gone, is left alone.
pub(crate) async fn abort(client: &Client, job: &str) -> Result<(), Failure> {
    let body = json!({"state": "Aborted"});
    let call = Call::patch(&["jobs", "ingest", job], &body).settling();
    let Err(error) = client.done(call).await else {
        return Ok(());
    };
    if error.is_not_found() {
        return Ok(());
    }
    if error.code == "INVALIDJOBSTATE" {
        let ended =
            |info: &JobInfo| matches!(info.state.as_str(), "JobComplete" | "Failed" | "Aborted");
        if state(client, job).await?.is_none_or(|info| ended(&info)) {
            return Ok(());
        }
        // It was between two states.
        return Err(Failure::retry("not_aborted", error.failure.message));
    }
    Err(error.into())
}

pub(crate) async fn status(client: &Client, job: &str) -> Result<JobStatus, Failure> {
    let Some(info) = state(client, job).await? else {
        return Ok(JobStatus::Unknown);
    };
    let processed = info.number_records_processed;
    Ok(match info.state.as_str() {
        "Open" => JobStatus::Open,
        "UploadComplete" | "InProgress" => JobStatus::Running { processed },
        // What an aborted job left unprocessed is no worse for it.
        "JobComplete" | "Aborted" => JobStatus::Ended { reason: None },
        "Failed" if info.error_message.as_deref().is_some_and(is_contended) => JobStatus::Contended,
        "Failed" => JobStatus::Ended {
            reason: Some(
                info.error_message
                    .unwrap_or_else(|| "the org gave no reason".to_owned()),
            ),
        },
        other => {
            return Err(Failure::retry(
                "unknown_state",
                format!("the job {job} is in a state that we do not know, `{other}`"),
            ));
        }
    })
}

/// `TooManyLockFailure : Too many lock failure 200 Trying again later.`
fn is_contended(reason: &str) -> bool {
    reason.contains("TooManyLockFailure")
}

/// None where the org does not know the job.
async fn state(client: &Client, job: &str) -> Result<Option<JobInfo>, Failure> {
    let call = Call::get(&["jobs", "ingest", job]).settling();
    match client.json(call).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

//! Several calls in one: `composite` itself, whose calls may refer to each other, `batch` of independent ones,
//! `tree` of records with their children; `sub` runs a single one.

mod batch;
mod references;
mod sub;
mod tree;

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::org::Org;
use crate::write::journal::Journal;
use references::{Answers, resolve, resolve_text};
use sub::{Answer, Outer};

pub(super) use batch::batch;
pub(super) use tree::tree;

/// The most calls in one, and of them queries and collections.
const MOST: usize = 25;
const MOST_HEAVY: usize = 5;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Subrequest>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subrequest {
    method: String,
    url: String,
    reference_id: String,
    body: Option<Json>,
    #[serde(default)]
    http_headers: Map<String, Json>,
}

/// `GET composite`: what there is.
pub(super) fn resources(call: &Call) -> Reply {
    let base = format!("/services/data/v{}/composite", call.version);
    Reply::json(&json!({
        "batch": format!("{base}/batch"),
        "sobjects": format!("{base}/sobjects"),
        "tree": format!("{base}/tree"),
    }))
}

/// `POST composite`.
pub(super) async fn composite(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    if call.reads() {
        return Ok(resources(&call));
    }
    let mut outer = Outer::of(&call);
    let body = call.json().await?;
    let wanted: Wanted = serde_json::from_value(Json::Object(body))
        .map_err(|error| ApiError::json(error.to_string()))?;
    check(&wanted.composite_request)?;
    let journal = Arc::new(Journal::default());
    if wanted.all_or_none {
        outer.journal = Some(Arc::clone(&journal));
    }
    let mut answers = Answers::default();
    let mut told = Vec::new();
    let mut failed = None;
    for (place, request) in wanted.composite_request.into_iter().enumerate() {
        let name = request.reference_id.clone();
        let answer = match (failed, wanted.all_or_none) {
            (Some(_), true) => halted(),
            _ => one(org, &outer, request, &answers).await,
        };
        if failed.is_none() && answer.failed() {
            failed = Some(place);
        }
        answers.add(&name, &answer);
        told.push((name, answer));
    }
    if let (Some(failed), true) = (failed, wanted.all_or_none) {
        org.blocking(move |org| journal.roll_back(&org.catalogue, &mut org.write()))
            .await?;
        for (place, (_, answer)) in told.iter_mut().enumerate() {
            if place != failed {
                *answer = halted();
            }
        }
    }
    let told: Vec<Json> = told
        .into_iter()
        .map(|(name, answer)| {
            json!({
                "body": answer.body,
                "httpHeaders": answer.headers,
                "httpStatusCode": answer.status.as_u16(),
                "referenceId": name,
            })
        })
        .collect();
    Ok(Reply::json(&json!({"compositeResponse": told})))
}

fn check(requests: &[Subrequest]) -> Result<(), ApiError> {
    let refuse = |message: String| Err(ApiError::bad("INVALID_INPUT", message));
    if requests.len() > MOST {
        return refuse(format!(
            "The request can't contain more than {MOST} subrequests"
        ));
    }
    let heavy = |request: &&Subrequest| {
        let path = request.url.split('?').next().unwrap_or_default();
        ["/query", "/queryAll", "/composite/sobjects"]
            .iter()
            .any(|heavy| path.contains(heavy))
    };
    if requests.iter().filter(heavy).count() > MOST_HEAVY {
        return refuse(format!(
            "The request can't contain more than {MOST_HEAVY} queries and sObject Collections operations"
        ));
    }
    let mut seen = HashSet::new();
    for request in requests {
        let name = &request.reference_id;
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(valid) {
            return refuse(format!("The referenceId '{name}' is invalid"));
        }
        if !seen.insert(name) {
            return refuse(format!("Duplicate referenceId provided: {name}"));
        }
    }
    Ok(())
}

async fn one(org: &Arc<Org>, outer: &Outer, request: Subrequest, answers: &Answers) -> Answer {
    let url = resolve_text(&request.url, answers);
    let body = request.body.map(|body| resolve(body, answers)).transpose();
    match (url, body) {
        (Ok(url), Ok(body)) => {
            let headers = &request.http_headers;
            sub::run(org, outer, &request.method, &url, headers, body).await
        }
        (Err(message), _) | (_, Err(message)) => ApiError::bad("PROCESSING_HALTED", message).into(),
    }
}

fn halted() -> Answer {
    let message =
        "The transaction was rolled back since another operation in the same transaction failed.";
    ApiError::new(StatusCode::BAD_REQUEST, "PROCESSING_HALTED", message).into()
}

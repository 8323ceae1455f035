//! `composite/batch`: up to 25 calls that know nothing of each other.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::sub::{self, Answer, Outer};
use super::{ApiError, Call, MOST, Org, Reply};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default)]
    halt_on_error: bool,
    batch_requests: Vec<Subrequest>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subrequest {
    method: String,
    url: String,
    rich_input: Option<Json>,
}

/// `POST composite/batch`.
pub(in crate::rest) async fn batch(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    call.only("POST")?;
    let outer = Outer::of(&call);
    let body = call.json().await?;
    let wanted: Wanted = serde_json::from_value(Json::Object(body))
        .map_err(|error| ApiError::json(error.to_string()))?;
    if wanted.batch_requests.len() > MOST {
        let message = format!("The request can't contain more than {MOST} subrequests");
        return Err(ApiError::bad("INVALID_INPUT", message));
    }
    let mut failed = false;
    let mut results = Vec::new();
    for request in wanted.batch_requests {
        let answer = if failed && wanted.halt_on_error {
            Answer::from(ApiError::new(
                StatusCode::PRECONDITION_FAILED,
                "BATCH_PROCESSING_HALTED",
                "Batch processing halted per request",
            ))
        } else {
            let path = request.url.trim_start_matches('/');
            let url = match path.strip_prefix("services/data/") {
                Some(_) => format!("/{path}"),
                None => format!("/services/data/{path}"),
            };
            let none = Map::new();
            sub::run(
                org,
                &outer,
                &request.method,
                &url,
                &none,
                request.rich_input,
            )
            .await
        };
        failed |= answer.failed();
        results.push(json!({"statusCode": answer.status.as_u16(), "result": answer.body}));
    }
    Ok(Reply::json(
        &json!({"hasErrors": failed, "results": results}),
    ))
}

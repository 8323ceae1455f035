//! What no platform answers: the rehearsal org's own calls, under `/rehearsal`. Faults never touch them.

use std::sync::Arc;

use axum::http::Method;
use serde_json::Value as Json;

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::faults::FaultPlan;
use crate::org::Org;

pub(super) async fn answer(org: &Arc<Org>, call: Call, path: &[&str]) -> Result<Reply, ApiError> {
    match path {
        ["faults"] => faults(org, call).await,
        _ => Err(ApiError::not_found()),
    }
}

/// Shows what is ordered; `POST` orders more, `PUT` only this, `DELETE` nothing.
async fn faults(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    call.only("GET,POST,PUT,DELETE")?;
    org.auth.check_operator(&call.headers)?;
    match call.method.clone() {
        Method::DELETE => org.clear_faults(),
        method @ (Method::POST | Method::PUT) => {
            // An object first: a list would pass for a document without names.
            let body = Json::Object(call.json().await?);
            let plan: FaultPlan = serde_json::from_value(body)
                .map_err(|error| ApiError::json(format!("faults: {error}")))?;
            if method == Method::PUT {
                org.clear_faults();
            }
            org.faults.order(plan);
        }
        _ => {}
    }
    Ok(Reply::json(&org.faults.ordered()))
}

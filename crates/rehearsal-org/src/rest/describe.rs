//! Describe, global and per object.

use axum::http::{StatusCode, header};
use chrono::DateTime;

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::org::Org;
use crate::schema::describe::{describe, describe_global, entry};

pub(super) fn global(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    call.only("GET")?;
    Ok(unless_known(org, call, || {
        Reply::json(&describe_global(&org.catalogue, &call.version))
    }))
}

pub(super) fn object(org: &Org, call: &Call, name: &str) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let object = org.catalogue.object(name).ok_or_else(ApiError::not_found)?;
    Ok(unless_known(org, call, || {
        Reply::json(&describe(&org.catalogue, object, &call.version))
    }))
}

/// What is told of the schema, or 304 for a client that asked since the org was started: it never changes after.
fn unless_known(org: &Org, call: &Call, told: impl FnOnce() -> Reply) -> Reply {
    let since = call.headers.get(header::IF_MODIFIED_SINCE);
    let since = since.and_then(|since| DateTime::parse_from_rfc2822(since.to_str().ok()?).ok());
    let reply = match since {
        Some(since) if since.timestamp() >= org.since() => Reply::empty(StatusCode::NOT_MODIFIED),
        _ => told(),
    };
    let since = DateTime::from_timestamp(org.since(), 0).unwrap_or_default();
    let since = since.format("%a, %d %b %Y %H:%M:%S GMT");
    reply.with("last-modified", &since.to_string())
}

pub(super) fn basic(org: &Org, call: &Call, name: &str) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let object = org.catalogue.object(name).ok_or_else(ApiError::not_found)?;
    Ok(Reply::json(&serde_json::json!({
        "objectDescribe": entry(object, &call.version),
        "recentItems": [],
    })))
}

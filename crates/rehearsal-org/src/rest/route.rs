//! Which handler answers which path. Paths are matched by hand, on segments, because clients differ in slashes and
//! in letter case.

use std::sync::Arc;

use axum::http::StatusCode;

use super::call::Call;
use super::misc::{NEWEST, OLDEST};
use super::reply::Reply;
use super::{
    collections, composite, control, describe, misc, query, records, replication, search, tooling,
};
use crate::errors::ApiError;
use crate::org::Org;
use crate::{auth, bulk, soap};

pub(super) async fn answer(org: &Arc<Org>, mut call: Call) -> Result<Reply, ApiError> {
    let segments = std::mem::take(&mut call.segments);
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["services", "oauth2", "token"] => auth::token(org, call).await,
        ["services", "oauth2", "introspect"] => auth::introspect(org, call).await,
        ["services", "oauth2", "revoke"] => auth::revoke(org, call).await,
        ["services", "oauth2", "userinfo"] | ["id", _, _] => auth::userinfo(org, &call),
        ["services", "Soap" | "soap", api, version]
        | ["services", "Soap" | "soap", api, version, _] => {
            soap::answer(org, call, api, version).await
        }
        ["services", "async", version, "job", rest @ ..] => {
            org.count_call();
            Ok(bulk::classic::answer(org, call, version, rest).await)
        }
        ["services", "data"] => misc::versions(&call),
        ["services", "data", version, rest @ ..] => {
            org.count_call();
            if let Err(error) = org.auth.check(&call.headers) {
                call.drain().await;
                return Err(error);
            }
            call.version = self::version(version)?;
            resource(org, call, rest).await
        }
        ["rehearsal", rest @ ..] => control::answer(org, call, rest).await,
        _ => Err(ApiError::not_found()),
    }
}

/// A call inside another one, which was counted and allowed.
pub(super) async fn inner(org: &Arc<Org>, mut call: Call) -> Result<Reply, ApiError> {
    let segments = std::mem::take(&mut call.segments);
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["services", "data", version, rest @ ..] => {
            call.version = self::version(version)?;
            resource(org, call, rest).await
        }
        _ => Err(ApiError::not_found()),
    }
}

async fn resource(org: &Arc<Org>, call: Call, path: &[&str]) -> Result<Reply, ApiError> {
    match path {
        [] => misc::resources(org, &call),
        ["limits"] => misc::limits(org, &call),
        ["limits", "recordCount"] => misc::record_count(org, &call),
        ["query"] => query::start(org, call, false).await,
        ["queryAll"] => query::start(org, call, true).await,
        ["query" | "queryAll", locator] => query::next(org, call, (*locator).to_owned()).await,
        ["search"] => search::by_statement(org, call).await,
        ["parameterizedSearch"] => search::by_parameters(org, call).await,
        ["sobjects"] => describe::global(org, &call),
        ["sobjects", object] if call.method == "POST" => records::create(org, call, object).await,
        ["sobjects", object] => describe::basic(org, &call, object),
        ["sobjects", object, "describe"] => describe::object(org, &call, object),
        // Layouts, which this org has not.
        ["sobjects", _, "describe", ..] => Err(ApiError::not_found()),
        ["sobjects", object, "updated"] => replication::updated(org, &call, object),
        ["sobjects", object, "deleted"] => replication::deleted(org, &call, object),
        ["sobjects", object, id] => records::by_id(org, call, object, id).await,
        ["sobjects", object, field, value] => {
            records::by_key(org, call, object, field, value).await
        }
        // Nothing is viewed here, so nothing was lately.
        ["recent"] => call.only("GET").map(|()| Reply::json_text("[]".to_owned())),
        ["composite"] => composite::composite(org, call).await,
        ["composite", "batch"] => composite::batch(org, call).await,
        ["composite", "tree", object] => composite::tree(org, call, object).await,
        ["composite", "sobjects"] => collections::write(org, call).await,
        ["composite", "sobjects", object] => collections::read(org, call, object).await,
        ["composite", "sobjects", object, field] => {
            collections::upsert(org, call, object, field).await
        }
        ["jobs", "ingest", ..] if call.version_number() < 41 => Err(ApiError::not_found()),
        ["jobs", "query", ..] if call.version_number() < 47 => Err(ApiError::not_found()),
        ["jobs", "query", rest @ ..] => bulk::query::routes::answer(org, call, rest).await,
        ["tooling", rest @ ..] => tooling::answer(org, call, rest).await,
        ["jobs", "ingest", rest @ ..] => bulk::routes::answer(org, call, rest).await,
        _ => Err(ApiError::not_found()),
    }
}

fn version(segment: &str) -> Result<String, ApiError> {
    let number = segment
        .strip_prefix('v')
        .and_then(|v| v.strip_suffix(".0"))
        .and_then(|v| v.parse::<u32>().ok());
    match number {
        Some(version) if (OLDEST..=NEWEST).contains(&version) => Ok(format!("{version}.0")),
        Some(version) if version <= 30 => Err(ApiError::new(
            StatusCode::GONE,
            "UNSUPPORTED_API_VERSION",
            "The requested API version is no longer available",
        )),
        _ => Err(ApiError::not_found()),
    }
}

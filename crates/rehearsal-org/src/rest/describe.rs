//! Describe, global and per object.

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::org::Org;
use crate::schema::describe::{describe, describe_global, entry};

pub(super) fn global(org: &Org, call: &Call) -> Result<Reply, ApiError> {
    call.only("GET")?;
    Ok(Reply::json(&describe_global(&org.catalogue, &call.version)))
}

pub(super) fn object(org: &Org, call: &Call, name: &str) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let object = org.catalogue.object(name).ok_or_else(ApiError::not_found)?;
    Ok(Reply::json(&describe(
        &org.catalogue,
        object,
        &call.version,
    )))
}

pub(super) fn basic(org: &Org, call: &Call, name: &str) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let object = org.catalogue.object(name).ok_or_else(ApiError::not_found)?;
    Ok(Reply::json(&serde_json::json!({
        "objectDescribe": entry(object, &call.version),
        "recentItems": [],
    })))
}

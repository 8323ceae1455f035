//! Takes the call that creates a query job: what is wrong with the query is told at once, before anything runs.

use serde::Deserialize;

use super::job::Spec;
use crate::bulk::create::{delimiter, invalid, line_ending};
use crate::errors::ApiError;
use crate::org::Org;
use crate::soql::extract::check;

/// The body of a create call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    operation: Option<String>,
    query: Option<String>,
    content_type: Option<String>,
    column_delimiter: Option<String>,
    line_ending: Option<String>,
}

pub(super) fn spec(org: &Org, version: &str, body: &[u8]) -> Result<Spec, ApiError> {
    let wanted: Wanted =
        serde_json::from_slice(body).map_err(|error| ApiError::json(error.to_string()))?;
    let deleted = match wanted.operation.as_deref() {
        Some("query") => false,
        Some("queryAll") => true,
        Some(other) => {
            return Err(ApiError::bad(
                "INVALIDOPERATION",
                format!("InvalidOperation : {other} is not supported"),
            ));
        }
        None => return Err(invalid("No operation was specified")),
    };
    let query = wanted
        .query
        .filter(|query| !query.trim().is_empty())
        .ok_or_else(|| invalid("No query was specified"))?;
    if let Some(content) = wanted.content_type.filter(|c| c != "CSV") {
        return Err(invalid(format!(
            "Content type {content} is not supported, it must be CSV"
        )));
    }
    let delimiter = delimiter(wanted.column_delimiter)?;
    let crlf = line_ending(wanted.line_ending.as_deref())?;
    let object =
        check(&org.catalogue, &org.read(), &query).map_err(|refusal| refusal.to_api(&query))?;
    Ok(Spec {
        object,
        query,
        deleted,
        delimiter,
        crlf,
        api_version: version.to_owned(),
    })
}

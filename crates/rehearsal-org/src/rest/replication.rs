//! What happened to an object's records in a span of time: `updated` and `deleted`, for clients that keep a copy.

use serde_json::{Value as Json, json};

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::org::Org;
use crate::store::Fields;
use crate::values::moment::{moment_text, now, parse_moment};

const MINUTE: i64 = 60;
/// How far back a span may begin, in seconds.
const OLDEST: i64 = 30 * 24 * 60 * MINUTE;

/// `GET sobjects/X/updated?start=…&end=…`.
pub(super) fn updated(org: &Org, call: &Call, name: &str) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let told = updated_in(org, name, call.parameter("start"), call.parameter("end"))?;
    Ok(Reply::json(&told))
}

/// `GET sobjects/X/deleted?start=…&end=…`.
pub(super) fn deleted(org: &Org, call: &Call, name: &str) -> Result<Reply, ApiError> {
    call.only("GET")?;
    let told = deleted_in(org, name, call.parameter("start"), call.parameter("end"))?;
    Ok(Reply::json(&told))
}

/// The ids of records created or changed in a span, and not deleted since.
pub(crate) fn updated_in(
    org: &Org,
    name: &str,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<Json, ApiError> {
    let span = Span::asked(start, end)?;
    let ids: Vec<String> = changed(org, name, &span, false)?
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    Ok(json!({"ids": ids, "latestDateCovered": moment_text(span.end)}))
}

/// The ids of records deleted in a span, and when; those erased for good are not known.
pub(crate) fn deleted_in(
    org: &Org,
    name: &str,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<Json, ApiError> {
    let span = Span::asked(start, end)?;
    let records: Vec<Json> = changed(org, name, &span, true)?
        .into_iter()
        .map(|(id, moment)| json!({"id": id, "deletedDate": moment_text(moment)}))
        .collect();
    Ok(json!({
        "deletedRecords": records,
        "earliestDateAvailable": moment_text(now() - OLDEST),
        "latestDateCovered": moment_text(span.end),
    }))
}

/// An object's records that changed in a span and are deleted or not, each with when it changed last.
fn changed(
    org: &Org,
    name: &str,
    span: &Span,
    deleted: bool,
) -> Result<Vec<(String, i64)>, ApiError> {
    let object = org.catalogue.object(name).ok_or_else(ApiError::not_found)?;
    let mut found = Vec::new();
    let fields = Fields::default();
    org.read()
        .scan(object.index, deleted, Some(&fields), &mut |id, row| {
            let within = (span.start..=span.end).contains(&row.modified);
            if within && row.deleted == deleted {
                found.push((org.catalogue.id_text(id), row.modified));
            }
            true
        });
    Ok(found)
}

/// Whole minutes, as the platform counts here.
struct Span {
    start: i64,
    end: i64,
}

impl Span {
    fn asked(start: Option<&str>, end: Option<&str>) -> Result<Self, ApiError> {
        let moment = |name: &str, text: Option<&str>| {
            let text = text.ok_or_else(|| {
                let message = format!("The parameter {name} is required");
                ApiError::bad("MISSING_ARGUMENT", message)
            })?;
            // A plus that was not encoded has become a space.
            let moment = parse_moment(&text.replace(' ', "+")).ok_or_else(|| {
                let message =
                    format!("{name} is not a date and time of ISO 8601 with a zone: {text}");
                ApiError::bad("INVALID_FIELD", message)
            })?;
            Ok(moment - moment.rem_euclid(MINUTE))
        };
        let span = Self {
            start: moment("start", start)?,
            end: moment("end", end)?,
        };
        let refused = |message: &str| Err(ApiError::bad("INVALID_REPLICATION_DATE", message));
        if span.end - span.start < MINUTE {
            return refused("endDate must be at least one minute after startDate");
        }
        if span.start < now() - OLDEST {
            return refused("startDate must be within the last 30 days");
        }
        Ok(span)
    }
}

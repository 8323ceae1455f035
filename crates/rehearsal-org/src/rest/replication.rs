//! What happened to an object's records in a span of time: `updated` and `deleted`, for clients that keep a copy.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::call::Call;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::org::Org;
use crate::schema::catalogue::Object;
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
    let (object, span) = asked(org, name, start, end)?;
    let mut ids: Vec<String> = Vec::new();
    let fields = Some(Fields::default());
    org.read()
        .scan(object.index, false, fields.as_ref(), &mut |id, row| {
            if span.holds(row.modified) {
                ids.push(org.catalogue.id_text(id));
            }
            true
        });
    Ok(json!({"ids": ids, "latestDateCovered": moment_text(span.end)}))
}

/// The ids of records deleted in a span, and when; those erased for good are not known.
pub(crate) fn deleted_in(
    org: &Org,
    name: &str,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<Json, ApiError> {
    let (object, span) = asked(org, name, start, end)?;
    let mut records: Vec<Json> = Vec::new();
    let fields = Some(Fields::default());
    org.read()
        .scan(object.index, true, fields.as_ref(), &mut |id, row| {
            if row.deleted && span.holds(row.modified) {
                let (id, date) = (org.catalogue.id_text(id), moment_text(row.modified));
                records.push(json!({"id": id, "deletedDate": date}));
            }
            true
        });
    Ok(json!({
        "deletedRecords": records,
        "earliestDateAvailable": moment_text(now() - OLDEST),
        "latestDateCovered": moment_text(span.end),
    }))
}

/// Whole minutes, as the platform counts here.
struct Span {
    start: i64,
    end: i64,
}

impl Span {
    fn holds(&self, moment: i64) -> bool {
        (self.start..=self.end).contains(&moment)
    }
}

fn asked<'a>(
    org: &'a Org,
    name: &str,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<(&'a Object, Span), ApiError> {
    let object = org.catalogue.object(name).ok_or_else(ApiError::not_found)?;
    let moment = |name: &str, text: Option<&str>| {
        let text = text.ok_or_else(|| {
            let message = format!("The parameter {name} is required");
            ApiError::bad("MISSING_ARGUMENT", message)
        })?;
        // A plus that was not encoded has become a space.
        let moment = parse_moment(&text.replace(' ', "+")).ok_or_else(|| {
            let message = format!("{name} is not a date and time of ISO 8601 with a zone: {text}");
            ApiError::bad("INVALID_FIELD", message)
        })?;
        Ok(moment - moment.rem_euclid(MINUTE))
    };
    let span = Span {
        start: moment("start", start)?,
        end: moment("end", end)?,
    };
    let refused =
        |message: &str| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_REPLICATION_DATE", message);
    if span.end - span.start < MINUTE {
        return Err(refused(
            "endDate must be at least one minute after startDate",
        ));
    }
    if span.start < now() - OLDEST {
        return Err(refused("startDate must be within the last 30 days"));
    }
    Ok((object, span))
}

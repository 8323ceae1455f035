//! Up to 200 records in one call, each with its own outcome, or all or none.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::call::Call;
use super::records::field_list;
use super::reply::Reply;
use crate::errors::{ApiError, RowError};
use crate::faults::locks::{delete_free, lock_drafts};
use crate::org::Org;
use crate::schema::catalogue::Object;
use crate::store::output::write_record;
use crate::values::moment::now;
use crate::write::draft::{Draft, Reader};
use crate::write::journal::Journal;
use crate::write::save::{Undo, roll_back, save};
use crate::write::{CHUNK, Operation, Outcome};

/// The most runs of one type in a call.
const MOST_RUNS: usize = 10;

fn too_many() -> ApiError {
    ApiError::bad(
        "EXCEEDED_ID_LIMIT",
        "record limit reached. cannot submit more than 200 records into this call",
    )
}

/// `composite/sobjects`: create, update, delete.
pub(super) async fn write(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    call.only("POST,PATCH,DELETE")?;
    if call.method == Method::DELETE {
        return remove(org, call).await;
    }
    let operation = if call.method == Method::POST {
        Operation::Insert
    } else {
        Operation::Update
    };
    let journal = call.journal.clone();
    let (all_or_none, records) = records(call.json().await?)?;
    org.blocking(move |org| {
        let journal = journal.as_deref();
        let saved = save_typed(org, operation, records, all_or_none, journal)?;
        Ok(Reply::json(&saved))
    })
    .await?
}

/// Writes records of several types; gives each one's outcome.
pub(crate) fn save_typed(
    org: &Org,
    operation: Operation,
    records: Vec<Map<String, Json>>,
    all_or_none: bool,
    journal: Option<&Journal>,
) -> Result<Vec<Json>, ApiError> {
    let mut runs: Vec<(&Object, Vec<Map<String, Json>>)> = Vec::new();
    for record in records {
        let object = typed(org, &record)?;
        match runs.last_mut() {
            Some((last, run)) if last.index == object.index => run.push(record),
            _ => runs.push((object, vec![record])),
        }
    }
    if runs.len() > MOST_RUNS {
        return Err(ApiError::bad(
            "INVALID_INPUT",
            "records of one type must follow each other, in at most 10 runs",
        ));
    }
    let runs: Vec<_> = runs
        .into_iter()
        .map(|(object, run)| (object, operation, run))
        .collect();
    Ok(write_runs(org, &runs, all_or_none, false, journal))
}

/// `composite/sobjects/X/<Ext>`: upsert.
pub(super) async fn upsert(
    org: &Arc<Org>,
    call: Call,
    object: &str,
    field: &str,
) -> Result<Reply, ApiError> {
    call.only("PATCH")?;
    let (object, field) = (object.to_owned(), field.to_owned());
    // Told before the records are read.
    key(org, &object, &field)?;
    let journal = call.journal.clone();
    let (all_or_none, records) = records(call.json().await?)?;
    org.blocking(move |org| {
        let journal = journal.as_deref();
        let saved = upsert_all(org, &object, &field, records, all_or_none, journal)?;
        Ok(Reply::json(&saved))
    })
    .await?
}

/// An object and the field of it that can name a record.
fn key<'a>(org: &'a Org, object: &str, field: &str) -> Result<(&'a Object, u16), ApiError> {
    let object = org
        .catalogue
        .object(object)
        .ok_or_else(ApiError::not_found)?;
    let key = object.field(field).filter(|f| object.at(*f).is_key());
    let key = key.ok_or_else(|| {
        let message =
            format!("Provided external ID field does not exist or is not accessible: {field}");
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    })?;
    Ok((object, key))
}

/// Upserts records of one type by a key; gives each one's outcome.
pub(crate) fn upsert_all(
    org: &Org,
    object: &str,
    field: &str,
    records: Vec<Map<String, Json>>,
    all_or_none: bool,
    journal: Option<&Journal>,
) -> Result<Vec<Json>, ApiError> {
    let (object, key) = key(org, object, field)?;
    for record in &records {
        if typed(org, record)?.index != object.index {
            return Err(ApiError::bad(
                "INVALID_TYPE",
                format!("every record must be of type {}", object.name),
            ));
        }
    }
    let runs = [(object, Operation::Upsert(key), records)];
    Ok(write_runs(org, &runs, all_or_none, true, journal))
}

/// `POST composite/sobjects/X`: read by ids; those not found come back as null.
pub(super) async fn read(org: &Arc<Org>, call: Call, object: &str) -> Result<Reply, ApiError> {
    call.only("GET,POST")?;
    let object = org
        .catalogue
        .object(object)
        .ok_or_else(ApiError::not_found)?;
    let version = call.version.clone();
    let (ids, names) = if call.method == Method::GET {
        let list = |name| {
            call.parameter(name)
                .unwrap_or_default()
                .split(',')
                .map(str::to_owned)
                .collect()
        };
        (list("ids"), list("fields"))
    } else {
        let body = call.json().await?;
        let list = |name: &str| -> Result<Vec<String>, ApiError> {
            let values = body.get(name).and_then(Json::as_array);
            let values = values
                .ok_or_else(|| ApiError::json(format!("{name} must be an array of texts")))?;
            Ok(values
                .iter()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect())
        };
        (list("ids")?, list("fields")?)
    };
    if ids.len() > 2000 {
        return Err(too_many());
    }
    let fields = field_list(object, names.iter().map(String::as_str))?;
    let store = org.read();
    let mut out = String::from("[");
    for (place, id) in ids.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        match org
            .catalogue
            .read_id(id)
            .ok()
            .filter(|id| id.object == object.index && store.live(*id).is_some())
        {
            Some(id) => write_record(
                &org.catalogue,
                &store,
                id,
                &version,
                fields.iter().copied(),
                &mut out,
            ),
            None => out.push_str("null"),
        }
    }
    out.push(']');
    Ok(Reply::json_text(out))
}

async fn remove(org: &Arc<Org>, call: Call) -> Result<Reply, ApiError> {
    let ids: Vec<String> = call
        .parameter("ids")
        .unwrap_or_default()
        .split(',')
        .map(|id| id.trim().to_owned())
        .collect();
    if ids.len() > CHUNK {
        return Err(too_many());
    }
    let all_or_none = call.flag("allOrNone");
    let journal = call.journal.clone();
    org.blocking(move |org| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        Reply::json(&delete_all(org, &ids, all_or_none, journal.as_deref()))
    })
    .await
}

/// Deletes records of any type; gives each one's outcome.
pub(crate) fn delete_all(
    org: &Org,
    ids: &[&str],
    all_or_none: bool,
    journal: Option<&Journal>,
) -> Vec<Json> {
    let mut store = org.write();
    let (mut outcomes, undo) = delete_free(org, &mut store, None, ids, false, all_or_none);
    if let Some(journal) = journal {
        journal.add(undo);
    }
    if all_or_none {
        fail_all(&mut outcomes);
    }
    shown(org, &outcomes, false)
}

fn records(body: Map<String, Json>) -> Result<(bool, Vec<Map<String, Json>>), ApiError> {
    let all_or_none = body
        .get("allOrNone")
        .and_then(Json::as_bool)
        .unwrap_or(false);
    let Some(Json::Array(records)) = body
        .into_iter()
        .find(|(k, _)| k == "records")
        .map(|(_, v)| v)
    else {
        return Err(ApiError::json("records must be an array of records"));
    };
    if records.len() > CHUNK {
        return Err(too_many());
    }
    let records = records.into_iter().map(|record| match record {
        Json::Object(record) => Ok(record),
        _ => Err(ApiError::json("a record must be an object")),
    });
    Ok((all_or_none, records.collect::<Result<_, _>>()?))
}

fn typed<'a>(org: &'a Org, record: &Map<String, Json>) -> Result<&'a Object, ApiError> {
    let name = record
        .get("attributes")
        .and_then(|a| a.get("type"))
        .and_then(Json::as_str);
    let name = name
        .ok_or_else(|| ApiError::bad("INVALID_INPUT", "a record needs attributes with its type"))?;
    org.catalogue
        .object(name)
        .filter(|o| o.writable)
        .ok_or_else(|| {
            ApiError::bad(
                "INVALID_TYPE",
                format!("sObject type '{name}' is not supported."),
            )
        })
}

type Run<'a> = (&'a Object, Operation, Vec<Map<String, Json>>);

fn write_runs(
    org: &Org,
    runs: &[Run<'_>],
    all_or_none: bool,
    with_created: bool,
    journal: Option<&Journal>,
) -> Vec<Json> {
    let mut store = org.write();
    let mut undo: Vec<Undo> = Vec::new();
    let mut outcomes = Vec::new();
    for (object, operation, records) in runs {
        let reader = Reader {
            catalogue: &org.catalogue,
            store: &store,
            object,
            operation: *operation,
        };
        let mut drafts: Vec<Draft> = records.iter().map(|r| reader.json(r)).collect();
        lock_drafts(org, None, &mut drafts);
        outcomes.extend(save(
            &org.catalogue,
            &mut store,
            object,
            drafts,
            now(),
            Some(&mut undo),
        ));
    }
    if all_or_none && fail_all(&mut outcomes) {
        roll_back(&org.catalogue, &mut store, undo);
    } else if let Some(journal) = journal {
        journal.add(undo);
    }
    drop(store);
    shown(org, &outcomes, with_created)
}

/// When one failed, the others fail for it.
fn fail_all(outcomes: &mut [Outcome]) -> bool {
    let failed = outcomes.iter().any(Result::is_err);
    if failed {
        for outcome in outcomes.iter_mut().filter(|o| o.is_ok()) {
            *outcome = Err(vec![RowError::rolled_back()]);
        }
    }
    failed
}

fn shown(org: &Org, outcomes: &[Outcome], with_created: bool) -> Vec<Json> {
    let each = outcomes.iter().map(|outcome| match outcome {
        Ok(saved) => {
            let mut result =
                json!({"id": org.catalogue.id_text(saved.id), "success": true, "errors": []});
            if with_created {
                result["created"] = json!(saved.created);
            }
            result
        }
        Err(errors) => {
            let errors: Vec<Json> = errors.iter().map(RowError::to_collection_json).collect();
            json!({"success": false, "errors": errors})
        }
    });
    each.collect()
}

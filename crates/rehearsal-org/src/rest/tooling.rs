//! The tooling API: queries on what is set up in the org, and the switches of validation rules, workflow rules and
//! flows.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::call::Call;
use super::reply::Reply;
use crate::automation::seed::durable_id;
use crate::automation::set;
use crate::errors::ApiError;
use crate::ids::RecordId;
use crate::org::Org;
use crate::schema::catalogue::Object;
use crate::schema::describe::{describe, describe_global};
use crate::soql::run::{Answer, run};
use crate::soql::shape::{Moments, Writer};
use crate::store::output::write_record;
use crate::values::Value;

pub(super) async fn answer(org: &Arc<Org>, call: Call, path: &[&str]) -> Result<Reply, ApiError> {
    let object = |name: &str| org.tooling.object(name).ok_or_else(ApiError::not_found);
    match path {
        ["query"] => {
            call.only("GET")?;
            let Some(text) = call.parameter("q").map(str::to_owned) else {
                let message = "A query string has to be specified";
                return Err(ApiError::bad("MALFORMED_QUERY", message));
            };
            org.blocking(move |org| query(org, &text, &call.version))
                .await?
        }
        ["sobjects"] => {
            call.only("GET")?;
            Ok(Reply::json(&describe_global(&org.tooling, &call.version)))
        }
        ["sobjects", name, "describe"] => {
            call.only("GET")?;
            Ok(Reply::json(&describe(
                &org.tooling,
                object(name)?,
                &call.version,
            )))
        }
        ["sobjects", name, id] => {
            let object = object(name)?;
            let id = org
                .catalogue
                .read_id(id)
                .ok()
                .filter(|id| id.object == object.index && org.read().live(*id).is_some())
                .ok_or_else(ApiError::not_found)?;
            call.only("GET,HEAD,PATCH")?;
            if call.reads() {
                return Ok(Reply::json(&record(org, object, id, &call.version)));
            }
            let name = object.name.clone();
            let body = call.json().await?;
            org.blocking(move |org| change(org, &name, id, &body))
                .await?
        }
        _ => Err(ApiError::not_found()),
    }
}

fn query(org: &Org, text: &str, version: &str) -> Result<Reply, ApiError> {
    let answer = run(&org.tooling, &org.read(), text, false).map_err(|error| error.to_api(text))?;
    let (total, records) = match answer {
        Answer::Count(count) => (count, String::new()),
        Answer::Groups { total, json } => (total, json),
        Answer::Records { ids, shape } => {
            let mut out = String::new();
            let writer = Writer {
                catalogue: &org.tooling,
                store: &org.read(),
                version,
                moments: Moments::Text,
                page: ids.len(),
                next_page: &|_, _| String::new(),
            };
            writer.records(&shape, &ids, &mut out);
            (ids.len(), out)
        }
    };
    // Our own JSON reads back.
    let mut records: Json = serde_json::from_str(&format!("[{records}]")).unwrap_or_default();
    let heavy = |record: &Json| record.get("Metadata").or(record.get("FullName")).is_some();
    if total > 1 && records.get(0).is_some_and(heavy) {
        let message = format!(
            "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more \
             than one row for retrieval. Result size: {total}"
        );
        return Err(ApiError::bad("MALFORMED_QUERY", message));
    }
    dress(org, &mut records);
    Ok(Reply::json(&json!({
        "size": total, "totalSize": total, "done": true, "queryLocator": null, "entityTypeName": null, "records": records,
    })))
}

fn record(org: &Org, object: &Object, id: RecordId, version: &str) -> Json {
    let mut out = String::new();
    let fields = 0..object.fields.len() as u16;
    write_record(&org.tooling, &org.read(), id, version, fields, &mut out);
    let mut record = serde_json::from_str(&out).unwrap_or_default();
    dress(org, &mut record);
    record
}

/// Gives records the form of this API: their own addresses, metadata as objects, objects by their durable ids.
fn dress(org: &Org, value: &mut Json) {
    match value {
        Json::Array(all) => all.iter_mut().for_each(|one| dress(org, one)),
        Json::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let read = match (name.as_str(), &*value) {
                    ("Metadata", Json::String(text)) => serde_json::from_str(text).ok(),
                    ("url", Json::String(text)) => {
                        Some(json!(text.replacen("/sobjects/", "/tooling/sobjects/", 1)))
                    }
                    ("EntityDefinitionId", Json::String(id)) => entity(org, id),
                    _ => None,
                };
                match read {
                    Some(read) => *value = read,
                    None => dress(org, value),
                }
            }
        }
        _ => {}
    }
}

fn entity(org: &Org, id: &str) -> Option<Json> {
    let id = org.catalogue.read_id(id).ok()?;
    let object = org
        .catalogue
        .objects
        .get(id.serial.checked_sub(1)? as usize)?;
    Some(json!(durable_id(object)))
}

/// Switches a rule on or off by its metadata.
fn change(
    org: &Org,
    object: &str,
    id: RecordId,
    body: &Map<String, Json>,
) -> Result<Reply, ApiError> {
    let Some(Json::Object(metadata)) = body.get("Metadata") else {
        let message = format!("{object} is changed by its Metadata");
        return Err(ApiError::bad("INVALID_FIELD", message));
    };
    let before = stored(org, id);
    match object {
        "ValidationRule" => {
            let active = switch(metadata)?;
            let text = |name: &str| {
                let found = metadata.get(name).and_then(Json::as_str);
                found.filter(|t| !t.is_empty()).ok_or_else(|| missing(name))
            };
            let message = text("errorMessage")?.to_owned();
            if Some(text("errorConditionFormula")?) != before["errorConditionFormula"].as_str() {
                let message =
                    "errorConditionFormula: this org keeps to the formula that its schema declares";
                return Err(ApiError::bad("FIELD_INTEGRITY_EXCEPTION", message));
            }
            store(
                org,
                id,
                metadata,
                before,
                &[
                    ("Active", Value::Bool(active)),
                    ("ErrorMessage", Value::text(&message)),
                ],
            );
        }
        "WorkflowRule" => {
            switch(metadata)?;
            store(org, id, metadata, before, &[]);
        }
        "FlowDefinition" => flow(org, id, metadata, before)?,
        _ => {
            let message = format!("entity type {object} does not support writing");
            return Err(ApiError::bad(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                message,
            ));
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn missing(name: &str) -> ApiError {
    let message = format!("Required fields are missing: [{name}]");
    ApiError::bad("REQUIRED_FIELD_MISSING", message)
}

fn switch(metadata: &Map<String, Json>) -> Result<bool, ApiError> {
    let active = metadata.get("active").ok_or_else(|| missing("active"))?;
    active
        .as_bool()
        .ok_or_else(|| ApiError::json("active must be true or false"))
}

fn stored(org: &Org, id: RecordId) -> Json {
    let field = org.tooling.at(id.object).field("Metadata");
    let value = field.map(|f| org.read().value(&org.tooling, id, f).into_owned());
    match value {
        Some(Value::Text(text)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => Json::Null,
    }
}

/// Keeps what was sent over what was there, and the columns that follow from it.
fn store(
    org: &Org,
    id: RecordId,
    metadata: &Map<String, Json>,
    before: Json,
    columns: &[(&str, Value)],
) {
    let mut kept = match before {
        Json::Object(kept) => kept,
        _ => Map::new(),
    };
    kept.extend(metadata.clone());
    let text = Json::Object(kept).to_string();
    let mut values = vec![("Metadata", Value::text(&text))];
    values.extend_from_slice(columns);
    set(&org.tooling, &mut org.write(), id, &values);
}

/// Makes one version of a flow the active one; 0 or null: none.
fn flow(
    org: &Org,
    id: RecordId,
    metadata: &Map<String, Json>,
    before: Json,
) -> Result<(), ApiError> {
    let number = match metadata.get("activeVersionNumber") {
        None => return Err(missing("activeVersionNumber")),
        Some(Json::Null) => 0,
        Some(number) => number
            .as_u64()
            .ok_or_else(|| ApiError::json("activeVersionNumber must be a whole number"))?,
    };
    let versions = versions(org, id);
    let active = versions
        .iter()
        .find(|(_, n)| u64::from(*n) == number)
        .map(|(v, _)| *v);
    if number > 0 && active.is_none() {
        let message = format!("activeVersionNumber: there is no version {number}");
        return Err(ApiError::bad("FIELD_INTEGRITY_EXCEPTION", message));
    }
    let reference = active.map_or(Value::Null, Value::Ref);
    store(org, id, metadata, before, &[("ActiveVersionId", reference)]);
    for (version, _) in &versions {
        let status = if Some(*version) == active {
            "Active"
        } else {
            "Obsolete"
        };
        set(
            &org.tooling,
            &mut org.write(),
            *version,
            &[("Status", Value::text(status))],
        );
    }
    let Some(view) = org.catalogue.object("FlowDefinitionView") else {
        return Ok(());
    };
    let shown = active.map(|v| org.catalogue.id_text(v)).unwrap_or_default();
    let last = versions.iter().map(|(_, n)| *n).max().unwrap_or_default();
    let number = if number == 0 { last } else { number as u32 };
    let view = RecordId {
        object: view.index,
        serial: id.serial,
    };
    let values = [
        ("IsActive", Value::Bool(active.is_some())),
        ("ActiveVersionId", Value::text(&shown)),
        ("VersionNumber", Value::Int(number as i32)),
    ];
    set(&org.catalogue, &mut org.write(), view, &values);
    Ok(())
}

/// A flow's versions with their numbers.
fn versions(org: &Org, definition: RecordId) -> Vec<(RecordId, u32)> {
    let Some(object) = org.tooling.object("Flow") else {
        return Vec::new();
    };
    let (Some(parent), Some(number)) =
        (object.field("DefinitionId"), object.field("VersionNumber"))
    else {
        return Vec::new();
    };
    let store = org.read();
    let ours = store.ids(object.index, false).filter_map(|id| {
        let of = store.value(&org.tooling, id, parent).into_owned();
        match (of, store.value(&org.tooling, id, number).into_owned()) {
            (Value::Ref(of), Value::Int(number)) if of == definition => Some((id, number as u32)),
            _ => None,
        }
    });
    ours.collect()
}

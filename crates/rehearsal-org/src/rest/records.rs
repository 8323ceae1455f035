//! One record at a time: create, read, update, delete, by id or by key.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::call::Call;
use super::related;
use super::reply::Reply;
use crate::errors::ApiError;
use crate::faults::locks::{delete_free, lock_drafts};
use crate::ids::RecordId;
use crate::org::Org;
use crate::schema::catalogue::{Home, Object};
use crate::store::output::write_record;
use crate::store::{Found, Store};
use crate::values::moment::now;
use crate::values::parse::parse;
use crate::write::draft::Reader;
use crate::write::journal::Journal;
use crate::write::save::save;
use crate::write::{Operation, Outcome};

fn object<'a>(org: &'a Org, name: &str) -> Result<&'a Object, ApiError> {
    org.catalogue.object(name).ok_or_else(ApiError::not_found)
}

fn writable<'a>(org: &'a Org, name: &str) -> Result<&'a Object, ApiError> {
    let object = object(org, name)?;
    if object.writable {
        Ok(object)
    } else {
        let message = format!("entity type {} does not support writing", object.name);
        Err(ApiError::bad(
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            message,
        ))
    }
}

/// Writes one record; locked when a fault says so.
fn write_one(
    org: &Org,
    object: &Object,
    operation: Operation,
    body: &Map<String, Json>,
    journal: Option<&Journal>,
) -> Outcome {
    let mut store = org.write();
    let reader = Reader {
        catalogue: &org.catalogue,
        store: &store,
        object,
        operation,
    };
    let mut drafts = vec![reader.json(body)];
    lock_drafts(org, None, &mut drafts);
    let mut undo = Vec::new();
    let outcome = save(
        &org.catalogue,
        &mut store,
        object,
        drafts,
        now(),
        Some(&mut undo),
    )
    .pop();
    if let Some(journal) = journal {
        journal.add(undo);
    }
    outcome.unwrap_or_else(|| Err(Vec::new()))
}

pub(super) async fn create(org: &Arc<Org>, call: Call, name: &str) -> Result<Reply, ApiError> {
    let (name, version) = (name.to_owned(), call.version.clone());
    let journal = call.journal.clone();
    let body = call.json().await?;
    org.blocking(move |org| {
        let object = writable(org, &name)?;
        let outcome = write_one(org, object, Operation::Insert, &body, journal.as_deref());
        let saved = outcome.map_err(|errors| ApiError::record(&errors))?;
        let id = org.catalogue.id_text(saved.id);
        let location = format!("/services/data/v{version}/sobjects/{}/{id}", object.name);
        let body = json!({"id": id, "success": true, "errors": []});
        Ok(Reply::json_with(StatusCode::CREATED, &body).with("location", &location))
    })
    .await?
}

/// `sobjects/X/<id>`.
pub(super) async fn by_id(
    org: &Arc<Org>,
    call: Call,
    name: &str,
    id: &str,
) -> Result<Reply, ApiError> {
    if call.method == Method::POST && id.eq_ignore_ascii_case("id") {
        return create(org, call, name).await;
    }
    call.only("GET,HEAD,PATCH,DELETE")?;
    let described = object(org, name)?;
    let id = existing(org, &org.read(), described, id)?;
    if call.reads() {
        return read(org, described, id, &call);
    }
    writable(org, name)?;
    if call.method == Method::DELETE {
        return delete_one(org, described, id, call.journal.as_deref());
    }
    let object = described.index;
    let journal = call.journal.clone();
    let mut body = call.json().await?;
    org.blocking(move |org| {
        if body.keys().any(|key| key.eq_ignore_ascii_case("Id")) {
            return Err(ApiError::bad(
                "INVALID_FIELD",
                "The Id field should not be specified in the sobject data.",
            ));
        }
        body.insert("Id".to_owned(), Json::String(org.catalogue.id_text(id)));
        let object = org.catalogue.at(object);
        write_one(org, object, Operation::Update, &body, journal.as_deref())
            .map(|_| Reply::empty(StatusCode::NO_CONTENT))
            .map_err(|errors| ApiError::record(&errors))
    })
    .await?
}

/// `sobjects/X/<field>/<value>`, or `sobjects/X/<id>/<relationship>`.
pub(super) async fn by_key(
    org: &Arc<Org>,
    call: Call,
    name: &str,
    field: &str,
    value: &str,
) -> Result<Reply, ApiError> {
    let described = object(org, name)?;
    if described.field(field).is_none() && org.catalogue.read_id(field).is_ok() {
        let id = existing(org, &org.read(), described, field)?;
        return related::answer(org, call, described, id, value).await;
    }
    call.only("GET,HEAD,PATCH,DELETE")?;
    let key = described
        .field(field)
        .filter(|f| described.at(*f).is_key())
        .ok_or_else(|| {
            let message =
                format!("Provided external ID field does not exist or is not accessible: {field}");
            ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
        })?;
    if described.at(key).home == Home::Id {
        return by_id(org, call, name, value).await;
    }
    if call.method != Method::PATCH {
        let found = find(org, described, key, value, &call.version)?;
        let Some(id) = found else {
            return Err(ApiError::not_found());
        };
        return if call.method == Method::DELETE {
            writable(org, name)?;
            delete_one(org, described, id, call.journal.as_deref())
        } else {
            read(org, described, id, &call)
        };
    }
    writable(org, name)?;
    // Several matches are told before the body is looked at.
    find(org, described, key, value, &call.version)?;
    upsert(org, call, described.index, key, value.to_owned()).await
}

async fn upsert(
    org: &Arc<Org>,
    call: Call,
    object: u16,
    key: u16,
    value: String,
) -> Result<Reply, ApiError> {
    let silent = call.version_number() < 46;
    let journal = call.journal.clone();
    let mut body = call.json().await?;
    org.blocking(move |org| {
        let object = org.catalogue.at(object);
        let name = object.at(key).name();
        if body.keys().any(|k| k.eq_ignore_ascii_case(name)) {
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(ApiError::bad("INVALID_FIELD", message));
        }
        body.insert(name.to_owned(), Json::String(value));
        let outcome = write_one(
            org,
            object,
            Operation::Upsert(key),
            &body,
            journal.as_deref(),
        );
        let saved = outcome.map_err(|errors| ApiError::record(&errors))?;
        if silent && !saved.created {
            return Ok(Reply::empty(StatusCode::NO_CONTENT));
        }
        let id = org.catalogue.id_text(saved.id);
        let body = json!({"id": id, "success": true, "errors": [], "created": saved.created});
        let status = if saved.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        Ok(Reply::json_with(status, &body))
    })
    .await?
}

/// The record a key names; several are answered by 300 with their addresses.
fn find(
    org: &Org,
    object: &Object,
    key: u16,
    value: &str,
    version: &str,
) -> Result<Option<RecordId>, ApiError> {
    let field = object.at(key);
    let value = parse(&org.catalogue, field, value).map_err(|error| ApiError::record(&[error]))?;
    let store = org.read();
    let id = |serial| RecordId {
        object: object.index,
        serial,
    };
    match store.find(&org.catalogue, object.index, key, &value) {
        Found::None => Ok(None),
        Found::One(serial) => Ok(Some(id(serial))),
        Found::Many(serials) => {
            let addresses = serials.iter().map(|serial| {
                let id = org.catalogue.id_text(id(*serial));
                format!("/services/data/v{version}/sobjects/{}/{id}", object.name)
            });
            Err(ApiError {
                status: StatusCode::MULTIPLE_CHOICES,
                body: addresses.collect(),
            })
        }
    }
}

fn existing(org: &Org, store: &Store, object: &Object, text: &str) -> Result<RecordId, ApiError> {
    let id = org
        .catalogue
        .read_id(text)
        .ok()
        .filter(|id| id.object == object.index);
    match id.and_then(|id| Some((id, store.row(id)?))) {
        Some((_, row)) if row.deleted => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "ENTITY_IS_DELETED",
            "entity is deleted",
        )),
        Some((id, _)) => Ok(id),
        None => Err(ApiError::not_found()),
    }
}

fn read(org: &Org, object: &Object, id: RecordId, call: &Call) -> Result<Reply, ApiError> {
    let fields: Vec<u16> = match call.parameter("fields") {
        None => (0..object.fields.len() as u16).collect(),
        Some(names) => field_list(object, names.split(','))?,
    };
    let mut out = String::new();
    write_record(
        &org.catalogue,
        &org.read(),
        id,
        &call.version,
        fields.into_iter(),
        &mut out,
    );
    Ok(Reply::json_text(out))
}

/// Fields by name, or the error that names the first unknown.
pub(super) fn field_list<'a>(
    object: &Object,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<u16>, ApiError> {
    names
        .map(|name| {
            let name = name.trim();
            object.field(name).ok_or_else(|| {
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                ApiError::bad("INVALID_FIELD", message)
            })
        })
        .collect()
}

fn delete_one(
    org: &Org,
    object: &Object,
    id: RecordId,
    journal: Option<&Journal>,
) -> Result<Reply, ApiError> {
    let mut store = org.write();
    let text = org.catalogue.id_text(id);
    let (mut outcomes, undo) = delete_free(org, &mut store, Some(object), &[&text], false, false);
    if let Some(journal) = journal {
        journal.add(undo);
    }
    match outcomes.pop() {
        Some(Err(errors)) => Err(ApiError::record(&errors)),
        _ => Ok(Reply::empty(StatusCode::NO_CONTENT)),
    }
}

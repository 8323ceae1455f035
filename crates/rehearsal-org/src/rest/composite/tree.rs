//! `composite/tree`: records with their children, all of them or none.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{ApiError, Call, Org, Reply};
use crate::errors::RowError;
use crate::faults::locks::lock_drafts;
use crate::ids::RecordId;
use crate::schema::catalogue::Object;
use crate::values::moment::now;
use crate::write::draft::Reader;
use crate::write::journal::Journal;
use crate::write::save::{Undo, save};
use crate::write::{CHUNK, Operation};

/// The most types and levels of one tree.
const MOST_TYPES: usize = 5;
const MOST_LEVELS: usize = 5;

/// One record of a tree.
struct Node {
    name: String,
    object: u16,
    /// The record above it, and the field that refers to that.
    parent: Option<(usize, u16)>,
    level: usize,
    fields: Map<String, Json>,
}

/// `POST composite/tree/X`.
pub(in crate::rest) async fn tree(
    org: &Arc<Org>,
    call: Call,
    object: &str,
) -> Result<Reply, ApiError> {
    call.only("POST")?;
    let root = org
        .catalogue
        .object(object)
        .filter(|o| o.writable)
        .ok_or_else(ApiError::not_found)?
        .index;
    let mut body = call.json().await?;
    org.blocking(move |org| {
        let records = body.remove("records").unwrap_or_default();
        let mut nodes = Vec::new();
        flatten(org, org.catalogue.at(root), records, None, 0, &mut nodes)?;
        check(&nodes)?;
        Ok(write(org, nodes))
    })
    .await?
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("INVALID_INPUT", message)
}

/// Takes a list of records apart, parents before their children.
fn flatten(
    org: &Org,
    object: &Object,
    records: Json,
    parent: Option<(usize, u16)>,
    level: usize,
    nodes: &mut Vec<Node>,
) -> Result<(), ApiError> {
    if level >= MOST_LEVELS {
        return Err(invalid(format!(
            "A tree can't have more than {MOST_LEVELS} levels"
        )));
    }
    let Json::Array(records) = records else {
        return Err(ApiError::json("records must be an array of records"));
    };
    for record in records {
        let Json::Object(record) = record else {
            return Err(ApiError::json("a record must be an object"));
        };
        let attribute = |name: &str| record.get("attributes")?.get(name)?.as_str();
        let name = attribute("referenceId")
            .filter(|name| !name.is_empty())
            .ok_or_else(|| invalid("a record needs attributes with a referenceId"))?
            .to_owned();
        if let Some(other) = attribute("type").filter(|t| !t.eq_ignore_ascii_case(&object.name)) {
            return Err(invalid(format!(
                "The record {name} is of type {other}, not {}",
                object.name
            )));
        }
        let place = nodes.len();
        nodes.push(Node {
            name,
            object: object.index,
            parent,
            level,
            fields: Map::new(),
        });
        let mut fields = Map::new();
        for (key, mut value) in record {
            let named = object.children_named(&key);
            match (named, value.get_mut("records").map(Json::take)) {
                (Some(named), Some(children)) => {
                    let child = org.catalogue.at(named.object);
                    let parent = Some((place, named.field));
                    flatten(org, child, children, parent, level + 1, nodes)?;
                }
                (_, Some(records)) => {
                    value["records"] = records;
                    fields.insert(key, value);
                }
                (_, None) => {
                    fields.insert(key, value);
                }
            }
        }
        nodes[place].fields = fields;
    }
    Ok(())
}

fn check(nodes: &[Node]) -> Result<(), ApiError> {
    if nodes.len() > CHUNK {
        let message = "record limit reached. cannot submit more than 200 records into this call";
        return Err(ApiError::bad("EXCEEDED_ID_LIMIT", message));
    }
    let types: HashSet<u16> = nodes.iter().map(|node| node.object).collect();
    if types.len() > MOST_TYPES {
        return Err(invalid(format!(
            "A tree can't have records of more than {MOST_TYPES} types"
        )));
    }
    let mut seen = HashSet::new();
    match nodes.iter().find(|node| !seen.insert(&node.name)) {
        Some(twice) => Err(invalid(format!(
            "Duplicate ReferenceId provided: {}",
            twice.name
        ))),
        None => Ok(()),
    }
}

/// Writes level by level, type by type, under one lock; what is below a record that failed is not tried.
fn write(org: &Org, mut nodes: Vec<Node>) -> Reply {
    let mut ids: Vec<Option<RecordId>> = vec![None; nodes.len()];
    let mut failed: Vec<(usize, Vec<RowError>)> = Vec::new();
    let mut undo: Vec<Undo> = Vec::new();
    let mut store = org.write();
    for level in 0..MOST_LEVELS {
        let mut left: Vec<usize> = (0..nodes.len())
            .filter(|place| nodes[*place].level == level)
            .collect();
        while let Some(first) = left.first() {
            let object = org.catalogue.at(nodes[*first].object);
            let (now_written, later) = left
                .into_iter()
                .partition(|place| nodes[*place].object == object.index);
            left = later;
            let group: Vec<usize> = now_written;
            let ready = group.into_iter().filter_map(|place| {
                let Some((parent, field)) = nodes[place].parent else {
                    return Some((place, None));
                };
                let id = ids[parent]?;
                Some((
                    place,
                    Some((object.at(field).name(), org.catalogue.id_text(id))),
                ))
            });
            let ready: Vec<(usize, Option<(&str, String)>)> = ready.collect();
            let reader = Reader {
                catalogue: &org.catalogue,
                store: &store,
                object,
                operation: Operation::Insert,
            };
            let mut places = Vec::with_capacity(ready.len());
            let mut drafts = Vec::with_capacity(ready.len());
            for (place, parent) in ready {
                let mut fields = std::mem::take(&mut nodes[place].fields);
                if let Some((field, id)) = parent {
                    fields.insert(field.to_owned(), Json::String(id));
                }
                places.push(place);
                drafts.push(reader.json(&fields));
            }
            lock_drafts(org, None, &mut drafts);
            let outcomes = save(
                &org.catalogue,
                &mut store,
                object,
                drafts,
                now(),
                Some(&mut undo),
            );
            for (place, outcome) in places.into_iter().zip(outcomes) {
                match outcome {
                    Ok(saved) => ids[place] = Some(saved.id),
                    Err(errors) => failed.push((place, errors)),
                }
            }
        }
    }
    if !failed.is_empty() {
        let journal = Journal::default();
        journal.add(undo);
        journal.roll_back(&org.catalogue, &mut store);
    }
    drop(store);
    told(org, &nodes, &ids, &failed)
}

fn told(
    org: &Org,
    nodes: &[Node],
    ids: &[Option<RecordId>],
    failed: &[(usize, Vec<RowError>)],
) -> Reply {
    if failed.is_empty() {
        let results: Vec<Json> = nodes
            .iter()
            .zip(ids)
            .map(|(node, id)| {
                json!({"referenceId": node.name, "id": id.map(|id| org.catalogue.id_text(id))})
            })
            .collect();
        return Reply::json_with(
            StatusCode::CREATED,
            &json!({"hasErrors": false, "results": results}),
        );
    }
    let results: Vec<Json> = failed
        .iter()
        .map(|(place, errors)| {
            let errors: Vec<Json> = errors.iter().map(RowError::to_collection_json).collect();
            json!({"referenceId": nodes[*place].name, "errors": errors})
        })
        .collect();
    Reply::json_with(
        StatusCode::BAD_REQUEST,
        &json!({"hasErrors": true, "results": results}),
    )
}

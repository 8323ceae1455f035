//! Deletes records, softly or for good, and follows what the schema says about the records that refer to them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::save::Undo;
use super::{Outcome, Saved};
use crate::errors::RowError;
use crate::ids::RecordId;
use crate::schema::OnDelete;
use crate::schema::catalogue::{Catalogue, Object};
use crate::store::Store;
use crate::values::Value;

/// Who refers to a record, and by which field.
type Children = HashMap<RecordId, Vec<(RecordId, u16)>>;

/// Deletes records of any object by id. With `all_or_none`, nothing is deleted when one can't be. Also gives
/// how to take it back, which can't be done for records erased for good.
pub(crate) fn delete(
    catalogue: &Catalogue,
    store: &mut Store,
    object: Option<&Object>,
    ids: &[&str],
    hard: bool,
    all_or_none: bool,
    now: i64,
) -> (Vec<Outcome>, Vec<Undo>) {
    let mut seen = HashSet::new();
    let mut outcomes: Vec<Outcome> = ids
        .iter()
        .map(|text| {
            let id = target(catalogue, store, object, text, hard)?;
            if seen.insert(id) {
                Ok(Saved::new(id, false))
            } else {
                Err(vec![RowError::new(
                    "ENTITY_IS_DELETED",
                    "entity is deleted",
                )])
            }
        })
        .collect();
    let doomed: HashSet<RecordId> = outcomes.iter().flatten().map(|saved| saved.id).collect();
    let children = children(catalogue, store, &doomed);
    for outcome in &mut outcomes {
        if let Ok(saved) = outcome
            && let Some(error) = restricted(catalogue, saved.id, &children)
        {
            *outcome = Err(vec![error]);
        }
    }
    if all_or_none && outcomes.iter().any(Result::is_err) {
        return (outcomes, Vec::new());
    }
    let doomed = outcomes.iter().flatten().map(|saved| saved.id).collect();
    let mut changed = Vec::new();
    remove(catalogue, store, doomed, children, hard, now, &mut changed);
    (outcomes, changed)
}

fn target(
    catalogue: &Catalogue,
    store: &Store,
    object: Option<&Object>,
    text: &str,
    hard: bool,
) -> Result<RecordId, Vec<RowError>> {
    if text.is_empty() {
        let error = RowError::new("MISSING_ARGUMENT", "Id not specified in a delete call");
        return Err(vec![error.on("Id")]);
    }
    let unknown = || RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
    let error = match catalogue.read_id(text) {
        Ok(id)
            if object.is_none_or(|o| o.index == id.object)
                && catalogue.at(id.object).writable
                && !catalogue.at(id.object).deletable =>
        {
            let message = format!(
                "entity type cannot be deleted: {}",
                catalogue.at(id.object).name
            );
            RowError::new("INVALID_TYPE_FOR_OPERATION", message)
        }
        Ok(id)
            if object.is_none_or(|o| o.index == id.object) && catalogue.at(id.object).writable =>
        {
            match store.row(id) {
                Some(row) if row.deleted && !hard => {
                    RowError::new("ENTITY_IS_DELETED", "entity is deleted")
                }
                Some(_) => return Ok(id),
                None => unknown(),
            }
        }
        Err(true) => unknown(),
        _ => RowError::new("MALFORMED_ID", format!("bad id {text}")).on("Id"),
    };
    Err(vec![error])
}

/// Who refers to these records, by record.
fn children(catalogue: &Catalogue, store: &Store, parents: &HashSet<RecordId>) -> Children {
    let mut found = Children::new();
    for parent in parents {
        for (child, field) in &catalogue.at(parent.object).children {
            // None without an index: only what nobody can delete is referred to without one.
            let serials = store.children(*child, *field, *parent).unwrap_or_default();
            if serials.is_empty() {
                continue;
            }
            let ids = serials.into_iter().map(|serial| RecordId {
                object: *child,
                serial,
            });
            let of_parent = found.entry(*parent).or_default();
            of_parent.extend(ids.map(|id| (id, *field)));
        }
    }
    found
}

fn restricted(catalogue: &Catalogue, id: RecordId, children: &Children) -> Option<RowError> {
    let (child, _) = children.get(&id)?.iter().find(|(child, field)| {
        catalogue.at(child.object).at(*field).schema.on_delete == OnDelete::Restrict
    })?;
    let message = format!(
        "Your attempt to delete {} could not be completed because it is associated with the following {}: {}",
        catalogue.id_text(id),
        catalogue.at(child.object).plural.to_lowercase(),
        catalogue.id_text(*child)
    );
    Some(RowError::new("DELETE_FAILED", message))
}

/// Deletes level by level: the records, then those that go with them, and so on.
fn remove(
    catalogue: &Catalogue,
    store: &mut Store,
    first: Vec<RecordId>,
    mut children_of: Children,
    hard: bool,
    now: i64,
    changed: &mut Vec<Undo>,
) {
    let mut level = first;
    while !level.is_empty() {
        let mut next = HashSet::new();
        for id in level {
            for (child, field) in children_of.remove(&id).unwrap_or_default() {
                match catalogue.at(child.object).at(field).schema.on_delete {
                    OnDelete::Cascade => {
                        next.insert(child);
                    }
                    OnDelete::Clear | OnDelete::Restrict => {
                        clear(catalogue, store, child, field, now, changed)
                    }
                }
            }
            if let Some(mut row) = store.row(id).map(Arc::unwrap_or_clone) {
                row.deleted = true;
                row.modified = now;
                changed.push(Undo::Updated(id, store.put(catalogue, id, row)));
            }
            if hard {
                store.erase(id);
            }
        }
        next.retain(|id| store.live(*id).is_some());
        children_of = children(catalogue, store, &next);
        level = next.into_iter().collect();
    }
}

fn clear(
    catalogue: &Catalogue,
    store: &mut Store,
    child: RecordId,
    field: u16,
    now: i64,
    changed: &mut Vec<Undo>,
) {
    if let Some(mut row) = store.row(child).map(Arc::unwrap_or_clone) {
        row.set(field, Value::Null);
        row.modified = now;
        changed.push(Undo::Updated(child, store.put(catalogue, child, row)));
    }
}

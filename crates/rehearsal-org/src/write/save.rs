//! Stores a chunk of drafts as one transaction does: keys are resolved against the records before the chunk, then
//! each draft is checked and written, and one that fails leaves its neighbours alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::draft::{Aim, Draft, ambiguous};
use super::{Outcome, Saved};
use crate::automation::{Active, inactive_owner};
use crate::errors::RowError;
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Home, Object};
use crate::store::{Found, Row, Store, index_key};
use crate::values::Value;

/// How to take a write back.
#[derive(Debug)]
pub(crate) enum Undo {
    Inserted(RecordId),
    Updated(RecordId, Arc<Row>),
}

/// Writes what can be written. With `undo`, notes how to take it back.
pub(crate) fn save(
    catalogue: &Catalogue,
    store: &mut Store,
    object: &Object,
    drafts: Vec<Draft>,
    now: i64,
    mut undo: Option<&mut Vec<Undo>>,
) -> Vec<Outcome> {
    let mut drafts = drafts;
    fail_repeated_keys(object, &mut drafts);
    // All keys first: a record created in this chunk is not seen by another's key in it.
    let aims: Vec<Option<RecordId>> = drafts
        .iter_mut()
        .map(|draft| resolve(catalogue, store, object, draft))
        .collect();
    let rules = Active::of(catalogue, store, object);
    let mut desk = Desk {
        catalogue,
        store,
        object,
        rules,
        now,
    };
    drafts
        .into_iter()
        .zip(aims)
        .map(|(draft, target)| desk.write(draft, target, undo.as_deref_mut()))
        .collect()
}

/// What every draft of a chunk is written with.
struct Desk<'a> {
    catalogue: &'a Catalogue,
    store: &'a mut Store,
    object: &'a Object,
    rules: Active<'a>,
    now: i64,
}

/// Takes writes back, the last first.
pub(crate) fn roll_back(catalogue: &Catalogue, store: &mut Store, undo: Vec<Undo>) {
    for step in undo.into_iter().rev() {
        match step {
            Undo::Inserted(id) => store.take_back(id),
            Undo::Updated(id, row) => {
                store.put(catalogue, id, Arc::unwrap_or_clone(row));
            }
        }
    }
}

/// One key twice in a chunk fails every draft that has it.
fn fail_repeated_keys(object: &Object, drafts: &mut [Draft]) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    let key_of = |draft: &Draft| match &draft.aim {
        Aim::Key { field, value, .. } => {
            index_key(object.at(*field), value).map(|key| key.into_owned())
        }
        _ => None,
    };
    for draft in drafts.iter() {
        if let Some(key) = key_of(draft) {
            *counts.entry(key).or_default() += 1;
        }
    }
    if counts.values().all(|count| *count == 1) {
        return;
    }
    for draft in drafts {
        let repeated =
            key_of(draft).is_some_and(|key| counts.get(&key).is_some_and(|count| *count > 1));
        if let (true, Aim::Key { field, text, .. }) = (repeated, &draft.aim) {
            let error = RowError::new(
                "DUPLICATE_VALUE",
                format!("Duplicate external id specified: {text}"),
            );
            draft.errors.insert(0, error.on(object.at(*field).name()));
        }
    }
}

/// The record a draft updates; `None` creates one.
fn resolve(
    catalogue: &Catalogue,
    store: &Store,
    object: &Object,
    draft: &mut Draft,
) -> Option<RecordId> {
    match &draft.aim {
        Aim::Update(id) => Some(*id),
        Aim::Insert | Aim::Unknown => None,
        Aim::Key { field, value, .. } => match store.find(catalogue, object.index, *field, value) {
            Found::One(serial) => Some(RecordId {
                object: object.index,
                serial,
            }),
            Found::None => {
                draft.cells.push((*field, value.clone()));
                None
            }
            Found::Many(serials) => {
                let serials: Vec<u32> = serials.into_iter().collect();
                draft
                    .errors
                    .push(ambiguous(catalogue, object, *field, &serials));
                None
            }
        },
    }
}

impl Desk<'_> {
    fn write(
        &mut self,
        mut draft: Draft,
        target: Option<RecordId>,
        undo: Option<&mut Vec<Undo>>,
    ) -> Outcome {
        let Self {
            catalogue,
            object,
            now,
            ..
        } = *self;
        if let Some(place) = draft.errors.iter().position(|e| e.unreadable) {
            return Err(vec![draft.errors.swap_remove(place)]);
        }
        let found = [
            not_writable(object, &draft, target.is_some()),
            required_missing(object, &draft, target.is_some()),
            not_unique(catalogue, self.store, object, &draft, target),
            inactive_owner(catalogue, self.store, object, &draft),
        ];
        let mut errors = std::mem::take(&mut draft.errors);
        errors.extend(found.into_iter().flatten());
        if !errors.is_empty() {
            return Err(errors);
        }
        let Some(id) = target else {
            let mut row = Row::new(now, draft.cells.len() + object.defaults.len());
            for (field, value) in &object.defaults {
                row.set(*field, value.clone());
            }
            for (field, value) in draft.cells {
                // Null for a field with a default takes the default, as it does where nothing is sent.
                if !value.is_null() || !object.at(field).defaulted_on_create() {
                    row.set(field, value);
                }
            }
            self.validate(&row)?;
            let id = self.store.insert(catalogue, object.index, row);
            number(catalogue, self.store, object, id);
            if let Some(undo) = undo {
                undo.push(Undo::Inserted(id));
            }
            return Ok(Saved::new(id, true));
        };
        let Some(mut row) = self.store.row(id).map(Arc::unwrap_or_clone) else {
            return Err(vec![RowError::new(
                "ENTITY_IS_DELETED",
                "entity is deleted",
            )]);
        };
        for (field, value) in draft.cells {
            row.set(field, value);
        }
        row.modified = now;
        self.validate(&row)?;
        let old = self.store.put(catalogue, id, row);
        if let Some(undo) = undo {
            undo.push(Undo::Updated(id, old));
        }
        Ok(Saved::new(id, false))
    }

    /// Asks the active rules about a record that is sound in itself.
    fn validate(&self, row: &Row) -> Result<(), Vec<RowError>> {
        let errors = self.rules.errors(self.catalogue, self.object, row);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

/// Fills what is filled only once the record has its id.
fn number(catalogue: &Catalogue, store: &mut Store, object: &Object, id: RecordId) {
    if object.numbered.is_empty() {
        return;
    }
    let Some(mut row) = store.row(id).map(Arc::unwrap_or_clone) else {
        return;
    };
    let text = catalogue.id_text(id);
    for (field, numbering) in &object.numbered {
        if row.get(*field).is_none() {
            row.set(*field, Value::text(&numbering.text(id.serial, &text)));
        }
    }
    store.put(catalogue, id, row);
}

fn not_writable(object: &Object, draft: &Draft, update: bool) -> Option<RowError> {
    let fields: Vec<&str> = draft
        .cells
        .iter()
        .map(|(field, _)| object.at(*field))
        .filter(|field| {
            let open = if update {
                field.schema.updateable
            } else {
                field.schema.createable
            };
            !open || field.home != Home::Stored
        })
        .map(|field| field.name())
        .collect();
    if fields.is_empty() {
        return None;
    }
    let error = RowError::new(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that \
             it is read/write for your profile or permission set.",
            fields.join(", ")
        ),
    );
    Some(fields.into_iter().fold(error, RowError::on))
}

fn required_missing(object: &Object, draft: &Draft, update: bool) -> Option<RowError> {
    // A field that was sent wrongly is complained about once, by its own error.
    let faulty = |name: &str| {
        draft
            .errors
            .iter()
            .any(|e| e.fields.iter().any(|f| f == name))
    };
    let mut missing = Vec::new();
    for (position, field) in object.fields.iter().enumerate() {
        if field.nillable() || field.home != Home::Stored || !field.schema.createable {
            continue;
        }
        let sent = draft
            .cells
            .iter()
            .rfind(|(f, _)| usize::from(*f) == position);
        let absent = match sent {
            None => !update && !field.defaulted_on_create() && !faulty(field.name()),
            Some((_, value)) => value.is_null() && (update || !field.defaulted_on_create()),
        };
        if absent {
            missing.push(field.name());
        }
    }
    if missing.is_empty() {
        return None;
    }
    let error = RowError::new(
        "REQUIRED_FIELD_MISSING",
        format!("Required fields are missing: [{}]", missing.join(", ")),
    );
    Some(missing.into_iter().fold(error, RowError::on))
}

fn not_unique(
    catalogue: &Catalogue,
    store: &Store,
    object: &Object,
    draft: &Draft,
    target: Option<RecordId>,
) -> Option<RowError> {
    // A key that was looked for and led to no record is nobody's: no two drafts of a chunk are left with one key.
    let free = match &draft.aim {
        Aim::Key { field, .. } if target.is_none() => Some(*field),
        _ => None,
    };
    for (field, value) in &draft.cells {
        let described = object.at(*field);
        if !described.schema.unique || value.is_null() || free == Some(*field) {
            continue;
        }
        let Found::One(serial) = store.find(catalogue, object.index, *field, value) else {
            continue;
        };
        let holder = RecordId {
            object: object.index,
            serial,
        };
        if target != Some(holder) {
            let message = format!(
                "duplicate value found: {} duplicates value on record with id: {}",
                described.name(),
                catalogue.id_text(holder)
            );
            return Some(RowError::new("DUPLICATE_VALUE", message).on(described.name()));
        }
    }
    None
}

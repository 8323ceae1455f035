//! What the org does by itself when records are written: active validation rules, and the check that an owner is
//! active. `seed` writes the declared rules into the records by which they are listed and switched.

pub(crate) mod seed;

use std::sync::Arc;

use crate::errors::RowError;
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Object, Rule};
use crate::store::{Row, Store};
use crate::values::Value;
use crate::values::output::write_value;
use crate::write::draft::Draft;

/// The validation rules of an object that are active now, each with its message.
pub(crate) struct Active<'a> {
    rules: Vec<(&'a Rule, String)>,
}

impl<'a> Active<'a> {
    pub(crate) fn of(catalogue: &'a Catalogue, store: &Store, object: &'a Object) -> Self {
        let rules = object.rules.iter().filter_map(|rule| {
            let of = catalogue.at(rule.record.object);
            let value = |name| {
                let field = of.field(name)?;
                Some(store.value(catalogue, rule.record, field).into_owned())
            };
            match (value("Active"), value("ErrorMessage")) {
                (Some(Value::Bool(true)), Some(Value::Text(message))) => {
                    Some((rule, message.into_string()))
                }
                _ => None,
            }
        });
        Self {
            rules: rules.collect(),
        }
    }

    /// What the rules say about a record as it would be.
    pub(crate) fn errors(
        &self,
        catalogue: &Catalogue,
        object: &Object,
        row: &Row,
    ) -> Vec<RowError> {
        let broken = self.rules.iter().filter(|(rule, _)| {
            let applies = rule.when.as_ref().is_none_or(|(field, is)| {
                row.get(*field)
                    .is_some_and(|value| shown(catalogue, object, *field, value) == *is)
            });
            applies && row.get(rule.required).is_none_or(Value::is_null)
        });
        broken
            .map(|(rule, message)| {
                let error = RowError::new("FIELD_CUSTOM_VALIDATION_EXCEPTION", message);
                match rule.on_field {
                    true => error.on(object.at(rule.required).name()),
                    false => error,
                }
            })
            .collect()
    }
}

/// A value as REST writes it, without quotes.
fn shown(catalogue: &Catalogue, object: &Object, field: u16, value: &Value) -> String {
    let mut out = String::new();
    write_value(catalogue, object.at(field), value, &mut out);
    match serde_json::from_str(&out) {
        Ok(serde_json::Value::String(text)) => text,
        _ => out,
    }
}

/// An owner who has left can't be given anything.
pub(crate) fn inactive_owner(
    catalogue: &Catalogue,
    store: &Store,
    object: &Object,
    draft: &Draft,
) -> Option<RowError> {
    let owner = object.field("OwnerId")?;
    let (_, value) = draft.cells.iter().rfind(|(field, _)| *field == owner)?;
    let Value::Ref(id) = value else { return None };
    let active = catalogue.at(id.object).field("IsActive")?;
    let left = id.object == catalogue.user.object
        && *store.value(catalogue, *id, active) == Value::Bool(false);
    left.then(|| {
        let message = format!(
            "operation performed with inactive user [{}] as owner of {}",
            catalogue.id_text(*id),
            object.label.to_lowercase()
        );
        RowError::new("INACTIVE_OWNER_OR_USER", message)
    })
}

/// Changes fields of a record of the org's own.
pub(crate) fn set(
    catalogue: &Catalogue,
    store: &mut Store,
    id: RecordId,
    values: &[(&str, Value)],
) {
    let Some(mut row) = store.row(id).map(Arc::unwrap_or_clone) else {
        return;
    };
    for (name, value) in values {
        if let Some(field) = catalogue.at(id.object).field(name) {
            row.set(field, value.clone());
        }
    }
    row.modified = crate::values::moment::now();
    store.put(catalogue, id, row);
}

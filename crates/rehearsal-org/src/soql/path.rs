//! Names in a query resolved against the schema: a field, or a field of a parent up to five references away.

use std::borrow::Cow;

use super::QueryError;
use super::ast::Name;
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Field, Home, Object};
use crate::store::{Fields, Row, Store};
use crate::values::Value;

/// A resolved name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// References followed, each a field of the object before it.
    pub(super) hops: Vec<u16>,
    /// The field, per object the last reference may lead to.
    pub(super) leaves: Vec<(u16, u16)>,
}

impl Path {
    /// Resolves a name written in a query on `object`.
    pub(super) fn resolve(
        catalogue: &Catalogue,
        object: &Object,
        alias: Option<&str>,
        name: &Name,
    ) -> Result<Self, QueryError> {
        let mut segments: Vec<&str> = name.text.split('.').collect();
        let own = |first: &str| {
            alias.is_some_and(|a| a.eq_ignore_ascii_case(first))
                || (first.eq_ignore_ascii_case(&object.name)
                    && object.relationship(first).is_none())
        };
        if segments.len() > 1 && own(segments[0]) {
            segments.remove(0);
        }
        let Some((leaf, parents)) = segments.split_last() else {
            return Err(QueryError::unexpected(&name.text, name.at));
        };
        let mut hops = Vec::new();
        let mut objects = vec![object];
        for parent in parents {
            let unknown = || {
                QueryError::new(
                    "INVALID_FIELD",
                    format!(
                        "Didn't understand relationship '{parent}' in field path. If you are attempting to use a \
                         custom relationship, be sure to append the '__r' after the custom relationship name."
                    ),
                )
                .at(name.at)
            };
            let [only] = objects.as_slice() else {
                return Err(unknown());
            };
            let hop = only.relationship(parent).ok_or_else(unknown)?;
            hops.push(hop);
            objects = only
                .at(hop)
                .references
                .iter()
                .map(|o| catalogue.at(*o))
                .collect();
        }
        if hops.len() > 5 {
            let text = "Relationships may be up to 5 levels deep";
            return Err(QueryError::new("MALFORMED_QUERY", text).at(name.at));
        }
        let polymorphic = objects.len() > 1;
        let leaves: Vec<(u16, u16)> = objects
            .iter()
            .filter_map(|o| {
                let field = match polymorphic {
                    true => o.field_of_any(leaf),
                    false => o.field(leaf),
                };
                Some((o.index, field?))
            })
            .collect();
        if leaves.is_empty() {
            let text = format!(
                "No such column '{leaf}' on entity '{}'. If you are attempting to use a custom field, be sure to \
                 append the '__c' after the custom field name. Please reference your WSDL or the describe call for \
                 the appropriate names.",
                objects
                    .first()
                    .map_or(object.name.as_str(), |o| o.name.as_str())
            );
            return Err(QueryError::new("INVALID_FIELD", text).at(name.at));
        }
        Ok(Self { hops, leaves })
    }

    /// Adds the fields of the record itself that the value is made from.
    pub(super) fn add_own(&self, catalogue: &Catalogue, object: u16, fields: &mut Fields) {
        let own = self.hops.first().copied().unwrap_or(self.leaves[0].1);
        fields.add(own);
        if let Home::FullName { first, last } = catalogue.at(object).at(own).home {
            fields.add(first);
            fields.add(last);
        }
    }

    /// The field as described; of several objects, the first's.
    pub(super) fn field<'a>(&self, catalogue: &'a Catalogue) -> &'a Field {
        let (object, field) = self.leaves[0];
        catalogue.at(object).at(field)
    }

    /// The name as the schema spells it: `Account.Owner.Name`.
    pub(super) fn name(&self, catalogue: &Catalogue, object: &Object) -> String {
        let mut name = String::new();
        let mut object = object;
        for hop in &self.hops {
            let reference = object.at(*hop);
            name.push_str(reference.schema.relationship.as_deref().unwrap_or_default());
            name.push('.');
            object = catalogue.at(reference.references[0]);
        }
        name.push_str(self.field(catalogue).name());
        name
    }

    /// The value for a record whose row is at hand; null where a reference on the way is.
    pub(super) fn value<'a>(
        &self,
        catalogue: &Catalogue,
        store: &Store,
        id: RecordId,
        row: &'a Row,
    ) -> Cow<'a, Value> {
        let Some((first, others)) = self.hops.split_first() else {
            return store.value_in(catalogue, id, row, self.leaves[0].1);
        };
        let mut value = store.value_in(catalogue, id, row, *first);
        for hop in others {
            match value.as_ref() {
                Value::Ref(parent) => value = store.value(catalogue, *parent, *hop),
                _ => return Cow::Owned(Value::Null),
            }
        }
        let Value::Ref(id) = *value else {
            return Cow::Owned(Value::Null);
        };
        match self.leaves.iter().find(|(object, _)| *object == id.object) {
            Some((_, field)) => store.value(catalogue, id, *field),
            None => Cow::Owned(Value::Null),
        }
    }
}

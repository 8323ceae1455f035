//! A record as its caller sent it, read but not yet checked against the other records: which record is meant, its
//! values, and what is wrong with them.

use serde_json::{Map, Value as Json};

use super::column::{self, Column, ColumnFault};
use super::{Operation, Saved};
use crate::errors::RowError;
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Home, Object};
use crate::store::{Found, Store};
use crate::values::Value;
use crate::values::parse::{parse, wrong_type};

/// One record to be written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) aim: Aim,
    /// Values to set; null clears.
    pub(crate) cells: Vec<(u16, Value)>,
    pub(crate) errors: Vec<RowError>,
}

/// Which record a draft is for.
#[derive(Debug)]
pub(crate) enum Aim {
    Insert,
    Update(RecordId),
    /// The record with this key, or a new one.
    Key {
        field: u16,
        value: Value,
        text: Box<str>,
    },
    /// None could be told; the errors say why.
    Unknown,
}

/// A value as sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sent<'a> {
    /// Set to null.
    Clear,
    Text(&'a str),
}

/// Reads drafts of one object.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) store: &'a Store,
    pub(crate) object: &'a Object,
    pub(crate) operation: Operation,
}

impl Reader<'_> {
    /// An empty draft; without an id or key among its values it stays aimed at a new record, or at none.
    pub(crate) fn start(&self, cells: usize) -> Draft {
        Draft {
            aim: match self.operation {
                Operation::Insert => Aim::Insert,
                _ => Aim::Unknown,
            },
            cells: Vec::with_capacity(cells),
            errors: Vec::new(),
        }
    }

    /// Adds one value.
    pub(crate) fn take(&self, draft: &mut Draft, column: &Column, sent: Sent<'_>) {
        if let Column::Field(field) = column {
            let is_id = self.object.at(*field).home == Home::Id;
            match self.operation {
                Operation::Upsert(key) if key == *field => {
                    return self.aim_by_key(draft, key, sent);
                }
                Operation::Update if is_id => return self.aim_by_id(draft, sent),
                _ => {}
            }
        }
        match self.value(column, sent) {
            Ok(cell) => draft.cells.push(cell),
            Err(error) => draft.errors.push(error),
        }
    }

    /// Settles a draft to which all values were added.
    pub(crate) fn finish(&self, draft: &mut Draft) {
        if !matches!(draft.aim, Aim::Unknown) || !draft.errors.is_empty() {
            return;
        }
        match self.operation {
            Operation::Upsert(key) if self.object.at(key).home == Home::Id => {
                draft.aim = Aim::Insert
            }
            Operation::Upsert(key) => {
                let name = self.object.at(key).name();
                let error = RowError::new("MISSING_ARGUMENT", format!("{name} not specified"));
                draft.errors.push(error.on(name));
            }
            _ => draft.errors.push(
                RowError::new("MISSING_ARGUMENT", "Id not specified in an update call").on("Id"),
            ),
        }
    }

    fn aim_by_id(&self, draft: &mut Draft, sent: Sent<'_>) {
        let Sent::Text(text) = sent else { return };
        match self.existing(text) {
            Ok(id) => draft.aim = Aim::Update(id),
            Err(error) => draft.errors.push(error),
        }
    }

    /// The record of this object that an id names.
    pub(crate) fn existing(&self, text: &str) -> Result<RecordId, RowError> {
        match self.catalogue.read_id(text) {
            Ok(id) if id.object == self.object.index => match self.store.row(id) {
                Some(row) if row.deleted => {
                    Err(RowError::new("ENTITY_IS_DELETED", "entity is deleted"))
                }
                Some(_) => Ok(id),
                None => Err(RowError::new(
                    "INVALID_CROSS_REFERENCE_KEY",
                    "invalid cross reference id",
                )),
            },
            Err(true) => Err(RowError::new(
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
            )),
            _ => {
                let message = format!(
                    "{} ID: id value of incorrect type: {text}",
                    self.object.label
                );
                Err(RowError::new("MALFORMED_ID", message).on("Id").unreadable())
            }
        }
    }

    fn aim_by_key(&self, draft: &mut Draft, key: u16, sent: Sent<'_>) {
        let Sent::Text(text) = sent else { return };
        let field = self.object.at(key);
        if field.home == Home::Id {
            return self.aim_by_id(draft, sent);
        }
        match parse(self.catalogue, field, text) {
            Ok(value) => {
                draft.aim = Aim::Key {
                    field: key,
                    value,
                    text: text.into(),
                }
            }
            Err(error) => draft.errors.push(error),
        }
    }

    fn value(&self, column: &Column, sent: Sent<'_>) -> Result<(u16, Value), RowError> {
        let (field, text) = match (column, sent) {
            (Column::Field(field), Sent::Clear)
                if self.object.at(*field).schema.kind == crate::schema::FieldKind::Boolean =>
            {
                return Err(wrong_type(self.object.at(*field), "null"));
            }
            (
                Column::Field(field) | Column::Parent { field, .. } | Column::RecordType(field),
                Sent::Clear,
            ) => {
                return Ok((*field, Value::Null));
            }
            (
                Column::Field(field) | Column::Parent { field, .. } | Column::RecordType(field),
                Sent::Text(text),
            ) => (*field, text),
        };
        let value = match column {
            Column::Field(_) => self.field_value(field, text)?,
            Column::Parent { target, key, .. } => {
                self.parent(self.catalogue.at(*target), *key, text)?
            }
            Column::RecordType(_) => self.record_type(text)?,
        };
        Ok((field, value))
    }

    fn field_value(&self, field: u16, text: &str) -> Result<Value, RowError> {
        let described = self.object.at(field);
        let value = parse(self.catalogue, described, text)?;
        let Value::Ref(id) = value else {
            return Ok(value);
        };
        if self.store.live(id).is_none() {
            let error = match self.store.row(id) {
                Some(_) => RowError::new("ENTITY_IS_DELETED", "entity is deleted"),
                None => RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
            };
            return Err(error.on(described.name()));
        }
        let ours = || self.object.record_types.iter().any(|(_, own)| *own == id);
        if id.object == self.catalogue.record_type_object && !ours() {
            let message = format!(
                "{}: this ID value isn't valid for the user: {text}",
                described.label
            );
            return Err(RowError::new("INVALID_CROSS_REFERENCE_KEY", message).on(described.name()));
        }
        Ok(value)
    }

    fn parent(&self, target: &Object, key: u16, text: &str) -> Result<Value, RowError> {
        let described = target.at(key);
        let not_found = || not_found(text, described.name(), &target.name);
        if described.home == Home::Id {
            let id = self.catalogue.read_id(text).ok();
            let id = id.filter(|id| id.object == target.index && self.store.live(*id).is_some());
            return id.map(Value::Ref).ok_or_else(not_found);
        }
        // A value the key's own type refuses is the key of no record.
        let value = parse(self.catalogue, described, text).map_err(|_| not_found())?;
        match self.store.find(self.catalogue, target.index, key, &value) {
            Found::One(serial) => Ok(Value::Ref(RecordId {
                object: target.index,
                serial,
            })),
            Found::None => Err(not_found()),
            Found::Many(serials) => {
                let serials: Vec<u32> = serials.into_iter().collect();
                Err(ambiguous(self.catalogue, target, key, &serials))
            }
        }
    }

    fn record_type(&self, text: &str) -> Result<Value, RowError> {
        let found = self
            .object
            .record_types
            .iter()
            .find(|(record_type, _)| record_type.developer_name.eq_ignore_ascii_case(text));
        match found {
            Some((_, id)) => Ok(Value::Ref(*id)),
            None => Err(not_found(text, "DeveloperName", "RecordType")),
        }
    }

    /// Reads a record sent as JSON.
    pub(crate) fn json(&self, record: &Map<String, Json>) -> Draft {
        let mut draft = self.start(record.len());
        for (name, value) in record {
            if name == "attributes" {
                continue;
            }
            if let Err(error) = self.take_json(&mut draft, name, value) {
                draft.errors.push(error);
            }
        }
        self.finish(&mut draft);
        draft
    }

    fn take_json(&self, draft: &mut Draft, name: &str, value: &Json) -> Result<(), RowError> {
        let unknown = || {
            let message = format!(
                "No such column '{name}' on sobject of type {}",
                self.object.name
            );
            RowError::new("INVALID_FIELD", message).unreadable()
        };
        let (column, value) = match value {
            Json::Object(parent) => {
                let target = parent
                    .get("attributes")
                    .and_then(|a| a.get("type"))
                    .and_then(Json::as_str);
                let mut keys = parent.iter().filter(|(key, _)| *key != "attributes");
                let (Some((key, value)), None) = (keys.next(), keys.next()) else {
                    let message =
                        format!("The {name} foreign key reference must name one key field");
                    return Err(RowError::new("INVALID_FIELD", message).unreadable());
                };
                let found = column::parent(self.catalogue, self.object, None, name, key);
                let found = match found {
                    Err(ColumnFault::MissingType(_)) => {
                        column::parent(self.catalogue, self.object, target, name, key)
                    }
                    other => other,
                };
                (found.map_err(|_| unknown())?, value)
            }
            value => (
                Column::Field(self.object.field(name).ok_or_else(unknown)?),
                value,
            ),
        };
        match value {
            Json::Null => self.take(draft, &column, Sent::Clear),
            Json::String(text) if text.is_empty() => self.take(draft, &column, Sent::Clear),
            Json::String(text) => self.take(draft, &column, Sent::Text(text)),
            Json::Bool(_) | Json::Number(_) => {
                self.take(draft, &column, Sent::Text(&value.to_string()))
            }
            Json::Array(_) | Json::Object(_) => {
                let message =
                    format!("Cannot deserialize the value of {name}: it must be a single value");
                return Err(RowError::new("JSON_PARSER_ERROR", message).unreadable());
            }
        }
        Ok(())
    }
}

fn not_found(text: &str, field: &str, entity: &str) -> RowError {
    let message =
        format!("Foreign key external ID: {text} not found for field {field} in entity {entity}");
    RowError::new("INVALID_FIELD", message).unreadable()
}

/// A key that several records have.
pub(crate) fn ambiguous(
    catalogue: &Catalogue,
    object: &Object,
    field: u16,
    serials: &[u32],
) -> RowError {
    let ids: Vec<String> = serials
        .iter()
        .map(|serial| {
            catalogue.id_text(RecordId {
                object: object.index,
                serial: *serial,
            })
        })
        .collect();
    let field = object.at(field);
    let message = format!(
        "{}: more than one record found for external id field: [{}]",
        field.label,
        ids.join(", ")
    );
    RowError::new("DUPLICATE_EXTERNAL_ID", message).on(field.name())
}

impl Saved {
    pub(crate) fn new(id: RecordId, created: bool) -> Self {
        Self { id, created }
    }
}

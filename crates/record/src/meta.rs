//! Our own columns in a batch, and what a column means beyond its Arrow type.

use std::collections::HashMap;

use arrow::datatypes::Field;

/// The source key of each record, as text.
pub const KEY_COLUMN: &str = "stevedore:key";
/// The checksum of each record's mapped fields, 16 bytes.
pub const CHECKSUM_COLUMN: &str = "stevedore:checksum";

/// The type in the words of the system it came from, `numeric` or `jsonb`.
const NATIVE: &str = "stevedore.native";
/// `number`: a text column that holds exact decimal numbers of any size.
const MEANING: &str = "stevedore.meaning";
/// `keep`: a null leaves the target's field as it is.
const ON_NULL: &str = "stevedore.on_null";
/// The parent's field by which a lookup finds it.
const LOOKUP: &str = "stevedore.lookup";
/// The target's object that holds the parents of a lookup.
const PARENT: &str = "stevedore.parent";
/// The field is a stamp, and so not part of checksums.
const STAMP: &str = "stevedore.stamp";

/// Whether a column is ours, and so not for the target.
pub fn is_ours(name: &str) -> bool {
    name.starts_with("stevedore:")
}

pub fn with_native(field: Field, native: &str) -> Field {
    with(field, NATIVE, native)
}

pub fn native(field: &Field) -> Option<&str> {
    field.metadata().get(NATIVE).map(String::as_str)
}

/// Marks a text column that holds exact decimal numbers of any size.
pub fn with_number(field: Field) -> Field {
    with(field, MEANING, "number")
}

pub fn is_number(field: &Field) -> bool {
    field
        .metadata()
        .get(MEANING)
        .is_some_and(|value| value == "number")
}

pub fn with_keep_on_null(field: Field) -> Field {
    with(field, ON_NULL, "keep")
}

pub fn keeps_on_null(field: &Field) -> bool {
    field
        .metadata()
        .get(ON_NULL)
        .is_some_and(|value| value == "keep")
}

/// Marks a column that holds keys of parents, which the target finds by the parent's `external_id` field.
pub fn with_lookup(field: Field, external_id: &str) -> Field {
    with(field, LOOKUP, external_id)
}

pub fn lookup(field: &Field) -> Option<&str> {
    field.metadata().get(LOOKUP).map(String::as_str)
}

/// Says in which of the target's objects the parents of a lookup are.
pub fn with_parent(field: Field, object: &str) -> Field {
    with(field, PARENT, object)
}

pub fn parent(field: &Field) -> Option<&str> {
    field.metadata().get(PARENT).map(String::as_str)
}

pub fn with_stamp(field: Field) -> Field {
    with(field, STAMP, "true")
}

pub fn is_stamp(field: &Field) -> bool {
    field.metadata().contains_key(STAMP)
}

fn with(field: Field, name: &str, value: &str) -> Field {
    let mut metadata: HashMap<String, String> = field.metadata().clone();
    metadata.insert(name.to_owned(), value.to_owned());
    field.with_metadata(metadata)
}

//! Fields of stored records as JSON text, compound ones included.

use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Home};
use crate::store::{Row, Store};
use crate::values::output::{write_text, write_value};

/// Appends `"attributes":{"type":…,"url":…}`.
pub(crate) fn write_attributes(
    catalogue: &Catalogue,
    id: RecordId,
    version: &str,
    out: &mut String,
) {
    let name = &catalogue.at(id.object).name;
    out.push_str("\"attributes\":{\"type\":\"");
    out.push_str(name);
    out.push_str("\",\"url\":\"/services/data/v");
    out.push_str(version);
    out.push_str("/sobjects/");
    out.push_str(name);
    out.push('/');
    catalogue.write_id(id, out);
    out.push_str("\"}");
}

/// Appends a field's value; null where the record is gone.
pub(crate) fn write_field(
    catalogue: &Catalogue,
    store: &Store,
    id: RecordId,
    field: u16,
    out: &mut String,
) {
    match store.row(id) {
        Some(row) => write_field_of(catalogue, store, id, &row, field, out),
        None => out.push_str("null"),
    }
}

/// Appends the value of a field of a row that is at hand.
pub(crate) fn write_field_of(
    catalogue: &Catalogue,
    store: &Store,
    id: RecordId,
    row: &Row,
    field: u16,
    out: &mut String,
) {
    let object = catalogue.at(id.object);
    let described = object.at(field);
    let Home::Address(parts) = described.home else {
        let value = store.value_in(catalogue, id, row, field);
        return write_value(catalogue, described, &value, out);
    };
    let [street, city, state, postal_code, country] = parts;
    let named = [
        ("city", city),
        ("country", country),
        ("postalCode", postal_code),
        ("state", state),
        ("street", street),
    ];
    let filled = |part: Option<u16>| part.is_some_and(|part| row.get(part).is_some());
    if !named.iter().any(|(_, part)| filled(*part)) {
        out.push_str("null");
        return;
    }
    for (place, (name, part)) in named.into_iter().enumerate() {
        out.push(if place == 0 { '{' } else { ',' });
        write_text(name, out);
        out.push(':');
        match part.and_then(|part| Some((object.at(part), row.get(part)?))) {
            Some((part, value)) => write_value(catalogue, part, value, out),
            None => out.push_str("null"),
        }
    }
    out.push_str(",\"geocodeAccuracy\":null,\"latitude\":null,\"longitude\":null}");
}

/// Appends a whole record: its attributes, then these fields.
pub(crate) fn write_record(
    catalogue: &Catalogue,
    store: &Store,
    id: RecordId,
    version: &str,
    fields: impl Iterator<Item = u16>,
    out: &mut String,
) {
    out.push('{');
    write_attributes(catalogue, id, version, out);
    for field in fields {
        out.push(',');
        write_text(catalogue.at(id.object).at(field).name(), out);
        out.push(':');
        write_field(catalogue, store, id, field, out);
    }
    out.push('}');
}

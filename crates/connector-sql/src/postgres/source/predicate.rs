//! A slice as a condition on the relation `q`.
//! Bounds compare as the key's index does, by the columns' own types and collations; null keys are never part of a range.

use arrow::datatypes::DataType;
use connector::SourceObject;

use super::details::{Details, KeyColumn};
use crate::postgres::quote;
use crate::split::KeySlice;

/// The condition; empty where all records are meant.
pub(super) fn condition(
    object: &SourceObject,
    details: &Details,
    slice: &KeySlice<String>,
) -> String {
    let parts = match slice {
        KeySlice::Whole => vec![],
        KeySlice::Range { from, to } => {
            let mut parts = not_null(details);
            parts.extend(from.as_ref().map(|key| bound(details, ">=", key)));
            parts.extend(to.as_ref().map(|key| bound(details, "<", key)));
            parts
        }
        KeySlice::Nulls => {
            let nulls: Vec<_> = details
                .columns()
                .iter()
                .map(|column| format!("{column} is null"))
                .collect();
            vec![format!("({})", nulls.join(" or "))]
        }
        KeySlice::Keys(keys) => vec![any_of(object, details, keys)],
    };
    if parts.is_empty() {
        String::new()
    } else {
        format!("where {}", parts.join(" and "))
    }
}

/// That no part of the key is null, for the columns that allow it.
pub(super) fn not_null(details: &Details) -> Vec<String> {
    details
        .key
        .iter()
        .zip(details.columns())
        .filter(|(key, _)| key.nullable)
        .map(|(_, column)| format!("{column} is not null"))
        .collect()
}

/// A key as values of its columns, `('1'::int4,'a'::text)`.
pub(super) fn values(details: &Details, key: &[String]) -> String {
    let values: Vec<_> = details
        .key
        .iter()
        .zip(key)
        .map(|(column, text)| value(column, text))
        .collect();
    format!("({})", values.join(","))
}

fn value(column: &KeyColumn, text: &str) -> String {
    format!("{}::{}", quote::text(text), column.cast)
}

fn bound(details: &Details, comparison: &str, key: &[String]) -> String {
    let columns = details.key_list();
    format!("({columns}) {comparison} {}", values(details, key))
}

/// The records with keys as `record::key_texts` wrote them; it may be some more, where the database takes different texts for one value.
fn any_of(object: &SourceObject, details: &Details, keys: &[String]) -> String {
    let columns = details.columns();
    let mut any = vec![];
    for key in keys {
        let parts = match details.key.as_slice() {
            [_] => vec![Some(key.clone())],
            _ => serde_json::from_str::<Vec<Option<String>>>(key).unwrap_or_default(),
        };
        let mut all = vec![];
        for ((column, sql), part) in details.key.iter().zip(&columns).zip(&parts) {
            let shown = object
                .schema
                .field_with_name(&column.name)
                .map_or(&DataType::Utf8, |field| field.data_type());
            all.push(match part {
                None => format!("{sql} is null"),
                Some(text) => equal(column, sql, text, shown, parts.len() == 1),
            });
        }
        if !all.is_empty() {
            any.push(format!("({})", all.join(" and ")));
        }
    }
    if any.is_empty() {
        "false".to_owned()
    } else {
        format!("({})", any.join(" or "))
    }
}

/// A single key that is null has the text `null`, as the text itself has.
fn equal(column: &KeyColumn, sql: &str, text: &str, shown: &DataType, single: bool) -> String {
    let written = match shown {
        DataType::Binary => format!("\\x{text}"),
        _ => text.to_owned(),
    };
    let equal = format!("{sql} = {}", value(column, &written));
    match (single && text == "null" && column.nullable, shown) {
        (false, _) => equal,
        (true, DataType::Utf8) if column.cast != "pg_catalog.uuid" => {
            format!("({equal} or {sql} is null)")
        }
        (true, _) => format!("{sql} is null"),
    }
}

//! A slice as a condition on the relation `q`.

use arrow::datatypes::DataType;
use connector::SourceObject;

use super::details::{Details, KeyColumn};
use crate::postgres::quote;
use crate::split::{KeySlice, Ordered, Section};

/// The condition; empty where all records are meant.
pub(super) fn condition(
    object: &SourceObject,
    details: &Details,
    slice: &KeySlice<String>,
) -> String {
    let parts = match (slice, slice.range()) {
        (_, Some((section, from, to))) => {
            let along = details.along(section);
            let mut parts = along.conditions.clone();
            parts.extend(from.map(|bound| along.bound(">=", bound)));
            parts.extend(to.map(|bound| along.bound("<", bound)));
            parts
        }
        (KeySlice::Nulls, _) => details.along(Section::Nulls).conditions,
        (KeySlice::Keys(keys), _) => vec![any_of(object, details, keys)],
        _ => vec![],
    };
    if parts.is_empty() {
        String::new()
    } else {
        format!("where {}", parts.join(" and "))
    }
}

/// The records with keys as `record::key_texts` wrote them; it may be some more, where the database takes different texts for one value.
fn any_of(object: &SourceObject, details: &Details, keys: &[String]) -> String {
    let columns: Vec<String> = details.key.iter().map(KeyColumn::sql).collect();
    let mut any = vec![];
    let plain = |key: &&String| matches!(details.key.as_slice(), [column] if !column.nullable || key.as_str() != "null");
    let (listed, others): (Vec<&String>, Vec<&String>) = keys.iter().partition(plain);
    if let [column] = details.key.as_slice()
        && !listed.is_empty()
    {
        let shown = shown(object, column);
        let texts: Vec<String> = listed.iter().map(|key| written(key, shown)).collect();
        let texts = quote::array(texts.iter().map(String::as_str), &column.cast);
        any.push(format!("{} = any({texts})", columns[0]));
    }
    for key in others {
        let parts = match details.key.as_slice() {
            [_] => vec![Some(key.clone())],
            _ => serde_json::from_str::<Vec<Option<String>>>(key).unwrap_or_default(),
        };
        let mut all = vec![];
        for ((column, sql), part) in details.key.iter().zip(&columns).zip(&parts) {
            let shown = shown(object, column);
            all.push(match part {
                None => format!("{sql} is null"),
                Some(text) if parts.len() == 1 => null_or_text(column, sql, text, shown),
                Some(text) => format!("{sql} = {}", column.value(&written(text, shown))),
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

fn shown<'a>(object: &'a SourceObject, column: &KeyColumn) -> &'a DataType {
    object
        .schema
        .field_with_name(&column.name)
        .map_or(&DataType::Utf8, |field| field.data_type())
}

/// A key's text as the database reads it.
fn written(text: &str, shown: &DataType) -> String {
    match shown {
        DataType::Binary => format!("\\x{text}"),
        _ => text.to_owned(),
    }
}

/// A single key that is null has the text `null`, as the text itself has.
fn null_or_text(column: &KeyColumn, sql: &str, text: &str, shown: &DataType) -> String {
    const TEXTS: [&str; 5] = ["text", "varchar", "bpchar", "name", "citext"];
    let kind = column.cast.rsplit('.').next().unwrap_or_default();
    if *shown == DataType::Utf8 && TEXTS.contains(&kind) {
        format!("({sql} = {} or {sql} is null)", column.value(text))
    } else {
        format!("{sql} is null")
    }
}

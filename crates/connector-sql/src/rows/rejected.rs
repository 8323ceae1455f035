//! The records that hold an impossible value: what they are called, and what is told about them.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use model::Failure;
use record::Refusal;
use serde_json::{Map, Value};

use super::{Impossible, Naming};

/// An impossible value and its place.
pub(super) struct At {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) impossible: Impossible,
}

/// Messages show no more of a value than this; the record's data has all of it.
const SHOWN: usize = 120;

/// The key of every row as text, as `record::key_texts` writes it; an impossible part is the database's own text.
pub(super) fn keys(
    all: &RecordBatch,
    impossible: &[At],
    naming: &Naming<'_>,
) -> Result<Vec<String>, Failure> {
    if let Some(names) = naming.names
        && naming.key.is_empty()
    {
        return Ok(names.to_vec());
    }
    let texts = record::key_texts(all, naming.key)?;
    let mut keys: Vec<String> = texts
        .iter()
        .map(|key| key.unwrap_or_default().to_owned())
        .collect();
    let schema = all.schema_ref();
    let part_of = |column: usize| {
        naming
            .key
            .iter()
            .position(|name| name == schema.field(column).name())
    };
    for at in impossible {
        let Some(part) = part_of(at.column) else {
            continue;
        };
        let key = &mut keys[at.row];
        if naming.key.len() == 1 {
            key.clone_from(&at.impossible.text);
        } else if let Ok(Value::Array(mut parts)) = serde_json::from_str(key) {
            parts[part] = Value::from(at.impossible.text.as_str());
            *key = Value::Array(parts).to_string();
        }
    }
    Ok(keys)
}

/// A refusal for each wanted row that holds an impossible value, for the first such value.
pub(super) fn refusals(
    all: &RecordBatch,
    impossible: &[At],
    keys: &[String],
    wanted: &[bool],
) -> Result<Vec<Refusal>, Failure> {
    let mut by_row: BTreeMap<usize, Vec<&At>> = BTreeMap::new();
    for at in impossible.iter().filter(|at| wanted[at.row]) {
        by_row.entry(at.row).or_default().push(at);
    }
    by_row
        .into_iter()
        .map(|(row, values)| refusal(all, row, &keys[row], &values))
        .collect()
}

fn refusal(all: &RecordBatch, row: usize, key: &str, values: &[&At]) -> Result<Refusal, Failure> {
    let schema = all.schema_ref();
    let mut data = Map::new();
    for (field, column) in schema.fields().iter().zip(all.columns()) {
        data.insert(field.name().clone(), json(column, row)?);
    }
    for at in values {
        let name = schema.field(at.column).name().clone();
        data.insert(name, Value::from(at.impossible.text.as_str()));
    }
    let fields: Vec<String> = values
        .iter()
        .map(|at| schema.field(at.column).name().clone())
        .collect();
    let first = &values[0].impossible;
    let failure = Failure::reject(
        first.code,
        format!(
            "the value {} of `{}` in record {key} can't be carried: {}",
            shortened(&first.text),
            fields[0],
            first.reason
        ),
    );
    let mut refusal = Refusal::rejected(key, failure, data);
    refusal.fields = fields;
    Ok(refusal)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// A value for people and scripts: exact, so all but whole numbers, truth values and null is text.
fn json(column: &ArrayRef, row: usize) -> Result<Value, Failure> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        _ => {
            let unshown = |error| Failure::bug(format!("a value has no text: {error}"));
            let options = FormatOptions::default();
            let format = ArrayFormatter::try_new(column, &options).map_err(unshown)?;
            format.value(row).try_to_string().map_err(unshown)?.into()
        }
    })
}

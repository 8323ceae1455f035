//! A record as JSON: what is kept of one that was refused.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use serde_json::{Map, Value};

use crate::meta;

/// Column: value. Whole numbers up to 2^53 are numbers, bytes are hexadecimal, everything else is text in full.
pub fn record_json(batch: &RecordBatch, row: usize) -> Map<String, Value> {
    batch
        .schema_ref()
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| !meta::is_ours(field.name()))
        .map(|(field, column)| (field.name().clone(), value(column, row)))
        .collect()
}

fn value(column: &dyn Array, row: usize) -> Value {
    const EXACT: i64 = 1 << 53;
    if column.is_null(row) {
        return Value::Null;
    }
    let text = array_value_to_string(column, row).unwrap_or_default();
    match column.data_type() {
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        data_type if data_type.is_integer() => match text.parse::<i64>() {
            Ok(number) if (-EXACT..=EXACT).contains(&number) => Value::from(number),
            _ => Value::String(text),
        },
        _ => Value::String(text),
    }
}

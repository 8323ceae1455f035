//! A record's key as text: what logs, failed records and `stevedore record` call it by.

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use model::Failure;

/// The text of each record's key. One column gives its plain text; several give a JSON list, so that no two keys share a text.
/// Without key columns there is none, and the record's place in the batch stands for it, as `#1`.
pub fn key_texts(batch: &RecordBatch, columns: &[String]) -> Result<StringArray, Failure> {
    if columns.is_empty() {
        return Ok((1..=batch.num_rows())
            .map(|n| Some(format!("#{n}")))
            .collect());
    }
    let parts = columns
        .iter()
        .map(|name| key_values(batch, name))
        .collect::<Result<Vec<_>, _>>()?;
    if let [single] = parts.as_slice() {
        return Ok(single
            .iter()
            .map(|part| Some(part.as_deref().unwrap_or("null").to_owned()))
            .collect());
    }
    Ok((0..batch.num_rows())
        .map(|row| {
            let key: Vec<_> = parts.iter().map(|part| part[row].clone()).collect();
            Some(serde_json::Value::from(key).to_string())
        })
        .collect())
}

/// The text of each value of a column; none for null.
pub fn key_values(batch: &RecordBatch, name: &str) -> Result<Vec<Option<String>>, Failure> {
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| Failure::bug(format!("the key column `{name}` was not read")))?;
    array_texts(column)
}

/// The text of each value as keys have it; none for null.
pub fn array_texts(column: &ArrayRef) -> Result<Vec<Option<String>>, Failure> {
    let options = FormatOptions::default();
    let format = ArrayFormatter::try_new(column, &options)
        .map_err(|error| Failure::bug(format!("a key has no text: {error}")))?;
    (0..column.len())
        .map(|row| {
            if column.is_null(row) {
                return Ok(None);
            }
            format
                .value(row)
                .try_to_string()
                .map(Some)
                .map_err(|error| Failure::bug(format!("a key has no text: {error}")))
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;

    fn batch() -> RecordBatch {
        let id: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let code: ArrayRef = Arc::new(StringArray::from(vec!["a\"", "b"]));
        RecordBatch::try_from_iter([("id", id), ("code", code)]).unwrap()
    }

    #[test]
    fn keys_have_texts() {
        let text = |columns: &[&str]| {
            let columns: Vec<_> = columns.iter().map(|c| (*c).to_owned()).collect();
            let texts = key_texts(&batch(), &columns).unwrap();
            texts
                .iter()
                .flatten()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(text(&["id"]), ["1", "null"]);
        assert_eq!(text(&["id", "code"]), [r#"["1","a\""]"#, r#"[null,"b"]"#]);
        assert_eq!(text(&[]), ["#1", "#2"]);
    }
}

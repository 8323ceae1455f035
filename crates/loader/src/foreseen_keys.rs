//! Target keys as hashes by which records that a dry run would create are known to the rest of the run.

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::util::display::array_value_to_string;
use connector::TargetObject;
use model::Failure;
use record::hash_key;

/// The hash of each row's key, the same whether the record itself or one that refers to it has the key; none where a part is null.
pub(crate) fn hashes(
    target: &TargetObject,
    key: &[String],
    columns: &[ArrayRef],
) -> Result<Vec<Option<[u8; 16]>>, Failure> {
    let mut names: Vec<String> = Vec::new();
    let mut texts: Vec<Vec<Option<String>>> = Vec::new();
    for (name, column) in key.iter().zip(columns) {
        let field = target.field(name);
        // A reference may be of another type than what it refers to.
        let same = field.and_then(|field| cast(column, &field.data_type).ok());
        let folds = field.is_some_and(|field| !field.case_sensitive);
        let column = same.unwrap_or_else(|| column.clone());
        names.push(name.to_lowercase());
        texts.push(
            (0..column.len())
                .map(|row| text(&column, row, folds))
                .collect::<Result<_, _>>()?,
        );
    }
    let rows = columns.first().map_or(0, |column| column.len());
    Ok((0..rows)
        .map(|row| {
            let mut parts: Vec<&str> = names.iter().map(String::as_str).collect();
            for texts in &texts {
                parts.push(texts[row].as_deref()?);
            }
            Some(hash_key(&parts).to_be_bytes())
        })
        .collect())
}

fn text(column: &ArrayRef, row: usize, folds: bool) -> Result<Option<String>, Failure> {
    if column.is_null(row) {
        return Ok(None);
    }
    let text = array_value_to_string(column, row)
        .map_err(|error| Failure::bug(format!("a key has no text: {error}")))?;
    Ok(Some(if folds { text.to_lowercase() } else { text }))
}

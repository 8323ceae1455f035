//! Value maps: `{ A: Active, I: Inactive }`, by the exact text of the value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use model::Failure;
use model::migration::{Otherwise, ValueMap};

/// The mapped texts, and the rows whose value is not listed and is to be refused.
pub(crate) fn apply(
    values: &ArrayRef,
    map: &ValueMap,
    otherwise: Otherwise,
) -> Result<(ArrayRef, Vec<usize>), Failure> {
    let texts = arrow::compute::cast(values, &DataType::Utf8)
        .map_err(|error| Failure::bug(format!("a mapped value has no text: {error}")))?;
    let texts = texts.as_string::<i32>();
    let mut bad = Vec::new();
    let mapped: StringArray = (0..texts.len())
        .map(|row| {
            let text = texts.is_valid(row).then(|| texts.value(row))?;
            if let Some(mapped) = map.get(text) {
                return Some(mapped.as_str());
            }
            match otherwise {
                Otherwise::Keep => Some(text),
                Otherwise::Clear => None,
                Otherwise::Reject => {
                    bad.push(row);
                    None
                }
            }
        })
        .collect();
    Ok((Arc::new(mapped), bad))
}

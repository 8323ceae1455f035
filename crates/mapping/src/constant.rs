//! An expression that has the same value in every record, as one row of a field's type.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema};
use model::Failure;

use crate::convert::Conversion;
use crate::expression::Expression;

/// The value of an expression over no columns; none if it fails, or is not exactly one of the wanted type.
pub(crate) fn constant(
    expression: &Expression,
    wanted: &DataType,
) -> Result<Option<ArrayRef>, Failure> {
    let conversion = Conversion::between(&expression.data_type, wanted)?;
    let one = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        Vec::new(),
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )
    .map_err(|error| Failure::bug(format!("no empty batch: {error}")))?;
    let (value, bad) = expression.evaluate(&one);
    let (value, lost) = conversion.apply(&value, wanted)?;
    Ok((bad.is_empty() && lost.is_empty()).then_some(value))
}

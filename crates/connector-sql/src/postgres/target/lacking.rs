//! Nulls that a table does not take, foretold in the database's own words.

use arrow::array::{Array, RecordBatch};
use connector::{LoadPlan, TargetField};
use model::Failure;
use model::migration::Operation;

/// A field that no record fills is refused with the plan; here are those that some records leave null, as `on_null: keep` has it. The database looks at this
/// before it looks for a record to update, so that one that is there does not differ from a new one.
pub(super) fn lacking(plan: &LoadPlan, records: &RecordBatch) -> Vec<(usize, Failure)> {
    if !matches!(plan.operation, Operation::Insert | Operation::Upsert) {
        return Vec::new();
    }
    let fields = plan.target.fields.iter().filter(|field| !field.nullable);
    let columns: Vec<_> = fields
        .filter_map(|field| Some((field, records.column_by_name(&field.name)?)))
        .collect();
    (0..records.num_rows())
        .filter_map(|row| {
            let (field, _) = columns.iter().find(|(_, column)| column.is_null(row))?;
            Some((row, refusal(plan, field)))
        })
        .collect()
}

fn refusal(plan: &LoadPlan, field: &TargetField) -> Failure {
    let table = plan.target.name.rsplit('.').next().unwrap_or_default();
    let message = format!(
        "null value in column \"{}\" of relation \"{table}\" violates not-null constraint. Give it a value under `fields`, as with `coalesce`",
        field.name
    );
    // not_null_violation
    Failure::reject("23502", message).field(&field.name)
}

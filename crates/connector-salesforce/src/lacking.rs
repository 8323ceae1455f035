//! New records without a field that the org requires of them, foretold in the org's own words.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use connector::{LoadPlan, TargetField};
use model::Failure;

use crate::columns::{Fills, columns};

pub(crate) fn lacking(
    plan: &LoadPlan,
    records: &RecordBatch,
    new: &[bool],
) -> Result<Vec<(usize, Failure)>, Failure> {
    let required: Vec<&TargetField> = plan.target.fields.iter().filter(|f| f.required).collect();
    // Of each required field, the columns that fill it: a lookup to one of several objects has one for each.
    let mut filled: Vec<Vec<&ArrayRef>> = vec![Vec::new(); required.len()];
    for column in columns(plan)? {
        let fills = match &column.fills {
            Fills::Field(field) => &field.name,
            Fills::Lookup { relation, .. } => &relation.field,
        };
        if let Some(place) = required.iter().position(|field| field.name == *fills) {
            filled[place].push(records.column(column.index_in(records)?));
        }
    }
    let lacks = |row: usize| {
        let fields = required.iter().zip(&filled);
        let lacking = fields.filter(|(_, columns)| columns.iter().all(|c| is_empty(c, row)));
        let names: Vec<&str> = lacking.map(|(field, _)| field.name.as_str()).collect();
        let first = *names.first()?;
        let message = format!(
            "Required fields are missing: [{}]. The org has no {} of this key, and a new one must have them: fill them under `fields`, or see that the record \
             is there before",
            names.join(", "),
            plan.target.name
        );
        let failure = Failure::reject("REQUIRED_FIELD_MISSING", message);
        Some((row, failure.field(first)))
    };
    let rows = new.iter().enumerate().filter(|(_, new)| **new);
    Ok(rows.filter_map(|(row, _)| lacks(row)).collect())
}

/// A blank text is none to the org.
fn is_empty(column: &ArrayRef, row: usize) -> bool {
    let text = column.as_string_opt::<i32>();
    column.is_null(row) || text.is_some_and(|text| text.value(row).trim().is_empty())
}

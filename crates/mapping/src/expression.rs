//! One SQL expression, compiled; and its evaluation, in which one bad record does not fail its neighbours.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, Utc};
use datafusion_common::{DFSchema, DataFusionError};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::utils::collect_columns;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast::Expr;
use model::Failure;

use crate::columns;
use crate::context::Context;

pub(crate) struct Expression {
    physical: Arc<dyn PhysicalExpr>,
    pub(crate) data_type: DataType,
}

/// A record for which an expression failed.
pub(crate) struct BadRow {
    pub(crate) row: usize,
    pub(crate) message: String,
}

impl Expression {
    /// Compiles SQL over the source's columns. `now()` is `began`, in every chunk of a run.
    pub(crate) fn compile(
        sql: &str,
        source: &Schema,
        began: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let mut expr = columns::parse(sql)?;
        columns::resolve(&mut expr, source)?;
        Self::of(expr, sql, source, began)
    }

    /// Compiles an expression whose names are resolved. `sql` is how it was written.
    pub(crate) fn of(
        expr: Expr,
        sql: &str,
        source: &Schema,
        began: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let wrong = |error: DataFusionError| {
            Failure::usage(
                "invalid_expression",
                format!("`{}` can't be computed: {}", columns::short(sql), plain(&error)),
            )
            .hint("look at the functions' names and the types of their arguments; `cast(x as text)` and the like convert")
        };
        let schema = Arc::new(DFSchema::try_from(source.clone()).map_err(wrong)?);
        let logical = read(expr, &schema).map_err(wrong)?;
        if logical.is_volatile() {
            return Err(Failure::usage(
                "not_repeatable",
                format!("`{}` has another value each time", columns::short(sql)),
            )
            .hint("a chunk that is read again must come to the same values; compute it from columns of the record, or from `now()`, which is when the run began"));
        }
        plan(logical, &schema, source, began).map_err(wrong)
    }

    /// The source's columns that it reads.
    pub(crate) fn columns(&self) -> impl Iterator<Item = String> {
        collect_columns(&self.physical)
            .into_iter()
            .map(|column| column.name().to_owned())
    }

    /// The expression's value for each record; null where it failed, with the reason.
    pub(crate) fn evaluate(&self, batch: &RecordBatch) -> (ArrayRef, Vec<BadRow>) {
        let mut bad = Vec::new();
        let values = self.pieces(batch, 0, &mut bad);
        (values, bad)
    }

    fn pieces(&self, batch: &RecordBatch, start: usize, bad: &mut Vec<BadRow>) -> ArrayRef {
        let rows = batch.num_rows();
        let error = match self.whole(batch) {
            Ok(values) => return values,
            Err(error) => error,
        };
        if rows <= 1 {
            bad.push(BadRow {
                row: start,
                message: plain(&error),
            });
            return new_null_array(&self.data_type, rows);
        }
        let half = rows / 2;
        let left = self.pieces(&batch.slice(0, half), start, bad);
        let right = self.pieces(&batch.slice(half, rows - half), start + half, bad);
        concat(&[left.as_ref(), right.as_ref()]).unwrap_or_else(|error| {
            // Both are of the expression's own type; should they not be, no record of them is let through.
            bad.extend((start..start + rows).map(|row| BadRow {
                row,
                message: error.to_string(),
            }));
            new_null_array(&self.data_type, rows)
        })
    }

    fn whole(&self, batch: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
        self.physical
            .evaluate(batch)
            .and_then(|value| value.into_array(batch.num_rows()))
    }
}

fn read(expr: Expr, schema: &DFSchema) -> Result<datafusion_expr::Expr, DataFusionError> {
    let context = Context::default();
    let options = ParserOptions::new()
        .with_enable_ident_normalization(false)
        .with_map_string_types_to_utf8view(false)
        .with_parse_float_as_decimal(true);
    SqlToRel::new_with_options(&context, options).sql_to_expr(
        expr,
        schema,
        &mut PlannerContext::new(),
    )
}

fn plan(
    logical: datafusion_expr::Expr,
    schema: &Arc<DFSchema>,
    source: &Schema,
    began: DateTime<Utc>,
) -> Result<Expression, DataFusionError> {
    let info = SimplifyContext::builder()
        .with_schema(schema.clone())
        .with_query_execution_start_time(Some(began))
        .build();
    let simplifier = ExprSimplifier::new(info);
    let coerced = simplifier.coerce(logical, schema)?;
    // A constant that can't be computed, as 1/0, fails here; left as it is, it is refused record by record.
    let logical = simplifier.simplify(coerced.clone()).unwrap_or(coerced);
    let physical = create_physical_expr(
        &logical,
        schema,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?;
    let data_type = physical.data_type(source)?;
    Ok(Expression {
        physical,
        data_type,
    })
}

/// The message without DataFusion's layers and back traces.
fn plain(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let text = text.lines().next().unwrap_or_default();
    [
        "Error during planning: ",
        "Arrow error: ",
        "Execution error: ",
        "Schema error: ",
    ]
    .iter()
    .fold(text, |text, layer| text.strip_prefix(layer).unwrap_or(text))
    .to_owned()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray, Int64Array, StringArray};
    use arrow::datatypes::{Field, Int64Type};
    use arrow::util::display::array_value_to_string;

    use super::*;

    fn batch() -> RecordBatch {
        let id: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, Some(0)]));
        let name: ArrayRef = Arc::new(StringArray::from(vec![Some("Ann Lee"), Some("x"), None]));
        RecordBatch::try_from_iter_with_nullable([("id", id, true), ("FullName", name, true)])
            .expect("a batch")
    }

    fn texts(sql: &str) -> Vec<String> {
        let batch = batch();
        let expression =
            Expression::compile(sql, &batch.schema(), DateTime::UNIX_EPOCH).expect(sql);
        let (values, bad) = expression.evaluate(&batch);
        assert!(bad.is_empty(), "{sql}: {}", bad[0].message);
        (0..values.len())
            .map(|row| array_value_to_string(&values, row).expect("a text"))
            .collect()
    }

    #[test]
    fn expressions_are_sql() {
        let cases: [(&str, [&str; 3]); 9] = [
            ("id", ["7", "", "0"]),
            ("'LEGACY_' || id", ["LEGACY_7", "", "LEGACY_0"]),
            ("split_part(fullname, ' ', -1)", ["Lee", "x", ""]),
            ("upper(FullName)", ["ANN LEE", "X", ""]),
            (
                "case when id > 3 then 'big' else 'small' end",
                ["big", "small", "small"],
            ),
            ("coalesce(id, -1)", ["7", "-1", "0"]),
            ("cast(id as text)", ["7", "", "0"]),
            ("FullName like 'A%'", ["true", "false", ""]),
            ("substring(FullName from 1 for 2)", ["An", "x", ""]),
        ];
        for (sql, expected) in cases {
            assert_eq!(texts(sql), expected, "{sql}");
        }
    }

    #[test]
    fn one_bad_record_fails_alone() {
        let batch = batch();
        let expression = Expression::compile("100 / id", &batch.schema(), DateTime::UNIX_EPOCH)
            .expect("compiles");
        let (values, bad) = expression.evaluate(&batch);
        assert_eq!(values.as_primitive::<Int64Type>().value(0), 14);
        assert_eq!(bad.iter().map(|bad| bad.row).collect::<Vec<_>>(), [2]);
        assert!(
            bad[0].message.to_lowercase().contains("zero"),
            "{}",
            bad[0].message
        );
    }

    #[test]
    fn what_reads_more_than_its_record_is_refused() {
        let schema = Schema::new(vec![Field::new("id", DataType::Int64, true)]);
        for sql in [
            "(select 1)",
            "sum(id)",
            "row_number() over ()",
            "nosuch(id)",
            "id in (select 1)",
            "t.id",
        ] {
            let compiled = Expression::compile(sql, &schema, DateTime::UNIX_EPOCH);
            assert!(compiled.is_err(), "{sql}");
        }
    }
}

//! The ids that the table gives to new rows by itself, given to the records before they are written: an insert tells nothing by which its rows and our records
//! could be matched.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use connector::LoadPlan;
use model::Failure;
use model::migration::Operation;
use sqlx::AssertSqlSafe;

use super::{PostgresTarget, Transaction};
use crate::postgres::quote;

/// What the table computes for a column that is not given.
const DEFAULT: &str = "
    select case when a.attidentity <> '' then format('nextval(pg_get_serial_sequence(%L, %L))', $1::text, $2::text)
           else pg_get_expr(d.adbin, d.adrelid) end
    from pg_catalog.pg_attribute a left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = $1::text::regclass and a.attname = $2 and a.attgenerated = ''";

impl PostgresTarget {
    /// The records, each with the id that it is to have, where others refer to it by that and the file does not compute it.
    pub(super) async fn with_ids(
        &self,
        transaction: &mut Transaction,
        plan: &LoadPlan,
        batch: RecordBatch,
    ) -> Result<RecordBatch, Failure> {
        let Some(id) = kept_id(plan) else {
            return Ok(batch);
        };
        if plan.operation != Operation::Insert || batch.column_by_name(id).is_some() {
            return Ok(batch);
        }
        let table = Self::quoted(&plan.to);
        let default: Option<String> = sqlx::query_scalar(DEFAULT)
            .bind(&table)
            .bind(id)
            .fetch_optional(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?
            .flatten();
        let Some(default) = default else {
            return Err(Failure::chunk(
                "no_single_id",
                format!("`{table}` gives no `{id}` to new rows by itself, and others are to find them by it"),
            )
            .hint("fill it under `fields`, or give the column a default"));
        };
        let sql = format!("select ({default})::text from generate_series(1, $1)");
        let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(i64::try_from(batch.num_rows()).unwrap_or(i64::MAX))
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        let mut fields: Vec<Arc<Field>> = batch.schema_ref().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(id, DataType::Utf8, false)));
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        columns.push(Arc::new(StringArray::from(ids)));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|error| Failure::bug(format!("records do not take their ids: {error}")))
    }
}

/// The column whose values are kept, where they are.
pub(super) fn kept_id(plan: &LoadPlan) -> Option<&str> {
    plan.target.id_field().filter(|_| plan.keeps_ids)
}

/// The kept id of a row of a table or query, as text; null where none is kept.
pub(super) fn id_of(plan: &LoadPlan, alias: &str) -> String {
    match kept_id(plan) {
        Some(id) => format!("{alias}.{}::text", quote::name(id)),
        None => "null::text".to_owned(),
    }
}

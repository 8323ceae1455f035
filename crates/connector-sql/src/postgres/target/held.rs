//! Which keys a table holds: asked in a transaction that can't write.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use connector::Held;
use model::Failure;
use sqlx::{AssertSqlSafe, Row};

use super::PostgresTarget;
use super::column::base;
use crate::postgres::quote;

impl PostgresTarget {
    pub(super) async fn held_keys(&self, to: &str, keys: &RecordBatch) -> Result<Held, Failure> {
        let mut there = vec![false; keys.num_rows()];
        if keys.num_rows() == 0 {
            return Ok(Held { there, calls: 0 });
        }
        let mut transaction = self.begin().await?;
        self.run(&mut transaction, "set transaction read only")
            .await?;
        let table = self.describe_table(&mut transaction, to).await?;
        let mut given = Vec::new();
        let mut matched = Vec::new();
        let mut texts = Vec::new();
        for (column, place) in keys.schema_ref().fields().iter().zip(1..) {
            let field = table.field(column.name()).ok_or_else(|| {
                let message = format!("`{}` has no column `{}`", table.name, column.name());
                Failure::usage("unknown_field", message).field(column.name())
            })?;
            given.push(format!("${place}::text[]"));
            let (name, native) = (quote::name(&field.name), compared(&field.native));
            matched.push(format!("t.{name} = k.k{place}::{native}"));
            texts.push(values(keys.column(place - 1))?);
        }
        let names: Vec<_> = (1..=texts.len()).map(|place| format!("k{place}")).collect();
        let sql = format!(
            "select k.stevedore_row from unnest({}) with ordinality k({}, stevedore_row) where exists (select 1 from {} t where {})",
            given.join(", "),
            names.join(", "),
            Self::quoted(&table.name),
            matched.join(" and "),
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for texts in texts {
            query = query.bind(texts);
        }
        let rows = query
            .fetch_all(&mut *transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        for row in rows {
            let number: i64 = row.try_get(0).map_err(|error| self.failure(&error))?;
            let row = usize::try_from(number - 1).unwrap_or(usize::MAX);
            if let Some(there) = there.get_mut(row) {
                *there = true;
            }
        }
        Ok(Held { there, calls: 1 })
    }
}

/// The type that a key is compared as. A cast to the column's own would cut off what is longer than it.
fn compared(native: &str) -> String {
    match base(native).as_str() {
        "character" => "bpchar".to_owned(),
        "bit" => "bit varying".to_owned(),
        other => other.to_owned(),
    }
}

/// The values as the database parses them. A text that it can't hold is nobody's key.
fn values(column: &ArrayRef) -> Result<Vec<Option<String>>, Failure> {
    let binary = column.as_binary_opt::<i32>();
    (0..column.len())
        .map(|row| {
            if column.is_null(row) {
                return Ok(None);
            }
            if let (DataType::Binary, Some(bytes)) = (column.data_type(), binary) {
                let hex: String = bytes
                    .value(row)
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect();
                return Ok(Some(format!("\\x{hex}")));
            }
            let text = array_value_to_string(column, row)
                .map_err(|error| Failure::bug(format!("a key has no text: {error}")))?;
            Ok((!text.contains('\0')).then_some(text))
        })
        .collect()
}

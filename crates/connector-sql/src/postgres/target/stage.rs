//! Records on their way by COPY: straight into the table, or into a staging table of this transaction.

use arrow::array::RecordBatch;
use model::Failure;
use sqlx::AssertSqlSafe;

use super::column::Column;
use super::{PostgresTarget, Transaction};
use crate::postgres::copy::encode::{TextForm, Unwritable, encode};

/// The staging table; it ends with its transaction.
pub(super) const STAGE: &str = "pg_temp.stevedore_stage";

impl PostgresTarget {
    /// Copies the records in, and tells how many the table took, and which can't be written.
    pub(super) async fn copy(
        &self,
        transaction: &mut Transaction,
        table: &str,
        columns: &[Column],
        batch: &RecordBatch,
        numbered: bool,
    ) -> Result<(u64, Vec<Unwritable>), CopyError> {
        let forms: Vec<(usize, TextForm)> = columns
            .iter()
            .map(|column| (column.place, column.form))
            .collect();
        let (bytes, unwritable) = encode(batch, &forms, numbered)?;
        let mut names: Vec<String> = columns.iter().map(Column::quoted).collect();
        if numbered {
            names.insert(0, "stevedore_row".to_owned());
        }
        let sql = format!(
            "copy {table} ({}) from stdin (format binary)",
            names.join(", ")
        );
        let copied = async {
            let mut copy = transaction.copy_in_raw(&sql).await?;
            // In pieces, so that the connection's buffer stays small.
            for piece in bytes.chunks(256 << 10) {
                copy.send(piece).await?;
            }
            copy.finish().await
        };
        let taken = copied.await.map_err(CopyError::Database)?;
        Ok((taken, unwritable))
    }

    pub(super) async fn stage(
        &self,
        transaction: &mut Transaction,
        columns: &[Column],
        batch: &RecordBatch,
    ) -> Result<Vec<Unwritable>, Failure> {
        let mut definitions = vec!["stevedore_row bigint primary key".to_owned()];
        definitions.extend(
            columns
                .iter()
                .map(|column| format!("{} {}", column.quoted(), column.staged)),
        );
        let sql = format!(
            "create temp table stevedore_stage ({}) on commit drop",
            definitions.join(", ")
        );
        self.run(transaction, &sql).await?;
        let staged = self.copy(transaction, STAGE, columns, batch, true).await;
        let (_, unwritable) = staged.map_err(|error| match error {
            CopyError::Ours(failure) => failure,
            CopyError::Database(error) => self.failure(&error),
        })?;
        sqlx::query(AssertSqlSafe("analyze stevedore_stage"))
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        Ok(unwritable)
    }
}

/// A COPY that did not work.
pub(super) enum CopyError {
    Ours(Failure),
    Database(sqlx::Error),
}

impl From<Failure> for CopyError {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

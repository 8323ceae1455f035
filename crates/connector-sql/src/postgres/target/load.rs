//! One chunk: claimed, written, its outcome stored, and all of it committed together or not at all.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::util::display::array_value_to_string;
use connector::{Claim, Gate, LoadPlan, Loaded};
use model::migration::Operation;
use model::{Failure, Fate};
use record::{Checksum, Outcome, Payload, Refusal, meta, record_json};

use super::apply::{Applied, Refused, kept_out, record_error};
use super::claim::Claimed;
use super::column::Column;
use super::stage::CopyError;
use super::{PostgresTarget, Transaction};
use crate::postgres::copy::encode::{TextForm, Unwritable, encode};

impl PostgresTarget {
    pub(super) async fn load_chunk(
        &self,
        plan: &LoadPlan,
        claim: &Claim,
        payload: Payload,
        gate: &dyn Gate,
    ) -> Result<Loaded, Failure> {
        let claims = Self::claims(&plan.to);
        let (mut transaction, claimed) = self.begin_claimed(&claims, claim).await?;
        if let Claimed::Settled(loaded) = claimed {
            return Ok(*loaded);
        }
        let columns = columns(plan, &payload.records)?;
        let applied = self
            .write(&mut transaction, plan, &columns, &payload.records)
            .await?;
        let outcome = outcome(plan, payload, applied)?;
        self.store_outcome(&mut transaction, &claims, claim, &outcome)
            .await?;
        gate.pass().await?;
        // Should the answer get lost, the next attempt finds the claim and says what it says.
        transaction
            .commit()
            .await
            .map_err(|error| self.failure(&error))?;
        Ok(Loaded::Written(outcome))
    }

    async fn write(
        &self,
        transaction: &mut Transaction,
        plan: &LoadPlan,
        columns: &[Column],
        batch: &RecordBatch,
    ) -> Result<Applied, Failure> {
        if batch.num_rows() == 0 {
            return Ok(Applied::default());
        }
        let as_they_are = columns.iter().all(|column| column.cast.is_none());
        if plan.operation == Operation::Insert
            && as_they_are
            && let Some(applied) = self.straight_in(transaction, plan, columns, batch).await?
        {
            return Ok(applied);
        }
        let unwritable = self.stage(transaction, columns, batch).await?;
        let mut applied = self
            .apply(transaction, plan, columns, batch.num_rows())
            .await?;
        applied.refused.extend(refused(unwritable, batch));
        Ok(applied)
    }

    /// Inserts by COPY into the table itself. None when a record is at fault, or kept out by the table: which one, staging finds out.
    async fn straight_in(
        &self,
        transaction: &mut Transaction,
        plan: &LoadPlan,
        columns: &[Column],
        batch: &RecordBatch,
    ) -> Result<Option<Applied>, Failure> {
        self.run(transaction, "savepoint straight_in").await?;
        let table = Self::quoted(&plan.to);
        let copied = self.copy(transaction, &table, columns, batch, false).await;
        let checked = match copied {
            Err(error) => Err(error),
            Ok(copied) => {
                sqlx::raw_sql("set constraints all immediate; set constraints all deferred")
                    .execute(&mut **transaction)
                    .await
                    .map(|_| copied)
                    .map_err(CopyError::Database)
            }
        };
        match checked {
            Ok((taken, unwritable))
                if taken + unwritable.len() as u64 == batch.num_rows() as u64 =>
            {
                self.run(transaction, "release savepoint straight_in")
                    .await?;
                let refused = refused(unwritable, batch);
                let fates = (0..batch.num_rows())
                    .filter(|row| !refused.contains_key(row))
                    .map(|row| (row, Fate::Created))
                    .collect();
                Ok(Some(Applied { fates, refused }))
            }
            Err(CopyError::Ours(failure)) => Err(failure),
            Err(CopyError::Database(error)) if record_error(&error).is_none() => {
                Err(self.failure(&error))
            }
            Ok(_) | Err(CopyError::Database(_)) => {
                self.run(transaction, "rollback to savepoint straight_in")
                    .await?;
                Ok(None)
            }
        }
    }
}

fn columns(plan: &LoadPlan, batch: &RecordBatch) -> Result<Vec<Column>, Failure> {
    batch
        .schema_ref()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| !meta::is_ours(field.name()))
        .map(|(place, field)| {
            let target = plan.target.field(field.name()).ok_or_else(|| {
                Failure::bug(format!(
                    "the mapped field `{}` is not the table's",
                    field.name()
                ))
            })?;
            Ok(Column::new(place, field, target))
        })
        .collect()
}

fn refused(unwritable: Vec<Unwritable>, batch: &RecordBatch) -> HashMap<usize, Refused> {
    unwritable
        .into_iter()
        .map(|unwritable| {
            let refused = Refused {
                code: "invalid_value".to_owned(),
                message: unwritable.message,
                fields: vec![batch.schema_ref().field(unwritable.column).name().clone()],
            };
            (unwritable.row, refused)
        })
        .collect()
}

/// The records that COPY can't carry, as they would be refused.
pub(super) fn unwritable(
    plan: &LoadPlan,
    batch: &RecordBatch,
) -> Result<Vec<(usize, Failure)>, Failure> {
    let columns = columns(plan, batch)?;
    let forms: Vec<(usize, TextForm)> = columns
        .iter()
        .map(|column| (column.place, column.form))
        .collect();
    let (_, unwritable) = encode(batch, &forms, false)?;
    let refused = refused(unwritable, batch).into_iter();
    Ok(refused
        .map(|(row, why)| {
            let mut failure = Failure::reject(&why.code, why.message);
            if let Some(field) = why.fields.first() {
                failure = failure.field(field);
            }
            (row, failure)
        })
        .collect())
}

/// One ledger row for every record of the chunk.
fn outcome(plan: &LoadPlan, payload: Payload, mut applied: Applied) -> Result<Outcome, Failure> {
    let batch = payload.records;
    let missing = |name| Failure::bug(format!("a mapped batch has no column {name}"));
    let keys = batch
        .column_by_name(meta::KEY_COLUMN)
        .and_then(|column| column.as_string_opt::<i32>())
        .ok_or_else(|| missing(meta::KEY_COLUMN))?;
    let checksums = batch
        .column_by_name(meta::CHECKSUM_COLUMN)
        .and_then(|column| column.as_fixed_size_binary_opt());
    let ids = match plan.target.keys.first().map(Vec::as_slice) {
        Some([id]) => batch.column_by_name(id),
        _ => None,
    };
    let mut outcome = Outcome::of_refused(payload.journey, payload.refusals, payload.changes);
    for row in 0..batch.num_rows() {
        let checksum = checksums
            .filter(|sums| sums.is_valid(row))
            .and_then(|sums| Checksum::from_bytes(sums.value(row)));
        let why = applied.refused.remove(&row);
        if let (None, Some(fate)) = (&why, applied.fates.get(&row)) {
            let id = ids
                .filter(|ids| ids.is_valid(row))
                .and_then(|ids| array_value_to_string(ids, row).ok());
            outcome.ledger.push(keys.value(row), id, *fate, checksum);
            continue;
        }
        let why = why.unwrap_or_else(|| not_there(plan));
        let refusal = Refusal {
            key: keys.value(row).to_owned(),
            fate: Fate::Failed,
            code: why.code,
            message: why.message,
            fields: why.fields,
            data: record_json(&batch, row),
        };
        outcome.refuse(refusal, checksum);
    }
    Ok(outcome)
}

/// Why the statement did not return a record.
fn not_there(plan: &LoadPlan) -> Refused {
    let (code, message) = match plan.operation {
        Operation::Insert | Operation::Upsert => kept_out(),
        _ => ("not_found", "the target has no record of this key"),
    };
    Refused {
        code: code.to_owned(),
        message: message.to_owned(),
        fields: plan.key.clone(),
    }
}

//! The audit log: a row per chunk and attempt. A chunk's outcome is stored once, in one transaction with its failed records and
//! its ledger, however often it is delivered and by whichever attempt.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use model::{Attempt, Books, ChunkNumber, ChunkRef, Failure, Fate, Pass, RunId};

use crate::chunks::{ChunkKind, read_ref};
use crate::db::{Row, Tx, args, list};
use crate::failures::NewFailedRecord;
use crate::{
    Arrived, Control, NewChange, NewIds, NewPlaceholder, Result, changes, id_map, placeholders,
};

/// A chunk's outcome: what goes into its audit row. The sums and the status follow from it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    pub books: Books,
    /// When the extractor took the chunk up.
    pub started_at: DateTime<Utc>,
    /// When the outcome was complete.
    pub ended_at: DateTime<Utc>,
    /// Records that the source said the chunk holds, where it says so.
    pub source_count: Option<u64>,
    /// Records that the mapping let through.
    pub transformed_count: u64,
    /// Records that were sent to the target.
    pub loaded_count: u64,
    /// The bulk job, by the target's own name, and its part if it has parts.
    pub job_id: Option<String>,
    pub batch_id: Option<String>,
    /// What was read, if it was a file.
    pub file_path: Option<String>,
    pub file_bytes: Option<u64>,
    pub source_checksum: Option<String>,
    /// From reading the target again; none where it was not.
    pub target_checksum: Option<String>,
    pub read_epoch: Option<String>,
    /// Size of the records as they were read.
    pub bytes: Option<u64>,
    /// Which auditor.
    pub created_by: String,
    /// The keys of all records that it has read. Those of a retry chunk are counted here from now on; of another chunk they tell nothing.
    pub retried: Vec<String>,
    /// Values that the target holds as others than were computed.
    pub changes: Vec<NewChange>,
    /// Ids of records that others look up by them.
    pub ids: Option<NewIds>,
    /// Records that were made in the place of missing parents.
    pub placeholders: Vec<NewPlaceholder>,
    /// Real records, where placeholders may stand for them.
    pub arrived: Option<Arrived>,
}

/// An attempt that came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedAttempt {
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    pub pass: Pass,
    pub failure: Failure,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// Which service.
    pub created_by: String,
}

/// The per-record memory of a chunk, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerBlob {
    pub records: u64,
    pub encoding_version: i64,
    /// Which keys may be in it; none: any.
    pub key_filter: Option<Vec<u8>>,
    pub blob: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audited {
    Recorded,
    /// This chunk's outcome was stored before, with these books; nothing was changed.
    Already {
        books: Books,
    },
}

/// What a person reads of an audit row; every column is in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    pub audit_id: i64,
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    /// The chunk's one outcome; otherwise an attempt that came to nothing.
    pub outcome: bool,
    /// `SUCCESS`, `PARTIAL`, `FAILED`, `ROLLED_BACK`.
    pub status: String,
    pub extracted: Option<u64>,
    pub succeeded: Option<u64>,
    pub balanced: Option<bool>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub seconds: Option<f64>,
    pub error_message: Option<String>,
    pub job_id: Option<String>,
    pub source_checksum: Option<String>,
    pub created_at: DateTime<Utc>,
}

const OUTCOME: &str = "
    insert into audit_log (run_id, scheduler_run_id, object, chunk, attempt, pass, outcome, started_at, ended_at, duration_seconds,
        source_count, extracted_count, transformed_count, loaded_count, success_count, failed_count, skipped_count,
        created_count, updated_count, unchanged_count, deleted_count, rejected_count, status, error_message, job_id, batch_id,
        file_path, file_size_mb, source_checksum, target_checksum, read_epoch, bytes, balanced, created_by, changed_count, dry_run)
    select id, scheduler_run_id, $2, $3, $4, 'records', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, kind = 'dry_run' from runs where id = $1
    on conflict do nothing
    returning audit_id, (select kind from chunks where run_id = $1 and object = $2 and chunk = $3) as kind";

impl Control {
    /// Stores a chunk's outcome: audit row, failed records, changed values, ids, placeholders and ledger, in one transaction, unless an outcome of that chunk is stored.
    ///
    /// Of a chunk that sends records again, what was stored about those records before is marked as retried.
    /// Errors: `NotFound` if there is no such run.
    pub async fn audit(
        &self,
        entry: &AuditEntry,
        failed: &[NewFailedRecord],
        ledger: Option<&LedgerBlob>,
    ) -> Result<Audited> {
        let mut tx = self.db.begin().await?;
        // First of all: a second one of the same chunk waits here for the first to end.
        let Some(row) = tx.fetch_one(OUTCOME, outcome_args(entry)).await? else {
            drop(tx);
            return self.audited_before(&entry.chunk).await;
        };
        let audit_id = row.int("audit_id")?;
        let retries = row.opt_text("kind")?.as_deref() == Some(ChunkKind::Retry.as_str());
        let earlier = match retries {
            true => mark_retried(&mut tx, entry).await?,
            false => HashMap::new(),
        };
        insert_failed(&mut tx, entry, audit_id, failed, &earlier).await?;
        changes::insert(&mut tx, entry, audit_id).await?;
        id_map::store(&mut tx, entry).await?;
        placeholders::store(&mut tx, entry).await?;
        if let Some(ledger) = ledger {
            let sql = "insert into ledger (run_id, object, chunk, attempt, records, encoding_version, key_filter, blob)
                       values ($1, $2, $3, $4, $5, $6, $7, $8)";
            let values = args![
                &entry.chunk.run,
                &entry.chunk.object,
                entry.chunk.chunk,
                entry.attempt,
                ledger.records,
                ledger.encoding_version,
                ledger.key_filter.as_deref(),
                ledger.blob.as_slice(),
            ];
            tx.execute(sql, values).await?;
        }
        tx.commit().await?;
        Ok(Audited::Recorded)
    }

    async fn audited_before(&self, chunk: &ChunkRef) -> Result<Audited> {
        let sql = "select extracted_count as extracted, created_count as created, updated_count as updated,
                       unchanged_count as unchanged, deleted_count as deleted, rejected_count as rejected, failed_count as failed,
                       skipped_count as skipped
                   from audit_log where run_id = $1 and object = $2 and chunk = $3 and outcome";
        let values = args![&chunk.run, &chunk.object, chunk.chunk];
        match self.db.read_one(sql, values).await? {
            Some(row) => Ok(Audited::Already {
                books: row.books()?,
            }),
            None => Err(crate::runs::unknown(&chunk.run)),
        }
    }

    /// Stores that an attempt came to nothing, and why; unless that is stored, or the attempt has an outcome after all.
    pub async fn audit_failure(&self, failed: &FailedAttempt) -> Result<()> {
        let [_, message, _, details] = crate::settle::failure_args(Some(&failed.failure))?;
        let sql = "
            insert into audit_log (run_id, scheduler_run_id, object, chunk, attempt, pass, outcome, started_at, ended_at,
                duration_seconds, status, error_message, error_details, created_by, dry_run)
            select id, scheduler_run_id, $2, $3, $4, $5, $6, $7, $8, $9, 'FAILED', $10, $11, $12, kind = 'dry_run' from runs
            where id = $1 and not exists (select 1 from audit_log where run_id = $1 and object = $2 and chunk = $3 and attempt = $4 and outcome)
            on conflict do nothing";
        let values = vec![
            (&failed.chunk.run).into(),
            (&failed.chunk.object).into(),
            failed.chunk.chunk.into(),
            failed.attempt.into(),
            failed.pass.as_str().into(),
            false.into(),
            failed.started_at.into(),
            failed.ended_at.into(),
            failed
                .started_at
                .map(|start| seconds(start, failed.ended_at))
                .into(),
            message,
            details,
            (&failed.created_by).into(),
        ];
        self.db.execute(sql, values).await.map(|_| ())
    }

    /// A run's audit rows in the order in which they were stored, after this id.
    pub async fn audit_rows(
        &self,
        run: &RunId,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>> {
        let sql = "select * from audit_log where run_id = $1 and audit_id > $2 order by audit_id limit $3";
        let rows = self
            .db
            .read(sql, args![run, after.unwrap_or(0), limit])
            .await?;
        rows.iter().map(read_audit).collect()
    }

    /// A chunk's one outcome, if it has been audited.
    pub async fn outcome(&self, chunk: &ChunkRef) -> Result<Option<AuditRow>> {
        let sql =
            "select * from audit_log where run_id = $1 and object = $2 and chunk = $3 and outcome";
        let values = args![&chunk.run, &chunk.object, chunk.chunk];
        let row = self.db.read_one(sql, values).await?;
        row.as_ref().map(read_audit).transpose()
    }

    /// The chunks of an object that have a ledger, behind `after` and in their order, each with its filter of keys.
    pub async fn key_filters(
        &self,
        run: &RunId,
        object: &str,
        after: ChunkNumber,
        limit: u32,
    ) -> Result<Vec<(ChunkNumber, Option<Vec<u8>>)>> {
        let sql = "select chunk, key_filter from ledger where run_id = $1 and object = $2 and chunk > $3 order by chunk limit $4";
        let rows = self.db.read(sql, args![run, object, after, limit]).await?;
        rows.iter()
            .map(|row| Ok((row.chunk("chunk")?, row.opt_bytes("key_filter")?)))
            .collect()
    }

    /// A chunk's ledger, if it has been audited with one.
    pub async fn ledger(&self, chunk: &ChunkRef) -> Result<Option<LedgerBlob>> {
        let sql = "select records, encoding_version, key_filter, blob from ledger where run_id = $1 and object = $2 and chunk = $3";
        let values = args![&chunk.run, &chunk.object, chunk.chunk];
        let row = self.db.read_one(sql, values).await?;
        row.map(|row| {
            Ok(LedgerBlob {
                records: row.count("records")?,
                encoding_version: row.int("encoding_version")?,
                key_filter: row.opt_bytes("key_filter")?,
                blob: row.bytes("blob")?,
            })
        })
        .transpose()
    }
}

/// All of it made it, some of it, or nothing.
fn status(books: &Books) -> &'static str {
    if books.balanced() && books.refused() == 0 {
        "SUCCESS"
    } else if books.succeeded() + books.skipped > 0 {
        "PARTIAL"
    } else {
        "FAILED"
    }
}

fn message(books: &Books) -> Option<String> {
    let unbalanced = || {
        format!(
            "the books do not balance: {} records were extracted, and the fate of {} is known",
            books.extracted,
            books.settled()
        )
    };
    let refused = || {
        format!(
            "{} records rejected, {} failed; see failed_records",
            books.rejected, books.failed
        )
    };
    (!books.balanced())
        .then(unbalanced)
        .or_else(|| (books.refused() > 0).then(refused))
}

fn seconds(start: DateTime<Utc>, end: DateTime<Utc>) -> f64 {
    (end - start).as_seconds_f64().max(0.0)
}

fn outcome_args(entry: &AuditEntry) -> Vec<crate::db::Arg> {
    let books = &entry.books;
    args![
        &entry.chunk.run,
        &entry.chunk.object,
        entry.chunk.chunk,
        entry.attempt,
        true,
        entry.started_at,
        entry.ended_at,
        seconds(entry.started_at, entry.ended_at),
        entry.source_count,
        books.extracted,
        entry.transformed_count,
        entry.loaded_count,
        books.succeeded(),
        books.failed,
        books.skipped,
        books.created,
        books.updated,
        books.unchanged,
        books.deleted,
        books.rejected,
        status(books),
        message(books),
        &entry.job_id,
        &entry.batch_id,
        &entry.file_path,
        entry.file_bytes.map(|bytes| bytes as f64 / 1_048_576.0),
        &entry.source_checksum,
        &entry.target_checksum,
        &entry.read_epoch,
        entry.bytes,
        books.balanced(),
        &entry.created_by,
        changes::count(&entry.changes),
    ]
}

/// Marks what was stored before about the records that this chunk has read again. Gives, by key, how often each had been retried.
async fn mark_retried(tx: &mut Tx, entry: &AuditEntry) -> Result<HashMap<String, u64>> {
    let chunk = &entry.chunk;
    let note = format!("retried by chunk {}", chunk.chunk);
    let mut earlier = HashMap::new();
    for keys in entry.retried.chunks(500) {
        let sql = format!(
            "update failed_records set resolved = true, resolved_at = coalesce(resolved_at, {{now}}),
                 resolution_notes = coalesce(resolution_notes, $4), retried_by_chunk = $3
             where run_id = $1 and object = $2 and chunk <> $3 and retried_by_chunk is null and fate in ('rejected', 'failed')
             and record_key in ({}) returning record_key, retry_count",
            list(5, keys.len())
        );
        let mut values = args![&chunk.run, &chunk.object, chunk.chunk, &note];
        values.extend(keys.iter().map(Into::into));
        for row in tx.fetch_once(&sql, values).await? {
            let count = earlier.entry(row.text("record_key")?).or_insert(0);
            *count = row.count("retry_count")?.max(*count);
        }
    }
    Ok(earlier)
}

async fn insert_failed(
    tx: &mut Tx,
    entry: &AuditEntry,
    audit_id: i64,
    failed: &[NewFailedRecord],
    earlier: &HashMap<String, u64>,
) -> Result<()> {
    let chunk = &entry.chunk;
    let rows = failed.iter().map(|record| {
        let retried = earlier.get(&record.key);
        let on_purpose = record.fate == Fate::Skipped;
        let fields = (!record.fields.is_empty()).then(|| record.fields.join(", "));
        args![
            audit_id,
            &chunk.run,
            &chunk.object,
            chunk.chunk,
            entry.attempt,
            &record.key,
            record.fate.as_str(),
            &record.code,
            &record.message,
            fields,
            retried.map_or(0, |count| count + 1),
            retried.map(|_| entry.ended_at),
            on_purpose,
            on_purpose.then_some(entry.ended_at),
            on_purpose.then_some("skipped on purpose"),
            record.data.as_ref(),
        ]
    });
    let head = "insert into failed_records (audit_id, run_id, object, chunk, attempt, record_key, fate, error_code, error_message, \
                error_fields, retry_count, last_retry_at, resolved, resolved_at, resolution_notes, record_data)";
    tx.insert_many(head, 16, rows.collect(), "")
        .await
        .map(|_| ())
}

fn read_audit(row: &Row) -> Result<AuditRow> {
    Ok(AuditRow {
        audit_id: row.int("audit_id")?,
        chunk: read_ref(row)?,
        attempt: row.attempt()?,
        outcome: row.bool("outcome")?,
        status: row.text("status")?,
        extracted: row.opt_count("extracted_count")?,
        succeeded: row.opt_count("success_count")?,
        balanced: row.opt_bool("balanced")?,
        started_at: row.opt_time("started_at")?,
        ended_at: row.opt_time("ended_at")?,
        seconds: row.opt_float("duration_seconds")?,
        error_message: row.opt_text("error_message")?,
        job_id: row.opt_text("job_id")?,
        source_checksum: row.opt_text("source_checksum")?,
        created_at: row.time("created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_follows_from_the_books() {
        let books = |extracted, created, failed| Books {
            extracted,
            created,
            failed,
            ..Books::default()
        };
        assert_eq!(status(&books(2, 2, 0)), "SUCCESS");
        assert_eq!(status(&books(0, 0, 0)), "SUCCESS");
        assert_eq!(status(&books(2, 1, 1)), "PARTIAL");
        assert_eq!(status(&books(2, 0, 2)), "FAILED");
        assert_eq!(status(&books(3, 2, 0)), "PARTIAL");
        assert!(message(&books(3, 2, 0)).is_some_and(|text| text.contains("do not balance")));
        assert_eq!(message(&books(2, 2, 0)), None);
    }
}

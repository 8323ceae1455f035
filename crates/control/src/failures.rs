//! Records that did not make it: listing them, summing them up, and finding those that a retry has to read.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use model::{Attempt, ChunkNumber, ChunkRef, Fate, RunId};
use serde_json::Value;

use crate::chunks::read_ref;
use crate::db::{Arg, Row, args, list};
use crate::{Control, Result};

/// Keys asked for in one statement.
const AT_ONCE: usize = 500;

/// A record that did not make it, to be stored with its chunk's audit row.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFailedRecord {
    /// The source key as text.
    pub key: String,
    /// `Rejected`, `Failed` or `Skipped`. Skipped on purpose: stored as resolved.
    pub fate: Fate,
    pub code: String,
    pub message: String,
    pub fields: Vec<String>,
    /// The record, masked or encrypted already if it has to be.
    pub data: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FailedRecord {
    /// Rises with time; where a listing goes on.
    pub id: i64,
    pub audit_id: i64,
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    pub key: String,
    pub fate: Fate,
    pub code: String,
    pub message: String,
    pub fields: Vec<String>,
    /// How often it was sent again before.
    pub retry_count: u64,
    pub last_retry_at: Option<DateTime<Utc>>,
    /// The chunk that has read it again, where its fate is counted now.
    pub retried_by: Option<ChunkNumber>,
    pub resolved: bool,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolution_notes: Option<String>,
    pub data: Option<Value>,
    pub created_at: DateTime<Utc>,
}

/// Which failed records to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Failures<'a> {
    pub object: Option<&'a str>,
    pub code: Option<&'a str>,
    /// The source key.
    pub key: Option<&'a str>,
    /// Leaves out those that were retried, skipped on purpose, or marked resolved by hand.
    pub unresolved_only: bool,
    /// Goes on after this id.
    pub after: Option<i64>,
    pub limit: u32,
}

/// The unresolved records of one object that share a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    pub object: String,
    pub fate: Fate,
    pub code: String,
    pub count: u64,
    pub sample_message: String,
    pub sample_key: String,
}

/// A record that a retry has to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedKey {
    pub id: i64,
    /// The chunk in which it did not make it.
    pub chunk: ChunkNumber,
    pub key: String,
}

impl Control {
    /// Which of these source keys are of records that did not make it and still have not: rejected by us, or failed by the target.
    pub async fn not_moved(
        &self,
        run: &RunId,
        object: &str,
        keys: &[&str],
    ) -> Result<HashSet<String>> {
        let mut found = HashSet::new();
        for keys in keys.chunks(AT_ONCE) {
            let sql = format!(
                "select record_key from failed_records where run_id = $1 and object = $2 and not resolved and record_key in ({})",
                list(3, keys.len())
            );
            let mut values = args![run, object];
            values.extend(keys.iter().map(|key| Arg::from(*key)));
            for row in self.db.read(&sql, values).await? {
                found.insert(row.text("record_key")?);
            }
        }
        Ok(found)
    }

    /// In the order in which they were stored.
    pub async fn failures(&self, run: &RunId, which: &Failures<'_>) -> Result<Vec<FailedRecord>> {
        let mut sql =
            "select * from failed_records where run_id = $1 and failed_id > $2".to_owned();
        let mut values: Vec<Arg> = args![run, which.after.unwrap_or(0)];
        for (column, wanted) in [
            ("object", which.object),
            ("error_code", which.code),
            ("record_key", which.key),
        ] {
            if let Some(wanted) = wanted {
                values.push(wanted.into());
                sql.push_str(&format!(" and {column} = ${}", values.len()));
            }
        }
        if which.unresolved_only {
            sql.push_str(" and not resolved");
        }
        values.push(which.limit.into());
        sql.push_str(&format!(" order by failed_id limit ${}", values.len()));
        let rows = self.db.read(&sql, values).await?;
        rows.iter().map(read_failed).collect()
    }

    /// Unresolved records by object and code, the most frequent first.
    pub async fn failure_summary(&self, run: &RunId) -> Result<Vec<FailureGroup>> {
        let sql = "
            select g.object, g.fate, g.error_code, g.records, f.error_message, f.record_key
            from (select object, fate, error_code, count(*) as records, min(failed_id) as first
                  from failed_records where run_id = $1 and not resolved group by object, fate, error_code) g
            join failed_records f on f.failed_id = g.first
            order by g.records desc, g.object, g.error_code";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter()
            .map(|row| {
                Ok(FailureGroup {
                    object: row.text("object")?,
                    fate: row.word("fate", Fate::parse)?,
                    code: row.text("error_code")?,
                    count: row.count("records")?,
                    sample_message: row.text("error_message")?,
                    sample_key: row.text("record_key")?,
                })
            })
            .collect()
    }

    /// What a retry of an object has to read, in the order of ids: unresolved records, except those of which a retry is under
    /// way already (a failed retry chunk counts as such: it is revived).
    pub async fn unresolved_keys(
        &self,
        run: &RunId,
        object: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<UnresolvedKey>> {
        let sql = "
            select failed_id, chunk, record_key from failed_records f
            where run_id = $1 and object = $2 and failed_id > $3 and not resolved
            and not exists (select 1 from chunks c where c.run_id = f.run_id and c.object = f.object and c.kind = 'retry'
                and c.root = f.retry_chunk and c.state in ('pending', 'dispatched', 'failed'))
            order by failed_id limit $4";
        let rows = self
            .db
            .read(sql, args![run, object, after.unwrap_or(0), limit])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(UnresolvedKey {
                    id: row.int("failed_id")?,
                    chunk: row.chunk("chunk")?,
                    key: row.text("record_key")?,
                })
            })
            .collect()
    }
}

fn read_failed(row: &Row) -> Result<FailedRecord> {
    Ok(FailedRecord {
        id: row.int("failed_id")?,
        audit_id: row.int("audit_id")?,
        chunk: read_ref(row)?,
        attempt: row.attempt()?,
        key: row.text("record_key")?,
        fate: row.word("fate", Fate::parse)?,
        code: row.text("error_code")?,
        message: row.text("error_message")?,
        fields: row
            .opt_text("error_fields")?
            .map(|fields| fields.split(", ").map(str::to_owned).collect())
            .unwrap_or_default(),
        retry_count: row.count("retry_count")?,
        last_retry_at: row.opt_time("last_retry_at")?,
        retried_by: row.opt_chunk("retried_by_chunk")?,
        resolved: row.bool("resolved")?,
        resolved_at: row.opt_time("resolved_at")?,
        resolution_notes: row.opt_text("resolution_notes")?,
        data: row.opt_json("record_data")?,
        created_at: row.time("created_at")?,
    })
}

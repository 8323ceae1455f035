//! Chunks as they are stored: reading them, counting them, summing their books.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use model::{Attempt, Books, ChunkNumber, ChunkRef, ChunkState, Failure, Pass, RunId, Slice};

use crate::db::{Row, args};
use crate::{Control, Error, Result};

/// Where a chunk comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChunkKind {
    /// A slice of the plan, or a part of one.
    Slice,
    /// Records that did not make it, sent again.
    Retry,
}

impl ChunkKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slice => "slice",
            Self::Retry => "retry",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Slice, Self::Retry]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    pub chunk: ChunkRef,
    pub parent: Option<ChunkNumber>,
    /// The chunks it was split from, nearest first.
    pub ancestors: Vec<ChunkNumber>,
    pub kind: ChunkKind,
    /// The pass that it is in.
    pub pass: Pass,
    pub slice: Slice,
    pub state: ChunkState,
    /// The latest; 0 before the first dispatch.
    pub attempt: Attempt,
    pub superseded_by: Option<ChunkNumber>,
    /// Handed back, and not to be dispatched before.
    pub not_before: Option<DateTime<Utc>>,
    pub dispatched_at: Option<DateTime<Utc>>,
    pub settled_at: Option<DateTime<Utc>>,
    /// All zero unless it is done.
    pub books: Books,
    /// Why it failed, or was handed back.
    pub failure: Option<Failure>,
    pub updated_at: DateTime<Utc>,
}

/// One object's chunks by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    pub pending: u64,
    pub dispatched: u64,
    pub done: u64,
    pub failed: u64,
    pub split: u64,
    pub superseded: u64,
}

impl ChunkCounts {
    /// Chunks from which something is still to come in this pass.
    pub fn unsettled(&self) -> u64 {
        self.pending + self.dispatched
    }

    pub fn total(&self) -> u64 {
        self.unsettled() + self.done + self.failed + self.split + self.superseded
    }

    fn of(&mut self, state: ChunkState) -> &mut u64 {
        match state {
            ChunkState::Pending => &mut self.pending,
            ChunkState::Dispatched => &mut self.dispatched,
            ChunkState::Done => &mut self.done,
            ChunkState::Failed => &mut self.failed,
            ChunkState::Split => &mut self.split,
            ChunkState::Superseded => &mut self.superseded,
        }
    }
}

impl Control {
    pub async fn chunk(&self, chunk: &ChunkRef) -> Result<Chunk> {
        let sql = "select * from chunks where run_id = $1 and object = $2 and chunk = $3";
        let values = args![&chunk.run, &chunk.object, chunk.chunk];
        let row = self.db.read_one(sql, values).await?;
        read_chunk(&row.ok_or_else(|| unknown(chunk))?)
    }

    /// By object and number. All of a run can be many: meant for looking, not for every day.
    pub async fn chunks(&self, run: &RunId, object: Option<&str>) -> Result<Vec<Chunk>> {
        let rows = match object {
            None => {
                let sql = "select * from chunks where run_id = $1 order by object, chunk";
                self.db.read(sql, args![run]).await?
            }
            Some(object) => {
                let sql = "select * from chunks where run_id = $1 and object = $2 order by chunk";
                self.db.read(sql, args![run, object]).await?
            }
        };
        rows.iter().map(read_chunk).collect()
    }

    /// Why the first of an object's failed chunks failed.
    pub async fn chunk_failure(&self, run: &RunId, object: &str) -> Result<Option<Failure>> {
        let sql = "select * from chunks where run_id = $1 and object = $2 and state = 'failed' order by chunk limit 1";
        let row = self.db.read_one(sql, args![run, object]).await?;
        Ok(row
            .as_ref()
            .map(read_chunk)
            .transpose()?
            .and_then(|chunk| chunk.failure))
    }

    /// Chunks by state, of every object that has any.
    pub async fn counts(&self, run: &RunId) -> Result<BTreeMap<String, ChunkCounts>> {
        // What an object was read for before it is moved is none of its chunks once that has begun.
        let sql = "select c.object, c.state, count(*) as chunks from chunks c join objects o on o.run_id = c.run_id and o.name = c.object
                   where c.run_id = $1 and (c.pass = 'records' or c.state <> 'done' or o.state not in ('picked', 'moving', 'moved'))
                   group by c.object, c.state";
        let mut counts = BTreeMap::<String, ChunkCounts>::new();
        for row in self.db.read(sql, args![run]).await? {
            let state = row.word("state", ChunkState::parse)?;
            *counts.entry(row.text("object")?).or_default().of(state) = row.count("chunks")?;
        }
        Ok(counts)
    }

    /// The books of every object of a run, in the order of `objects`.
    ///
    /// A record that a retry has read again is counted there, and no longer where it first did not make it.
    pub async fn books(&self, run: &RunId) -> Result<Vec<(String, Books)>> {
        // In one statement, so that no retry is settled between the two sums.
        let sql = "
            select o.name as object,
                cast(coalesce(c.extracted, 0) - coalesce(r.rejected, 0) - coalesce(r.failed, 0) - coalesce(r.skipped, 0) as bigint) as extracted,
                cast(coalesce(c.created, 0) as bigint) as created, cast(coalesce(c.updated, 0) as bigint) as updated,
                cast(coalesce(c.unchanged, 0) as bigint) as unchanged, cast(coalesce(c.deleted, 0) as bigint) as deleted,
                cast(coalesce(c.rejected, 0) - coalesce(r.rejected, 0) as bigint) as rejected,
                cast(coalesce(c.failed, 0) - coalesce(r.failed, 0) as bigint) as failed,
                cast(coalesce(c.skipped, 0) - coalesce(r.skipped, 0) as bigint) as skipped
            from objects o
            left join (
                select object, sum(extracted) as extracted, sum(created) as created, sum(updated) as updated,
                    sum(unchanged) as unchanged, sum(deleted) as deleted, sum(rejected) as rejected, sum(failed) as failed,
                    sum(skipped) as skipped
                from chunks where run_id = $1 and state = 'done' and pass = 'records' group by object
            ) c on c.object = o.name
            left join (
                select f.object, sum(case f.fate when 'rejected' then 1 else 0 end) as rejected,
                    sum(case f.fate when 'failed' then 1 else 0 end) as failed,
                    sum(case f.fate when 'skipped' then 1 else 0 end) as skipped
                from failed_records f
                join chunks again on again.run_id = f.run_id and again.object = f.object and again.chunk = f.retried_by_chunk
                    and again.state = 'done'
                join chunks first on first.run_id = f.run_id and first.object = f.object and first.chunk = f.chunk
                    and first.state = 'done'
                where f.run_id = $1 and f.retried_by_chunk is not null group by f.object
            ) r on r.object = o.name
            where o.run_id = $1 order by o.phase, o.position";
        let rows = self.db.read(sql, args![run]).await?;
        rows.iter()
            .map(|row| Ok((row.text("object")?, row.books()?)))
            .collect()
    }
}

pub(crate) fn unknown(chunk: &ChunkRef) -> Error {
    Error::NotFound(format!("chunk {chunk}"))
}

pub(crate) fn read_ref(row: &Row) -> Result<ChunkRef> {
    Ok(ChunkRef {
        run: row.run("run_id")?,
        object: row.text("object")?,
        chunk: row.chunk("chunk")?,
    })
}

pub(crate) fn read_ancestors(row: &Row) -> Result<Vec<ChunkNumber>> {
    read_as(row.json("ancestors")?, "ancestors")
}

fn read_as<T: serde::de::DeserializeOwned>(value: serde_json::Value, column: &str) -> Result<T> {
    serde_json::from_value(value)
        .map_err(|error| Error::Corrupt(format!("column {column}: {error}")))
}

fn read_chunk(row: &Row) -> Result<Chunk> {
    Ok(Chunk {
        chunk: read_ref(row)?,
        parent: row.opt_chunk("parent")?,
        ancestors: read_ancestors(row)?,
        kind: row.word("kind", ChunkKind::parse)?,
        pass: row.word("pass", Pass::parse)?,
        slice: Slice(row.json("slice")?),
        state: row.word("state", ChunkState::parse)?,
        attempt: row.attempt()?,
        superseded_by: row.opt_chunk("superseded_by")?,
        not_before: row.opt_time("not_before")?,
        dispatched_at: row.opt_time("dispatched_at")?,
        settled_at: row.opt_time("settled_at")?,
        books: row.books()?,
        failure: row
            .opt_json("failure")?
            .map(|value| read_as(value, "failure"))
            .transpose()?,
        updated_at: row.time("updated_at")?,
    })
}

//! Sending failed records again: anyone asks, the leader takes it up, once.

use std::collections::BTreeSet;

use model::{Pass, RunId, Slice};

use crate::chunks::ChunkKind;
use crate::db::{Tx, args, list};
use crate::plan::{Family, reserve};
use crate::{Control, Result, Term, runs};

/// Records to read again, as a chunk of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryChunk {
    pub object: String,
    pub slice: Slice,
    /// `UnresolvedKey::id` of every record that the slice reads.
    pub failed_ids: Vec<i64>,
}

impl Control {
    /// Asks for a run's failed records and failed chunks to be sent again. Anyone may, with or without a leader; asking twice is
    /// asking once. A run that has ended is wanted running again; one that is paused or stopped stays so.
    ///
    /// Errors: `NotFound`.
    pub async fn request_retry(&self, run: &RunId, by: Option<&str>) -> Result<()> {
        let sql = "update runs set retry_requested_at = coalesce(retry_requested_at, {now}), retry_requested_by = $2, updated_at = {now},
                       desired_state = case when status in ('completed', 'failed', 'mismatched') and retry_requested_at is null
                           then 'running' else desired_state end
                   where id = $1 returning id";
        if self.db.write(sql, args![run, by]).await?.is_empty() {
            return Err(runs::unknown(run));
        }
        Ok(())
    }

    /// Takes up a retry that was asked for, all of it in one transaction: adds these chunks, returns failed chunks to pending, sets
    /// their objects moving and a run that had ended running, and ends the request. Gives how many chunks became pending; `None`,
    /// and nothing is changed, if no retry is asked for (any more).
    ///
    /// The slices come from `unresolved_keys`, read while this coordinator led.
    ///
    /// Errors: `Deposed`.
    pub async fn take_up_retry(
        &self,
        term: Term,
        run: &RunId,
        chunks: &[RetryChunk],
    ) -> Result<Option<u64>> {
        let mut tx = self.db.begin_as(term).await?;
        let sql = "update runs set retry_requested_at = null, updated_at = {now}, ended_at = null, status_reason = null,
                       status = case when status in ('completed', 'failed', 'mismatched') then 'running' else status end
                   where id = $1 and retry_requested_at is not null returning id";
        if tx.fetch(sql, args![run]).await?.is_empty() {
            return Ok(None);
        }
        let mut moving = BTreeSet::new();
        for chunk in chunks {
            add(&mut tx, run, chunk).await?;
            moving.insert(chunk.object.clone());
        }
        let sql = "update chunks set state = 'pending', not_before = null, dispatched_at = null, settled_at = null, updated_at = {now}
                   where run_id = $1 and state = 'failed' returning object, pass";
        let revived = tx.fetch(sql, args![run]).await?;
        let mut reading_keys = BTreeSet::new();
        let mut picking = false;
        for row in &revived {
            let object = row.text("object")?;
            match row.word("pass", Pass::parse)? {
                Pass::Keys => reading_keys.insert(object),
                Pass::Records => moving.insert(object),
                Pass::Pick | Pass::Parents => {
                    picking = true;
                    true
                }
            };
        }
        if picking {
            // Who wants whose parents is settled for all objects together.
            let sql = "update objects set state = 'picking', ended_at = null, updated_at = {now} where run_id = $1";
            tx.execute(sql, args![run]).await?;
        }
        // An object that still reads keys comes to its records by way of `next_pass`.
        for (state, objects) in [("moving", &moving), ("reading_keys", &reading_keys)] {
            for object in objects {
                let sql = "update objects set state = $3, ended_at = null, updated_at = {now} where run_id = $1 and name = $2";
                tx.execute(sql, args![run, object, state]).await?;
            }
        }
        tx.commit().await?;
        Ok(Some(revived.len() as u64 + chunks.len() as u64))
    }
}

async fn add(tx: &mut Tx, run: &RunId, chunk: &RetryChunk) -> Result<()> {
    let last = reserve(tx, run, &chunk.object, 1).await?;
    let family = Family {
        run,
        object: &chunk.object,
        kind: ChunkKind::Retry,
        pass: Pass::Records,
        ancestors: &[],
    };
    family
        .insert(tx, last, std::slice::from_ref(&chunk.slice))
        .await?;
    for ids in chunk.failed_ids.chunks(500) {
        let sql = format!(
            "update failed_records set retry_chunk = $1 where run_id = $2 and failed_id in ({}) returning failed_id",
            list(3, ids.len())
        );
        let mut values = args![last + 1, run];
        values.extend(ids.iter().map(|id| (*id).into()));
        tx.fetch_once(&sql, values).await?;
    }
    Ok(())
}

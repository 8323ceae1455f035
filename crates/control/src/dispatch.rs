//! Chunks on their way out and back: dispatched under a new attempt, handed back, or lost on the way.

use std::time::Duration;

use model::{Attempt, ChunkNumber, ChunkRef, Failure, Pass, RunId, Slice};

use crate::chunks::{read_ancestors, read_ref};
use crate::db::{Arg, Row, args, millis};
use crate::{Control, Result, Term};

/// A chunk that has just been dispatched: what its message carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatched {
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    pub slice: Slice,
    pub pass: Pass,
    /// The chunks it was split from, nearest first.
    pub ancestors: Vec<ChunkNumber>,
}

impl Control {
    /// Takes up to `limit` pending chunks and marks them dispatched under their next attempt; chunks handed back with a delay
    /// wait for it. They come in the order of `objects`, then by number. The dispatch is stored when this returns, so that only
    /// stored dispatches are published; should the answer get lost, `unleased` finds them.
    ///
    /// Errors: `Deposed`.
    pub async fn dispatch(
        &self,
        term: Term,
        run: &RunId,
        objects: &[String],
        limit: u32,
    ) -> Result<Vec<Dispatched>> {
        if objects.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        // An index probe per object, and none of them reads more than `limit` entries, however many chunks there are.
        let candidates: Vec<_> = (0..objects.len())
            .map(|place| {
                format!(
                    "select * from (select object, chunk, {place} as place from chunks
                     where run_id = $2 and object = ${} and state = 'pending' and (not_before is null or not_before <= {{now}})
                     order by chunk limit $3) as o{place}",
                    place + 4
                )
            })
            .collect();
        let sql = format!(
            "update chunks set state = 'dispatched', attempt = attempt + 1, dispatched_at = {{now}}, not_before = null, updated_at = {{now}}
             where run_id = $2 and (object, chunk) in (
                 select object, chunk from ({}) as candidates order by place, chunk limit $3)
             and state = 'pending' and {{leads}}
             returning run_id, object, chunk, attempt, slice, pass, ancestors",
            candidates.join(" union all ")
        );
        let mut values: Vec<Arg> = args![term, run, limit];
        values.extend(objects.iter().map(Arg::from));
        let rows = self.db.write_as(term, &sql, values).await?;
        let mut dispatched = rows
            .iter()
            .map(read_dispatched)
            .collect::<Result<Vec<_>>>()?;
        let place = |name: &str| objects.iter().position(|object| object == name);
        dispatched.sort_by_key(|d| (place(&d.chunk.object), d.chunk.chunk));
        Ok(dispatched)
    }

    /// How many chunks of a run are on their way to a loader, or from one to the audit log. Those that a loader has taken up, to load them or to fill a job, are
    /// in its own bounds.
    pub async fn in_flight(&self, run: &RunId) -> Result<u64> {
        let sql = "
            select count(*) as chunks from chunks c where run_id = $1 and state = 'dispatched' and dispatched_at is not null
            and not exists (select 1 from leases l where l.run_id = c.run_id and l.object = c.object and l.chunk = c.chunk
                and l.attempt = c.attempt and l.stage = 'loading' and l.until > {now})
            and not exists (select 1 from job_chunks jc join jobs j on j.id = jc.job_id
                where jc.run_id = c.run_id and jc.object = c.object and jc.chunk = c.chunk and not jc.abandoned
                and j.state in ('stored', 'created', 'uploaded'))";
        let row = self.db.read_one(sql, args![run]).await?;
        row.map_or(Ok(0), |row| row.count("chunks"))
    }

    /// Whether chunks of an object are still to come to its loaders: its plan goes on, or some of them wait, or are on their way.
    pub async fn more_to_load(&self, run: &RunId, object: &str) -> Result<bool> {
        let sql = "
            select 1 as more from objects o where run_id = $1 and name = $2 and (not plan_closed
            or exists (select 1 from chunks c where c.run_id = o.run_id and c.object = o.name and c.state = 'pending')
            or exists (select 1 from chunks c where c.run_id = o.run_id and c.object = o.name and c.state = 'dispatched'
                and not exists (select 1 from leases l where l.run_id = c.run_id and l.object = c.object and l.chunk = c.chunk
                    and l.attempt = c.attempt and l.stage = 'loading' and l.until > {now})
                and not exists (select 1 from job_chunks jc join jobs j on j.id = jc.job_id
                    where jc.run_id = c.run_id and jc.object = c.object and jc.chunk = c.chunk and not jc.abandoned
                    and j.state in ('stored', 'created', 'uploaded'))))";
        Ok(self.db.read_one(sql, args![run, object]).await?.is_some())
    }

    /// How many chunks of an object wait to be dispatched, as far as it is planned.
    pub async fn waiting_chunks(&self, run: &RunId, object: &str) -> Result<u64> {
        let sql = "select count(*) as chunks from chunks where run_id = $1 and object = $2 and state = 'pending'";
        let row = self.db.read_one(sql, args![run, object]).await?;
        row.map_or(Ok(0), |row| row.count("chunks"))
    }

    /// Returns a dispatched chunk to pending, not to be dispatched before `delay` from now, and stores the reason if there is one.
    /// False if it is not, or no longer, dispatched under that attempt.
    pub async fn give_back(
        &self,
        term: Term,
        chunk: &ChunkRef,
        attempt: Attempt,
        delay: Duration,
        why: Option<&Failure>,
    ) -> Result<bool> {
        let failure = crate::settle::failure_args(why)?;
        let mut values = args![
            term,
            &chunk.run,
            &chunk.object,
            chunk.chunk,
            attempt,
            millis(delay)
        ];
        values.extend(failure);
        let sql = "update chunks set state = 'pending', not_before = {now+$6}, dispatched_at = null, updated_at = {now},
                       error_code = $7, error_message = $8, error_hint = $9, failure = $10
                   where run_id = $2 and object = $3 and chunk = $4 and state = 'dispatched' and attempt = $5 and {leads}
                   returning chunk";
        Ok(!self.db.write_as(term, sql, values).await?.is_empty())
    }

    /// Returns all dispatched chunks of a run to pending, at a stop or before it goes on. Gives their number.
    pub async fn give_back_all(&self, term: Term, run: &RunId) -> Result<u64> {
        let sql = "update chunks set state = 'pending', not_before = null, dispatched_at = null, updated_at = {now}
                   where run_id = $2 and state = 'dispatched' and dispatched_at is not null and {leads} returning chunk";
        Ok(self.db.write_as(term, sql, args![term, run]).await?.len() as u64)
    }

    /// Chunks dispatched longer than `older_than` ago that nobody is at work on: no live lease, and not in a job that is under way.
    /// They wait in a queue, or are lost; which, the queue tells.
    pub async fn unleased(
        &self,
        run: &RunId,
        older_than: Duration,
    ) -> Result<Vec<(ChunkRef, Attempt)>> {
        let sql = "
            select run_id, object, chunk, attempt from chunks c
            where run_id = $1 and state = 'dispatched' and dispatched_at < {now-$2}
            and not exists (select 1 from leases l where l.run_id = c.run_id and l.object = c.object and l.chunk = c.chunk
                and l.attempt = c.attempt and l.until > {now})
            and not exists (select 1 from job_chunks jc join jobs j on j.id = jc.job_id
                where jc.run_id = c.run_id and jc.object = c.object and jc.chunk = c.chunk and not jc.abandoned
                and j.state in ('stored', 'created', 'uploaded'))
            order by dispatched_at";
        let rows = self.db.read(sql, args![run, millis(older_than)]).await?;
        rows.iter()
            .map(|row| Ok((read_ref(row)?, row.attempt()?)))
            .collect()
    }
}

fn read_dispatched(row: &Row) -> Result<Dispatched> {
    Ok(Dispatched {
        chunk: read_ref(row)?,
        attempt: row.attempt()?,
        slice: Slice(row.json("slice")?),
        pass: row.word("pass", Pass::parse)?,
        ancestors: read_ancestors(row)?,
    })
}

//! Checkpoints: the one place where a chunk's state moves to its end, along `ChunkState::may_become`.
//! A word that comes late changes nothing, and is no error: messages are delivered twice.

use model::{Attempt, Books, ChunkNumber, ChunkRef, Failure, Pass, RunId};

use crate::chunks::unknown;
use crate::db::{Arg, args};
use crate::{Control, Error, Result, Term};

/// How a chunk ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Its target keys are stored; it ends its pass over keys.
    KeysRead,
    /// Its picks are stored; it ends that pass.
    Picked(Pass),
    /// Its books are in the audit log.
    Done(Books),
    /// It could not be moved.
    Failed(Failure),
}

/// The books of a chunk that is marked done, from parameter 5 on.
const BOOKS: &str = "extracted = $5, created = $6, updated = $7, unchanged = $8, deleted = $9, rejected = $10, failed = $11, skipped = $12";

impl Control {
    /// Marks how a chunk ended. True if that changed something.
    ///
    /// `Done` and `KeysRead` may come from any attempt, for the first committed claim stands, but only for the pass that they
    /// are about. `Failed` is heard from the attempt under which the chunk is dispatched, and no other. If a chunk that was
    /// split is done after all, everything it was split into is superseded in the same transaction.
    ///
    /// Errors: `Deposed`.
    pub async fn settle(
        &self,
        term: Term,
        chunk: &ChunkRef,
        attempt: Attempt,
        verdict: &Verdict,
    ) -> Result<bool> {
        match verdict {
            Verdict::Failed(failure) => self.fail(term, chunk, attempt, failure).await,
            Verdict::KeysRead => self.done(term, chunk, "keys", &Books::default()).await,
            Verdict::Picked(pass) => {
                self.done(term, chunk, pass.as_str(), &Books::default())
                    .await
            }
            Verdict::Done(books) => self.done(term, chunk, "records", books).await,
        }
    }

    async fn fail(
        &self,
        term: Term,
        chunk: &ChunkRef,
        attempt: Attempt,
        failure: &Failure,
    ) -> Result<bool> {
        let sql = "update chunks set state = 'failed', settled_at = {now}, updated_at = {now},
                       error_code = $6, error_message = $7, error_hint = $8, failure = $9
                   where run_id = $2 and object = $3 and chunk = $4 and state = 'dispatched' and attempt = $5 and {leads}
                   returning chunk";
        let mut values = args![term, &chunk.run, &chunk.object, chunk.chunk, attempt];
        values.extend(failure_args(Some(failure))?);
        Ok(!self.db.write_as(term, sql, values).await?.is_empty())
    }

    async fn done(&self, term: Term, chunk: &ChunkRef, pass: &str, books: &Books) -> Result<bool> {
        // `pass` is one of few words of ours.
        let sql = format!(
            "update chunks set state = 'done', settled_at = {{now}}, updated_at = {{now}}, not_before = null, {BOOKS},
                 error_code = null, error_message = null, error_hint = null, failure = null
             where run_id = $2 and object = $3 and chunk = $4 and pass = '{pass}' and state in ('pending', 'dispatched', 'failed')
             and {{leads}} returning chunk"
        );
        let values = || {
            let mut values = args![term, &chunk.run, &chunk.object, chunk.chunk];
            values.extend(book_args(books));
            values
        };
        if !self.db.write_as(term, &sql, values()).await?.is_empty() {
            return Ok(true);
        }
        // Rare: it was split, and an earlier attempt at the whole had claimed it before.
        let mut tx = self.db.begin_as(term).await?;
        let sql = format!(
            "update chunks set state = 'done', settled_at = {{now}}, updated_at = {{now}}, {BOOKS}
             where run_id = $2 and object = $3 and chunk = $4 and pass = '{pass}' and state = 'split'
             and {{leads}} returning chunk"
        );
        if tx.fetch(&sql, values()).await?.is_empty() {
            return Ok(false);
        }
        let sql = "
            with recursive parts (chunk) as (
                select chunk from chunks where run_id = $1 and object = $2 and parent = $3
                union all
                select c.chunk from chunks c join parts p on c.parent = p.chunk where c.run_id = $1 and c.object = $2)
            update chunks set state = 'superseded', superseded_by = $3, settled_at = {now}, updated_at = {now}, not_before = null
            where run_id = $1 and object = $2 and chunk in (select chunk from parts) and state in ('pending', 'dispatched', 'failed')";
        tx.execute(sql, args![&chunk.run, &chunk.object, chunk.chunk])
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Marks a chunk superseded: `by`, which it was split from, was written whole after all. True if that changed something.
    ///
    /// Errors: `Deposed`; `Illegal` if it was not split from that chunk.
    pub async fn covered(&self, term: Term, chunk: &ChunkRef, by: ChunkNumber) -> Result<bool> {
        let found = self.chunk(chunk).await?;
        if !found.ancestors.contains(&by) {
            return Err(Error::Illegal(format!(
                "chunk {chunk} is no part of chunk {by}"
            )));
        }
        let sql = "update chunks set state = 'superseded', superseded_by = $5, settled_at = {now}, updated_at = {now}, not_before = null
                   where run_id = $2 and object = $3 and chunk = $4 and state in ('pending', 'dispatched', 'failed') and {leads}
                   returning chunk";
        let values = args![term, &chunk.run, &chunk.object, chunk.chunk, by];
        Ok(!self.db.write_as(term, sql, values).await?.is_empty())
    }

    /// Ends an object's pass over keys: its chunks become pending for the next one. False, and nothing is changed, as long as its
    /// plan is open or a chunk's keys are not read. Doing it twice is doing it once.
    ///
    /// Errors: `Deposed`.
    pub async fn next_pass(
        &self,
        term: Term,
        run: &RunId,
        object: &str,
        next: Pass,
    ) -> Result<bool> {
        let mut tx = self.db.begin_as(term).await?;
        // The plan first: once it is closed, no further slice can come between the two looks.
        let open =
            "select 1 as open from objects where run_id = $1 and name = $2 and plan_closed = false";
        let unread =
            "select 1 as unread from chunks where run_id = $1 and object = $2 and pass = 'keys'
                      and state in ('pending', 'dispatched', 'failed') limit 1";
        for waits_for in [open, unread] {
            if !tx.fetch(waits_for, args![run, object]).await?.is_empty() {
                return Ok(false);
            }
        }
        let sql = "update chunks set state = 'pending', pass = $3, settled_at = null, dispatched_at = null, updated_at = {now}
                   where run_id = $1 and object = $2 and pass = 'keys' and state = 'done'";
        tx.execute_long(sql, args![run, object, next.as_str()])
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether a chunk is dispatched under this attempt: what a service asks before it works on a message.
    pub async fn is_current(&self, chunk: &ChunkRef, attempt: Attempt) -> Result<bool> {
        let sql =
            "select state, attempt from chunks where run_id = $1 and object = $2 and chunk = $3";
        let values = args![&chunk.run, &chunk.object, chunk.chunk];
        let row = self
            .db
            .read_one(sql, values)
            .await?
            .ok_or_else(|| unknown(chunk))?;
        Ok(row.text("state")? == "dispatched" && row.attempt()? == attempt)
    }
}

pub(crate) fn book_args(books: &Books) -> Vec<Arg> {
    args![
        books.extracted,
        books.created,
        books.updated,
        books.unchanged,
        books.deleted,
        books.rejected,
        books.failed,
        books.skipped,
    ]
}

/// Code, message, hint, and all of it as JSON.
pub(crate) fn failure_args(failure: Option<&Failure>) -> Result<[Arg; 4]> {
    let json = failure
        .map(serde_json::to_value)
        .transpose()
        .map_err(|error| Error::Corrupt(format!("a failure does not serialise: {error}")))?;
    Ok([
        failure.map(|failure| failure.code.as_str()).into(),
        failure.map(ToString::to_string).into(),
        failure.and_then(|failure| failure.hint.clone()).into(),
        json.as_ref().into(),
    ])
}

//! Where chunks come from: the plan that cuts an object, and the split of one that was too big.

use model::{Attempt, ChunkNumber, ChunkRef, ObjectState, Pass, RunId, Slice};
use serde_json::Value;

use crate::chunks::ChunkKind;
use crate::db::{Tx, args};
use crate::{Control, Error, Result, Term, objects};

/// Chunks to insert: what they have in common.
pub(crate) struct Family<'a> {
    pub run: &'a RunId,
    pub object: &'a str,
    pub kind: ChunkKind,
    pub pass: Pass,
    /// The chunks these were split from, nearest first.
    pub ancestors: &'a [ChunkNumber],
}

impl Family<'_> {
    /// Inserts them with the numbers that follow `last`. They are pending.
    pub(crate) async fn insert(&self, tx: &mut Tx, last: i64, slices: &[Slice]) -> Result<()> {
        let ancestors = Value::from_iter(self.ancestors.iter().map(|chunk| chunk.0));
        let rows = (last + 1..).zip(slices).map(|(chunk, slice)| {
            args![
                self.run,
                self.object,
                chunk,
                self.ancestors.first().copied(),
                self.ancestors.last().map_or(chunk, |root| root.0),
                &ancestors,
                self.kind.as_str(),
                self.pass.as_str(),
                slice,
            ]
        });
        let head = "insert into chunks (run_id, object, chunk, parent, root, ancestors, kind, pass, slice)";
        tx.insert_many(head, 9, rows.collect(), "")
            .await
            .map(|_| ())
    }
}

/// Gives the highest chunk number so far, and reserves the `count` that follow it.
pub(crate) async fn reserve(tx: &mut Tx, run: &RunId, object: &str, count: usize) -> Result<i64> {
    let sql = "update objects set last_chunk = last_chunk + $3, updated_at = {now} where run_id = $1 and name = $2
               returning last_chunk - $3 as last";
    let row = tx.fetch_one(sql, args![run, object, count]).await?;
    row.ok_or_else(|| objects::unknown(run, object))?
        .int("last")
}

impl Control {
    /// Carries an object's plan on by one step: the next chunks and the cursor behind them, or neither. Gives the next step.
    ///
    /// `step` is the `Object::plan_step` that was read together with the cursor from which these slices were planned. After an
    /// error that leaves it open whether the step was saved, read the object again: a step that was saved is refused, so that
    /// no slice is stored twice.
    ///
    /// Errors: `Deposed`; `Illegal` if that step was saved already, or the plan is closed; `NotFound`.
    #[allow(clippy::too_many_arguments)]
    pub async fn save_plan(
        &self,
        term: Term,
        run: &RunId,
        object: &str,
        step: i64,
        slices: &[Slice],
        cursor: Option<&Value>,
        closed: bool,
    ) -> Result<i64> {
        let mut tx = self.db.begin_as(term).await?;
        let sql =
            "update objects set plan_cursor = $4, plan_closed = $5, plan_step = plan_step + 1,
                       last_chunk = last_chunk + $6, updated_at = {now}
                   where run_id = $1 and name = $2 and plan_step = $3 and plan_closed = false
                   returning last_chunk - $6 as last, needs_key_pass, state";
        let saved = tx
            .fetch_one(sql, args![run, object, step, cursor, closed, slices.len()])
            .await?;
        let Some(row) = saved else {
            drop(tx);
            let found = self.object(run, object).await?;
            return Err(Error::Illegal(if found.plan_closed {
                format!("object {object} of run {run}: its plan is closed")
            } else {
                format!(
                    "object {object} of run {run}: its plan is at step {}, not {step}; read it again",
                    found.plan_step
                )
            }));
        };
        let family = Family {
            run,
            object,
            kind: ChunkKind::Slice,
            pass: match row.word("state", ObjectState::parse)? {
                ObjectState::Picking => Pass::Pick,
                ObjectState::Waiting | ObjectState::ReadingKeys
                    if row.bool("needs_key_pass")? =>
                {
                    Pass::Keys
                }
                _ => Pass::Records,
            },
            ancestors: &[],
        };
        family.insert(&mut tx, row.int("last")?, slices).await?;
        tx.commit().await?;
        Ok(step + 1)
    }

    /// Replaces a chunk by its parts, which tile it. False if it is not, or no longer, dispatched under that attempt.
    pub async fn split(
        &self,
        term: Term,
        chunk: &ChunkRef,
        attempt: Attempt,
        slices: &[Slice],
    ) -> Result<bool> {
        if slices.is_empty() {
            return Err(Error::Illegal(format!(
                "chunk {chunk} can't be split into no parts"
            )));
        }
        let mut tx = self.db.begin_as(term).await?;
        let sql = "update chunks set state = 'split', settled_at = {now}, updated_at = {now}
                   where run_id = $1 and object = $2 and chunk = $3 and state = 'dispatched' and attempt = $4
                   returning kind, pass, ancestors";
        let values = args![&chunk.run, &chunk.object, chunk.chunk, attempt];
        let Some(row) = tx.fetch_one(sql, values).await? else {
            return Ok(false);
        };
        let mut ancestors = vec![chunk.chunk];
        ancestors.extend(crate::chunks::read_ancestors(&row)?);
        let last = reserve(&mut tx, &chunk.run, &chunk.object, slices.len()).await?;
        let family = Family {
            run: &chunk.run,
            object: &chunk.object,
            kind: row.word("kind", ChunkKind::parse)?,
            pass: row.word("pass", Pass::parse)?,
            ancestors: &ancestors,
        };
        family.insert(&mut tx, last, slices).await?;
        tx.commit().await?;
        Ok(true)
    }
}

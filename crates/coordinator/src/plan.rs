//! Planning: an object is cut into slices a little ahead of what is dispatched, so that a billion-row object starts moving at once.

use connector::Sizing;
use control::{ChunkCounts, Object, RetryChunk, Run};
use model::{Failure, ObjectState, Slice};
use serde_json::Value;

use crate::leader::Reign;

/// Slices planned in one step.
const STEP: usize = 200;
/// Planning goes on while fewer chunks than this wait to be dispatched.
const AHEAD: u64 = 400;
/// Records that one retry chunk reads again.
const RETRIED: usize = 2_000;

impl Reign {
    /// Carries an object's plan on by one step, when chunks run short. The slices and the cursor behind them are stored together, so
    /// that a coordinator that dies goes on where it was.
    pub(crate) async fn plan(
        &self,
        run: &Run,
        object: &Object,
        counts: &ChunkCounts,
    ) -> Result<(), Failure> {
        if counts.pending >= AHEAD {
            return Ok(());
        }
        let line = &self.leader.line;
        let pinned = line.catalog.run(&run.id).await?;
        let from_picked = matches!(object.state, ObjectState::Picked | ObjectState::Moving);
        if pinned.scope.is_some() && from_picked {
            return self.plan_picked(run, &pinned, object).await;
        }
        let source = self.leader.connections.source(&pinned.migration).await?;
        let described = &pinned.object(&object.name)?.source;
        let chunks = &line.settings.chunks;
        let sizing = Sizing {
            records: chunks.records,
            // Statistics are averages: aimed at the limit itself, every second slice would be over it.
            bytes: chunks.bytes / 2,
            slices: STEP,
        };
        let split = source
            .split(described, object.plan_cursor.as_ref(), sizing)
            .await
            .map_err(|failure| failure.object(&object.name))?;
        let (slices, cursor) = (&split.slices, split.cursor.as_ref());
        self.store_step(run, object, slices, cursor).await?;
        tracing::debug!(run = %run.id, object = object.name, slices = slices.len(), closed = cursor.is_none(), "planned");
        Ok(())
    }

    /// Stores a step of an object's plan, with where the next one goes on; the plan is closed where there is none.
    pub(crate) async fn store_step(
        &self,
        run: &Run,
        object: &Object,
        slices: &[Slice],
        cursor: Option<&Value>,
    ) -> Result<(), Failure> {
        let (step, closed) = (object.plan_step, cursor.is_none());
        let control = &self.leader.line.control;
        control
            .save_plan(
                self.term,
                &run.id,
                &object.name,
                step,
                slices,
                cursor,
                closed,
            )
            .await?;
        self.leader.line.news.notify_one();
        Ok(())
    }

    /// Failed records are read again, by their keys, as chunks of their own; failed chunks are dispatched again.
    pub(crate) async fn take_up_retry(&self, run: &Run) -> Result<(), Failure> {
        let line = &self.leader.line;
        let pinned = line.catalog.run(&run.id).await?;
        let source = self.leader.connections.source(&pinned.migration).await?;
        let mut chunks = Vec::new();
        for object in line.control.objects(&run.id).await? {
            let described = &pinned.object(&object.name)?.source;
            if described.key.is_empty() {
                // Nothing names a record of it: what failed there can only be moved again by a new run.
                continue;
            }
            let mut after = None;
            loop {
                let page = line
                    .control
                    .unresolved_keys(&run.id, &object.name, after, RETRIED as u32)
                    .await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                let keys: Vec<_> = page.iter().map(|record| record.key.clone()).collect();
                chunks.push(RetryChunk {
                    object: object.name.clone(),
                    slice: source.slice_of_keys(described, &keys)?,
                    failed_ids: page.iter().map(|record| record.id).collect(),
                });
            }
        }
        let pending = line
            .control
            .take_up_retry(self.term, &run.id, &chunks)
            .await?;
        tracing::info!(run = %run.id, chunks = pending, "retries");
        self.leader.line.news.notify_one();
        Ok(())
    }
}

//! Picking: before a run that does not move all records moves any, it is settled which. The sample is picked object by object; then the parents of what is
//! picked are looked up by their keys, and theirs in turn, until nobody's parent is left out.

use std::collections::BTreeMap;

use control::{ChunkCounts, Object, PickedKey, Run};
use model::{Failure, ObjectState, Pass, Sample};
use serde_json::json;
use service::PinnedRun;

use crate::leader::Reign;

/// Records that one chunk reads for their parents, and of which a planned chunk consists at most.
const AT_ONCE: usize = 2_000;
/// Such chunks that are added in one step.
const STEP: usize = 20;

impl Reign {
    /// Whether a run has yet to settle which records it moves.
    pub(crate) fn is_picking(pinned: &PinnedRun, objects: &[Object]) -> bool {
        let before = |state| {
            use ObjectState::{Picking, ReadingKeys, Waiting};
            matches!(state, Waiting | ReadingKeys | Picking)
        };
        pinned.scope.is_some() && objects.iter().any(|object| before(object.state))
    }

    pub(crate) async fn pick(
        &mut self,
        run: &Run,
        pinned: &PinnedRun,
        objects: &[Object],
        counts: &BTreeMap<String, ChunkCounts>,
    ) -> Result<(), Failure> {
        let none = ChunkCounts::default();
        let of = |object: &Object| counts.get(&object.name).unwrap_or(&none);
        let control = self.leader.line.control.clone();
        let failed = objects.iter().any(|object| of(object).failed > 0);
        if failed && objects.iter().all(|object| of(object).unsettled() == 0) {
            // Nothing is moved: without all picks, parents would be missing. The run's end says what failed.
            for object in objects {
                let moved = ObjectState::Moved;
                control
                    .set_object_state(self.term, &run.id, &object.name, moved)
                    .await?;
            }
            return Ok(());
        }
        let mut open = Vec::new();
        for object in objects {
            if self.pick_object(run, pinned, object, of(object)).await? {
                open.push(object.name.clone());
            }
        }
        if open.is_empty() {
            control.end_picking(self.term, &run.id).await?;
            tracing::info!(run = %run.id, "picked");
            self.leader.line.news.notify_one();
            return Ok(());
        }
        self.dispatch(run, &open).await?;
        self.look_for_lost(run).await
    }

    /// Carries the picking of an object on by one step. False when nothing of it is left to be done, unless others want more of its records.
    async fn pick_object(
        &mut self,
        run: &Run,
        pinned: &PinnedRun,
        object: &Object,
        counts: &ChunkCounts,
    ) -> Result<bool, Failure> {
        let control = self.leader.line.control.clone();
        let set = |state| control.set_object_state(self.term, &run.id, &object.name, state);
        let sample = pinned.sample_of(&object.name);
        if object.state == ObjectState::Waiting {
            set(match object.needs_key_pass {
                true => ObjectState::ReadingKeys,
                false => ObjectState::Picking,
            })
            .await?;
            self.leader.line.news.notify_one();
            return Ok(true);
        }
        // Duplicates are duplicates over the whole object, whatever is picked of it.
        let reads_keys = object.state == ObjectState::ReadingKeys;
        if !object.plan_closed && (reads_keys || sample.is_some()) {
            self.plan(run, object, counts).await?;
            return Ok(true);
        }
        if counts.unsettled() > 0 || counts.failed > 0 {
            return Ok(true);
        }
        if reads_keys {
            control.fold_keys(self.term, &run.id, &object.name).await?;
            if sample.is_some() {
                control
                    .next_pass(self.term, &run.id, &object.name, Pass::Pick)
                    .await?;
            }
            set(ObjectState::Picking).await?;
            self.leader.line.news.notify_one();
            return Ok(true);
        }
        if let Some(Sample::Records(most)) = sample {
            control
                .trim_picked(self.term, &run.id, &object.name, most)
                .await?;
        }
        self.read_parents(run, pinned, object).await
    }

    /// Has picked records read for their parents. False when there are none to be read.
    async fn read_parents(
        &self,
        run: &Run,
        pinned: &PinnedRun,
        object: &Object,
    ) -> Result<bool, Failure> {
        if !pinned.has_parents(&object.name) {
            return Ok(false);
        }
        let line = &self.leader.line;
        let limit = (AT_ONCE * STEP) as u32;
        let unread = line
            .control
            .unread_picked(&run.id, &object.name, limit)
            .await?;
        if unread.is_empty() {
            return Ok(false);
        }
        let slices = self.slices(pinned, &object.name, &unread).await?;
        line.control
            .read_parents(self.term, &run.id, &object.name, &unread, &slices)
            .await?;
        self.leader.line.news.notify_one();
        Ok(true)
    }

    /// Plans an object from what was picked of it, by one step.
    pub(crate) async fn plan_picked(
        &self,
        run: &Run,
        pinned: &PinnedRun,
        object: &Object,
    ) -> Result<(), Failure> {
        let line = &self.leader.line;
        let broken = || Failure::bug("the plan's cursor is no hash");
        let after = match &object.plan_cursor {
            None => None,
            Some(cursor) => {
                let hash = cursor["after"].as_str().ok_or_else(broken)?;
                let hash = u128::from_str_radix(hash, 16).map_err(|_| broken())?;
                Some(hash.to_be_bytes())
            }
        };
        let limit = (AT_ONCE * STEP) as u32;
        let first = pinned.first_pass(&object.name);
        let picked = line.control.picked(&run.id, first, after, limit).await?;
        let slices = self.slices(pinned, &object.name, &picked).await?;
        let closed = picked.len() < limit as usize;
        let last = picked.last().map(|last| u128::from_be_bytes(last.hash));
        let cursor = last.map(|last| json!({ "after": format!("{last:032x}") }));
        let cursor = cursor.filter(|_| !closed);
        self.store_step(run, object, &slices, cursor.as_ref()).await
    }

    async fn slices(
        &self,
        pinned: &PinnedRun,
        object: &str,
        picked: &[PickedKey],
    ) -> Result<Vec<model::Slice>, Failure> {
        let source = self.leader.connections.source(&pinned.migration).await?;
        let described = &pinned.object(object)?.source;
        let records = usize::try_from(self.leader.line.settings.chunks.records);
        let at_once = records.unwrap_or(AT_ONCE).clamp(1, AT_ONCE);
        picked
            .chunks(at_once)
            .map(|picked| {
                let keys: Vec<String> = picked.iter().map(|picked| picked.key.clone()).collect();
                source.slice_of_keys(described, &keys)
            })
            .collect()
    }
}

//! Rows that fail because somebody else holds them or their parent: by number, by chance, or because another job
//! has just written rows of the same parent.

use std::collections::HashSet;

use rand::Rng as _;

use super::Faults;
use crate::errors::RowError;
use crate::ids::RecordId;
use crate::org::Org;
use crate::schema::catalogue::{Catalogue, Object};
use crate::store::Store;
use crate::values::Value;
use crate::values::moment::now;
use crate::write::draft::Draft;
use crate::write::save::Undo;
use crate::write::{Outcome, delete};

/// The error of a record somebody else is writing.
pub(crate) fn locked(id: &str) -> RowError {
    RowError::new(
        "UNABLE_TO_LOCK_ROW",
        format!("unable to obtain exclusive access to this record or 1 records: {id}"),
    )
}

/// Marks the drafts that can't have their lock. `job`: which job writes them; `None`: a call of its own.
pub(crate) fn lock_drafts(org: &Org, job: Option<u64>, drafts: &mut [Draft]) {
    let taken = org.faults.take_locks(drafts.len());
    let parents: Vec<Vec<RecordId>> = drafts
        .iter()
        .map(|draft| parents(&org.catalogue, draft))
        .collect();
    let shared = org.faults.take_shared(job, &parents);
    for ((draft, taken), (parents, shared)) in
        drafts.iter_mut().zip(taken).zip(parents.iter().zip(shared))
    {
        let first = || parents.first().copied().unwrap_or(org.catalogue.user);
        if let Some(id) = shared.or_else(|| taken.then(first)) {
            let error = locked(&org.catalogue.id_text(id));
            draft.errors.insert(0, error.unreadable());
        }
    }
}

/// Deletes records of any object, or of this one, but for those whose lock somebody else has; also gives how to take it
/// back. With `all_or_none`, nothing is deleted when one can't be.
pub(crate) fn delete_free(
    org: &Org,
    store: &mut Store,
    object: Option<&Object>,
    ids: &[&str],
    hard: bool,
    all_or_none: bool,
) -> (Vec<Outcome>, Vec<Undo>) {
    let locks = org.faults.take_locks(ids.len());
    let each = || ids.iter().zip(&locks);
    if all_or_none && locks.contains(&true) {
        let refused = each().map(|(id, held)| {
            let error = if *held {
                locked(id)
            } else {
                RowError::rolled_back()
            };
            Err(vec![error])
        });
        return (refused.collect(), Vec::new());
    }
    let free: Vec<&str> = each()
        .filter(|(_, held)| !**held)
        .map(|(id, _)| *id)
        .collect();
    let catalogue = &org.catalogue;
    let (deleted, undo) = delete::delete(catalogue, store, object, &free, hard, all_or_none, now());
    let mut deleted = deleted.into_iter();
    let outcomes = each().map(|(id, held)| {
        let outcome = if *held { None } else { deleted.next() };
        outcome.unwrap_or_else(|| Err(vec![locked(id)]))
    });
    (outcomes.collect(), undo)
}

/// The records a draft refers to. Owners and record types are never locked for those that refer to them.
fn parents(catalogue: &Catalogue, draft: &Draft) -> Vec<RecordId> {
    let refers = draft.cells.iter().filter_map(|(_, value)| match value {
        Value::Ref(id) => Some(*id),
        _ => None,
    });
    let locked = |id: &RecordId| {
        id.object != catalogue.user.object && id.object != catalogue.record_type_object
    };
    refers.filter(locked).collect()
}

impl Faults {
    /// Which of these rows are locked, by number or by chance.
    pub(crate) fn take_locks(&self, rows: usize) -> Vec<bool> {
        let mut knobs = self.knobs();
        let left = knobs.plan.lock_rows.unwrap_or(0);
        let taken = rows.min(left);
        knobs.plan.lock_rows = Some(left - taken).filter(|left| *left > 0);
        let share = knobs.plan.lock_share.map_or(0.0, |share| share.get());
        (0..rows)
            .map(|row| row < taken || (share > 0.0 && knobs.chance.random_bool(share)))
            .collect()
    }

    /// For each row the parent that another job holds; the parents of the others are held by this job from now on.
    fn take_shared(&self, job: Option<u64>, rows: &[Vec<RecordId>]) -> Vec<Option<RecordId>> {
        let mut knobs = self.knobs();
        if knobs.plan.lock_shared_parents != Some(true) {
            knobs.held.clear();
            return vec![None; rows.len()];
        }
        let mut ours = HashSet::new();
        let mut shared = Vec::with_capacity(rows.len());
        for parents in rows {
            let by_another = |id: &&RecordId| {
                let others = knobs.held.iter().filter(|(other, _)| Some(**other) != job);
                others.into_iter().any(|(_, held)| held.contains(*id))
            };
            let found = parents.iter().find(by_another).copied();
            if found.is_none() {
                ours.extend(parents);
            }
            shared.push(found);
        }
        if let Some(job) = job {
            knobs.held.insert(job, ours);
        }
        shared
    }

    /// A job that has ended holds nothing.
    pub(crate) fn release_parents(&self, job: u64) {
        self.knobs().held.remove(&job);
    }
}

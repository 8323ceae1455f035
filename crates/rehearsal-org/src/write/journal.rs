//! What several calls wrote that stand and fall together, so that all of it can be taken back.

use std::sync::{Arc, Mutex, PoisonError};

use super::save::Undo;
use crate::schema::catalogue::Catalogue;
use crate::store::Store;

#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Vec<Undo>>);

impl Journal {
    /// Notes what one call wrote.
    pub(crate) fn add(&self, undo: Vec<Undo>) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.extend(undo);
    }

    /// Takes everything back, the last first. Others may have added records since, so that the place of one that is
    /// taken back stays empty.
    pub(crate) fn roll_back(&self, catalogue: &Catalogue, store: &mut Store) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for step in steps.drain(..).rev() {
            match step {
                Undo::Inserted(id) => store.erase(id),
                Undo::Updated(id, row) => {
                    store.put(catalogue, id, Arc::unwrap_or_clone(row));
                }
            }
        }
    }
}

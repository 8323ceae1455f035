//! The rows read last, so that a record's fields are asked for one by one and read once, and records with the same
//! parent read it once.

use std::sync::Arc;

use super::row::Row;
use crate::ids::RecordId;

/// A power of two. A few megabytes at most, as records usually are.
const PLACES: usize = 1024;

/// One place per number modulo [`PLACES`]; the record that comes later takes it.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// Empty until something is kept.
    places: Vec<Option<(RecordId, Arc<Row>)>>,
}

impl Cache {
    pub(super) fn get(&self, id: RecordId) -> Option<Arc<Row>> {
        match self.places.get(place(id)) {
            Some(Some((kept, row))) if *kept == id => Some(Arc::clone(row)),
            _ => None,
        }
    }

    pub(super) fn keep(&mut self, id: RecordId, row: &Arc<Row>) {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        self.places[place(id)] = Some((id, Arc::clone(row)));
    }

    pub(super) fn forget(&mut self, id: RecordId) {
        if self.get(id).is_some() {
            self.places[place(id)] = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
    }
}

fn place(id: RecordId) -> usize {
    // Objects apart from each other, so that the first children don't push out the first parents.
    (id.serial as usize).wrapping_add(usize::from(id.object) * 131) % PLACES
}

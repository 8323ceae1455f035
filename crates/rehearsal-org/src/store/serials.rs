//! The ids of an object's records, read some at a time.

use super::Store;
use crate::ids::RecordId;

/// How many are read at a time.
const SOME: u32 = 1000;

pub(super) struct Ids<'a> {
    store: &'a Store,
    object: u16,
    deleted: bool,
    read: std::vec::IntoIter<u32>,
    last: u32,
}

impl<'a> Ids<'a> {
    pub(super) fn new(store: &'a Store, object: u16, deleted: bool) -> Self {
        Self {
            store,
            object,
            deleted,
            read: Vec::new().into_iter(),
            last: 0,
        }
    }

    fn read_on(&self) -> Vec<u32> {
        let sql = &self.store.layout.table(self.object).serials;
        self.store.ask(|| {
            let mut statement = self.store.connection.prepare_cached(sql)?;
            let found = (self.last, self.deleted, SOME);
            statement.query_map(found, |row| row.get(0))?.collect()
        })
    }
}

impl Iterator for Ids<'_> {
    type Item = RecordId;

    fn next(&mut self) -> Option<RecordId> {
        if self.read.len() == 0 {
            self.read = self.read_on().into_iter();
        }
        let serial = self.read.next()?;
        self.last = serial;
        Some(RecordId {
            object: self.object,
            serial,
        })
    }
}

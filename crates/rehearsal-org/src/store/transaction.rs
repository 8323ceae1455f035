//! Reading and writing as callers hold it: a view that stays as it was, and a transaction that is committed as a whole
//! or not at all.

use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use super::database::Database;
use super::{Counts, Store};
use crate::schema::catalogue::Catalogue;

/// Records being read.
pub(crate) struct Reading<'a> {
    pub(super) database: &'a Database,
    /// Taken out in `drop` alone.
    pub(super) store: Option<Store>,
}

impl Deref for Reading<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        match &self.store {
            Some(store) => store,
            None => unreachable!("a reader has its store until it is dropped"),
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let Some(store) = self.store.take() else {
            return;
        };
        store.ask(|| store.connection.execute_batch("COMMIT"));
        store.rows.borrow_mut().clear();
        self.database.give_back(store);
    }
}

/// Records being written. Dropped, the transaction is committed; in a panic, or where the database failed, it is
/// taken back as a whole.
pub(crate) struct Writing<'a> {
    pub(super) store: MutexGuard<'a, Store>,
    pub(super) keep: bool,
}

impl Writing<'_> {
    /// Takes everything back.
    pub(crate) fn discard(mut self) {
        self.keep = false;
    }
}

impl Deref for Writing<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        &mut self.store
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.keep || std::thread::panicking() || self.store.health.is_bad() {
            self.store.roll_back();
        } else {
            self.store.commit();
        }
    }
}

impl Store {
    pub(super) fn load_counts(&mut self, catalogue: &Catalogue) -> rusqlite::Result<()> {
        let sql = "SELECT last, live FROM objects WHERE number = ?1";
        let mut statement = self.connection.prepare(sql)?;
        let counts = catalogue.objects.iter().map(|object| {
            let number = self.layout.table(object.index).number;
            statement.query_row([number], |row| {
                Ok(Counts {
                    last: row.get(0)?,
                    live: row.get(1)?,
                })
            })
        });
        let counts = counts.collect::<rusqlite::Result<Vec<_>>>()?;
        drop(statement);
        self.committed.clone_from(&counts);
        self.counts = counts;
        Ok(())
    }

    pub(super) fn begin(&mut self) {
        self.change(|| self.connection.execute_batch("BEGIN IMMEDIATE"));
    }

    fn commit(&mut self) {
        let committed = self.ask(|| {
            let sql = "UPDATE objects SET last = ?2, live = ?3 WHERE number = ?1";
            let changed = self.counts.iter().zip(&self.committed).enumerate();
            for (object, (now, before)) in changed {
                if now != before {
                    let number = self.layout.table(object as u16).number;
                    let mut statement = self.connection.prepare_cached(sql)?;
                    statement.execute((number, now.last, now.live))?;
                }
            }
            self.connection.execute_batch("COMMIT")?;
            Ok(true)
        });
        if committed {
            self.committed.clone_from(&self.counts);
        } else {
            self.roll_back();
        }
    }

    fn roll_back(&mut self) {
        // A failed statement may have ended the transaction already.
        if !self.connection.is_autocommit() {
            self.ask(|| self.connection.execute_batch("ROLLBACK"));
        }
        self.counts.clone_from(&self.committed);
        self.rows.get_mut().clear();
    }
}

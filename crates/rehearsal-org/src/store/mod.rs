//! The records, in an SQLite database: `database` opens it and hands it out for the `transaction`s of readers and
//! writers, `layout` says where everything stands in it, `settle` fits it to the catalogue, `codec` says how a row is
//! written, `index` how keys are. A [`Store`] is one connection.

mod cache;
mod codec;
pub(crate) mod database;
mod index;
mod layout;
pub(crate) mod output;
mod row;
mod serials;
mod settle;
mod temporary;
#[cfg(test)]
mod tests;
pub(crate) mod transaction;

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

pub(crate) use codec::Fields;
pub(crate) use index::{Found, fold, index_key};
pub(crate) use row::Row;

use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Home};
use crate::values::Value;
use cache::Cache;
use database::Health;
use layout::{Key, Layout, Table};

/// The records of the org as one connection sees them: one that reads, as they were when it was taken; the one that
/// writes, as they are. Where the database itself fails, a method answers as if there were nothing and the org is
/// marked as broken, so that neither callers nor their clients take the answer for one.
pub(crate) struct Store {
    connection: Connection,
    layout: Arc<Layout>,
    health: Arc<Health>,
    user: RecordId,
    rows: RefCell<Cache>,
    /// Of the store that writes: the last number given and how many records are not deleted, by object.
    counts: Vec<Counts>,
    committed: Vec<Counts>,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    last: u32,
    live: u32,
}

impl Store {
    fn new(
        user: RecordId,
        connection: Connection,
        layout: Arc<Layout>,
        health: Arc<Health>,
    ) -> Self {
        Self {
            connection,
            layout,
            health,
            user,
            rows: RefCell::default(),
            counts: Vec::new(),
            committed: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The row of a record, deleted or not.
    pub(crate) fn row(&self, id: RecordId) -> Option<Arc<Row>> {
        if let Some(row) = self.rows.borrow().get(id) {
            return Some(row);
        }
        let table = self.layout.table(id.object);
        let row = self.ask(|| {
            let mut statement = self.connection.prepare_cached(&table.row)?;
            let read = |found: &rusqlite::Row<'_>| {
                let mut row = Row::default();
                row.deleted = found.get(0)?;
                self.decode(table, found.get_ref(1)?, None, &mut row)?;
                Ok(Arc::new(row))
            };
            statement.query_row([id.serial], read).optional()
        })?;
        self.rows.borrow_mut().keep(id, &row);
        Some(row)
    }

    /// Whether a record is there, deleted or not.
    pub(crate) fn is_there(&self, id: RecordId) -> bool {
        if self.rows.borrow().get(id).is_some() {
            return true;
        }
        let table = self.layout.table(id.object);
        self.ask(|| {
            let mut statement = self.connection.prepare_cached(&table.row)?;
            statement.exists([id.serial])
        })
    }

    /// The row of a record that is not deleted.
    pub(crate) fn live(&self, id: RecordId) -> Option<Arc<Row>> {
        self.row(id).filter(|row| !row.deleted)
    }

    /// Records of an object in the order they were created, deleted ones if asked. They are read some at a time.
    pub(crate) fn ids(&self, object: u16, deleted: bool) -> impl Iterator<Item = RecordId> + '_ {
        serials::Ids::new(self, object, deleted)
    }

    /// Shows every record of an object in the order they were created, deleted ones if asked, until told to stop. Their
    /// rows have only some fields, where they are named.
    pub(crate) fn scan(
        &self,
        object: u16,
        deleted: bool,
        only: Option<&Fields>,
        visit: &mut dyn FnMut(RecordId, &Row) -> bool,
    ) {
        let table = self.layout.table(object);
        self.ask(|| {
            let mut statement = self.connection.prepare_cached(&table.scan)?;
            let mut rows = statement.query((0, deleted))?;
            let mut row = Row::default();
            while let Some(found) = rows.next()? {
                let serial = found.get(0)?;
                row.deleted = found.get(1)?;
                self.decode(table, found.get_ref(2)?, only, &mut row)?;
                if !visit(RecordId { object, serial }, &row) {
                    break;
                }
            }
            Ok(())
        });
    }

    /// How many records an object has, deleted ones not counted.
    pub(crate) fn count(&self, object: u16) -> usize {
        if let Some(counts) = self.counts.get(usize::from(object)) {
            return counts.live as usize;
        }
        let number = self.layout.table(object).number;
        let sql = "SELECT live FROM objects WHERE number = ?1";
        let live: u32 = self.ask(|| {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([number], |row| row.get(0))
        });
        live as usize
    }

    /// The last number that an object's records were given, as the store that writes knows it.
    pub(crate) fn last(&self, object: u16) -> u32 {
        let counts = self.counts.get(usize::from(object));
        counts.map_or(0, |counts| counts.last)
    }

    /// A field's value; null where the record is gone.
    pub(crate) fn value(
        &self,
        catalogue: &Catalogue,
        id: RecordId,
        field: u16,
    ) -> Cow<'static, Value> {
        match self.row(id) {
            Some(row) => {
                let value = self.value_in(catalogue, id, &row, field);
                Cow::Owned(value.into_owned())
            }
            None => Cow::Owned(Value::Null),
        }
    }

    /// A field's value in a row that is at hand.
    pub(crate) fn value_in<'a>(
        &self,
        catalogue: &Catalogue,
        id: RecordId,
        row: &'a Row,
        field: u16,
    ) -> Cow<'a, Value> {
        match catalogue.at(id.object).at(field).home {
            Home::Stored => match row.get(field) {
                Some(value) => Cow::Borrowed(value),
                None => Cow::Owned(Value::Null),
            },
            Home::Id => Cow::Owned(Value::Ref(id)),
            Home::Deleted => Cow::Owned(Value::Bool(row.deleted)),
            Home::Created => Cow::Owned(Value::Moment(row.created)),
            Home::Modified => Cow::Owned(Value::Moment(row.modified)),
            Home::Actor => Cow::Owned(Value::Ref(self.user)),
            Home::FullName { first, last } => Cow::Owned(match (row.get(first), row.get(last)) {
                (Some(Value::Text(first)), Some(Value::Text(last))) => {
                    Value::text(&format!("{first} {last}"))
                }
                (Some(Value::Text(name)), _) | (_, Some(Value::Text(name))) => {
                    Value::Text(name.clone())
                }
                _ => Value::Null,
            }),
            Home::Address(_) => Cow::Owned(Value::Null),
            Home::Kind => Cow::Owned(Value::text(&catalogue.at(id.object).name)),
        }
    }

    /// Which records have this key, among those not deleted.
    pub(crate) fn find(
        &self,
        catalogue: &Catalogue,
        object: u16,
        field: u16,
        value: &Value,
    ) -> Found {
        match index_key(catalogue.at(object).at(field), value) {
            Some(key) => self.find_key(catalogue, object, field, &key),
            None => Found::None,
        }
    }

    /// Which records have this key, given in the form of [`index_key`].
    pub(crate) fn find_key(
        &self,
        catalogue: &Catalogue,
        object: u16,
        field: u16,
        key: &str,
    ) -> Found {
        match catalogue.at(object).at(field).index {
            Some(_) => self.look_up(object, field, key).into_iter().collect(),
            None => Found::None,
        }
    }

    /// Which records refer to this one by a field, among those not deleted. `None`: that field is not indexed,
    /// because nothing it may refer to can be deleted.
    pub(crate) fn children(&self, object: u16, field: u16, parent: RecordId) -> Option<Vec<u32>> {
        self.layout.table(object).find(field)?;
        Some(self.look_up(object, field, self.layout.reference(parent)))
    }

    fn look_up(&self, object: u16, field: u16, key: impl rusqlite::ToSql) -> Vec<u32> {
        let Some(find) = self.layout.table(object).find(field) else {
            return Vec::new();
        };
        self.ask(|| {
            let mut statement = self.connection.prepare_cached(find)?;
            statement.query_map([key], |row| row.get(0))?.collect()
        })
    }

    /// Adds a record; the caller has checked it.
    pub(crate) fn insert(&mut self, catalogue: &Catalogue, object: u16, row: Row) -> RecordId {
        let layout = Arc::clone(&self.layout);
        let table = layout.table(object);
        let mut bytes = std::mem::take(&mut self.bytes);
        codec::encode(&layout, table, &row, &mut bytes);
        let keys = keys(catalogue, &layout, table, &row);
        let counts = &mut self.counts[usize::from(object)];
        counts.last += 1;
        counts.live += u32::from(!row.deleted);
        let serial = counts.last;
        self.change(|| {
            store(
                &self.connection,
                &table.insert,
                serial,
                row.deleted,
                &bytes,
                &keys,
            )
        });
        self.bytes = bytes;
        RecordId { object, serial }
    }

    /// Replaces a record's row and its place in the indexes; returns the old row.
    pub(crate) fn put(&mut self, catalogue: &Catalogue, id: RecordId, row: Row) -> Arc<Row> {
        let Some(old) = self.row(id) else {
            return Arc::default();
        };
        let layout = Arc::clone(&self.layout);
        let table = layout.table(id.object);
        let mut bytes = std::mem::take(&mut self.bytes);
        codec::encode(&layout, table, &row, &mut bytes);
        let before = keys(catalogue, &layout, table, &old);
        let after = keys(catalogue, &layout, table, &row);
        // Indexes are left alone where no key changes, as is usual.
        let (sql, keys) = if before == after {
            (&table.update, Vec::new())
        } else {
            (&table.update_all, after)
        };
        self.change(|| store(&self.connection, sql, id.serial, row.deleted, &bytes, &keys));
        self.bytes = bytes;
        let counts = &mut self.counts[usize::from(id.object)];
        counts.live = counts.live + u32::from(!row.deleted) - u32::from(!old.deleted);
        self.rows.get_mut().keep(id, &Arc::new(row));
        old
    }

    /// Takes back the newest record of an object, as if it had never been.
    pub(crate) fn take_back(&mut self, id: RecordId) {
        self.erase(id);
        let counts = &mut self.counts[usize::from(id.object)];
        if counts.last == id.serial {
            counts.last -= 1;
        }
    }

    /// Erases a record for good.
    pub(crate) fn erase(&mut self, id: RecordId) {
        let Some(old) = self.row(id) else {
            return;
        };
        let table = self.layout.table(id.object);
        self.change(|| {
            let mut statement = self.connection.prepare_cached(&table.delete)?;
            statement.execute([id.serial])
        });
        self.counts[usize::from(id.object)].live -= u32::from(!old.deleted);
        self.rows.get_mut().forget(id);
    }

    fn decode(
        &self,
        table: &Table,
        bytes: rusqlite::types::ValueRef<'_>,
        only: Option<&Fields>,
        row: &mut Row,
    ) -> rusqlite::Result<()> {
        codec::decode(&self.layout, table, bytes.as_blob()?, only, row).map_err(|_| {
            let name = format!("row of table {}", table.number);
            rusqlite::Error::InvalidColumnType(2, name, rusqlite::types::Type::Blob)
        })
    }

    /// As [`Store::ask`], but never after a failure: SQLite may have taken back the transaction then, and what is
    /// done without one stays.
    fn change<T: Default>(&self, change: impl FnOnce() -> rusqlite::Result<T>) -> T {
        if self.health.is_bad() {
            return T::default();
        }
        self.ask(change)
    }

    /// What the database says; nothing, and a broken org, where it fails.
    fn ask<T: Default>(&self, question: impl FnOnce() -> rusqlite::Result<T>) -> T {
        question().unwrap_or_else(|error| {
            self.health.fail(&error);
            T::default()
        })
    }
}

fn keys(catalogue: &Catalogue, layout: &Layout, table: &Table, row: &Row) -> Vec<Option<Key>> {
    let columns = table.columns.iter();
    columns
        .map(|field| layout.key(catalogue, table, *field, row))
        .collect()
}

fn store(
    connection: &Connection,
    sql: &str,
    serial: u32,
    deleted: bool,
    bytes: &[u8],
    keys: &[Option<Key>],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.raw_bind_parameter(1, serial)?;
    statement.raw_bind_parameter(2, deleted)?;
    statement.raw_bind_parameter(3, bytes)?;
    for (place, key) in keys.iter().enumerate() {
        statement.raw_bind_parameter(place + 4, key)?;
    }
    statement.raw_execute()?;
    Ok(())
}

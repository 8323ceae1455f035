//! The records: one table per object, rows by serial number, indexes on keys. All behind one lock, held for at
//! most a chunk of 200 rows when writing.

mod index;
pub(crate) mod output;
mod row;

use std::borrow::Cow;

pub(crate) use index::{Found, fold, index_key};
pub(crate) use row::Row;

use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Home};
use crate::values::Value;
use index::Index;

/// All records of the org.
#[derive(Debug)]
pub(crate) struct Store {
    tables: Vec<Table>,
    user: RecordId,
}

#[derive(Debug)]
struct Table {
    /// By serial less one; `None` is a record erased for good.
    rows: Vec<Option<Row>>,
    indexes: Vec<Index>,
}

impl Store {
    pub(crate) fn new(catalogue: &Catalogue) -> Self {
        let tables = catalogue
            .objects
            .iter()
            .map(|object| Table {
                rows: Vec::new(),
                indexes: object.indexed.iter().map(|_| Index::default()).collect(),
            })
            .collect();
        Self {
            tables,
            user: catalogue.user,
        }
    }

    /// The row of a record, deleted or not.
    pub(crate) fn row(&self, id: RecordId) -> Option<&Row> {
        let place = (id.serial as usize).checked_sub(1)?;
        self.tables[usize::from(id.object)]
            .rows
            .get(place)?
            .as_ref()
    }

    /// The row of a record that is not deleted.
    pub(crate) fn live(&self, id: RecordId) -> Option<&Row> {
        self.row(id).filter(|row| !row.deleted)
    }

    /// Records of an object in the order they were created, deleted ones if asked.
    pub(crate) fn ids(&self, object: u16, deleted: bool) -> impl Iterator<Item = RecordId> + '_ {
        let rows = &self.tables[usize::from(object)].rows;
        rows.iter().enumerate().filter_map(move |(place, row)| {
            let row = row.as_ref()?;
            (deleted || !row.deleted).then_some(RecordId {
                object,
                serial: place as u32 + 1,
            })
        })
    }

    /// A field's value; null where the record is gone.
    pub(crate) fn value(&self, catalogue: &Catalogue, id: RecordId, field: u16) -> Cow<'_, Value> {
        let Some(row) = self.row(id) else {
            return Cow::Owned(Value::Null);
        };
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
        }
    }

    /// Which records have this key, among those not deleted.
    pub(crate) fn find(
        &self,
        catalogue: &Catalogue,
        object: u16,
        field: u16,
        value: &Value,
    ) -> Found<'_> {
        let described = catalogue.at(object).at(field);
        match (described.index, index_key(described, value)) {
            (Some(index), Some(key)) => {
                self.tables[usize::from(object)].indexes[usize::from(index)].find(&key)
            }
            _ => Found::None,
        }
    }

    /// Which records have this key, given in the form of [`index_key`].
    pub(crate) fn find_key(
        &self,
        catalogue: &Catalogue,
        object: u16,
        field: u16,
        key: &str,
    ) -> Found<'_> {
        match catalogue.at(object).at(field).index {
            Some(index) => self.tables[usize::from(object)].indexes[usize::from(index)].find(key),
            None => Found::None,
        }
    }

    /// Adds a record; the caller has checked it.
    pub(crate) fn insert(&mut self, catalogue: &Catalogue, object: u16, row: Row) -> RecordId {
        let table = &mut self.tables[usize::from(object)];
        let id = RecordId {
            object,
            serial: table.rows.len() as u32 + 1,
        };
        table.rows.push(Some(Row::default()));
        self.put(catalogue, id, row);
        id
    }

    /// Replaces a record's row, its place in the indexes and its parents' counts of children; returns the old row.
    pub(crate) fn put(&mut self, catalogue: &Catalogue, id: RecordId, mut row: Row) -> Row {
        let described = catalogue.at(id.object);
        let Some(slot) = self.slot(id) else {
            return Row::default();
        };
        let old = slot.take().unwrap_or_default();
        row.children = old.children;
        for (position, field) in described.indexed.iter().enumerate() {
            let described = described.at(*field);
            let key = |row: &Row| match row.get(*field) {
                Some(value) if !row.deleted => index_key(described, value).map(Cow::into_owned),
                _ => None,
            };
            let (before, after) = (key(&old), key(&row));
            if before != after {
                let index = &mut self.tables[usize::from(id.object)].indexes[position];
                if let Some(key) = before {
                    index.remove(&key, id.serial);
                }
                if let Some(key) = after {
                    index.add(key, id.serial);
                }
            }
        }
        self.count_children(&old, &row);
        if let Some(slot) = self.slot(id) {
            *slot = Some(row);
        }
        old
    }

    /// Takes back the newest record of an object, as if it had never been.
    pub(crate) fn take_back(&mut self, catalogue: &Catalogue, id: RecordId) {
        self.put(catalogue, id, Row::default());
        let rows = &mut self.tables[usize::from(id.object)].rows;
        if rows.len() == id.serial as usize {
            rows.pop();
        }
    }

    /// Erases a record for good.
    pub(crate) fn erase(&mut self, catalogue: &Catalogue, id: RecordId) {
        self.put(catalogue, id, Row::default());
        if let Some(slot) = self.slot(id) {
            *slot = None;
        }
    }

    fn slot(&mut self, id: RecordId) -> Option<&mut Option<Row>> {
        let place = (id.serial as usize).checked_sub(1)?;
        self.tables[usize::from(id.object)].rows.get_mut(place)
    }

    fn count_children(&mut self, old: &Row, new: &Row) {
        if !old.deleted {
            for parent in old.references() {
                if let Some(Some(row)) = self.slot(parent) {
                    row.children = row.children.saturating_sub(1);
                }
            }
        }
        if !new.deleted {
            for parent in new.references() {
                if let Some(Some(row)) = self.slot(parent) {
                    row.children += 1;
                }
            }
        }
    }
}

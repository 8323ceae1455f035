//! Where the records of a catalogue stand in the database: a table per object with the record's number as its key,
//! the whole row as bytes, and a column with an index for every field that records are looked up by. Objects and
//! fields have numbers of the database's own, so that a schema may grow, or be put in another order, under a file.

use std::collections::HashMap;

use rusqlite::Connection;

use super::index::index_key;
use super::row::Row;
use super::settle::{
    Misfit, check_kind, check_objects, found, key_form, object_number, settle_fields,
};
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Object};

#[derive(Debug)]
pub(super) struct Layout {
    tables: Vec<Table>,
    objects: HashMap<u32, u16>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) object: u16,
    pub(super) number: u32,
    /// By field.
    numbers: Vec<u32>,
    /// By number.
    fields: Vec<Option<u16>>,
    /// Fields with a column of their own.
    pub(super) columns: Vec<u16>,
    /// By field, where it has a column.
    find: Vec<Option<String>>,
    pub(super) row: String,
    pub(super) insert: String,
    pub(super) update: String,
    /// As `update`, with the columns.
    pub(super) update_all: String,
    pub(super) delete: String,
    pub(super) scan: String,
    pub(super) serials: String,
}

/// A value as its column holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Text(String),
    Reference(i64),
}

impl rusqlite::ToSql for Key {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Reference(number) => number.to_sql(),
        }
    }
}

impl Layout {
    /// Makes the tables that the catalogue needs and the database lacks, and indexes what has become a key.
    pub(super) fn settle(catalogue: &Catalogue, connection: &Connection) -> Result<Self, Misfit> {
        if check_kind(connection)? {
            found(connection)?;
        }
        check_objects(catalogue, connection)?;
        let mut layout = Self {
            tables: Vec::new(),
            objects: HashMap::new(),
        };
        let mut to_index = Vec::new();
        for object in &catalogue.objects {
            let number = object_number(object, connection)?;
            let (numbers, new_keys) = settle_fields(catalogue, object, number, connection)?;
            layout.objects.insert(number, object.index);
            to_index.extend(new_keys.into_iter().map(|field| (object.index, field)));
            layout
                .tables
                .push(Table::new(catalogue, object, number, numbers));
        }
        for (object, field) in to_index {
            layout.index_column(catalogue, connection, object, field)?;
        }
        Ok(layout)
    }

    pub(super) fn table(&self, object: u16) -> &Table {
        &self.tables[usize::from(object)]
    }

    pub(super) fn object_of(&self, number: u32) -> Option<u16> {
        self.objects.get(&number).copied()
    }

    /// A record as columns of references hold it.
    pub(super) fn reference(&self, id: RecordId) -> i64 {
        i64::from(self.table(id.object).number) << 32 | i64::from(id.serial)
    }

    /// What a field's column holds of a row: nothing of deleted ones, which are found by no key.
    pub(super) fn key(
        &self,
        catalogue: &Catalogue,
        table: &Table,
        field: u16,
        row: &Row,
    ) -> Option<Key> {
        if row.deleted {
            return None;
        }
        match row.get(field)? {
            crate::values::Value::Ref(id) => Some(Key::Reference(self.reference(*id))),
            value => {
                let field = catalogue.at(table.object).at(field);
                index_key(field, value).map(|key| Key::Text(key.into_owned()))
            }
        }
    }

    /// Fills the column of a field that was none when the file was made, or another kind of key.
    fn index_column(
        &self,
        catalogue: &Catalogue,
        connection: &Connection,
        object: u16,
        field: u16,
    ) -> Result<(), Misfit> {
        let table = self.table(object);
        let (place, column) = (table.number, table.number_of(field));
        let mut rows = connection.prepare(&table.scan)?;
        let mut set = connection.prepare(&format!(
            "UPDATE t{place} SET f{column} = ?2 WHERE serial = ?1"
        ))?;
        let mut row = Row::default();
        let mut after = 0;
        // Not one long read, since what is read may not be changed under it.
        loop {
            let mut keys: Vec<(u32, Option<Key>)> = Vec::new();
            let mut found = rows.query((after, true))?;
            while let Some(read) = found.next()? {
                let serial = read.get(0)?;
                let bytes = read.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
                row.deleted = read.get(1)?;
                super::codec::decode(self, table, bytes, None, &mut row)
                    .map_err(|_| Misfit::Other(format!("record {serial} is damaged")))?;
                keys.push((serial, self.key(catalogue, table, field, &row)));
                if keys.len() == 1000 {
                    break;
                }
            }
            drop(found);
            let Some((last, _)) = keys.last() else {
                return Ok(());
            };
            after = *last;
            for (serial, key) in keys {
                set.execute((serial, key))?;
            }
        }
    }
}

impl Table {
    fn new(catalogue: &Catalogue, object: &Object, number: u32, numbers: Vec<u32>) -> Self {
        let mut fields = vec![None; numbers.iter().max().map_or(0, |n| *n as usize + 1)];
        for (position, number) in numbers.iter().enumerate() {
            fields[*number as usize] = Some(position as u16);
        }
        let positions = 0..object.fields.len() as u16;
        let has_column = |field: &u16| !key_form(catalogue, object.at(*field)).is_empty();
        let columns: Vec<u16> = positions.clone().filter(has_column).collect();
        let name = |field: &u16| format!("f{}", numbers[usize::from(*field)]);
        let find = positions.map(|field| {
            has_column(&field).then(|| {
                let column = name(&field);
                format!("SELECT serial FROM t{number} WHERE {column} = ?1 ORDER BY serial")
            })
        });
        let names: String = columns.iter().map(|c| format!(", {}", name(c))).collect();
        let values: String = (0..columns.len())
            .map(|c| format!(", ?{}", c + 4))
            .collect();
        let set = columns.iter().enumerate();
        let set: String = set
            .map(|(c, field)| format!(", {} = ?{}", name(field), c + 4))
            .collect();
        Self {
            object: object.index,
            number,
            fields,
            find: find.collect(),
            row: format!("SELECT deleted, row FROM t{number} WHERE serial = ?1"),
            insert: format!(
                "INSERT INTO t{number} (serial, deleted, row{names}) VALUES (?1, ?2, ?3{values})"
            ),
            update: format!("UPDATE t{number} SET deleted = ?2, row = ?3 WHERE serial = ?1"),
            update_all: format!(
                "UPDATE t{number} SET deleted = ?2, row = ?3{set} WHERE serial = ?1"
            ),
            delete: format!("DELETE FROM t{number} WHERE serial = ?1"),
            scan: format!(
                "SELECT serial, deleted, row FROM t{number} WHERE serial > ?1 AND deleted <= ?2 ORDER BY serial"
            ),
            serials: format!(
                "SELECT serial FROM t{number} WHERE serial > ?1 AND deleted <= ?2 ORDER BY serial LIMIT ?3"
            ),
            columns,
            numbers,
        }
    }

    pub(super) fn number_of(&self, field: u16) -> u32 {
        self.numbers[usize::from(field)]
    }

    pub(super) fn field_of(&self, number: u32) -> Option<u16> {
        self.fields.get(number as usize).copied().flatten()
    }

    /// The statement that finds records by a field; `None` where only a look at all of them tells.
    pub(super) fn find(&self, field: u16) -> Option<&str> {
        self.find[usize::from(field)].as_deref()
    }
}

//! Where the records of a catalogue stand in the database: a table per object with the record's number as its key,
//! the whole row as bytes, and a column with an index for every field that records are looked up by. Objects and
//! fields have numbers of the database's own, so that a schema may grow, or be put in another order, under a file.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::index::index_key;
use super::row::Row;
use crate::ids::RecordId;
use crate::schema::FieldKind;
use crate::schema::catalogue::{Catalogue, Field, Home, Object};

/// The form of the tables; a file of another is refused.
const VERSION: u32 = 1;
/// Marks a database as an org's, so that nobody's other database is written to by mistake.
const APPLICATION: u32 = 0x5265_686F;

/// Why a database can't hold the records of a catalogue.
#[derive(Debug)]
pub(super) enum Misfit {
    Sql(rusqlite::Error),
    /// Not an org's, or one of another schema; the text says what differs.
    Other(String),
}

impl From<rusqlite::Error> for Misfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

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
        check_kind(connection)?;
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

fn check_kind(connection: &Connection) -> Result<(), Misfit> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let tables: u32 =
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables == 0 {
        connection.pragma_update(None, "application_id", APPLICATION)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        connection.execute_batch(
            "CREATE TABLE org (starts INTEGER NOT NULL);
             INSERT INTO org VALUES (0);
             CREATE TABLE objects (number INTEGER PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL,
                 last INTEGER NOT NULL, live INTEGER NOT NULL);
             CREATE TABLE fields (object INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
                 form TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (object, number)) WITHOUT ROWID;",
        )?;
        return Ok(());
    }
    if pragma("application_id")? != APPLICATION {
        return Err(Misfit::Other("it is not a rehearsal org's".to_owned()));
    }
    match pragma("user_version")? {
        VERSION => Ok(()),
        other => Err(Misfit::Other(format!(
            "it has form {other}, this version reads form {VERSION} only"
        ))),
    }
}

/// Nothing that the file holds may be missing from the schema: its values would be lost unseen.
fn check_objects(catalogue: &Catalogue, connection: &Connection) -> Result<(), Misfit> {
    let mut objects = connection.prepare("SELECT number, name, prefix FROM objects")?;
    let mut fields = connection.prepare("SELECT name, form FROM fields WHERE object = ?1")?;
    let mut rows = objects.query(())?;
    while let Some(row) = rows.next()? {
        let (number, name, prefix): (u32, String, String) = row.try_into()?;
        let object = catalogue.any_object(&name).ok_or_else(|| {
            Misfit::Other(format!("it has the object {name}, which the schema lacks"))
        })?;
        if object.prefix != prefix.as_bytes() {
            let text = format!("ids of {name} begin with {prefix} in it, but not in the schema");
            return Err(Misfit::Other(text));
        }
        let mut rows = fields.query([number])?;
        while let Some(row) = rows.next()? {
            let (field, stored): (String, String) = row.try_into()?;
            let described = object.field(&field).map(|f| object.at(f)).ok_or_else(|| {
                Misfit::Other(format!(
                    "it has the field {name}.{field}, which the schema lacks"
                ))
            })?;
            let wanted = form(described);
            if stored != wanted {
                let text = format!("{name}.{field} is {stored} in it, and {wanted} in the schema");
                return Err(Misfit::Other(text));
            }
        }
    }
    Ok(())
}

fn object_number(object: &Object, connection: &Connection) -> Result<u32, Misfit> {
    let known = connection
        .query_row(
            "SELECT number FROM objects WHERE name = ?1 COLLATE NOCASE",
            [&object.name],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    let prefix = String::from_utf8_lossy(&object.prefix);
    let number: u32 = connection.query_row(
        "INSERT INTO objects (name, prefix, last, live) VALUES (?1, ?2, 0, 0) RETURNING number",
        (&object.name, prefix),
        |row| row.get(0),
    )?;
    connection.execute_batch(&format!(
        "CREATE TABLE t{number} (serial INTEGER PRIMARY KEY, deleted INTEGER NOT NULL, row BLOB NOT NULL)"
    ))?;
    Ok(number)
}

/// The numbers of an object's fields, and those fields whose column is new.
fn settle_fields(
    catalogue: &Catalogue,
    object: &Object,
    place: u32,
    connection: &Connection,
) -> Result<(Vec<u32>, Vec<u16>), Misfit> {
    let mut known: HashMap<String, (u32, String)> = HashMap::new();
    let mut stored =
        connection.prepare("SELECT name, number, key FROM fields WHERE object = ?1")?;
    let mut rows = stored.query([place])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        known.insert(name.to_ascii_lowercase(), (row.get(1)?, row.get(2)?));
    }
    let mut next = known
        .values()
        .map(|(number, _)| number + 1)
        .max()
        .unwrap_or(0);
    let mut numbers = Vec::with_capacity(object.fields.len());
    let mut new_keys = Vec::new();
    for (position, field) in object.fields.iter().enumerate() {
        let key = key_form(catalogue, field);
        let (number, before) = match known.remove(&field.name().to_ascii_lowercase()) {
            Some(known) => known,
            None => {
                connection.execute(
                    "INSERT INTO fields (object, number, name, form, key) VALUES (?1, ?2, ?3, ?4, '')",
                    (place, next, field.name(), form(field)),
                )?;
                next += 1;
                (next - 1, String::new())
            }
        };
        numbers.push(number);
        if before == key {
            continue;
        }
        // What once was a key keeps its column, as one by which nobody looks, until it is a key again.
        let columns =
            format!("SELECT COUNT(*) FROM pragma_table_info('t{place}') WHERE name = 'f{number}'");
        let has: u32 = connection.query_row(&columns, (), |row| row.get(0))?;
        if has == 0 {
            connection.execute_batch(&format!(
                "ALTER TABLE t{place} ADD COLUMN f{number};
                 CREATE INDEX i{place}_{number} ON t{place} (f{number}) WHERE f{number} IS NOT NULL;"
            ))?;
        }
        connection.execute(
            "UPDATE fields SET key = ?3 WHERE object = ?1 AND number = ?2",
            (place, number, key),
        )?;
        if !key.is_empty() {
            new_keys.push(position as u16);
        }
    }
    Ok((numbers, new_keys))
}

/// How a field's values are stored; another form can't be read as this one.
fn form(field: &Field) -> String {
    use FieldKind as K;
    let form = match field.kind() {
        K::Int => "int",
        K::Double | K::Currency | K::Percent => {
            return format!("number of scale {}", field.schema.scale);
        }
        K::Boolean => "boolean",
        K::Date => "date",
        K::Datetime => "datetime",
        K::Id | K::Reference => "reference",
        _ => "text",
    };
    form.to_owned()
}

/// How records are looked up by a field: not at all, by text, or by the record it refers to. References that only
/// lead to what nobody can delete, such as the few users, would find very many records or none, and have no column.
fn key_form(catalogue: &Catalogue, field: &Field) -> &'static str {
    if field.home != Home::Stored {
        ""
    } else if field.index.is_some() {
        match field.kind() {
            FieldKind::Int | FieldKind::Double => "number",
            _ if field.schema.case_sensitive => "exact",
            _ => "folded",
        }
    } else if field.references.iter().any(|o| catalogue.at(*o).deletable) {
        "reference"
    } else {
        ""
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

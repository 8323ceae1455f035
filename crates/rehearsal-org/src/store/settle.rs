//! Brings a database and a catalogue together when an org starts: tables for new objects, numbers for new fields,
//! columns for new keys; and refuses a database that is not an org's, or holds what the catalogue does not know.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

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

/// Whether a database is new and may become an org's. One that is something else's is refused, and not touched.
pub(super) fn check_kind(connection: &Connection) -> Result<bool, Misfit> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let tables: u32 =
        connection.query_row("SELECT COUNT(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables == 0 {
        return Ok(true);
    }
    if pragma("application_id")? != APPLICATION {
        return Err(Misfit::Other("it is not a rehearsal org's".to_owned()));
    }
    match pragma("user_version")? {
        VERSION => Ok(false),
        other => Err(Misfit::Other(format!(
            "it has form {other}, this version reads form {VERSION} only"
        ))),
    }
}

/// Makes a new database an org's.
pub(super) fn found(connection: &Connection) -> Result<(), Misfit> {
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
    Ok(())
}

/// Nothing that the file holds may be missing from the schema: its values would be lost unseen.
pub(super) fn check_objects(catalogue: &Catalogue, connection: &Connection) -> Result<(), Misfit> {
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

pub(super) fn object_number(object: &Object, connection: &Connection) -> Result<u32, Misfit> {
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
pub(super) fn settle_fields(
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
pub(super) fn key_form(catalogue: &Catalogue, field: &Field) -> &'static str {
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

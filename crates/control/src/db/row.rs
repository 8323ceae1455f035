//! A row of either engine, read by column name into our types.

use chrono::{DateTime, Utc};
use model::{Attempt, Books, ChunkNumber, RunId};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, ValueRef as _};

use super::text;
use crate::{Error, Result};

#[derive(Debug)]
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

/// Reads a column of a type that both engines know. SQLite's own type check looks at the declaration, which an expression lacks.
macro_rules! read {
    ($row:expr, $column:expr, $type:ty) => {
        match $row {
            Row::Postgres(row) => row.try_get::<Option<$type>, _>($column),
            Row::Sqlite(row) => row.try_get_unchecked::<Option<$type>, _>($column),
        }
        .map_err(Error::from)
    };
}

impl Row {
    pub(crate) fn opt_text(&self, column: &str) -> Result<Option<String>> {
        let value = read!(self, column, String)?;
        Ok(match self {
            Self::Postgres(_) => value.map(text::from_postgres),
            Self::Sqlite(_) => value,
        })
    }

    pub(crate) fn text(&self, column: &str) -> Result<String> {
        present(column, self.opt_text(column)?)
    }

    pub(crate) fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        read!(self, column, i64)
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64> {
        present(column, self.opt_int(column)?)
    }

    /// A number that can't be below zero.
    pub(crate) fn count(&self, column: &str) -> Result<u64> {
        u64::try_from(self.int(column)?)
            .map_err(|_| Error::Corrupt(format!("column {column}: a count below zero")))
    }

    pub(crate) fn opt_count(&self, column: &str) -> Result<Option<u64>> {
        self.opt_int(column)?
            .map(|_| self.count(column))
            .transpose()
    }

    pub(crate) fn opt_float(&self, column: &str) -> Result<Option<f64>> {
        read!(self, column, f64)
    }

    pub(crate) fn bool(&self, column: &str) -> Result<bool> {
        present(column, self.opt_bool(column)?)
    }

    pub(crate) fn opt_bool(&self, column: &str) -> Result<Option<bool>> {
        read!(self, column, bool)
    }

    pub(crate) fn opt_bytes(&self, column: &str) -> Result<Option<Vec<u8>>> {
        read!(self, column, Vec<u8>)
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>> {
        present(column, self.opt_bytes(column)?)
    }

    pub(crate) fn opt_time(&self, column: &str) -> Result<Option<DateTime<Utc>>> {
        match self {
            Self::Postgres(row) => Ok(row.try_get(column)?),
            Self::Sqlite(_) => self
                .opt_text(column)?
                .map(|text| {
                    DateTime::parse_from_rfc3339(&text)
                        .map(|time| time.to_utc())
                        .map_err(|_| {
                            Error::Corrupt(format!("column {column}: `{text}` is no time"))
                        })
                })
                .transpose(),
        }
    }

    pub(crate) fn time(&self, column: &str) -> Result<DateTime<Utc>> {
        present(column, self.opt_time(column)?)
    }

    pub(crate) fn opt_json(&self, column: &str) -> Result<Option<Value>> {
        let text = match self {
            // The binary form of `json` is its text.
            Self::Postgres(row) => {
                if row.try_get_raw(column)?.is_null() {
                    None
                } else {
                    Some(row.try_get_unchecked::<String, _>(column)?)
                }
            }
            Self::Sqlite(_) => self.opt_text(column)?,
        };
        text.map(|text| {
            serde_json::from_str(&text)
                .map_err(|error| Error::Corrupt(format!("column {column}: {error}")))
        })
        .transpose()
    }

    pub(crate) fn json(&self, column: &str) -> Result<Value> {
        present(column, self.opt_json(column)?)
    }

    /// A column that holds one of a fixed set of words.
    pub(crate) fn word<T>(&self, column: &str, parse: fn(&str) -> Option<T>) -> Result<T> {
        let text = self.text(column)?;
        parse(&text)
            .ok_or_else(|| Error::Corrupt(format!("column {column}: unknown word `{text}`")))
    }

    pub(crate) fn run(&self, column: &str) -> Result<RunId> {
        Ok(RunId::new(self.text(column)?))
    }

    pub(crate) fn chunk(&self, column: &str) -> Result<ChunkNumber> {
        Ok(ChunkNumber(self.int(column)?))
    }

    pub(crate) fn opt_chunk(&self, column: &str) -> Result<Option<ChunkNumber>> {
        Ok(self.opt_int(column)?.map(ChunkNumber))
    }

    pub(crate) fn attempt(&self) -> Result<Attempt> {
        Ok(Attempt(self.int("attempt")?))
    }

    /// The eight columns of a chunk's books.
    pub(crate) fn books(&self) -> Result<Books> {
        Ok(Books {
            extracted: self.count("extracted")?,
            created: self.count("created")?,
            updated: self.count("updated")?,
            unchanged: self.count("unchanged")?,
            deleted: self.count("deleted")?,
            rejected: self.count("rejected")?,
            failed: self.count("failed")?,
            skipped: self.count("skipped")?,
        })
    }
}

fn present<T>(column: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::Corrupt(format!("column {column} is null")))
}

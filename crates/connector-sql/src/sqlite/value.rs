//! A value as SQLite stores it: any column may hold any kind.
//! The same form serves as part of a key, in slices and cursors.

use serde::{Deserialize, Serialize};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Decode, Row, TypeInfo, ValueRef};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Value {
    #[serde(rename = "i")]
    Integer(i64),
    /// As its shortest text, which JSON's own numbers do not keep.
    #[serde(rename = "r", with = "real")]
    Real(f64),
    #[serde(rename = "t")]
    Text(String),
    /// Text that is not UTF-8.
    #[serde(rename = "x")]
    Raw(Vec<u8>),
    #[serde(rename = "b")]
    Blob(Vec<u8>),
}

mod real {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Value {
    /// A value of a row; none for null.
    pub(super) fn of(row: &SqliteRow, column: usize) -> Result<Option<Self>, sqlx::Error> {
        let raw = row.try_get_raw(column)?;
        if raw.is_null() {
            return Ok(None);
        }
        let kind = raw.type_info().name().to_owned();
        let value = match kind.as_str() {
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(raw).map(Self::Integer),
            "REAL" => <f64 as Decode<Sqlite>>::decode(raw).map(Self::Real),
            "TEXT" => <Vec<u8> as Decode<Sqlite>>::decode(raw).map(|bytes| {
                String::from_utf8(bytes)
                    .map_or_else(|error| Self::Raw(error.into_bytes()), Self::Text)
            }),
            _ => <Vec<u8> as Decode<Sqlite>>::decode(raw).map(Self::Blob),
        };
        value.map(Some).map_err(sqlx::Error::Decode)
    }

    /// As people read it: text as it is, bytes as SQLite writes them.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Real(value) => value.to_string(),
            Self::Text(text) => text.clone(),
            Self::Raw(bytes) | Self::Blob(bytes) => format!("x'{}'", hex(bytes)),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Text(_) => "text",
            Self::Raw(_) => "text that is not UTF-8",
            Self::Blob(_) => "bytes",
        }
    }

    /// Bytes in memory beyond a fixed width.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Integer(_) | Self::Real(_) => 0,
            Self::Text(text) => text.len(),
            Self::Raw(bytes) | Self::Blob(bytes) => bytes.len(),
        }
    }

    /// What stands for the value in a statement.
    pub(super) fn placeholder(&self) -> &'static str {
        match self {
            Self::Raw(_) => "cast(? as text)",
            _ => "?",
        }
    }

    pub(super) fn bind<'q>(
        &self,
        query: Query<'q, Sqlite, SqliteArguments>,
    ) -> Query<'q, Sqlite, SqliteArguments> {
        match self {
            Self::Integer(value) => query.bind(*value),
            Self::Real(value) => query.bind(*value),
            Self::Text(text) => query.bind(text.clone()),
            Self::Raw(bytes) | Self::Blob(bytes) => query.bind(bytes.clone()),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_are_stored_exactly() {
        for value in [
            Value::Integer(i64::MIN),
            Value::Real(0.1 + 0.2),
            Value::Real(f64::MIN_POSITIVE),
            Value::Real(f64::NEG_INFINITY),
            Value::Text("it's\0".into()),
            Value::Raw(vec![255]),
            Value::Blob(vec![0, 1]),
        ] {
            let stored = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&stored).unwrap(),
                value,
                "{stored}"
            );
        }
    }
}

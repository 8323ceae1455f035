//! Values handed to a statement, typed alike for both engines.

use chrono::{DateTime, SecondsFormat, Utc};
use model::{Attempt, ChunkNumber, RunId, Slice};
use serde_json::Value;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Encode, Postgres, Type, encode::IsNull, error::BoxDynError};

use super::text;
use crate::{Error, Result, Term};

/// A parameter. `None` is null, and still has a type.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
    Float(Option<f64>),
    Bool(bool),
    Bytes(Option<Vec<u8>>),
    Time(Option<DateTime<Utc>>),
    /// Serialised already.
    Json(Option<String>),
}

macro_rules! from {
    ($($type:ty, $value:ident => $arg:expr;)+) => {
        $(impl From<$type> for Arg { fn from($value: $type) -> Self { $arg } })+
    };
}

from! {
    &str, v => Self::Text(Some(v.to_owned()));
    &String, v => Self::Text(Some(v.clone()));
    String, v => Self::Text(Some(v));
    Option<&str>, v => Self::Text(v.map(str::to_owned));
    Option<String>, v => Self::Text(v);
    &Option<String>, v => Self::Text(v.clone());
    &RunId, v => Self::Text(Some(v.as_str().to_owned()));
    i64, v => Self::Int(Some(v));
    u64, v => Self::Int(Some(i64::try_from(v).unwrap_or(i64::MAX)));
    u32, v => Self::Int(Some(v.into()));
    u8, v => Self::Int(Some(v.into()));
    usize, v => Self::Int(Some(i64::try_from(v).unwrap_or(i64::MAX)));
    Option<i64>, v => Self::Int(v);
    Option<u64>, v => v.map_or(Self::Int(None), Self::from);
    ChunkNumber, v => Self::Int(Some(v.0));
    Option<ChunkNumber>, v => Self::Int(v.map(|v| v.0));
    Attempt, v => Self::Int(Some(v.0));
    Term, v => Self::Int(Some(v.0));
    f64, v => Self::Float(Some(v));
    Option<f64>, v => Self::Float(v);
    bool, v => Self::Bool(v);
    &[u8], v => Self::Bytes(Some(v.to_vec()));
    Vec<u8>, v => Self::Bytes(Some(v));
    Option<&[u8]>, v => Self::Bytes(v.map(<[u8]>::to_vec));
    DateTime<Utc>, v => Self::Time(Some(v));
    Option<DateTime<Utc>>, v => Self::Time(v);
    &Value, v => Self::Json(Some(v.to_string()));
    Option<&Value>, v => Self::Json(v.map(Value::to_string));
    &Slice, v => Self::Json(Some(v.0.to_string()));
}

/// A statement's parameters, in order.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

pub(super) fn postgres(args: Vec<Arg>) -> Result<PgArguments> {
    let mut bound = PgArguments::default();
    for arg in args {
        match arg {
            Arg::Text(v) => bound.add(v.map(text::to_postgres)),
            Arg::Int(v) => bound.add(v),
            Arg::Float(v) => bound.add(v),
            Arg::Bool(v) => bound.add(v),
            Arg::Bytes(v) => bound.add(v),
            Arg::Time(v) => bound.add(v),
            Arg::Json(v) => bound.add(v.map(PgJson)),
        }
        .map_err(encoding)?;
    }
    Ok(bound)
}

pub(super) fn sqlite(args: Vec<Arg>) -> Result<SqliteArguments> {
    let mut bound = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Text(v) | Arg::Json(v) => bound.add(v),
            Arg::Int(v) => bound.add(v),
            Arg::Float(v) => bound.add(v),
            Arg::Bool(v) => bound.add(v),
            Arg::Bytes(v) => bound.add(v),
            Arg::Time(v) => bound.add(v.map(iso)),
        }
        .map_err(encoding)?;
    }
    Ok(bound)
}

fn encoding(error: BoxDynError) -> Error {
    Error::Refused(sqlx::Error::Encode(error))
}

/// As SQLite's tables hold a time: of one width, so that text compares as time does.
fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Text as PostgreSQL's `json`, not `jsonb`: that one refuses `\u0000`, which a source's text may hold.
struct PgJson(String);

impl Type<Postgres> for PgJson {
    fn type_info() -> PgTypeInfo {
        // `json` in pg_type.dat
        PgTypeInfo::with_oid(Oid(114))
    }
}

impl Encode<'_, Postgres> for PgJson {
    fn encode_by_ref(
        &self,
        buffer: &mut PgArgumentBuffer,
    ) -> std::result::Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

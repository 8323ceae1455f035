//! What a column holds, from its declared type by SQLite's affinity rules and the names that other databases made usual.
//! SQLite itself lets any value into any column; a value of another kind rejects its record alone.

use arrow::datatypes::{DataType, Field, TimeUnit};
use record::meta;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Integer,
    Real,
    Text,
    /// Text, or numbers in whose place their text stands: what a declared type that SQLite does not know holds.
    Loose,
    Blob,
    Boolean,
    Date,
    Time,
    /// ISO text; a zone is applied, as SQLite's own functions do.
    Timestamp,
    /// The same, declared with a zone.
    TimestampTz,
    Decimal(u8, i8),
    /// Decimal numbers of any size, as text.
    Number,
}

impl Kind {
    /// None where only the values can tell.
    pub(super) fn declared(declared: &str) -> Option<Self> {
        let upper = declared.trim().to_uppercase();
        let (name, sizes) = match upper.split_once('(') {
            Some((name, sizes)) => (name.trim(), sizes),
            None => (upper.as_str(), ""),
        };
        let has = |part: &str| upper.contains(part);
        Some(match name {
            "" | "ANY" | "NUM" if sizes.is_empty() => return None,
            "BOOL" | "BOOLEAN" => Self::Boolean,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "NUMERIC" | "DECIMAL" | "DEC" | "NUMBER" | "NUM" | "FIXED" => decimal(sizes),
            "MONEY" | "SMALLMONEY" | "CURRENCY" => Self::Number,
            "BINARY" | "VARBINARY" | "BYTEA" | "IMAGE" | "RAW" | "LONG RAW" => Self::Blob,
            "INTERVAL" | "POINT" => Self::Loose,
            _ if name.starts_with("TIMESTAMP") || name.starts_with("DATETIME") => {
                if has("WITH TIME ZONE") || has("TZ") || has("OFFSET") {
                    Self::TimestampTz
                } else {
                    Self::Timestamp
                }
            }
            "FLOATING POINT" => Self::Real,
            _ if has("INT") => Self::Integer,
            _ if has("CHAR") || has("CLOB") || has("TEXT") => Self::Text,
            _ if has("BLOB") => Self::Blob,
            _ if has("REAL") || has("FLOA") || has("DOUB") => Self::Real,
            _ => Self::Loose,
        })
    }

    /// From the kinds of the first values, as `typeof` names them; none where there are no values.
    pub(super) fn observed(kinds: &[String]) -> Self {
        let only = |allowed: &[&str]| {
            !kinds.is_empty() && kinds.iter().all(|kind| allowed.contains(&kind.as_str()))
        };
        if only(&["integer"]) {
            Self::Integer
        } else if only(&["integer", "real"]) {
            Self::Real
        } else if only(&["blob"]) {
            Self::Blob
        } else {
            Self::Loose
        }
    }

    pub(super) fn field(self, name: &str, declared: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.data_type(), nullable);
        let field = if self == Self::Number {
            meta::with_number(field)
        } else {
            field
        };
        meta::with_native(field, declared)
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Text | Self::Loose | Self::Number => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
        }
    }
}

fn decimal(sizes: &str) -> Kind {
    let mut sizes = sizes.trim_end_matches(')').split(',').map(str::trim);
    let precision = sizes.next().and_then(|size| size.parse::<u8>().ok());
    let scale = match sizes.next() {
        None => Some(0),
        Some(size) => size.parse::<i8>().ok(),
    };
    match (precision, scale) {
        (Some(precision @ 1..=38), Some(scale @ 0..)) if scale.unsigned_abs() <= precision => {
            Kind::Decimal(precision, scale)
        }
        _ => Kind::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_have_kinds() {
        for (declared, kind) in [
            ("INTEGER", Kind::Integer),
            ("unsigned big int", Kind::Integer),
            ("NVARCHAR(160)", Kind::Text),
            ("NUMERIC(10,2)", Kind::Decimal(10, 2)),
            ("decimal(38, 0)", Kind::Decimal(38, 0)),
            ("NUMBER(9)", Kind::Decimal(9, 0)),
            ("DECIMAL(39,2)", Kind::Number),
            ("DECIMAL(2,4)", Kind::Number),
            ("NUMERIC", Kind::Number),
            ("DOUBLE PRECISION", Kind::Real),
            ("BLOB", Kind::Blob),
            ("VARBINARY(16)", Kind::Blob),
            ("DATETIME", Kind::Timestamp),
            ("TIMESTAMP WITH TIME ZONE", Kind::TimestampTz),
            ("timestamptz", Kind::TimestampTz),
            ("BOOLEAN", Kind::Boolean),
            ("UUID", Kind::Loose),
            ("JSON", Kind::Loose),
            ("INTERVAL", Kind::Loose),
        ] {
            assert_eq!(Kind::declared(declared), Some(kind), "{declared}");
        }
        assert_eq!(Kind::declared(""), None);
        assert_eq!(Kind::declared("ANY"), None);
    }
}

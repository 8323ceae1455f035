//! How each type of PostgreSQL is carried in Arrow, or why it is not.
//! A value is carried exactly or its column is refused; types whose text form is exact and that Arrow lacks travel as that text.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use record::meta;

/// A type as the catalogue has it, with domains resolved to what they stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Native {
    /// `pg_type.typname`.
    pub(crate) name: String,
    /// `pg_type.typtype`: `b` base, `e` enum, `r` range, `m` multirange, `c` composite, `p` pseudo.
    pub(crate) class: char,
    /// Whether it is one of PostgreSQL's own.
    pub(crate) built_in: bool,
    /// -1 where there is none.
    pub(crate) modifier: i32,
    /// The type by name without modifier, as a cast takes it.
    pub(crate) cast: String,
    /// The items' type, where this is an array.
    pub(crate) item: Option<Box<Native>>,
}

/// How a column is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) data_type: DataType,
    /// A text column that holds exact numbers.
    pub(crate) number: bool,
    /// What the column is cast to when it is read; the decoder knows only these types.
    pub(crate) cast: String,
}

impl Carried {
    pub(crate) fn field(&self, name: &str, native: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.data_type.clone(), nullable);
        let field = if self.number {
            meta::with_number(field)
        } else {
            field
        };
        meta::with_native(field, native)
    }
}

/// How values of a type are carried; the reason where they are not.
pub(crate) fn carried(native: &Native) -> Result<Carried, String> {
    if let Some(item) = &native.item {
        let item = carried(item)?;
        let mut field = Field::new("item", item.data_type.clone(), true);
        if item.number {
            field = meta::with_number(field);
        }
        return Ok(Carried {
            data_type: DataType::List(Arc::new(field)),
            number: false,
            cast: format!("{}[]", item.cast),
        });
    }
    if native.class == 'e' {
        return Ok(text());
    }
    if native.class == 'r' || native.class == 'm' {
        return Ok(text());
    }
    if native.class == 'c' {
        return Err("composite values have no exact form in a batch".to_owned());
    }
    if !native.built_in {
        return match native.name.as_str() {
            "citext" => Ok(text()),
            _ => Err("this type of an extension is not known".to_owned()),
        };
    }
    built_in(native)
}

fn built_in(native: &Native) -> Result<Carried, String> {
    let plain = |data_type: DataType, cast: &str| {
        Ok(Carried {
            data_type,
            number: false,
            cast: format!("pg_catalog.{cast}"),
        })
    };
    match native.name.as_str() {
        "bool" => plain(DataType::Boolean, "bool"),
        "int2" => plain(DataType::Int16, "int2"),
        "int4" => plain(DataType::Int32, "int4"),
        "int8" | "oid" => plain(DataType::Int64, "int8"),
        "float4" => plain(DataType::Float32, "float4"),
        "float8" => plain(DataType::Float64, "float8"),
        "numeric" => Ok(numeric(native.modifier)),
        "date" => plain(DataType::Date32, "date"),
        "time" => plain(DataType::Time64(TimeUnit::Microsecond), "time"),
        "timestamp" => plain(
            DataType::Timestamp(TimeUnit::Microsecond, None),
            "timestamp",
        ),
        "timestamptz" => plain(
            DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            "timestamptz",
        ),
        "interval" => plain(DataType::Interval(IntervalUnit::MonthDayNano), "interval"),
        "bytea" => plain(DataType::Binary, "bytea"),
        "text" | "varchar" | "bpchar" | "name" | "char" | "uuid" | "json" | "jsonb" | "xml"
        | "inet" | "cidr" | "macaddr" | "macaddr8" | "bit" | "varbit" | "timetz" | "tsvector"
        | "tsquery" | "jsonpath" | "pg_lsn" | "point" | "line" | "lseg" | "box" | "path"
        | "polygon" | "circle" => Ok(text()),
        "money" => Err("its text depends on the server's locale".to_owned()),
        _ => Err("it has no exact form in a batch".to_owned()),
    }
}

fn text() -> Carried {
    Carried {
        data_type: DataType::Utf8,
        number: false,
        cast: "pg_catalog.text".to_owned(),
    }
}

/// A numeric with precision and scale is a decimal where one of Arrow's holds it; any other is text, digit by digit.
fn numeric(modifier: i32) -> Carried {
    const LARGEST: i32 = 38;
    if let Some((precision, scale)) = precision_and_scale(modifier) {
        // A negative scale means zeros before the point, a scale above the precision zeros after it.
        let digits = (precision - scale.min(0)).max(scale);
        let scale = scale.max(0);
        if digits <= LARGEST
            && let (Ok(precision), Ok(scale)) = (u8::try_from(digits), i8::try_from(scale))
        {
            return Carried {
                data_type: DataType::Decimal128(precision, scale),
                number: false,
                cast: "pg_catalog.numeric".to_owned(),
            };
        }
    }
    Carried {
        number: true,
        ..text()
    }
}

/// The modifier of a numeric holds both, the scale in eleven bits with sign; see `numeric.c`, `make_numeric_typmod`.
fn precision_and_scale(modifier: i32) -> Option<(i32, i32)> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    Some(((packed >> 16) & 0xffff, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modifier(precision: i32, scale: i32) -> i32 {
        ((precision << 16) | (scale & 0x7ff)) + 4
    }

    #[test]
    fn numerics_keep_every_digit() {
        let of = |precision, scale| numeric(modifier(precision, scale)).data_type;
        assert_eq!(of(10, 2), DataType::Decimal128(10, 2));
        assert_eq!(of(38, 38), DataType::Decimal128(38, 38));
        assert_eq!(of(5, -2), DataType::Decimal128(7, 0));
        assert_eq!(of(2, 4), DataType::Decimal128(4, 4));
        assert_eq!(of(39, 2), DataType::Utf8);
        assert_eq!(of(37, -2), DataType::Utf8);
        assert_eq!(numeric(-1).data_type, DataType::Utf8);
        assert!(numeric(-1).number);
    }

    #[test]
    fn what_has_no_exact_form_is_refused() {
        let native = |name: &str, class, built_in| Native {
            name: name.to_owned(),
            class,
            built_in,
            modifier: -1,
            cast: name.to_owned(),
            item: None,
        };
        assert!(carried(&native("money", 'b', true)).is_err());
        assert!(carried(&native("address", 'c', false)).is_err());
        assert!(carried(&native("geometry", 'b', false)).is_err());
        assert!(carried(&native("citext", 'b', false)).is_ok());
        let list = Native {
            item: Some(Box::new(native("money", 'b', true))),
            ..native("_money", 'b', true)
        };
        assert!(carried(&list).is_err());
    }
}

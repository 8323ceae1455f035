//! Values as queries compare them: text without regard to case, numbers of any scale, dates beside moments.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Field};
use crate::store::fold;
use crate::values::Value;
use crate::values::decimal::{self, Decimal};
use crate::values::moment::{write_date, write_moment};
use crate::values::output::write_text;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Text(Cow<'a, str>),
    Bool(bool),
    /// Whether it is written as a whole number.
    Number(Decimal, bool),
    Double(f64),
    Date(i32),
    Moment(i64),
    Id(RecordId),
}

impl<'a> Scalar<'a> {
    pub(super) fn of(field: &Field, value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(number) => Self::Number(
                Decimal {
                    digits: i128::from(*number),
                    scale: 0,
                },
                true,
            ),
            Value::Number(digits) => Self::Number(
                Decimal {
                    digits: i128::from(*digits),
                    scale: u32::from(field.schema.scale),
                },
                false,
            ),
            Value::Date(days) => Self::Date(*days),
            Value::Moment(seconds) => Self::Moment(*seconds),
            Value::Ref(id) => Self::Id(*id),
        }
    }

    pub(super) fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
            Self::Null => Scalar::Null,
            Self::Bool(flag) => Scalar::Bool(flag),
            Self::Number(number, whole) => Scalar::Number(number, whole),
            Self::Double(number) => Scalar::Double(number),
            Self::Date(days) => Scalar::Date(days),
            Self::Moment(seconds) => Scalar::Moment(seconds),
            Self::Id(id) => Scalar::Id(id),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Order within one type; null comes first.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Text(a), Self::Text(b)) => fold(a).cmp(&fold(b)),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a, _), Self::Number(b, _)) => decimal::compare(*a, *b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Moment(a), Self::Moment(b)) => a.cmp(b),
            (Self::Id(a), Self::Id(b)) => a.cmp(b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        }
    }

    pub(super) fn as_f64(&self) -> f64 {
        match self {
            Self::Number(number, _) => decimal::to_f64(*number),
            Self::Double(number) => *number,
            _ => f64::NAN,
        }
    }

    /// Appends what tells this value from others in a group.
    pub(super) fn write_key(&self, catalogue: &Catalogue, out: &mut String) {
        match self {
            Self::Text(text) => write_text(&fold(text), out),
            other => other.write(catalogue, out),
        }
        out.push(',');
    }

    /// Appends the JSON form.
    pub(super) fn write(&self, catalogue: &Catalogue, out: &mut String) {
        use std::fmt::Write as _;
        let quoted = |out: &mut String, write: &dyn Fn(&mut String)| {
            out.push('"');
            write(out);
            out.push('"');
        };
        match self {
            Self::Null => out.push_str("null"),
            Self::Text(text) => write_text(text, out),
            Self::Bool(flag) => {
                let _ = write!(out, "{flag}");
            }
            Self::Number(number, true) => {
                let _ = write!(out, "{}", number.digits);
            }
            Self::Number(number, false) => decimal::write(*number, out),
            Self::Double(number) => {
                let _ = write!(out, "{number:?}");
            }
            Self::Date(days) => quoted(out, &|out| write_date(*days, out)),
            Self::Moment(seconds) => quoted(out, &|out| write_moment(*seconds, out)),
            Self::Id(id) => quoted(out, &|out| catalogue.write_id(*id, out)),
        }
    }
}

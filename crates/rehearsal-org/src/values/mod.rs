//! Field values as they are stored: compact, typed, exact decimals. `parse` reads them from text, `moment` holds
//! dates and times, `decimal` numbers, `output` writes JSON, `plain` what bulk queries give.

pub(crate) mod decimal;
pub(crate) mod moment;
pub(crate) mod output;
pub(crate) mod parse;
pub(crate) mod plain;

use crate::ids::RecordId;

/// One stored value. Text is never empty; the empty text is null.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(Box<str>),
    Bool(bool),
    Int(i32),
    /// A decimal, scaled by the field's digits after the point.
    Number(i64),
    /// Days from 1970-01-01.
    Date(i32),
    /// Seconds from 1970-01-01T00:00:00Z.
    Moment(i64),
    Ref(RecordId),
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn text(text: &str) -> Self {
        if text.is_empty() {
            Self::Null
        } else {
            Self::Text(text.into())
        }
    }
}

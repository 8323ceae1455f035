//! Values as bulk queries write them: text without quotes, moments with `Z`, null as nothing.

use super::Value;
use super::decimal::{self, Decimal};
use super::moment::{write_date, write_moment_z};
use crate::schema::catalogue::{Catalogue, Field};

/// Appends one value.
pub(crate) fn write_plain(catalogue: &Catalogue, field: &Field, value: &Value, out: &mut String) {
    use std::fmt::Write as _;
    match value {
        Value::Null => {}
        Value::Text(text) => out.push_str(text),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Number(digits) => decimal::write(
            Decimal {
                digits: i128::from(*digits),
                scale: u32::from(field.schema.scale),
            },
            out,
        ),
        Value::Date(days) => write_date(*days, out),
        Value::Moment(seconds) => write_moment_z(*seconds, out),
        Value::Ref(id) => catalogue.write_id(*id, out),
    }
}

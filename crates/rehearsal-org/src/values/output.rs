//! Values as JSON text, appended to a buffer: attributes must come first and columns in the order asked, which a
//! map would not keep.

use super::Value;
use super::decimal::{self, Decimal};
use super::moment::{write_date, write_moment};
use crate::schema::catalogue::{Catalogue, Field};

/// Appends a JSON string with its quotes.
pub(crate) fn write_text(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Appends one value as REST writes it.
pub(crate) fn write_value(catalogue: &Catalogue, field: &Field, value: &Value, out: &mut String) {
    use std::fmt::Write as _;
    match value {
        Value::Null => out.push_str("null"),
        Value::Text(text) => write_text(text, out),
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
        Value::Date(days) => quoted(out, |out| write_date(*days, out)),
        Value::Moment(seconds) => quoted(out, |out| write_moment(*seconds, out)),
        Value::Ref(id) => quoted(out, |out| catalogue.write_id(*id, out)),
    }
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back() {
        for text in [
            "",
            "plain",
            "a \"b\" \\ c",
            "line\r\nnext\ttab",
            "ไทย é 😀",
            "\u{0}\u{1f}",
            "\\",
        ] {
            let mut out = String::new();
            write_text(text, &mut out);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }
}

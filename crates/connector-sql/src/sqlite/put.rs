//! Puts a value as SQLite stores it into the column of its kind, exactly or not at all.

use super::kind::Kind;
use super::moment;
use super::value::{Value, hex};
use crate::rows::{Column, Unfit};

pub(super) fn put(into: &mut Column, kind: Kind, value: &Value) -> Result<(), Unfit> {
    match (into, value) {
        (Column::Int64(values), Value::Integer(value)) => values.append_value(*value),
        (Column::Float64(values), Value::Real(value)) => values.append_value(*value),
        (Column::Float64(values), Value::Integer(value)) => {
            let real = *value as f64;
            if real as i128 != i128::from(*value) {
                return Err(not_of(kind, &Value::Integer(*value)));
            }
            values.append_value(real);
        }
        (Column::Bytes(values), Value::Blob(bytes)) => values.append_value(bytes),
        (Column::Bool(values), Value::Integer(value @ (0 | 1))) => values.append_value(*value == 1),
        (Column::Text(values), value) => values.append_value(text(kind, value)?),
        (
            Column::Decimal {
                values,
                precision,
                scale,
            },
            value,
        ) => values.append_value(decimal(value, *precision, *scale)?),
        (Column::Date(values), Value::Text(text)) => values.append_value(moment::date(text)?),
        (Column::Time(values), Value::Text(text)) => values.append_value(moment::time(text)?),
        (Column::Timestamp(values), Value::Text(text)) => {
            values.append_value(moment::instant(text)?);
        }
        (_, value) => return Err(not_of(kind, value)),
    }
    Ok(())
}

fn text(kind: Kind, value: &Value) -> Result<String, Unfit> {
    match (kind, value) {
        (Kind::Text | Kind::Loose, Value::Text(text)) => Ok(text.clone()),
        (_, Value::Raw(bytes)) => Err(Unfit::value(
            "invalid_utf8",
            "it is not UTF-8 (its bytes are shown); correct it in the source",
            hex(bytes),
        )),
        (Kind::Number, Value::Text(text)) if digits(text).is_some() => Ok(text.clone()),
        (Kind::Number | Kind::Loose, Value::Integer(value)) => Ok(value.to_string()),
        (Kind::Number | Kind::Loose, Value::Real(value)) if value.is_finite() => {
            Ok(value.to_string())
        }
        (kind, value) => Err(not_of(kind, value)),
    }
}

fn not_of(kind: Kind, value: &Value) -> Unfit {
    let (code, wanted) = match kind {
        Kind::Integer => ("not_an_integer", "whole numbers"),
        Kind::Real => ("not_a_real", "floating point numbers"),
        Kind::Text | Kind::Loose => ("not_text", "text"),
        Kind::Blob => ("not_bytes", "bytes"),
        Kind::Boolean => ("not_a_boolean", "0 and 1"),
        Kind::Date => ("not_a_date", "dates, as text like 2024-12-31"),
        Kind::Time => ("not_a_time", "times, as text like 23:59:59"),
        Kind::Timestamp | Kind::TimestampTz => (
            "not_a_timestamp",
            "timestamps, as text like 2024-12-31 23:59:59",
        ),
        Kind::Decimal(..) | Kind::Number => ("not_a_number", "decimal numbers"),
    };
    Unfit::value(
        code,
        format!(
            "it is {}, and the column holds {wanted}; correct it in the source, or convert the column by a `query`, as `cast(x as text)`",
            value.kind()
        ),
        value.shown(),
    )
}

/// A number without its point. A real number is taken as the shortest decimal that is read back as the same.
fn decimal(value: &Value, precision: u8, scale: i8) -> Result<i128, Unfit> {
    let text = match value {
        Value::Integer(_) | Value::Real(_) | Value::Text(_) => value.shown(),
        other => return Err(not_of(Kind::Decimal(precision, scale), other)),
    };
    let Some((negative, whole, fraction)) = digits(&text) else {
        return Err(not_of(Kind::Decimal(precision, scale), value));
    };
    let fraction = fraction.trim_end_matches('0');
    let places = usize::from(scale.unsigned_abs());
    let number = (fraction.len() <= places)
        .then(|| format!("{}{fraction:0<places$}", whole.trim_start_matches('0')))
        .filter(|digits| digits.len() <= usize::from(precision))
        .map(|digits| digits.parse::<i128>().unwrap_or_default());
    let number = number.ok_or_else(|| {
        Unfit::value(
            "decimal_out_of_range",
            format!(
                "the column is declared with {precision} digits, {scale} of them after the point; correct the value or the declaration, or carry the column as text by a `query` (`cast(x as text)`)"
            ),
            text.clone(),
        )
    })?;
    Ok(if negative { -number } else { number })
}

/// Sign, digits before and after the point of a plain decimal number.
fn digits(text: &str) -> Option<(bool, &str, &str)> {
    let (negative, number) = match text.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, text),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let plain = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
    let dangling = number.ends_with('.') || whole.is_empty();
    (plain(whole) && plain(fraction) && !dangling).then_some((negative, whole, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &Value) -> Option<i128> {
        decimal(value, 10, 2).ok()
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(of(&Value::Real(0.99)), Some(99));
        assert_eq!(of(&Value::Real(1.1)), Some(110));
        assert_eq!(of(&Value::Integer(-7)), Some(-700));
        assert_eq!(of(&Value::Text("0012.50".into())), Some(1_250));
        assert_eq!(of(&Value::Real(0.1 + 0.2)), None, "0.30000000000000004");
        assert_eq!(of(&Value::Real(1e9)), None, "eleven digits with its two");
        assert_eq!(of(&Value::Real(99_999_999.99)), Some(9_999_999_999));
        assert_eq!(of(&Value::Real(f64::INFINITY)), None);
        assert_eq!(of(&Value::Text("1e3".into())), None);
        assert_eq!(of(&Value::Text("1.".into())), None);
        assert_eq!(of(&Value::Text(String::new())), None);
    }
}

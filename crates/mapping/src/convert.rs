//! Exact conversion to a target field's type: a value that would change is refused instead.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, TimeUnit};
use arrow::util::display::{FormatOptions, array_value_to_string};
use model::Failure;

/// A conversion that is decided when the mapping is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// The type is the wanted one.
    None,
    /// Every value has exactly one form in the wanted type.
    Widening,
    /// Some values can't be converted; they are found by converting back.
    Checked,
    /// Texts that are parsed as decimal numbers; they are found by their digits.
    Digits,
    /// Texts that are parsed as moments; they are found by the digits of their seconds' fraction.
    Fraction,
}

impl Conversion {
    pub(crate) fn between(from: &DataType, to: &DataType) -> Result<Self, Failure> {
        if from == to || *from == DataType::Null {
            return Ok(if from == to {
                Self::None
            } else {
                Self::Widening
            });
        }
        let impossible = |hint: &str| {
            Err(Failure::usage(
                "incompatible_type",
                format!(
                    "a value of type {} does not become {}",
                    name(from),
                    name(to)
                ),
            )
            .hint(hint))
        };
        match (from, to) {
            (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, None))
            | (DataType::Timestamp(_, None), DataType::Timestamp(_, Some(_))) => impossible(
                "say which zone is meant, as in `to_timestamp(...)` or `arrow_cast(x, 'Timestamp(Microsecond, Some(\"+00:00\"))')`",
            ),
            // The same moments, whatever their zone is called.
            (DataType::Timestamp(from, Some(_)), DataType::Timestamp(to, Some(_)))
                if from == to =>
            {
                Ok(Self::Widening)
            }
            (DataType::Date32 | DataType::Date64, DataType::Timestamp(_, Some(_))) => impossible(
                "say which zone's midnight is meant, as in `arrow_cast(x, 'Timestamp(Microsecond, Some(\"+00:00\"))')`",
            ),
            (from, to)
                if (from.is_temporal() && counts(to)) || (counts(from) && to.is_temporal()) =>
            {
                impossible(
                    "say what the number counts, as in `to_timestamp_seconds(x)` or `extract(epoch from x)`",
                )
            }
            (from, DataType::Decimal128(..) | DataType::Decimal256(..)) if from.is_string() => {
                Ok(Self::Digits)
            }
            (from, DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_))
                if from.is_string() =>
            {
                Ok(Self::Fraction)
            }
            (_, DataType::Utf8) if is_plain(from) => Ok(Self::Widening),
            (from, to)
                if arrow::compute::can_cast_types(from, to) && is_plain(from) && is_plain(to) =>
            {
                Ok(Self::Checked)
            }
            _ => impossible("convert it by an expression, or map another column"),
        }
    }

    /// Converts; the rows whose value can't be converted exactly are told, and null in the result.
    pub(crate) fn apply(
        self,
        values: &ArrayRef,
        to: &DataType,
    ) -> Result<(ArrayRef, Vec<usize>), Failure> {
        if self == Self::None {
            return Ok((values.clone(), Vec::new()));
        }
        let converted = cast(values, to)?;
        let same: Option<BooleanArray> = match self {
            Self::None | Self::Widening => None,
            Self::Digits => return Ok(by_digits(values, converted)),
            Self::Fraction => return Ok(by_fraction(values, converted)),
            // A text is parsed or it is not; there is no way back that is the same for all.
            Self::Checked if values.data_type().is_string() => None,
            Self::Checked => {
                let back = cast(&converted, values.data_type())?;
                let same = not_distinct(values, &back)
                    .map_err(|error| Failure::bug(format!("values can't be compared: {error}")))?;
                Some(same)
            }
        };
        let bad = (0..values.len())
            .filter(|row| {
                values.is_valid(*row)
                    && (converted.is_null(*row)
                        || same.as_ref().is_some_and(|same| !same.value(*row)))
            })
            .collect();
        Ok((converted, bad))
    }
}

/// Scalars that have a text.
fn is_plain(data_type: &DataType) -> bool {
    data_type.is_numeric()
        || data_type.is_temporal()
        || data_type.is_string()
        || *data_type == DataType::Boolean
}

/// A number, which has no calendar of its own.
fn counts(data_type: &DataType) -> bool {
    data_type.is_numeric() || *data_type == DataType::Boolean
}

pub(crate) fn cast(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, Failure> {
    let options = CastOptions {
        safe: true,
        format_options: FormatOptions::default(),
    };
    cast_with_options(values, to, &options).map_err(|error| {
        Failure::bug(format!(
            "{} does not become {to}: {error}",
            values.data_type()
        ))
    })
}

/// Casting a text to a decimal rounds; so the digits are compared.
fn by_digits(values: &ArrayRef, converted: ArrayRef) -> (ArrayRef, Vec<usize>) {
    let texts = cast(values, &DataType::Utf8).ok();
    let text = |row| {
        texts
            .as_ref()
            .and_then(|texts| texts.as_string_opt::<i32>())
            .map(|texts| texts.value(row))
    };
    let number = |row: usize| match converted.data_type() {
        DataType::Decimal128(..) => converted
            .as_primitive::<Decimal128Type>()
            .value_as_string(row),
        _ => converted
            .as_primitive::<Decimal256Type>()
            .value_as_string(row),
    };
    let bad = (0..values.len())
        .filter(|row| values.is_valid(*row))
        .filter(|row| {
            converted.is_null(*row) || text(*row).and_then(digits) != digits(&number(*row))
        })
        .collect();
    (converted, bad)
}

/// Casting a text to a moment cuts its fraction off where the type ends.
fn by_fraction(values: &ArrayRef, converted: ArrayRef) -> (ArrayRef, Vec<usize>) {
    let kept = match converted.data_type() {
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) => {
            match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            }
        }
        _ => usize::MAX,
    };
    let texts = cast(values, &DataType::Utf8).ok();
    let texts = texts
        .as_ref()
        .and_then(|texts| texts.as_string_opt::<i32>());
    let bad = (0..values.len())
        .filter(|row| values.is_valid(*row))
        .filter(|row| {
            let fraction = texts.map_or(usize::MAX, |texts| fraction(texts.value(*row)));
            converted.is_null(*row) || fraction > kept
        })
        .collect();
    (converted, bad)
}

/// The digits after the point, without the zeros that say nothing.
fn fraction(text: &str) -> usize {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    fraction[..digits].trim_end_matches('0').len()
}

/// A decimal number as sign, whole digits and fraction, without the zeros that say nothing.
fn digits(text: &str) -> Option<(bool, String, String)> {
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole = whole.trim_start_matches('0').to_owned();
    let fraction = fraction.trim_end_matches('0').to_owned();
    let zero = whole.is_empty() && fraction.is_empty();
    Some((negative && !zero, whole, fraction))
}

/// A type in words.
pub(crate) fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Timestamp(_, None) => "timestamp without zone".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with zone".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision},{scale})")
        }
        other => other.to_string().to_lowercase(),
    }
}

/// A value as a message shows it.
pub(crate) fn shown(values: &ArrayRef, row: usize) -> String {
    const LENGTH: usize = 200;
    let text = array_value_to_string(values, row).unwrap_or_default();
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

    fn bad(values: ArrayRef, to: &DataType) -> Vec<usize> {
        let conversion = Conversion::between(values.data_type(), to).expect("possible");
        conversion.apply(&values, to).expect("applies").1
    }

    #[test]
    fn what_would_change_is_told() {
        let money = DataType::Decimal128(16, 2);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            "1.50", "-0", "1.005", "x", "", "007", "1e3",
        ]));
        assert_eq!(bad(texts, &money), [2, 3, 4, 6]);
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 1.005, f64::NAN, 2.0]));
        assert_eq!(bad(doubles.clone(), &money), [1, 2]);
        assert_eq!(bad(doubles, &DataType::Int32), [0, 1, 2]);
        let longs: ArrayRef = Arc::new(Int64Array::from(vec![
            1,
            i64::from(i32::MAX) + 1,
            (1 << 53) + 1,
        ]));
        assert_eq!(bad(longs.clone(), &DataType::Int32), [1, 2]);
        assert_eq!(bad(longs, &DataType::Float64), [2]);
        let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_000, 1_001]));
        assert_eq!(
            bad(
                micros.clone(),
                &DataType::Timestamp(TimeUnit::Millisecond, None)
            ),
            [1]
        );
        assert_eq!(bad(micros, &DataType::Date32), [0, 1]);
        let dates: ArrayRef = Arc::new(StringArray::from(vec![
            "2024-02-29",
            "2023-02-29",
            "29.2.2024",
        ]));
        assert_eq!(bad(dates, &DataType::Date32), [1, 2]);
        let moments: ArrayRef = Arc::new(StringArray::from(vec![
            "2024-02-29T01:02:03.1234",
            "2024-02-29 01:02:03.120000",
            "2024-02-29T01:02:03.001Z",
            "later",
        ]));
        let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
        assert_eq!(bad(moments, &millis), [0, 3]);
    }

    #[test]
    fn zones_are_not_made_up() {
        let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
        let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert!(Conversion::between(&plain, &zoned).is_err());
        assert!(Conversion::between(&zoned, &plain).is_err());
    }
}

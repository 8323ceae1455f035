//! The text of one value in a job, by its Arrow type. Dates go by ISO 8601, moments in UTC, null by a mark of its own.

use std::borrow::Cow;
use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use chrono::{DateTime, NaiveDate, NaiveTime, Timelike as _};
use model::Failure;
use record::meta;

/// Sets a field to null. An empty cell leaves it as it is.
pub(crate) const NULL: &str = "#N/A";

/// Appends the text of the value in a row.
pub(crate) type Cell<'a> = Box<dyn Fn(usize, &mut String) -> Result<(), Unsendable> + 'a>;

/// Why a value can't be sent as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsendable {
    #[error("the text `#N/A` can't be sent: it would clear the field")]
    LooksLikeNull,
    #[error("{0} is no number that can be sent")]
    NotFinite(f64),
    #[error("the date or time is outside of the calendar")]
    OutOfRange,
}

/// The writer of a column's values.
pub(crate) fn cell<'a>(field: &Field, column: &'a ArrayRef) -> Result<Cell<'a>, Failure> {
    if let DataType::Dictionary(_, values) = column.data_type() {
        let plain = arrow::compute::cast(column, values)
            .map_err(|error| Failure::bug(format!("a dictionary does not unpack: {error}")))?;
        let texts = texts_of(field, &plain)?;
        return Ok(Box::new(move |row, out| {
            out.push_str(&texts[row]);
            Ok(())
        }));
    }
    let null = null_of(field);
    let value = value(column)?;
    Ok(Box::new(move |row, out| {
        if column.is_null(row) {
            out.push_str(null);
            return Ok(());
        }
        value(row, out)?;
        if out.is_empty() {
            // An empty text can't be written: the org holds it for null, and so for us it is one.
            out.push_str(null);
        }
        Ok(())
    }))
}

fn null_of(field: &Field) -> &'static str {
    if meta::keeps_on_null(field) { "" } else { NULL }
}

/// The text of each value.
pub(crate) fn texts_of(field: &Field, column: &ArrayRef) -> Result<Vec<String>, Failure> {
    let cell = cell(field, column)?;
    (0..column.len())
        .map(|row| {
            let mut text = String::new();
            cell(row, &mut text)
                .map_err(|reason| Failure::reject("unsendable_value", reason.to_string()))?;
            Ok(text)
        })
        .collect()
}

/// Appends what is displayed of a primitive value.
macro_rules! shown {
    ($column:expr, $type:ty) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| {
            show(out, format_args!("{}", values.value(row)));
            Ok(())
        })
    }};
}

macro_rules! decimal {
    ($column:expr, $type:ty) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| {
            out.push_str(&values.value_as_string(row));
            Ok(())
        })
    }};
}

macro_rules! float {
    ($column:expr, $type:ty) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| {
            let value = values.value(row);
            if !value.is_finite() {
                return Err(Unsendable::NotFinite(value.into()));
            }
            show(out, format_args!("{value}"));
            Ok(())
        })
    }};
}

macro_rules! moment {
    ($column:expr, $type:ty, $from:expr) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| {
            let moment: Option<DateTime<chrono::Utc>> = $from(values.value(row));
            let moment = moment.ok_or(Unsendable::OutOfRange)?;
            show(out, format_args!("{}", moment.format("%Y-%m-%dT%H:%M:%S")));
            fraction(out, moment.nanosecond());
            Ok(())
        })
    }};
}

macro_rules! time {
    ($column:expr, $type:ty, $nanoseconds:expr) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| {
            let nanoseconds = i64::from(values.value(row)) * $nanoseconds;
            let time = u32::try_from(nanoseconds / 1_000_000_000)
                .ok()
                .zip(u32::try_from(nanoseconds % 1_000_000_000).ok())
                .and_then(|(s, n)| NaiveTime::from_num_seconds_from_midnight_opt(s, n))
                .ok_or(Unsendable::OutOfRange)?;
            show(out, format_args!("{}", time.format("%H:%M:%S")));
            fraction(out, time.nanosecond());
            Ok(())
        })
    }};
}

fn value<'a>(column: &'a ArrayRef) -> Result<Cell<'a>, Failure> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    Ok(match column.data_type() {
        // Never asked: every value is null.
        DataType::Null => Box::new(|_, _| Ok(())),
        DataType::Boolean => {
            let values = column.as_boolean();
            Box::new(move |row, out| {
                out.push_str(if values.value(row) { "true" } else { "false" });
                Ok(())
            })
        }
        DataType::Int8 => shown!(column, Int8Type),
        DataType::Int16 => shown!(column, Int16Type),
        DataType::Int32 => shown!(column, Int32Type),
        DataType::Int64 => shown!(column, Int64Type),
        DataType::UInt8 => shown!(column, UInt8Type),
        DataType::UInt16 => shown!(column, UInt16Type),
        DataType::UInt32 => shown!(column, UInt32Type),
        DataType::UInt64 => shown!(column, UInt64Type),
        DataType::Float32 => float!(column, Float32Type),
        DataType::Float64 => float!(column, Float64Type),
        DataType::Decimal128(..) => decimal!(column, Decimal128Type),
        DataType::Decimal256(..) => decimal!(column, Decimal256Type),
        DataType::Utf8 => text::<i32>(column),
        DataType::LargeUtf8 => text::<i64>(column),
        DataType::Utf8View => {
            let values = column.as_string_view();
            Box::new(move |row, out| append(out, values.value(row)))
        }
        DataType::Date32 => {
            let values = column.as_primitive::<Date32Type>();
            Box::new(move |row, out| {
                // Days since 1970-01-01, which is day 719163 of the common era.
                let date = values
                    .value(row)
                    .checked_add(719_163)
                    .and_then(NaiveDate::from_num_days_from_ce_opt)
                    .ok_or(Unsendable::OutOfRange)?;
                show(out, format_args!("{}", date.format("%Y-%m-%d")));
                Ok(())
            })
        }
        DataType::Timestamp(Second, Some(_)) => {
            moment!(column, TimestampSecondType, |s| DateTime::from_timestamp(
                s, 0
            ))
        }
        DataType::Timestamp(Millisecond, Some(_)) => {
            moment!(
                column,
                TimestampMillisecondType,
                DateTime::from_timestamp_millis
            )
        }
        DataType::Timestamp(Microsecond, Some(_)) => {
            moment!(
                column,
                TimestampMicrosecondType,
                DateTime::from_timestamp_micros
            )
        }
        DataType::Timestamp(Nanosecond, Some(_)) => {
            moment!(column, TimestampNanosecondType, |n| Some(
                DateTime::from_timestamp_nanos(n)
            ))
        }
        DataType::Time32(Second) => time!(column, Time32SecondType, 1_000_000_000),
        DataType::Time32(Millisecond) => time!(column, Time32MillisecondType, 1_000_000),
        DataType::Time64(Microsecond) => time!(column, Time64MicrosecondType, 1_000),
        DataType::Time64(Nanosecond) => time!(column, Time64NanosecondType, 1),
        other => {
            return Err(Failure::bug(format!(
                "values of type {other} have no form in a Salesforce job"
            )));
        }
    })
}

fn text<O: OffsetSizeTrait>(column: &ArrayRef) -> Cell<'_> {
    let values = column.as_string::<O>();
    Box::new(move |row, out| append(out, values.value(row)))
}

fn append(out: &mut String, text: &str) -> Result<(), Unsendable> {
    if text == NULL {
        return Err(Unsendable::LooksLikeNull);
    }
    out.push_str(&line_breaks(text));
    Ok(())
}

/// A break inside a value of another kind than the file's own fails the whole job.
fn line_breaks(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}

fn show(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
}

/// Milliseconds and the zone. Digits beyond are written out where there are any, for the org to refuse rather than for us to lose.
fn fraction(out: &mut String, nanoseconds: u32) {
    let shown = format!("{nanoseconds:09}");
    let digits = match nanoseconds {
        n if n % 1_000_000 == 0 => 3,
        n if n % 1_000 == 0 => 6,
        _ => 9,
    };
    out.push('.');
    out.push_str(&shown[..digits]);
    out.push('Z');
}

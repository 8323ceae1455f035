//! Arrow batches as PostgreSQL's binary COPY (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format").
//! Values are written exactly; a record with a value that PostgreSQL can't hold is told apart, and its neighbours are written.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
};
use model::Failure;

/// The signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Days and microseconds from 1970 to PostgreSQL's own origin, 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// How the text of a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// As it is: text, varchar, json, enum labels.
    Plain,
    /// With the version before it.
    Jsonb,
    Uuid,
    /// Exact decimal digits.
    Numeric,
}

/// A record that can't be written.
pub(crate) struct Unwritable {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) message: String,
}

/// Encodes the records, each with its row number first if `numbered`. Records that can't be written are left out and told.
pub(crate) fn encode(
    batch: &RecordBatch,
    columns: &[(usize, TextForm)],
    numbered: bool,
) -> Result<(Vec<u8>, Vec<Unwritable>), Failure> {
    let writers = columns
        .iter()
        .map(|(column, form)| writer(batch.column(*column), *form))
        .collect::<Result<Vec<_>, _>>()?;
    let count = i16::try_from(columns.len() + usize::from(numbered))
        .map_err(|_| Failure::usage("too_many_fields", "a table has at most 1600 columns"))?;
    let mut out = HEADER.to_vec();
    let mut unwritable = Vec::new();
    'rows: for row in 0..batch.num_rows() {
        let start = out.len();
        out.extend(count.to_be_bytes());
        if numbered {
            sized(&mut out, &(row as i64).to_be_bytes());
        }
        for (place, writer) in writers.iter().enumerate() {
            let column = batch.column(columns[place].0);
            if column.is_null(row) {
                out.extend((-1_i32).to_be_bytes());
                continue;
            }
            let at = out.len();
            out.extend([0; 4]);
            let written = writer(row, &mut out).and_then(|()| {
                i32::try_from(out.len() - at - 4)
                    .map_err(|_| "the value is larger than a field can be".to_owned())
            });
            match written {
                Ok(length) => out[at..at + 4].copy_from_slice(&length.to_be_bytes()),
                Err(message) => {
                    unwritable.push(Unwritable {
                        row,
                        column: columns[place].0,
                        message,
                    });
                    out.truncate(start);
                    continue 'rows;
                }
            }
        }
    }
    out.extend((-1_i16).to_be_bytes());
    Ok((out, unwritable))
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends the value in a row, without its length.
type Writer<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<(), String> + 'a>;

macro_rules! numbers {
    ($column:expr, $type:ty, $as:ty) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out: &mut Vec<u8>| {
            out.extend(<$as>::from(values.value(row)).to_be_bytes());
            Ok(())
        })
    }};
}

macro_rules! moments {
    ($column:expr, $type:ty, $micros:expr, $origin:expr) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out: &mut Vec<u8>| {
            let micros = i64::from(values.value(row))
                .checked_mul($micros)
                .and_then(|micros| micros.checked_sub($origin))
                .ok_or("the time is out of range")?;
            out.extend(micros.to_be_bytes());
            Ok(())
        })
    }};
}

fn writer<'a>(column: &'a ArrayRef, form: TextForm) -> Result<Writer<'a>, Failure> {
    Ok(match column.data_type() {
        DataType::Null => Box::new(|_, _| Ok(())),
        DataType::Boolean => {
            let values = column.as_boolean();
            Box::new(move |row, out| {
                out.push(u8::from(values.value(row)));
                Ok(())
            })
        }
        DataType::Int8 => numbers!(column, Int8Type, i16),
        DataType::Int16 => numbers!(column, Int16Type, i16),
        DataType::UInt8 => numbers!(column, UInt8Type, i16),
        DataType::Int32 => numbers!(column, Int32Type, i32),
        DataType::UInt16 => numbers!(column, UInt16Type, i32),
        DataType::Int64 => numbers!(column, Int64Type, i64),
        DataType::UInt32 => numbers!(column, UInt32Type, i64),
        DataType::Float32 => numbers!(column, Float32Type, f32),
        DataType::Float64 => numbers!(column, Float64Type, f64),
        DataType::Decimal128(..) => {
            let values = column.as_primitive::<Decimal128Type>();
            Box::new(move |row, out| numeric(&values.value_as_string(row), out))
        }
        DataType::Decimal256(..) => {
            let values = column.as_primitive::<Decimal256Type>();
            Box::new(move |row, out| numeric(&values.value_as_string(row), out))
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            Box::new(move |row, out| text(values.value(row), form, out))
        }
        DataType::LargeUtf8 => {
            let values = column.as_string::<i64>();
            Box::new(move |row, out| text(values.value(row), form, out))
        }
        DataType::Utf8View => {
            let values = column.as_string_view();
            Box::new(move |row, out| text(values.value(row), form, out))
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            Box::new(move |row, out| {
                out.extend_from_slice(values.value(row));
                Ok(())
            })
        }
        DataType::Date32 => {
            let values = column.as_primitive::<Date32Type>();
            Box::new(move |row, out| {
                let days = values
                    .value(row)
                    .checked_sub(EPOCH_DAYS)
                    .ok_or("the date is out of range")?;
                out.extend(days.to_be_bytes());
                Ok(())
            })
        }
        DataType::Time32(TimeUnit::Second) => moments!(column, Time32SecondType, 1_000_000, 0),
        DataType::Time32(TimeUnit::Millisecond) => {
            moments!(column, Time32MillisecondType, 1_000, 0)
        }
        DataType::Time64(TimeUnit::Microsecond) => moments!(column, Time64MicrosecondType, 1, 0),
        DataType::Timestamp(TimeUnit::Second, _) => {
            moments!(column, TimestampSecondType, 1_000_000, EPOCH_MICROS)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            moments!(column, TimestampMillisecondType, 1_000, EPOCH_MICROS)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            moments!(column, TimestampMicrosecondType, 1, EPOCH_MICROS)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = column.as_primitive::<IntervalMonthDayNanoType>();
            Box::new(move |row, out| {
                let value = values.value(row);
                if value.nanoseconds % 1_000 != 0 {
                    return Err("an interval holds whole microseconds".to_owned());
                }
                out.extend((value.nanoseconds / 1_000).to_be_bytes());
                out.extend(value.days.to_be_bytes());
                out.extend(value.months.to_be_bytes());
                Ok(())
            })
        }
        DataType::List(_) => list(column)?,
        other => {
            return Err(Failure::bug(format!(
                "values of type {other} have no form in a COPY"
            )));
        }
    })
}

fn text(value: &str, form: TextForm, out: &mut Vec<u8>) -> Result<(), String> {
    match form {
        TextForm::Numeric => return numeric(value, out),
        TextForm::Uuid => {
            let uuid = uuid::Uuid::parse_str(value).map_err(|_| format!("`{value}` is no uuid"))?;
            out.extend_from_slice(uuid.as_bytes());
            return Ok(());
        }
        TextForm::Jsonb => out.push(1),
        TextForm::Plain => {}
    }
    if value.contains('\0') {
        return Err("the text contains U+0000, which PostgreSQL can't store".to_owned());
    }
    out.extend_from_slice(value.as_bytes());
    Ok(())
}

/// One dimension, from 1: see `array_recv`.
fn list(column: &ArrayRef) -> Result<Writer<'_>, Failure> {
    let lists = column.as_list::<i32>();
    let items = lists.values();
    let oid = item_oid(items.data_type())?;
    let item = writer(items, TextForm::Plain)?;
    Ok(Box::new(move |row, out| {
        let offsets = lists.value_offsets();
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        let dimensions = i32::from(!range.is_empty());
        let nulls = i32::from(range.clone().any(|place| items.is_null(place)));
        for number in [dimensions, nulls, oid] {
            out.extend(number.to_be_bytes());
        }
        if range.is_empty() {
            return Ok(());
        }
        out.extend((range.len() as i32).to_be_bytes());
        out.extend(1_i32.to_be_bytes());
        for place in range {
            if items.is_null(place) {
                out.extend((-1_i32).to_be_bytes());
                continue;
            }
            let mut value = Vec::new();
            item(place, &mut value)?;
            sized(out, &value);
        }
        Ok(())
    }))
}

/// `pg_type.oid` of PostgreSQL's own types, which never change.
fn item_oid(data_type: &DataType) -> Result<i32, Failure> {
    Ok(match data_type {
        DataType::Boolean => 16,
        DataType::Binary => 17,
        DataType::Int64 => 20,
        DataType::Int16 => 21,
        DataType::Int32 => 23,
        DataType::Utf8 => 25,
        DataType::Float32 => 700,
        DataType::Float64 => 701,
        DataType::Date32 => 1082,
        DataType::Time64(_) => 1083,
        DataType::Timestamp(_, None) => 1114,
        DataType::Timestamp(_, Some(_)) => 1184,
        DataType::Interval(_) => 1186,
        DataType::Decimal128(..) => 1700,
        other => {
            return Err(Failure::bug(format!(
                "lists of {other} have no form in a COPY"
            )));
        }
    })
}

/// Groups of four decimal digits with a weight: see `numeric_recv`.
fn numeric(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    const NAN: u16 = 0xC000;
    const INFINITY: u16 = 0xD000;
    const NEGATIVE_INFINITY: u16 = 0xF000;
    let invalid = || format!("`{text}` is no decimal number");
    let special = match text.trim() {
        "NaN" => Some(NAN),
        "Infinity" => Some(INFINITY),
        "-Infinity" => Some(NEGATIVE_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        for part in [0, 0, sign, 0] {
            out.extend(part.to_be_bytes());
        }
        return Ok(());
    }
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all(whole) || !all(fraction) {
        return Err(invalid());
    }
    let scale = u16::try_from(fraction.len())
        .ok()
        .filter(|scale| *scale < 16_384)
        .ok_or_else(invalid)?;
    let whole = whole.trim_start_matches('0');
    // Padded to whole groups, before and after the point.
    let lead = (4 - whole.len() % 4) % 4;
    let trail = (4 - fraction.len() % 4) % 4;
    let padded: Vec<u8> = std::iter::repeat_n(b'0', lead)
        .chain(whole.bytes())
        .chain(fraction.bytes())
        .chain(std::iter::repeat_n(b'0', trail))
        .collect();
    let groups: Vec<u16> = padded
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
        })
        .collect();
    let whole_groups = (whole.len() + lead) / 4;
    let first = groups.iter().position(|group| *group != 0);
    let last = groups.iter().rposition(|group| *group != 0);
    let (kept, weight, sign): (&[u16], i64, u16) = match (first, last) {
        (Some(first), Some(last)) => (
            &groups[first..=last],
            whole_groups as i64 - 1 - first as i64,
            if negative { 0x4000 } else { 0 },
        ),
        _ => (&[], 0, 0),
    };
    let weight = i16::try_from(weight).map_err(|_| invalid())?;
    let count = u16::try_from(kept.len()).map_err(|_| invalid())?;
    out.extend(count.to_be_bytes());
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(scale.to_be_bytes());
    for group in kept {
        out.extend(group.to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<i16> {
        let mut out = Vec::new();
        numeric(text, &mut out).expect(text);
        out.chunks(2)
            .map(|part| i16::from_be_bytes([part[0], part[1]]))
            .collect()
    }

    #[test]
    fn numerics_are_groups_of_four_digits() {
        assert_eq!(parts("0.00"), [0, 0, 0, 2]);
        assert_eq!(parts("1.50"), [2, 0, 0, 2, 1, 5000]);
        assert_eq!(parts("-12345.6"), [3, 1, 0x4000, 1, 1, 2345, 6000]);
        assert_eq!(parts("0.00001"), [1, -2, 0, 5, 1000]);
        assert_eq!(parts("10000"), [1, 1, 0, 0, 1]);
        assert!(numeric("1e5", &mut Vec::new()).is_err());
    }
}

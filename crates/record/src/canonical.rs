//! Canonical values and their checksum, version 1: what two systems must agree on for a record to count as the same.
//! A value is a tag and bytes; numbers are normalised decimal text whatever their type, so 1, 1.0 and 1.00 are one value.

use std::fmt;
use std::io::Write as _;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, RecordBatch,
};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Field, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use model::Failure;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128, xxh3_128_with_seed};

use crate::meta;

/// The version of the canonical form; checksums of different versions are never compared.
pub const CHECKSUM_VERSION: u8 = 1;

/// The checksum of one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Checksum(pub u128);

impl Checksum {
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u128::from_be_bytes).map(Self)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CHECKSUM_VERSION}:{:032x}", self.0)
    }
}

/// The checksum of each record over its columns by name, in any order; our own columns and stamps are left out.
pub fn checksums(batch: &RecordBatch) -> Result<Vec<Checksum>, Failure> {
    let mut sums = vec![0_u128; batch.num_rows()];
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if meta::is_ours(field.name()) || meta::is_stamp(field) {
            continue;
        }
        let seed = xxh3_64(field.name().as_bytes());
        let value = canonical(field, column)?;
        let mut bytes = Vec::new();
        for (row, sum) in sums.iter_mut().enumerate() {
            bytes.clear();
            value(row, &mut bytes);
            *sum = sum.wrapping_add(xxh3_128_with_seed(&bytes, seed));
        }
    }
    Ok(sums.into_iter().map(Checksum).collect())
}

/// The checksum of many records in any order, as a multiset: two alike count twice.
pub fn total(checksums: &[Checksum]) -> Checksum {
    // Hashed once more, or two records that swapped a value would add up to the same.
    Checksum(checksums.iter().fold(0, |sum, checksum| {
        sum.wrapping_add(xxh3_128(&checksum.to_bytes()))
    }))
}

/// Appends the canonical form of the value in a row.
type Canonical<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

macro_rules! integers {
    ($column:expr, $type:ty) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| append(out, b'n', format_args!("{}", values.value(row))))
    }};
}

/// A count of time units since an origin, in nanoseconds.
macro_rules! instants {
    ($column:expr, $type:ty, $tag:expr, $nanoseconds:expr) => {{
        let values = $column.as_primitive::<$type>();
        let tag = $tag;
        Box::new(move |row, out| {
            let instant = i128::from(values.value(row)) * $nanoseconds;
            append(out, tag, format_args!("{instant}"));
        })
    }};
}

macro_rules! floats {
    ($column:expr, $type:ty) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| number(out, &values.value(row).to_string()))
    }};
}

macro_rules! decimals {
    ($column:expr, $type:ty) => {{
        let values = $column.as_primitive::<$type>();
        Box::new(move |row, out| number(out, &values.value_as_string(row)))
    }};
}

fn canonical<'a>(field: &Field, column: &'a ArrayRef) -> Result<Canonical<'a>, Failure> {
    let value = of_type(field, column)?;
    Ok(if column.null_count() == 0 {
        value
    } else {
        Box::new(move |row, out| {
            if column.is_null(row) {
                out.push(b'0');
            } else {
                value(row, out);
            }
        })
    })
}

fn of_type<'a>(field: &Field, column: &'a ArrayRef) -> Result<Canonical<'a>, Failure> {
    const SECOND: i128 = 1_000_000_000;
    Ok(match column.data_type() {
        DataType::Null => Box::new(|_, out| out.push(b'0')),
        DataType::Boolean => {
            let values = column.as_boolean();
            Box::new(move |row, out| out.extend([b'b', u8::from(values.value(row))]))
        }
        DataType::Int8 => integers!(column, Int8Type),
        DataType::Int16 => integers!(column, Int16Type),
        DataType::Int32 => integers!(column, Int32Type),
        DataType::Int64 => integers!(column, Int64Type),
        DataType::UInt8 => integers!(column, UInt8Type),
        DataType::UInt16 => integers!(column, UInt16Type),
        DataType::UInt32 => integers!(column, UInt32Type),
        DataType::UInt64 => integers!(column, UInt64Type),
        DataType::Float32 => floats!(column, Float32Type),
        DataType::Float64 => floats!(column, Float64Type),
        DataType::Decimal128(..) => decimals!(column, Decimal128Type),
        DataType::Decimal256(..) => decimals!(column, Decimal256Type),
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            text(field, move |row| values.value(row))
        }
        DataType::LargeUtf8 => {
            let values = column.as_string::<i64>();
            text(field, move |row| values.value(row))
        }
        DataType::Utf8View => {
            let values = column.as_string_view();
            text(field, move |row| values.value(row))
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            Box::new(move |row, out| tagged(out, b'x', values.value(row)))
        }
        DataType::LargeBinary => {
            let values = column.as_binary::<i64>();
            Box::new(move |row, out| tagged(out, b'x', values.value(row)))
        }
        DataType::BinaryView => {
            let values = column.as_binary_view();
            Box::new(move |row, out| tagged(out, b'x', values.value(row)))
        }
        DataType::FixedSizeBinary(_) => {
            let values = column.as_fixed_size_binary();
            Box::new(move |row, out| tagged(out, b'x', values.value(row)))
        }
        DataType::Date32 => instants!(column, Date32Type, b'd', 86_400 * SECOND),
        DataType::Date64 => instants!(column, Date64Type, b'd', SECOND / 1_000),
        DataType::Time32(TimeUnit::Second) => instants!(column, Time32SecondType, b'c', SECOND),
        DataType::Time32(_) => instants!(column, Time32MillisecondType, b'c', SECOND / 1_000),
        DataType::Time64(TimeUnit::Microsecond) => {
            instants!(column, Time64MicrosecondType, b'c', SECOND / 1_000_000)
        }
        DataType::Time64(_) => instants!(column, Time64NanosecondType, b'c', 1),
        DataType::Timestamp(unit, zone) => {
            let tag = if zone.is_some() { b'z' } else { b'l' };
            match unit {
                TimeUnit::Second => instants!(column, TimestampSecondType, tag, SECOND),
                TimeUnit::Millisecond => {
                    instants!(column, TimestampMillisecondType, tag, SECOND / 1_000)
                }
                TimeUnit::Microsecond => {
                    instants!(column, TimestampMicrosecondType, tag, SECOND / 1_000_000)
                }
                TimeUnit::Nanosecond => instants!(column, TimestampNanosecondType, tag, 1),
            }
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = column.as_primitive::<IntervalMonthDayNanoType>();
            Box::new(move |row, out| {
                let interval = values.value(row);
                append(
                    out,
                    b'i',
                    format_args!(
                        "{} {} {}",
                        interval.months, interval.days, interval.nanoseconds
                    ),
                );
            })
        }
        DataType::List(item) => list(item, column.as_list::<i32>())?,
        DataType::LargeList(item) => list(item, column.as_list::<i64>())?,
        DataType::FixedSizeList(item, _) => fixed_list(item, column.as_fixed_size_list())?,
        DataType::Dictionary(_, values) => {
            let plain = arrow::compute::cast(column, values)
                .map_err(|error| Failure::bug(format!("a dictionary does not unpack: {error}")))?;
            let forms = rendered(field, &plain)?;
            Box::new(move |row, out| out.extend_from_slice(&forms[row]))
        }
        other => {
            return Err(
                Failure::bug(format!("no canonical form for values of type {other}"))
                    .field(field.name()),
            );
        }
    })
}

fn text<'a>(field: &Field, value: impl Fn(usize) -> &'a str + 'a) -> Canonical<'a> {
    if meta::is_number(field) {
        Box::new(move |row, out| number(out, value(row)))
    } else {
        Box::new(move |row, out| tagged(out, b't', value(row).as_bytes()))
    }
}

fn list<'a, O: OffsetSizeTrait>(
    item: &Field,
    lists: &'a GenericListArray<O>,
) -> Result<Canonical<'a>, Failure> {
    let forms = rendered(item, lists.values())?;
    Ok(Box::new(move |row, out| {
        let offsets = lists.value_offsets();
        elements(
            out,
            &forms[offsets[row].as_usize()..offsets[row + 1].as_usize()],
        );
    }))
}

fn fixed_list<'a>(item: &Field, lists: &'a FixedSizeListArray) -> Result<Canonical<'a>, Failure> {
    let forms = rendered(item, lists.values())?;
    let length = usize::try_from(lists.value_length()).unwrap_or_default();
    Ok(Box::new(move |row, out| {
        elements(out, &forms[row * length..(row + 1) * length]);
    }))
}

/// The canonical form of every value of a column.
fn rendered(field: &Field, column: &ArrayRef) -> Result<Vec<Vec<u8>>, Failure> {
    let value = canonical(field, column)?;
    Ok((0..column.len())
        .map(|row| {
            let mut form = Vec::new();
            value(row, &mut form);
            form
        })
        .collect())
}

/// Each with its length, so that neighbours can't run into one another.
fn elements(out: &mut Vec<u8>, forms: &[Vec<u8>]) {
    out.push(b'[');
    for form in forms {
        tagged(out, b',', &(form.len() as u64).to_le_bytes());
        out.extend_from_slice(form);
    }
}

fn tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn append(out: &mut Vec<u8>, tag: u8, text: fmt::Arguments<'_>) {
    out.push(tag);
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

/// A decimal number without the zeros that say nothing.
fn number(out: &mut Vec<u8>, text: &str) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    out.push(b'n');
    if whole.is_empty() && fraction.is_empty() {
        out.push(b'0');
        return;
    }
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(if whole.is_empty() {
        b"0"
    } else {
        whole.as_bytes()
    });
    if !fraction.is_empty() {
        tagged(out, b'.', fraction.as_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Decimal128Array, Float64Array, Int16Array, Int64Array, ListArray, StringArray,
        TimestampMicrosecondArray, TimestampMillisecondArray,
    };

    use super::*;

    fn of(name: &str, column: ArrayRef) -> Vec<Checksum> {
        checksums(&RecordBatch::try_from_iter_with_nullable([(name, column, true)]).unwrap())
            .unwrap()
    }

    #[test]
    fn numbers_are_alike_whatever_their_type() {
        let decimal = Decimal128Array::from(vec![150, -700, 0])
            .with_precision_and_scale(9, 2)
            .unwrap();
        let double = Float64Array::from(vec![1.5, -7.0, -0.0]);
        assert_eq!(of("a", Arc::new(decimal)), of("a", Arc::new(double)));
        let long: ArrayRef = Arc::new(Int64Array::from(vec![3]));
        let short: ArrayRef = Arc::new(Int16Array::from(vec![3]));
        assert_eq!(of("a", long.clone()), of("a", short));
        assert_ne!(
            of("a", long.clone()),
            of("b", long),
            "the column's name counts"
        );
    }

    #[test]
    fn exact_numbers_in_text_are_numbers() {
        let field = meta::with_number(Field::new("a", DataType::Utf8, true));
        let schema = Arc::new(arrow::datatypes::Schema::new(vec![field]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["1.50", "-7", "0.00"]));
        let texts = checksums(&RecordBatch::try_new(schema, vec![text]).unwrap()).unwrap();
        assert_eq!(
            texts,
            of("a", Arc::new(Float64Array::from(vec![1.5, -7.0, 0.0])))
        );
    }

    #[test]
    fn near_misses_differ() {
        let values = [None, Some(""), Some("a"), Some("A"), Some("a "), Some("0")];
        let mut sums = of("a", Arc::new(StringArray::from(values.to_vec())));
        sums.sort_by_key(|sum| sum.0);
        sums.dedup();
        assert_eq!(sums.len(), values.len());
    }

    #[test]
    fn instants_are_alike_in_any_unit_but_zones_count() {
        let milli: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1_500]));
        let micro = TimestampMicrosecondArray::from(vec![1_500_000]);
        assert_eq!(of("a", milli), of("a", Arc::new(micro.clone())));
        assert_ne!(
            of("a", Arc::new(micro.clone())),
            of("a", Arc::new(micro.with_timezone("UTC")))
        );
    }

    #[test]
    fn list_elements_do_not_run_together() {
        let list = |values: &[&[i64]]| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
                values
                    .iter()
                    .map(|list| Some(list.iter().map(|v| Some(*v)).collect::<Vec<_>>())),
            ))
        };
        assert_ne!(of("a", list(&[&[1, 23]])), of("a", list(&[&[12, 3]])));
        assert_ne!(of("a", list(&[&[]])), of("a", list(&[&[0]])));
    }

    #[test]
    fn a_total_is_a_multiset() {
        let sums = of("a", Arc::new(Int64Array::from(vec![1, 2, 2])));
        let other = of("a", Arc::new(Int64Array::from(vec![2, 1, 2])));
        assert_eq!(total(&sums), total(&other));
        assert_ne!(total(&sums), total(&sums[..2]));
        assert!(total(&sums).to_string().starts_with("1:"));
    }
}

//! One value of each type that a column is read as.
//! The forms are those of the types' `…send` functions in PostgreSQL's source, `src/backend/utils/adt`.

use arrow::datatypes::IntervalMonthDayNano;
use model::Failure;

use super::{next, number, numeric};
use crate::calendar::{self, MICROS_PER_DAY};
use crate::rows::{Column, ListColumn, Unfit, changed};

/// 2000-01-01, where PostgreSQL counts from, in days since 1970-01-01.
const EPOCH_DAYS: i64 = 10_957;
const NOT_CARRIED: &str =
    "only the years 1 to 9999 are; correct it in the source, or replace it by a `query`";

/// What a value takes in memory beyond its column's fixed width.
pub(super) fn size(bytes: &[u8]) -> usize {
    // Of fixed types the width is counted already; they are small, so their few bytes more do no harm.
    bytes.len().saturating_sub(8)
}

pub(super) fn put(into: &mut Column, bytes: &[u8]) -> Result<(), Unfit> {
    match into {
        Column::Bool(values) => values.append_value(fixed::<1>(bytes)? != [0]),
        Column::Int16(values) => values.append_value(i16::from_be_bytes(fixed(bytes)?)),
        Column::Int32(values) => values.append_value(i32::from_be_bytes(fixed(bytes)?)),
        Column::Int64(values) => values.append_value(i64::from_be_bytes(fixed(bytes)?)),
        Column::Float32(values) => values.append_value(f32::from_be_bytes(fixed(bytes)?)),
        Column::Float64(values) => values.append_value(f64::from_be_bytes(fixed(bytes)?)),
        Column::Decimal {
            values,
            precision,
            scale,
        } => values.append_value(numeric::decimal(bytes, *precision, *scale)?),
        Column::Text(values) => values.append_value(text(bytes)?),
        Column::Bytes(values) => values.append_value(bytes),
        Column::Date(values) => values.append_value(date(i32::from_be_bytes(fixed(bytes)?))?),
        Column::Time(values) => values.append_value(time(i64::from_be_bytes(fixed(bytes)?))?),
        Column::Timestamp(values) => {
            values.append_value(instant(i64::from_be_bytes(fixed(bytes)?))?);
        }
        Column::Interval(values) => values.append_value(interval(fixed(bytes)?)?),
        Column::List(list) => put_list(list, bytes)?,
    }
    Ok(())
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes.try_into().map_err(|_| {
        changed(format!(
            "a value takes {} bytes instead of {N}",
            bytes.len()
        ))
    })
}

fn text(bytes: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(bytes).map_err(|_| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Unfit::value(
            "invalid_utf8",
            "it is not UTF-8 (its bytes are shown); correct it in the source, or convert it by a `query`",
            hex,
        )
    })
}

fn date(days: i32) -> Result<i32, Unfit> {
    match days {
        i32::MAX => return Err(infinite("date", "infinity")),
        i32::MIN => return Err(infinite("date", "-infinity")),
        _ => {}
    }
    let days = i64::from(days) + EPOCH_DAYS;
    match i32::try_from(days) {
        Ok(carried) if calendar::is_carried(days) => Ok(carried),
        _ => Err(Unfit::value(
            "year_out_of_range",
            NOT_CARRIED,
            calendar::date_text(days),
        )),
    }
}

fn instant(micros: i64) -> Result<i64, Unfit> {
    match micros {
        i64::MAX => return Err(infinite("timestamp", "infinity")),
        i64::MIN => return Err(infinite("timestamp", "-infinity")),
        _ => {}
    }
    let since_1970 = i128::from(micros) + i128::from(EPOCH_DAYS * MICROS_PER_DAY);
    match i64::try_from(since_1970) {
        Ok(carried) if calendar::is_carried(carried.div_euclid(MICROS_PER_DAY)) => Ok(carried),
        _ => Err(Unfit::value(
            "year_out_of_range",
            NOT_CARRIED,
            calendar::instant_text(since_1970),
        )),
    }
}

fn infinite(what: &str, text: &str) -> Unfit {
    Unfit::value(
        "infinite_date",
        format!(
            "an infinite {what} has no counterpart; correct it in the source, or replace it by a `query`, as `nullif(x, '{text}')`"
        ),
        text,
    )
}

fn time(micros: i64) -> Result<i64, Unfit> {
    if micros < MICROS_PER_DAY {
        Ok(micros)
    } else {
        Err(Unfit::value(
            "time_out_of_range",
            "a day ends before 24:00:00; correct it in the source, or replace it by a `query`",
            "24:00:00",
        ))
    }
}

/// Microseconds, days, months.
fn interval(bytes: [u8; 16]) -> Result<IntervalMonthDayNano, Unfit> {
    let (micros, rest) = bytes.split_at(8);
    let micros = i64::from_be_bytes(fixed(micros)?);
    let (days, months) = rest.split_at(4);
    let days = i32::from_be_bytes(fixed(days)?);
    let months = i32::from_be_bytes(fixed(months)?);
    let infinite = match (micros, days, months) {
        (i64::MAX, i32::MAX, i32::MAX) => Some("infinity"),
        (i64::MIN, i32::MIN, i32::MIN) => Some("-infinity"),
        _ => None,
    };
    match (micros.checked_mul(1_000), infinite) {
        (Some(nanos), None) => Ok(IntervalMonthDayNano::new(months, days, nanos)),
        (_, infinite) => Err(Unfit::value(
            "interval_out_of_range",
            "its part below a day passes 292 years in nanoseconds; correct it in the source, or replace it by a `query`, as `justify_hours(x)`",
            infinite.map_or_else(
                || format!("{months} mons {days} days {micros} microseconds"),
                str::to_owned,
            ),
        )),
    }
}

/// Dimensions, a flag, the items' type, then length and lower bound of each dimension, then the items.
fn put_list(list: &mut ListColumn, bytes: &[u8]) -> Result<(), Unfit> {
    let short = || changed("an array is cut short");
    let mut rest = bytes.get(12..).ok_or_else(short)?;
    let dimensions = number(bytes);
    if dimensions == 0 {
        return Ok(list.end(true)?);
    }
    if dimensions != 1 {
        return Err(Unfit::value(
            "nested_array",
            "only lists of one dimension are; unnest it by a `query`, or carry it as text (`x::text`)",
            format!("an array of {dimensions} dimensions"),
        ));
    }
    if rest.len() < 8 {
        return Err(short().into());
    }
    let (count, lower) = (number(rest), number(&rest[4..]));
    rest = &rest[8..];
    if lower != 1 {
        return Err(Unfit::value(
            "array_bounds",
            "its first index is not 1, which a list can't say; carry it as text by a `query` (`x::text`)",
            format!("an array from index {lower}"),
        ));
    }
    let width = usize::try_from(count).unwrap_or_default();
    if super::whole(rest, width)? != Some(rest.len()) {
        return Err(short().into());
    }
    for _ in 0..width {
        match next(&mut rest) {
            None => list.items.append_null()?,
            Some(item) => put(&mut list.items, item)?,
        }
    }
    Ok(list.end(true)?)
}

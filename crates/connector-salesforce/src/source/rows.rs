//! Rows of a query's CSV as Arrow columns. An empty cell is null: the org has no other empty text. What a column can't hold exactly is rejected, alone.

use std::io::Read;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int32Builder,
    Int64Builder, RecordBatch, StringBuilder, Time64MicrosecondBuilder,
    TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveTime, Timelike};
use csv::StringRecord;
use model::Failure;
use record::Refusal;
use serde_json::{Map, Value};

/// A column that grows.
enum Column {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Decimal(Decimal128Builder, i8, u8),
    Float(Float64Builder),
    Date(Date32Builder),
    Moment(TimestampMillisecondBuilder),
    Time(Time64MicrosecondBuilder),
}

/// One value as its column holds it.
enum Cell {
    Null,
    Boolean(bool),
    Int(i64),
    Decimal(i128),
    Float(f64),
}

pub(super) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    key: usize,
    /// Of the records that are taken, in their order.
    pub(super) keys: Vec<String>,
    pub(super) rejected: Vec<Refusal>,
    pub(super) bytes: usize,
}

impl Rows {
    pub(super) fn new(schema: SchemaRef, key: usize) -> Result<Self, Failure> {
        let columns = schema.fields().iter();
        let columns = columns.map(|field| Column::of(field.data_type()));
        Ok(Self {
            columns: columns.collect::<Result<_, _>>()?,
            schema,
            key,
            keys: Vec::new(),
            rejected: Vec::new(),
            bytes: 0,
        })
    }

    /// Takes in a page: a header, then rows.
    pub(super) fn page(&mut self, input: impl Read) -> Result<(), Failure> {
        let unreadable = |what: String| {
            Failure::chunk(
                "results_unreadable",
                format!("a page of the query's results can't be read: {what}"),
            )
        };
        let mut rows = csv::ReaderBuilder::new().from_reader(input);
        let header = rows
            .headers()
            .map_err(|error| unreadable(error.to_string()))?
            .clone();
        let mut row = StringRecord::new();
        let mut places = None;
        while rows
            .read_record(&mut row)
            .map_err(|error| unreadable(error.to_string()))?
        {
            let places = match &places {
                Some(places) => places,
                None => {
                    let fields = self.schema.fields().iter();
                    let found = fields.map(|field| {
                        let place = header
                            .iter()
                            .position(|name| name.eq_ignore_ascii_case(field.name()));
                        place.ok_or_else(|| {
                            unreadable(format!("it has no column `{}`", field.name()))
                        })
                    });
                    places.insert(found.collect::<Result<Vec<_>, _>>()?)
                }
            };
            self.push(|column| row.get(places[column]).unwrap_or_default());
        }
        Ok(())
    }

    /// Takes in one record, a text for each column.
    pub(super) fn record(&mut self, texts: &[String]) {
        self.push(|column| texts.get(column).map(String::as_str).unwrap_or_default());
    }

    fn push<'a>(&mut self, text: impl Fn(usize) -> &'a str) {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.iter().enumerate() {
            match column.read(text(at)) {
                Some(cell) => cells.push(cell),
                None => {
                    let field = self.schema.field(at);
                    let failure = Failure::reject(
                        "unreadable_value",
                        format!(
                            "`{}` is not exactly a value of type {}",
                            text(at),
                            field.data_type()
                        ),
                    );
                    let data: Map<String, Value> = self
                        .schema
                        .fields()
                        .iter()
                        .enumerate()
                        .map(|(at, field)| (field.name().clone(), text(at).into()))
                        .collect();
                    let failure = failure.field(field.name());
                    self.rejected
                        .push(Refusal::rejected(text(self.key), failure, data));
                    return;
                }
            }
        }
        self.keys.push(text(self.key).to_owned());
        for (at, (column, cell)) in self.columns.iter_mut().zip(cells).enumerate() {
            let text = text(at);
            self.bytes += text.len() + 8;
            column.push(cell, text);
        }
    }

    pub(super) fn finish(mut self) -> Result<(RecordBatch, Vec<Refusal>), Failure> {
        let broken = |error: arrow::error::ArrowError| {
            Failure::bug(format!("a page of results does not hold together: {error}"))
        };
        let columns: Vec<ArrayRef> = self
            .columns
            .iter_mut()
            .zip(self.schema.fields())
            .map(|(column, field)| column.finish(field.data_type()).map_err(broken))
            .collect::<Result<_, _>>()?;
        let batch = RecordBatch::try_new(self.schema, columns).map_err(broken)?;
        Ok((batch, self.rejected))
    }
}

impl Column {
    fn of(data_type: &DataType) -> Result<Self, Failure> {
        Ok(match data_type {
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Decimal128(precision, scale) => {
                Self::Decimal(Decimal128Builder::new(), *scale, *precision)
            }
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Self::Moment(TimestampMillisecondBuilder::new())
            }
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(Time64MicrosecondBuilder::new()),
            other => {
                return Err(Failure::bug(format!(
                    "no column of type {other} is read from an org"
                )));
            }
        })
    }

    /// The value of a text; none where the column can't hold it exactly.
    fn read(&self, text: &str) -> Option<Cell> {
        if text.is_empty() {
            return Some(Cell::Null);
        }
        Some(match self {
            // The text itself is taken.
            Self::Text(_) => Cell::Boolean(true),
            Self::Boolean(_) if text.eq_ignore_ascii_case("true") => Cell::Boolean(true),
            Self::Boolean(_) if text.eq_ignore_ascii_case("false") => Cell::Boolean(false),
            Self::Boolean(_) => return None,
            Self::Int32(_) => Cell::Int(i64::from(i32::try_from(decimal(text, 0)?).ok()?)),
            Self::Int64(_) => Cell::Int(i64::try_from(decimal(text, 0)?).ok()?),
            Self::Decimal(_, scale, precision) => {
                let value = decimal(text, *scale)?;
                let limit = 10i128.checked_pow(u32::from(*precision))?;
                Cell::Decimal((value.abs() < limit).then_some(value)?)
            }
            Self::Float(_) => {
                Cell::Float(text.parse().ok().filter(|value: &f64| value.is_finite())?)
            }
            Self::Date(_) => {
                let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                let epoch = DateTime::UNIX_EPOCH.date_naive();
                Cell::Int((date - epoch).num_days())
            }
            Self::Moment(_) => Cell::Int(moment(text)?),
            Self::Time(_) => {
                let time = text.trim_end_matches('Z');
                let time = NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok()?;
                let micros = i64::from(time.nanosecond() / 1_000);
                Cell::Int(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + micros)
            }
        })
    }

    fn push(&mut self, cell: Cell, text: &str) {
        match (self, cell) {
            (Self::Text(column), Cell::Null) => column.append_null(),
            (Self::Text(column), _) => column.append_value(text),
            (Self::Boolean(column), Cell::Boolean(value)) => column.append_value(value),
            (Self::Boolean(column), _) => column.append_null(),
            // `read` has seen that it fits.
            (Self::Int32(column), Cell::Int(value)) => column.append_value(value as i32),
            (Self::Int32(column), _) => column.append_null(),
            (Self::Int64(column), Cell::Int(value)) => column.append_value(value),
            (Self::Int64(column), _) => column.append_null(),
            (Self::Decimal(column, ..), Cell::Decimal(value)) => column.append_value(value),
            (Self::Decimal(column, ..), _) => column.append_null(),
            (Self::Float(column), Cell::Float(value)) => column.append_value(value),
            (Self::Float(column), _) => column.append_null(),
            // Four-digit years are some hundred thousand days away at most.
            (Self::Date(column), Cell::Int(value)) => column.append_value(value as i32),
            (Self::Date(column), _) => column.append_null(),
            (Self::Moment(column), Cell::Int(value)) => column.append_value(value),
            (Self::Moment(column), _) => column.append_null(),
            (Self::Time(column), Cell::Int(value)) => column.append_value(value),
            (Self::Time(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self, data_type: &DataType) -> Result<ArrayRef, arrow::error::ArrowError> {
        Ok(match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Int32(column) => Arc::new(column.finish()),
            Self::Int64(column) => Arc::new(column.finish()),
            Self::Decimal(column, scale, precision) => Arc::new(
                column
                    .finish()
                    .with_precision_and_scale(*precision, *scale)?,
            ),
            Self::Float(column) => Arc::new(column.finish()),
            Self::Date(column) => Arc::new(column.finish()),
            Self::Moment(column) => match data_type {
                DataType::Timestamp(_, Some(zone)) => {
                    Arc::new(column.finish().with_timezone(zone.as_ref()))
                }
                _ => Arc::new(column.finish()),
            },
            Self::Time(column) => Arc::new(column.finish()),
        })
    }
}

/// A decimal number, exponent or not, in units of ten to the power of `-scale`; none where it is not a whole number of them.
fn decimal(text: &str, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 60 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let shift = exponent
        .checked_add(i32::from(scale))?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    let digits = match u32::try_from(shift) {
        Ok(zeros) if zeros <= 40 => format!("{digits}{}", "0".repeat(zeros as usize)),
        Ok(_) => return None,
        Err(_) => {
            let cut = usize::try_from(shift.unsigned_abs()).ok()?;
            let (kept, lost) = digits.split_at_checked(digits.len().checked_sub(cut)?)?;
            if lost.bytes().any(|byte| byte != b'0') {
                return None;
            }
            if kept.is_empty() {
                "0".to_owned()
            } else {
                kept.to_owned()
            }
        }
    };
    let value: i128 = digits.parse().ok()?;
    Some(if negative { -value } else { value })
}

/// Milliseconds from the epoch.
fn moment(text: &str) -> Option<i64> {
    let parsed = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    Some(parsed.ok()?.timestamp_millis())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arrow::datatypes::{Field, Schema};
    use arrow::util::display::array_value_to_string;

    use super::*;

    #[test]
    fn numbers_are_exact_or_nothing() {
        assert_eq!(decimal("12.50", 2), Some(1250));
        assert_eq!(decimal("-1.25e1", 2), Some(-1250));
        assert_eq!(decimal("300.0", 0), Some(300));
        assert_eq!(decimal("1.0E7", 2), Some(1_000_000_000));
        assert_eq!(decimal("0.000", 0), Some(0));
        assert_eq!(decimal("0.001", 2), None);
        assert_eq!(decimal("1e99", 2), None);
        assert_eq!(decimal("12,5", 2), None);
        assert_eq!(decimal("", 2), None);
    }

    #[test]
    fn every_type_is_read_and_what_does_not_fit_is_rejected_alone() {
        let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()));
        let schema = Schema::new(vec![
            Field::new("Id", DataType::Utf8, true),
            Field::new("Active", DataType::Boolean, true),
            Field::new("Count", DataType::Int32, true),
            Field::new("Amount", DataType::Decimal128(18, 2), true),
            Field::new("Day", DataType::Date32, true),
            Field::new("At", utc, true),
            Field::new("Opens", DataType::Time64(TimeUnit::Microsecond), true),
        ]);
        let mut rows = Rows::new(Arc::new(schema), 0).unwrap();
        let text = "\"id\",\"Active\",\"Count\",\"Amount\",\"Day\",\"At\",\"Opens\"
\"1\",\"true\",\"7.0\",\"1.5\",\"1700-01-02\",\"2026-01-02T03:04:05.000Z\",\"08:30:00.000Z\"
\"2\",\"\",\"\",\"\",\"\",\"\",\"\"
\"3\",\"true\",\"7.5\",\"\",\"\",\"\",\"\"
\"4\",\"\",\"\",\"\",\"\",\"2026-01-02T03:04:05.000+0000\",\"\"
";
        rows.page(text.as_bytes()).unwrap();
        rows.page("".as_bytes()).unwrap();
        assert_eq!(rows.keys, ["1", "2", "4"]);
        let (batch, rejected) = rows.finish().unwrap();
        let shown = |row: usize| -> Vec<String> {
            batch
                .columns()
                .iter()
                .map(|column| array_value_to_string(column, row).unwrap())
                .collect()
        };
        assert_eq!(
            shown(0),
            [
                "1",
                "true",
                "7",
                "1.50",
                "1700-01-02",
                "2026-01-02T03:04:05Z",
                "08:30:00"
            ]
        );
        assert_eq!(shown(1), ["2", "", "", "", "", "", ""]);
        assert_eq!(shown(2)[5], "2026-01-02T03:04:05Z");
        assert_eq!(rejected.len(), 1);
        assert_eq!(
            (rejected[0].key.as_str(), rejected[0].fields[0].as_str()),
            ("3", "Count")
        );
    }
}

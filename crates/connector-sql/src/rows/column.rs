//! A column that grows value by value into an Arrow array.
//! The kinds are those that the databases of this crate give; an array type holds a column of its items.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int16Builder, Int32Builder, Int64Builder, IntervalMonthDayNanoBuilder,
    ListArray, StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, IntervalUnit, TimeUnit};
use arrow::error::ArrowError;
use model::Failure;

pub(crate) enum Column {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal {
        values: Decimal128Builder,
        precision: u8,
        scale: i8,
    },
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    List(ListColumn),
}

pub(crate) struct ListColumn {
    item: FieldRef,
    pub(crate) items: Box<Column>,
    offsets: Vec<i32>,
    valid: Vec<bool>,
}

impl ListColumn {
    /// Ends a list: the items appended since the last end are its own. A list that is not valid is null, whatever was appended for it.
    pub(crate) fn end(&mut self, valid: bool) -> Result<(), Failure> {
        let end = i32::try_from(self.items.len())
            .map_err(|_| Failure::bug("more list items than one batch may hold"))?;
        self.offsets.push(end);
        self.valid.push(valid);
        Ok(())
    }
}

impl Column {
    pub(crate) fn new(data_type: &DataType) -> Result<Self, Failure> {
        Ok(match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int16 => Self::Int16(Int16Builder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float32 => Self::Float32(Float32Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Decimal128(precision, scale) => Self::Decimal {
                values: Decimal128Builder::new().with_data_type(data_type.clone()),
                precision: *precision,
                scale: *scale,
            },
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(Time64MicrosecondBuilder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(data_type.clone()),
            ),
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                Self::Interval(IntervalMonthDayNanoBuilder::new())
            }
            DataType::List(item) => Self::List(ListColumn {
                item: Arc::clone(item),
                items: Box::new(Self::new(item.data_type())?),
                offsets: vec![0],
                valid: vec![],
            }),
            other => {
                return Err(Failure::bug(format!(
                    "no column is made of values of type {other}"
                )));
            }
        })
    }

    pub(crate) fn append_null(&mut self) -> Result<(), Failure> {
        match self {
            Self::Bool(values) => values.append_null(),
            Self::Int16(values) => values.append_null(),
            Self::Int32(values) => values.append_null(),
            Self::Int64(values) => values.append_null(),
            Self::Float32(values) => values.append_null(),
            Self::Float64(values) => values.append_null(),
            Self::Decimal { values, .. } => values.append_null(),
            Self::Text(values) => values.append_null(),
            Self::Bytes(values) => values.append_null(),
            Self::Date(values) => values.append_null(),
            Self::Time(values) => values.append_null(),
            Self::Timestamp(values) => values.append_null(),
            Self::Interval(values) => values.append_null(),
            Self::List(list) => list.end(false)?,
        }
        Ok(())
    }

    /// Bytes in memory of one value, without what it holds beyond its fixed part.
    pub(crate) fn fixed_width(&self) -> usize {
        match self {
            Self::Bool(_) => 1,
            Self::Int16(_) => 2,
            Self::Int32(_)
            | Self::Float32(_)
            | Self::Date(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::List(_) => 4,
            Self::Int64(_) | Self::Float64(_) | Self::Time(_) | Self::Timestamp(_) => 8,
            Self::Decimal { .. } | Self::Interval(_) => 16,
        }
    }

    fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        match self {
            Self::Bool(values) => values.len(),
            Self::Int16(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Float32(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Decimal { values, .. } => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Date(values) => values.len(),
            Self::Time(values) => values.len(),
            Self::Timestamp(values) => values.len(),
            Self::Interval(values) => values.len(),
            Self::List(list) => list.valid.len(),
        }
    }

    pub(crate) fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Bool(mut values) => Arc::new(values.finish()),
            Self::Int16(mut values) => Arc::new(values.finish()),
            Self::Int32(mut values) => Arc::new(values.finish()),
            Self::Int64(mut values) => Arc::new(values.finish()),
            Self::Float32(mut values) => Arc::new(values.finish()),
            Self::Float64(mut values) => Arc::new(values.finish()),
            Self::Decimal { mut values, .. } => Arc::new(values.finish()),
            Self::Text(mut values) => Arc::new(values.finish()),
            Self::Bytes(mut values) => Arc::new(values.finish()),
            Self::Date(mut values) => Arc::new(values.finish()),
            Self::Time(mut values) => Arc::new(values.finish()),
            Self::Timestamp(mut values) => Arc::new(values.finish()),
            Self::Interval(mut values) => Arc::new(values.finish()),
            Self::List(list) => Arc::new(ListArray::try_new(
                list.item,
                OffsetBuffer::new(ScalarBuffer::from(list.offsets)),
                list.items.finish()?,
                Some(NullBuffer::from(list.valid)),
            )?),
        })
    }
}

//! Rows of a database on their way into one Arrow batch, with those apart that hold a value which can't be carried.
//! A row goes into the columns whole, an impossible value as null; the rows that have one are taken out at the end.

mod column;
mod rejected;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use model::Failure;
use record::Refusal;

pub(crate) use column::{Column, ListColumn};

/// Why a value can't be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Impossible {
    pub(crate) code: &'static str,
    /// The reason and the way out, to follow "can't be carried: ".
    pub(crate) reason: String,
    /// The value as the database writes it.
    pub(crate) text: String,
}

/// What putting one value into a column can run into.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// The record is rejected, its neighbours are not.
    Value(Impossible),
    /// Reading can't go on.
    Reading(Failure),
}

impl From<Failure> for Unfit {
    fn from(failure: Failure) -> Self {
        Self::Reading(failure)
    }
}

impl Unfit {
    pub(crate) fn value(
        code: &'static str,
        reason: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self::Value(Impossible {
            code,
            reason: reason.into(),
            text: text.into(),
        })
    }
}

/// Which records of those read are wanted, and what they are called.
#[derive(Default)]
pub(crate) struct Naming<'a> {
    /// The key columns, in the schema's spelling.
    pub(crate) key: &'a [String],
    /// Only records whose key has one of these texts.
    pub(crate) only: Option<&'a HashSet<&'a str>>,
    /// A name for each row where there are no key columns.
    pub(crate) names: Option<&'a [String]>,
}

/// Rows so far.
pub(crate) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
    impossible: Vec<rejected::At>,
}

impl Rows {
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self, Failure> {
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column::new(field.data_type()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            schema: Arc::clone(schema),
            columns,
            rows: 0,
            bytes: 0,
            impossible: vec![],
        })
    }

    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Rows that were ended.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Bytes that the rows take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts the next value of the current row. `size` is what it takes beyond the column's fixed width.
    pub(crate) fn put(
        &mut self,
        column: usize,
        size: usize,
        put: impl FnOnce(&mut Column) -> Result<(), Unfit>,
    ) -> Result<(), Failure> {
        let into = &mut self.columns[column];
        self.bytes += into.fixed_width() + size;
        match put(into) {
            Ok(()) => Ok(()),
            Err(Unfit::Value(impossible)) => {
                into.append_null()?;
                self.bytes += impossible.text.len();
                self.impossible.push(rejected::At {
                    row: self.rows,
                    column,
                    impossible,
                });
                Ok(())
            }
            Err(Unfit::Reading(failure)) => Err(failure.field(self.schema.field(column).name())),
        }
    }

    pub(crate) fn put_null(&mut self, column: usize) -> Result<(), Failure> {
        self.put(column, 0, |into| Ok(into.append_null()?))
    }

    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
    }

    /// The records, and those rejected.
    pub(crate) fn finish(
        self,
        naming: &Naming<'_>,
    ) -> Result<(RecordBatch, Vec<Refusal>), Failure> {
        let broken = |error: arrow::error::ArrowError| {
            Failure::bug(format!("a batch does not add up: {error}"))
        };
        let arrays = self
            .columns
            .into_iter()
            .map(Column::finish)
            .collect::<Result<Vec<_>, _>>()
            .map_err(broken)?;
        let any = relaxed(&self.schema);
        let mut all = RecordBatch::try_new(any, arrays).map_err(broken)?;
        let mut refusals = vec![];
        if naming.only.is_some() || !self.impossible.is_empty() {
            let keys = rejected::keys(&all, &self.impossible, naming)?;
            let wanted: Vec<bool> = keys
                .iter()
                .map(|key| naming.only.is_none_or(|only| only.contains(key.as_str())))
                .collect();
            let mut keep = wanted.clone();
            for at in &self.impossible {
                keep[at.row] = false;
            }
            refusals = rejected::refusals(&all, &self.impossible, &keys, &wanted)?;
            all = filter_record_batch(&all, &BooleanArray::from(keep)).map_err(broken)?;
            if naming.key.is_empty() && naming.names.is_none() {
                // Their place is taken after those of the records that are carried, so that no two share one.
                for (place, refusal) in refusals.iter_mut().enumerate() {
                    refusal.key = format!("#{}", all.num_rows() + place + 1);
                }
            }
        }
        for (field, array) in self.schema.fields().iter().zip(all.columns()) {
            if !field.is_nullable() && array.null_count() > 0 {
                return Err(changed(format!(
                    "`{}` holds nulls, which it could not when the run began",
                    field.name()
                ))
                .field(field.name()));
            }
        }
        let records = RecordBatch::try_new(self.schema, all.columns().to_vec()).map_err(broken)?;
        Ok((records, refusals))
    }
}

/// The source is no longer what the run was planned for.
pub(crate) fn changed(message: impl Into<String>) -> Failure {
    Failure::pause("schema_changed", message)
        .hint("the source's schema changed under the run: put it back, or start a new run")
}

fn relaxed(schema: &Schema) -> SchemaRef {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

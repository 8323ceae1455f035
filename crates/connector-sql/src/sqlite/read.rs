//! Reads a slice in one transaction, or cuts it when it proves too big.
//! Columns hold any kind of value, so each value is looked at, and one of a wrong kind rejects its record alone.

use std::collections::HashSet;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use chrono::Utc;
use connector::{Read, SourceObject};
use futures::StreamExt;
use model::{Failure, Slice};
use record::Refusal;
use sqlx::AssertSqlSafe;

use super::along::Along;
use super::cut;
use super::database::{Database, Session, quoted};
use super::details::{Details, row_name};
use super::failure::failure;
use super::predicate::{self, Condition};
use super::put::put;
use super::value::Value;
use crate::rows::{Naming, Rows};
use crate::split::{KeySlice, cut_keys, hard_limit, rows_per_part, too_large};

pub(super) async fn read(
    database: &Database,
    object: &SourceObject,
    slice: &Slice,
    budget: usize,
) -> Result<Read, Failure> {
    let details = Details::of(object)?;
    let slice = KeySlice::<Value>::parse(slice)?;
    let epoch = Utc::now().to_rfc3339();
    let mut session = database.begin().await?;
    if let KeySlice::Keys(keys) = &slice {
        return by_keys(&mut session, object, &details, keys, budget, epoch).await;
    }
    let condition = predicate::condition(&details, &slice);
    let section = slice.range().map(|(section, ..)| section);
    let along = section.map_or_else(|| details.along_key(), |section| details.along(section));
    let cuttable = section.is_some();
    let mut reading = Reading::new(object, &details, &along, budget, cuttable)?;
    if reading.run(&mut session, &condition).await? == End::Over {
        let part = rows_per_part(reading.rows.len(), reading.rows.bytes(), budget);
        let parts = cut::ranges(&mut session, &details, &along, &slice, &condition, part).await?;
        if let Some(parts) = parts {
            let parts = parts.iter().map(KeySlice::slice);
            return Ok(Read::TooBig(parts.collect::<Result<_, _>>()?));
        }
        // Keys that differ and are one by their collation.
        reading = Reading::new(object, &details, &along, budget, false)?;
        reading.run(&mut session, &condition).await?;
    }
    let (records, rejected) = reading.finish(None)?;
    Ok(Read::Whole {
        records,
        rejected,
        epoch,
    })
}

/// Reads records by key, in as many statements as needed; what is read besides is let go piece by piece.
async fn by_keys(
    session: &mut Session<'_>,
    object: &SourceObject,
    details: &Details,
    keys: &[String],
    budget: usize,
    epoch: String,
) -> Result<Read, Failure> {
    let found = predicate::by_keys(object, details, keys);
    let along = details.along_key();
    let all = vec![Condition::default()];
    let mut batches = vec![];
    let mut rejected = vec![];
    let mut bytes = 0;
    let mut seen = 0;
    // Keys alike by their collation are found by each other's statement; each statement keeps its own.
    let parts: Vec<&[String]> = match &found {
        Some(_) => keys.chunks(200).collect(),
        None => vec![keys],
    };
    for (condition, part) in found.as_ref().unwrap_or(&all).iter().zip(parts) {
        let only: HashSet<&str> = part.iter().map(String::as_str).collect();
        let mut stream = Box::pin(rows(session, object, details, &along, condition));
        let mut reading = Reading::new(object, details, &along, budget, false)?;
        loop {
            let row = stream.next().await.transpose()?;
            let ended = row.is_none();
            if let Some(row) = row {
                reading.take(&row)?;
            }
            if ended || reading.rows.bytes() > budget {
                let full = Reading::new(object, details, &along, budget, false)?;
                let read = std::mem::replace(&mut reading, full);
                let each = read.rows.bytes() / read.rows.len().max(1);
                let (records, refused) = read.finish(Some(&only))?;
                bytes += each * records.num_rows();
                seen += records.num_rows();
                batches.push(records);
                rejected.extend::<Vec<Refusal>>(refused);
            }
            if bytes > budget && seen > 1 && keys.len() > 1 {
                let per_part = rows_per_part(seen, bytes, budget);
                let parts = cut_keys(keys, per_part).unwrap_or_default();
                let parts = parts.into_iter().map(KeySlice::<Value>::Keys);
                let slices = parts.map(|part| part.slice());
                return Ok(Read::TooBig(slices.collect::<Result<_, _>>()?));
            }
            if bytes > hard_limit(budget) {
                let key = keys.first().cloned();
                return Err(too_large(
                    &object.object.name,
                    key,
                    hard_limit(budget),
                    true,
                ));
            }
            if ended {
                break;
            }
        }
    }
    let records = concat_batches(&object.schema, &batches)
        .map_err(|error| Failure::bug(format!("batches do not join: {error}")))?;
    Ok(Read::Whole {
        records,
        rejected,
        epoch,
    })
}

#[derive(PartialEq)]
enum End {
    Whole,
    /// The budget was passed, and there are two keys to cut between.
    Over,
}

/// Rows on their way into a batch.
struct Reading<'a> {
    object: &'a SourceObject,
    details: &'a Details,
    along: &'a Along<'a>,
    rows: Rows,
    /// The place of each column of the order among the values of a row.
    order: Vec<usize>,
    names: Vec<String>,
    first: Option<Vec<Option<Value>>>,
    keys_differ: bool,
    cuttable: bool,
    budget: usize,
}

impl<'a> Reading<'a> {
    fn new(
        object: &'a SourceObject,
        details: &'a Details,
        along: &'a Along<'a>,
        budget: usize,
        cuttable: bool,
    ) -> Result<Self, Failure> {
        let width = object.schema.fields().len();
        let order = if details.by_row_number(object) {
            vec![width]
        } else {
            let columns = along.columns.iter();
            columns
                .filter_map(|column| object.schema.index_of(&column.name).ok())
                .collect()
        };
        Ok(Self {
            object,
            details,
            along,
            rows: Rows::new(&object.schema)?,
            order,
            names: vec![],
            first: None,
            keys_differ: false,
            cuttable,
            budget,
        })
    }

    async fn run(
        &mut self,
        session: &mut Session<'_>,
        condition: &Condition,
    ) -> Result<End, Failure> {
        let limit = hard_limit(self.budget);
        let mut stream = Box::pin(rows(
            session,
            self.object,
            self.details,
            self.along,
            condition,
        ));
        while let Some(row) = stream.next().await {
            self.take(&row?)?;
            if self.rows.bytes() > self.budget && self.cuttable && self.keys_differ {
                return Ok(End::Over);
            }
            if self.rows.bytes() > limit {
                let key = self.first.as_ref().map(|key| {
                    let parts: Vec<_> = key
                        .iter()
                        .skip(self.along.parents)
                        .map(|part| part.as_ref().map_or("null".to_owned(), Value::shown))
                        .collect();
                    parts.join(", ")
                });
                let key = key.filter(|_| !self.object.key.is_empty());
                return Err(too_large(
                    &self.object.object.name,
                    key,
                    limit,
                    !self.object.key.is_empty(),
                ));
            }
        }
        Ok(End::Whole)
    }

    fn take(&mut self, row: &[Option<Value>]) -> Result<(), Failure> {
        for (column, kind) in self.details.kinds.iter().enumerate() {
            match &row[column] {
                None => self.rows.put_null(column)?,
                Some(value) => self
                    .rows
                    .put(column, value.size(), |into| put(into, *kind, value))?,
            }
        }
        self.rows.end_row();
        if self.details.by_row_number(self.object)
            && let Some(Some(Value::Integer(number))) = row.last()
        {
            self.names.push(row_name(*number));
        }
        if !self.keys_differ && !self.order.is_empty() {
            let key: Vec<_> = self.order.iter().map(|place| row[*place].clone()).collect();
            match &self.first {
                None => self.first = Some(key),
                Some(first) => self.keys_differ = *first != key,
            }
        }
        Ok(())
    }

    fn finish(self, only: Option<&HashSet<&str>>) -> Result<(RecordBatch, Vec<Refusal>), Failure> {
        let named = self.details.by_row_number(self.object);
        self.rows.finish(&Naming {
            key: &self.object.key,
            only,
            names: named.then_some(self.names.as_slice()),
        })
    }
}

/// The rows of a condition in order, with the hidden row number last where records are ordered by it.
fn rows<'a>(
    session: &'a mut Session<'_>,
    object: &'a SourceObject,
    details: &'a Details,
    along: &'a Along<'a>,
    condition: &'a Condition,
) -> impl futures::Stream<Item = Result<Vec<Option<Value>>, Failure>> + Send + 'a {
    let mut columns: Vec<String> = object
        .schema
        .fields()
        .iter()
        .map(|field| format!("q.{}", quoted(field.name())))
        .collect();
    if details.by_row_number(object) {
        columns.extend(details.columns());
    }
    let order = if details.order.is_empty() {
        String::new()
    } else {
        format!("order by {}", along.list())
    };
    let sql = format!(
        "select {} from {} q {} {order}",
        columns.join(","),
        details.relation,
        condition.clause()
    );
    let width = columns.len();
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in &condition.values {
        query = value.bind(query);
    }
    query.fetch(&mut session.connection).map(move |row| {
        let row = row.map_err(|error| failure(&error))?;
        (0..width)
            .map(|column| Value::of(&row, column).map_err(|error| failure(&error)))
            .collect()
    })
}

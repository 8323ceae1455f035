//! Records as CSV rows in the org's own spelling of values (reference: Bulk API 2.0 guide, "Valid date format in records", "CSV files").
//! Nothing is changed on the way but line breaks inside texts, which must be the file's own; what can't be sent is refused.

mod cell;

use arrow::array::{Array, AsArray, RecordBatch};
use bytes::Bytes;
use connector::{LoadPlan, Sent};
use model::Failure;
use record::meta;

use crate::columns::{Column, columns};
use crate::key::{self, KeyForm};

pub(crate) use cell::NULL;
pub(crate) use cell::texts_of as texts;
use cell::{Cell, Unsendable, cell};

/// The records as rows, without a header.
pub(crate) fn encode(plan: &LoadPlan, batch: &RecordBatch) -> Result<Bytes, Failure> {
    let columns = columns(plan)?;
    let cells = cells(plan, &columns, batch)?;
    let mut rows = Rows::new();
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for (cell, column) in cells.iter().zip(&columns) {
            text.clear();
            cell(row, &mut text).map_err(|reason| refuse(plan, batch, column, row, &reason))?;
            rows.cell(&text)?;
        }
        rows.end()?;
    }
    rows.finish()
}

/// The rows that can't be sent, each with the first reason.
pub(crate) fn unsendable(
    plan: &LoadPlan,
    batch: &RecordBatch,
) -> Result<Vec<(usize, Failure)>, Failure> {
    let columns = columns(plan)?;
    let cells = cells(plan, &columns, batch)?;
    let mut text = String::new();
    let mut reason = |row: usize| {
        cells.iter().zip(&columns).find_map(|(cell, column)| {
            text.clear();
            let reason = cell(row, &mut text).err()?;
            Some((row, refuse(plan, batch, column, row, &reason)))
        })
    };
    Ok((0..batch.num_rows()).filter_map(&mut reason).collect())
}

fn cells<'a>(
    plan: &LoadPlan,
    columns: &[Column<'_>],
    batch: &'a RecordBatch,
) -> Result<Vec<Cell<'a>>, Failure> {
    columns
        .iter()
        .map(|column| {
            let index = column.index_in(batch)?;
            let field = batch.schema_ref().field(index);
            cell(field, batch.column(index)).map_err(|failure| failure.field(column.written()))
        })
        .collect::<Result<Vec<_>, Failure>>()
        .map_err(|failure| failure.object(&plan.object))
}

/// Rows of results as they were sent, without a header.
pub(crate) fn encode_again(plan: &LoadPlan, records: &[Sent]) -> Result<Bytes, Failure> {
    let columns = columns(plan)?;
    let mut rows = Rows::new();
    for sent in records {
        for column in &columns {
            let value = sent.fields.get(&column.header).ok_or_else(|| {
                Failure::bug("a record of results lacks a column that was sent")
                    .object(&plan.object)
                    .field(&column.header)
            })?;
            rows.cell(value)?;
        }
        rows.end()?;
    }
    rows.finish()
}

/// The loaded key of each record, made alike with what results say.
pub(crate) fn keys(plan: &LoadPlan, batch: &RecordBatch) -> Result<Vec<String>, Failure> {
    let field = key::field(plan)?;
    let form = KeyForm::of(field);
    let all = columns(plan)?;
    let column = all
        .iter()
        .find(|column| column.header == field.name)
        .ok_or_else(|| Failure::bug("the key is not sent").field(&field.name))?;
    let index = column.index_in(batch)?;
    let cell = cell(batch.schema_ref().field(index), batch.column(index))?;
    let mut text = String::new();
    (0..batch.num_rows())
        .map(|row| {
            text.clear();
            cell(row, &mut text).map_err(|reason| refuse(plan, batch, column, row, &reason))?;
            Ok(form.normal(&text))
        })
        .collect()
}

fn refuse(
    plan: &LoadPlan,
    batch: &RecordBatch,
    column: &Column<'_>,
    row: usize,
    reason: &Unsendable,
) -> Failure {
    let key = batch
        .column_by_name(meta::KEY_COLUMN)
        .and_then(|keys| keys.as_string_opt::<i32>())
        .filter(|keys| keys.is_valid(row))
        .map_or_else(
            || format!("#{}", row + 1),
            |keys| keys.value(row).to_owned(),
        );
    Failure::reject("unsendable_value", reason.to_string())
        .hint("change it in the field's expression, for instance by nullif(…)")
        .object(&plan.object)
        .field(column.written())
        .key(key)
}

/// Rows being written.
struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    fn new() -> Self {
        Self(
            csv::WriterBuilder::new()
                .terminator(csv::Terminator::Any(b'\n'))
                .from_writer(Vec::new()),
        )
    }

    fn cell(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_field(text).map_err(unwritten)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.0.write_record(None::<&[u8]>).map_err(unwritten)
    }

    fn finish(self) -> Result<Bytes, Failure> {
        self.0
            .into_inner()
            .map(Bytes::from)
            .map_err(|error| Failure::bug(format!("rows can't be written: {error}")))
    }
}

fn unwritten(error: csv::Error) -> Failure {
    Failure::bug(format!("a row can't be written: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
        StringArray, StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray,
        TimestampMillisecondArray,
    };
    use arrow::datatypes::{DataType, Field, Schema};
    use connector::Verdict;
    use model::FailureKind;
    use model::migration::Operation;

    use super::*;
    use crate::testing::plan;

    fn batch(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
        let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    }

    fn texts(name: &str, values: &[Option<&str>]) -> (Field, ArrayRef) {
        (
            Field::new(name, DataType::Utf8, true),
            Arc::new(StringArray::from(values.to_vec())),
        )
    }

    fn rows(plan: &LoadPlan, batch: &RecordBatch) -> String {
        String::from_utf8(encode(plan, batch).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn every_type_has_its_spelling() {
        let plan = plan(
            Operation::Upsert,
            "External_Id__c",
            &[
                "External_Id__c",
                "Active__c",
                "Amount__c",
                "Ratio__c",
                "Count__c",
                "Birthdate",
                "Seen__c",
                "Opens__c",
            ],
        );
        let array = |name: &str, array: ArrayRef| {
            (Field::new(name, array.data_type().clone(), true), array)
        };
        let decimals = Decimal128Array::from(vec![Some(-150), None])
            .with_precision_and_scale(18, 2)
            .unwrap();
        let seen = TimestampMillisecondArray::from(vec![Some(1_700_000_000_120), None]);
        let batch = batch(vec![
            texts("External_Id__c", &[Some("a"), Some("b")]),
            array(
                "Active__c",
                Arc::new(BooleanArray::from(vec![Some(true), None])),
            ),
            array("Amount__c", Arc::new(decimals)),
            array(
                "Ratio__c",
                Arc::new(Float64Array::from(vec![Some(1e21), None])),
            ),
            array("Count__c", Arc::new(Int32Array::from(vec![Some(-7), None]))),
            array(
                "Birthdate",
                Arc::new(Date32Array::from(vec![Some(-1), None])),
            ),
            array("Seen__c", Arc::new(seen.with_timezone("UTC"))),
            array(
                "Opens__c",
                Arc::new(Time64MicrosecondArray::from(vec![
                    Some(3_600_000_000),
                    None,
                ])),
            ),
            texts(meta::KEY_COLUMN, &[Some("1"), Some("2")]),
        ]);
        assert_eq!(
            rows(&plan, &batch),
            "a,true,-1.50,1000000000000000000000,-7,1969-12-31,2023-11-14T22:13:20.120Z,01:00:00.000Z\n\
             b,#N/A,#N/A,#N/A,#N/A,#N/A,#N/A,#N/A\n"
        );
    }

    #[test]
    fn digits_of_a_second_are_not_lost() {
        let plan = plan(Operation::Upsert, "External_Id__c", &["Seen__c"]);
        let seen = TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC");
        let kind = seen.data_type().clone();
        let batch = batch(vec![(Field::new("Seen__c", kind, true), Arc::new(seen))]);
        assert_eq!(rows(&plan, &batch), "1970-01-01T00:00:00.000001Z\n");
    }

    #[test]
    fn texts_keep_everything_but_foreign_line_breaks() {
        let plan = plan(
            Operation::Upsert,
            "External_Id__c",
            &["External_Id__c", "LastName"],
        );
        let names = StringViewArray::from(vec!["a \"b\", c", " x ", "1\r\n2\n3\r4", "สวัสดี"]);
        let batch = batch(vec![
            texts(
                "External_Id__c",
                &[Some("1"), Some("2"), Some("3"), Some("4")],
            ),
            (
                Field::new("lastname", DataType::Utf8View, true),
                Arc::new(names),
            ),
        ]);
        assert_eq!(
            rows(&plan, &batch),
            "1,\"a \"\"b\"\", c\"\n2, x \n3,\"1\n2\n3\n4\"\n4,สวัสดี\n"
        );
    }

    #[test]
    fn nulls_clear_or_keep() {
        let plan = plan(
            Operation::Upsert,
            "External_Id__c",
            &["External_Id__c", "LastName", "Account.External_Id__c"],
        );
        let keeps = meta::with_keep_on_null(Field::new("LastName", DataType::Utf8, true));
        let by = meta::with_lookup(
            Field::new("Account", DataType::Utf8, true),
            "External_Id__c",
        );
        let values: ArrayRef = Arc::new(StringArray::from(vec![None, Some("")]));
        let batch = batch(vec![
            texts("External_Id__c", &[Some("1"), Some("2")]),
            (keeps, Arc::clone(&values)),
            (by, values),
        ]);
        assert_eq!(rows(&plan, &batch), "1,,#N/A\n2,,#N/A\n");
    }

    #[test]
    fn a_text_that_would_clear_rejects_its_record_by_name() {
        let plan = plan(
            Operation::Upsert,
            "External_Id__c",
            &["External_Id__c", "LastName"],
        );
        let batch = batch(vec![
            texts("External_Id__c", &[Some("1"), Some("2")]),
            texts("LastName", &[Some("x"), Some("#N/A")]),
            texts(meta::KEY_COLUMN, &[Some("k1"), Some("k2")]),
        ]);
        let failure = encode(&plan, &batch).unwrap_err();
        assert_eq!(failure.kind, FailureKind::RejectRecord);
        assert_eq!(
            failure.to_string(),
            "object contacts, field LastName, key k2: the text `#N/A` can't be sent: it would clear the field"
        );
        assert_eq!(unsendable(&plan, &batch).unwrap(), [(1, failure)]);
    }

    #[test]
    fn keys_are_as_results_will_have_them() {
        let numbers = Decimal128Array::from(vec![912_260_031])
            .with_precision_and_scale(18, 0)
            .unwrap();
        let kind = numbers.data_type().clone();
        let batch = batch(vec![(
            Field::new("Number_Id__c", kind, true),
            Arc::new(numbers),
        )]);
        let plan = plan(Operation::Upsert, "Number_Id__c", &["Number_Id__c"]);
        assert_eq!(
            keys(&plan, &batch).unwrap(),
            [KeyForm::Number.normal("9.12260031E8")]
        );
    }

    #[test]
    fn a_delete_sends_ids_alone() {
        let plan = plan(Operation::Delete, "Id", &["Id", "LastName"]);
        let batch = batch(vec![
            texts("Id", &[Some("001D000000IqhSL")]),
            texts("LastName", &[Some("x")]),
        ]);
        assert_eq!(rows(&plan, &batch), "001D000000IqhSL\n");
        assert_eq!(keys(&plan, &batch).unwrap(), ["001D000000IqhSLIAZ"]);
    }

    #[test]
    fn what_was_sent_is_sent_again_as_it_was() {
        let plan = plan(
            Operation::Upsert,
            "External_Id__c",
            &["External_Id__c", "LastName", "Contact:Who.Email"],
        );
        let fields: BTreeMap<_, _> = [
            ("External_Id__c", "1"),
            ("LastName", "#N/A"),
            ("Contact:Who.Email", "a,\nb"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let sent = Sent {
            key: "1".to_owned(),
            verdict: Verdict::Unprocessed,
            fields,
        };
        let again = encode_again(&plan, &[sent]).unwrap();
        assert_eq!(again, "1,#N/A,\"a,\nb\"\n");
    }
}

//! A byte range of a file as a batch of text columns, and the records that are no such thing.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::SchemaRef;
use csv::{ByteRecord, StringRecord};
use model::Failure;
use record::Refusal;
use serde_json::{Map, Value};

use crate::files::unreadable;
use crate::scan::Place;

/// The records of one range, or of several.
pub(crate) struct Parsed {
    schema: SchemaRef,
    null: String,
    columns: Vec<StringBuilder>,
    rows: usize,
    pub(crate) rejected: Vec<Refusal>,
    /// Bytes in memory, about.
    pub(crate) bytes: usize,
    /// Where each record began, in its file.
    pub(crate) starts: Vec<Place>,
}

impl Parsed {
    pub(crate) fn new(schema: SchemaRef, null: &str) -> Self {
        Self {
            columns: schema
                .fields()
                .iter()
                .map(|_| StringBuilder::new())
                .collect(),
            schema,
            null: null.to_owned(),
            rows: 0,
            rejected: Vec::new(),
            bytes: 0,
            starts: Vec::new(),
        }
    }

    /// Reads the records of a range that `wanted` wants.
    pub(crate) fn read(
        &mut self,
        path: &Path,
        delimiter: u8,
        range: (Place, u64),
        wanted: &dyn Fn(&ByteRecord) -> bool,
    ) -> Result<(), Failure> {
        let (from, to) = range;
        let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
        file.seek(SeekFrom::Start(from.byte))
            .map_err(|error| unreadable(path, &error))?;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(file.take(to.saturating_sub(from.byte)));
        let mut record = ByteRecord::new();
        loop {
            let start = Place {
                byte: from.byte + reader.position().byte(),
                line: from.line + reader.position().line() - 1,
            };
            let more = reader.read_byte_record(&mut record).map_err(|error| {
                Failure::retry("unreadable_file", format!("{}: {error}", path.display()))
            })?;
            if !more {
                return Ok(());
            }
            if !wanted(&record) {
                continue;
            }
            self.starts.push(start);
            record = match StringRecord::from_byte_record(record) {
                Ok(texts) if texts.len() == self.columns.len() => {
                    self.push(&texts);
                    texts.into_byte_record()
                }
                Ok(texts) => {
                    let record = texts.into_byte_record();
                    self.refuse(path, start, &record, self.wrong_count(&record));
                    record
                }
                Err(error) => {
                    let record = error.into_byte_record();
                    self.refuse(path, start, &record, self.no_text(&record));
                    record
                }
            };
        }
    }

    fn push(&mut self, texts: &StringRecord) {
        for (column, text) in self.columns.iter_mut().zip(texts) {
            self.bytes += text.len() + 8;
            if text == self.null {
                column.append_null();
            } else {
                column.append_value(text);
            }
        }
        self.rows += 1;
    }

    fn refuse(&mut self, path: &Path, start: Place, record: &ByteRecord, failure: Failure) {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let key = format!("{file} line {}", start.line_in(path));
        self.rejected
            .push(Refusal::rejected(key, failure, self.data(record)));
    }

    fn wrong_count(&self, record: &ByteRecord) -> Failure {
        Failure::reject(
            "wrong_column_count",
            format!(
                "the record has {} columns, and the header {}",
                record.len(),
                self.columns.len()
            ),
        )
    }

    /// Of a record with a value that is not UTF-8.
    fn no_text(&self, record: &ByteRecord) -> Failure {
        if record.len() != self.columns.len() {
            return self.wrong_count(record);
        }
        let wrong = record
            .iter()
            .zip(self.schema.fields())
            .find_map(|(value, field)| Some((std::str::from_utf8(value).err()?, field)));
        let Some((error, field)) = wrong else {
            return Failure::bug("a record of texts was taken for none");
        };
        let message = format!(
            "the value is not UTF-8, from its byte {} on",
            error.valid_up_to()
        );
        Failure::reject("invalid_utf8", message).field(field.name())
    }

    /// What can be shown of a broken record; bytes that are no text are marked as such.
    fn data(&self, record: &ByteRecord) -> Map<String, Value> {
        record
            .iter()
            .enumerate()
            .map(|(place, value)| {
                let name = self.schema.fields().get(place).map_or_else(
                    || format!("column {}", place + 1),
                    |field| field.name().clone(),
                );
                (name, Value::from(String::from_utf8_lossy(value)))
            })
            .collect()
    }

    pub(crate) fn finish(mut self) -> Result<(RecordBatch, Vec<Refusal>), Failure> {
        let columns: Vec<ArrayRef> = self
            .columns
            .iter_mut()
            .map(|column| Arc::new(column.finish()) as ArrayRef)
            .collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(self.schema, columns, &options)
            .map_err(|error| Failure::bug(format!("a batch does not hold together: {error}")))?;
        Ok((batch, self.rejected))
    }
}

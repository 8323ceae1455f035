//! An upload made ready for processing: its header resolved against the object, its rows found. What is wrong with
//! it as a whole fails the job with the platform's text.

use std::ops::Range;

use super::csv::{CsvFault, Fields, rows};
use super::job::{Delimiter, Spec};
use crate::schema::catalogue::{Catalogue, Home, Object};
use crate::write::Operation;
use crate::write::column::{Column, resolve};

/// The longest header, in characters.
const LONGEST_HEADER: usize = 32_000;

#[derive(Debug)]
pub(super) struct Table {
    text: String,
    /// Without the header.
    rows: Vec<Range<u32>>,
    pub(super) header: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// The place of the `Id` column.
    pub(super) id: Option<usize>,
    pub(super) delimiter: Delimiter,
}

impl Table {
    pub(super) fn read(catalogue: &Catalogue, spec: &Spec, data: Vec<u8>) -> Result<Self, String> {
        let ending = if spec.crlf { "CRLF" } else { "LF" };
        let text = String::from_utf8(data).map_err(|error| {
            format!(
                "ClientInputError : The content is not UTF-8, from byte {}",
                error.utf8_error().valid_up_to()
            )
        })?;
        let mut rows = rows(text.as_bytes(), spec.delimiter.byte, spec.crlf).map_err(|fault| match fault {
            CsvFault::LineEnding => {
                format!("ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}")
            }
            CsvFault::Quote(row) => format!("InvalidBatch : Failed to parse CSV: misplaced or unclosed quote in row {row}"),
            CsvFault::Columns { row, found, header } => {
                format!("InvalidBatch : Failed to parse CSV: row {row} has {found} columns, the header {header}")
            }
            CsvFault::Empty => "InvalidBatch : Failed to parse CSV: there is no header row".to_owned(),
        })?;
        let head = rows.remove(0);
        let head = &text[head.start as usize..head.end as usize];
        if head.chars().count() > LONGEST_HEADER {
            return Err(
                "InvalidBatch : The header row is longer than 32,000 characters".to_owned(),
            );
        }
        let mut fields = Fields::default();
        fields.read(head, spec.delimiter.byte);
        let header: Vec<String> = fields.iter().map(str::to_owned).collect();
        let object = catalogue.at(spec.object);
        let columns = columns(catalogue, object, spec, &header)?;
        let id = columns
            .iter()
            .position(|c| matches!(c, Column::Field(f) if object.at(*f).home == Home::Id));
        let table = Self {
            text,
            rows,
            header,
            columns,
            id,
            delimiter: spec.delimiter,
        };
        match (spec.operation, id) {
            (Operation::Upsert(key), Some(id)) if table.columns[id] != Column::Field(key) => {
                table.blank(id)?;
            }
            _ => {}
        }
        Ok(table)
    }

    /// An id beside another key must be blank in every row; clients (jsforce) send such a column.
    fn blank(&self, id: usize) -> Result<(), String> {
        let mut fields = Fields::default();
        for row in 0..self.len() {
            self.fields(row, &mut fields);
            if fields.get(id).is_some_and(|text| !text.is_empty()) {
                let why = "Id must not be specified in an upsert by another key";
                return Err(format!("InvalidBatch : {why}"));
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Takes a row apart into `fields`.
    pub(super) fn fields(&self, row: usize, fields: &mut Fields) {
        let row = &self.rows[row];
        fields.read(
            &self.text[row.start as usize..row.end as usize],
            self.delimiter.byte,
        );
    }
}

fn columns(
    catalogue: &Catalogue,
    object: &Object,
    spec: &Spec,
    header: &[String],
) -> Result<Vec<Column>, String> {
    let mut columns = Vec::with_capacity(header.len());
    for name in header {
        let column = resolve(catalogue, object, name).map_err(|fault| fault.job_message(name))?;
        if columns.contains(&column) {
            return Err(format!(
                "InvalidBatch : Duplicate column in the header : {name}"
            ));
        }
        columns.push(column);
    }
    let has = |wanted: u16| columns.contains(&Column::Field(wanted));
    let id = object.field("Id").unwrap_or_default();
    match spec.operation {
        Operation::Insert if has(id) => {
            Err("InvalidBatch : Id must not be specified in an insert".to_owned())
        }
        Operation::Update if !has(id) => {
            Err("InvalidBatch : Id must be specified in an update".to_owned())
        }
        Operation::Delete | Operation::HardDelete if columns != [Column::Field(id)] => {
            Err("InvalidBatch : A delete takes the column Id alone".to_owned())
        }
        Operation::Upsert(key) if !has(key) => Err(format!(
            "InvalidBatch : Field name not found : {}",
            object.at(key).name()
        )),
        _ => Ok(columns),
    }
}

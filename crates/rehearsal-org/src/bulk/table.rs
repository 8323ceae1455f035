//! An upload made ready for processing: its header resolved against the object, its rows found. What is wrong with
//! it as a whole fails the job with the platform's text.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::content::Content;
use super::csv::{CsvFault, Fields, Scanner};
use super::ledger::{Ledger, RowOutcome, Rows};
use super::spec::{Delimiter, Spec};
use crate::schema::catalogue::{Catalogue, Home, Object};
use crate::write::Operation;
use crate::write::column::{Column, resolve};

/// The longest header, in characters.
const LONGEST_HEADER: u32 = 32_000;

/// How much of an upload is read at a time.
const PIECE: u64 = 64 * 1024;

/// Rows read at a time where all are looked at.
const AT_ONCE: usize = 1000;

pub(super) struct Table {
    content: Mutex<Content>,
    ledger: Ledger,
    pub(super) header: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// The place of the `Id` column.
    pub(super) id: Option<usize>,
    pub(super) delimiter: Delimiter,
}

impl Table {
    pub(super) fn read(
        catalogue: &Catalogue,
        spec: &Spec,
        mut content: Content,
    ) -> Result<Self, String> {
        let mut ledger = Ledger::new(&content, spec.object);
        let head = find_rows(spec, &mut content, &mut ledger)?;
        let too_long =
            || "InvalidBatch : The header row is longer than 32,000 characters".to_owned();
        if head.end - head.start > LONGEST_HEADER * 4 {
            return Err(too_long());
        }
        let mut text = Vec::new();
        content
            .read(u64::from(head.start)..u64::from(head.end), &mut text)
            .map_err(unreadable)?;
        let head = String::from_utf8_lossy(&text);
        if head.chars().count() > LONGEST_HEADER as usize {
            return Err(too_long());
        }
        let mut fields = Fields::default();
        fields.read(&head, spec.delimiter.byte);
        let header: Vec<String> = fields.iter().map(str::to_owned).collect();
        let object = catalogue.at(spec.object);
        let columns = columns(catalogue, object, spec, &header)?;
        let id = columns
            .iter()
            .position(|c| matches!(c, Column::Field(f) if object.at(*f).home == Home::Id));
        let table = Self {
            content: Mutex::new(content),
            ledger,
            header,
            columns,
            id,
            delimiter: spec.delimiter,
        };
        match (spec.operation, id) {
            (Operation::Upsert(key), Some(id))
                if table.columns[id] != Column::Field(key) && !spec.blank_id =>
            {
                table.blank(id)?;
            }
            _ => {}
        }
        Ok(table)
    }

    /// An id beside another key must be blank in every row; clients (jsforce) send such a column.
    fn blank(&self, id: usize) -> Result<(), String> {
        let mut fields = Fields::default();
        for from in (0..self.len()).step_by(AT_ONCE) {
            let to = (from + AT_ONCE).min(self.len());
            let rows = self.rows(from..to).map_err(unreadable)?;
            for row in 0..rows.len() {
                fields.read(rows.text(row), self.delimiter.byte);
                if fields.get(id).is_some_and(|text| !text.is_empty()) {
                    let why = "Id must not be specified in an upsert by another key";
                    return Err(format!("InvalidBatch : {why}"));
                }
            }
        }
        Ok(())
    }

    /// Rows, without the header.
    pub(super) fn len(&self) -> usize {
        self.ledger.len()
    }

    /// Rows that follow each other, with what became of them so far.
    pub(super) fn rows(&self, rows: Range<usize>) -> io::Result<Rows> {
        self.ledger.read(&self.content(), rows)
    }

    /// Shows what became of each row so far, some read at a time.
    pub(super) fn each_outcome(&self, show: &mut dyn FnMut(&RowOutcome)) -> io::Result<()> {
        for from in (0..self.len()).step_by(AT_ONCE) {
            let rows = self.rows(from..(from + AT_ONCE).min(self.len()))?;
            (0..rows.len()).for_each(|row| show(rows.outcome(row)));
        }
        Ok(())
    }

    /// Notes what became of rows that follow each other, from this one.
    pub(super) fn note(&self, from: usize, outcomes: &[RowOutcome]) -> io::Result<()> {
        self.ledger.note(&mut self.content(), from, outcomes)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of a job whose content the machine can't keep.
pub(super) fn unreadable(error: io::Error) -> String {
    tracing::error!(%error, "a job's content can't be read or noted");
    "InternalServerError : The job's content could not be read".to_owned()
}

/// Notes all rows in the ledger; returns where the header is.
fn find_rows(
    spec: &Spec,
    content: &mut Content,
    ledger: &mut Ledger,
) -> Result<Range<u32>, String> {
    let total = content.len();
    let mut scanner = Scanner::new(spec.delimiter.byte, spec.crlf);
    let mut fault = None;
    let mut head = None;
    let (mut at, mut piece) = (0, Vec::new());
    loop {
        let end = total.min(at + PIECE);
        content.read(at..end, &mut piece).map_err(unreadable)?;
        let valid = match std::str::from_utf8(&piece) {
            Ok(text) => text.len(),
            // A character that goes on in the next piece.
            Err(error) if error.error_len().is_none() && end < total => error.valid_up_to(),
            Err(error) => {
                let from = at + error.valid_up_to() as u64;
                return Err(format!(
                    "ClientInputError : The content is not UTF-8, from byte {from}"
                ));
            }
        };
        at += valid as u64;
        // A fault of the encoding, further on, is told rather than one of the rows.
        if fault.is_none() {
            let fed = scanner.feed(&piece[..valid]);
            let fed = if at < total {
                fed
            } else {
                fed.and_then(|()| scanner.finish())
            };
            fault = fed.err();
        }
        let mut rows = std::mem::take(&mut scanner.found);
        if head.is_none() && !rows.is_empty() {
            head = Some(rows.remove(0));
        }
        ledger.add(content, &rows).map_err(unreadable)?;
        if at >= total {
            break;
        }
    }
    match (fault, head) {
        (None, Some(head)) => Ok(head),
        (Some(fault), _) => Err(message(fault, spec.crlf)),
        (None, None) => Err(message(CsvFault::Empty, spec.crlf)),
    }
}

fn message(fault: CsvFault, crlf: bool) -> String {
    let ending = if crlf { "CRLF" } else { "LF" };
    match fault {
        CsvFault::LineEnding => {
            format!(
                "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}"
            )
        }
        CsvFault::Quote(row) => {
            format!("InvalidBatch : Failed to parse CSV: misplaced or unclosed quote in row {row}")
        }
        CsvFault::Columns { row, found, header } => {
            format!(
                "InvalidBatch : Failed to parse CSV: row {row} has {found} columns, the header {header}"
            )
        }
        CsvFault::Empty => "InvalidBatch : Failed to parse CSV: there is no header row".to_owned(),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;
    use crate::ids::RecordId;
    use crate::schema::Schema;

    fn table(upload: &[u8]) -> Result<Table, String> {
        let catalogue = Catalogue::compile(&Schema::standard()).unwrap();
        let body = br#"{"object": "Account", "operation": "insert", "contentType": "CSV"}"#;
        let spec = super::super::create::spec(&catalogue, "66.0", body)
            .ok()
            .unwrap();
        let mut content = Content::new(&Arc::default());
        content.write_all(upload).unwrap();
        Table::read(&catalogue, &spec, content)
    }

    /// Longer than a piece, so that characters of three bytes and quoted rows lie across where pieces meet.
    fn long() -> String {
        let row = |number| format!("\"ทดสอบ\n{number}\",x{number}\n");
        let rows: String = (0..20_000).map(row).collect();
        format!("Name,Site\n{rows}")
    }

    #[test]
    fn rows_are_found_across_pieces_and_outcomes_are_kept() {
        let table = table(long().as_bytes()).ok().unwrap();
        assert_eq!((table.len(), table.header.len()), (20_000, 2));
        // Account is the first object.
        let id = |serial| RecordId { object: 0, serial };
        let outcomes = [
            RowOutcome::Created(id(u32::MAX)),
            RowOutcome::Failed("ผิด".into()),
            RowOutcome::Updated(id(1)),
        ];
        table.note(19_996, &outcomes).unwrap();
        table.note(0, &outcomes[1..]).unwrap();
        let last = table.rows(19_995..20_000).unwrap();
        assert_eq!(last.text(4), "\"ทดสอบ\n19999\",x19999");
        let found: Vec<&RowOutcome> = (0..5).map(|row| last.outcome(row)).collect();
        let [created, failed, updated] = &outcomes;
        let none = &RowOutcome::Unprocessed;
        assert_eq!(found, [none, created, failed, updated, none]);
        let first = table.rows(0..3).unwrap();
        assert_eq!(first.text(0), "\"ทดสอบ\n0\",x0");
        let found: Vec<&RowOutcome> = (0..3).map(|row| first.outcome(row)).collect();
        assert_eq!(found, [failed, updated, none]);
    }

    #[test]
    fn bytes_that_are_no_text_are_told_before_rows_that_are_none() {
        let told = |upload: &[u8]| table(upload).err().unwrap();
        let mut upload = format!("Name\nstray \"quote\n{}", long()).into_bytes();
        assert!(told(&upload).contains("misplaced or unclosed quote in row 1"));
        let place = upload.len() - 50_000;
        upload[place] = 0xff;
        let valid = std::str::from_utf8(&upload).unwrap_err().valid_up_to();
        let text = format!("not UTF-8, from byte {valid}");
        assert!(told(&upload).ends_with(&text), "{}", told(&upload));
        assert!(told(b"Name\n\xe0\xb8").ends_with("not UTF-8, from byte 5"));
    }
}

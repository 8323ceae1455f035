//! The CSV files beside an export.json: `FieldMapping.csv`, `ValueMapping.csv`, and the headers of files that are a source.

use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};
use model::Failure;

/// Where a project's files lie, and how they are cut.
#[derive(Clone)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) delimiter: char,
}

/// A row of `FieldMapping.csv`; without a field it names the target object.
pub(super) struct FieldRow {
    pub(super) object: String,
    pub(super) field: String,
    pub(super) target: String,
}

/// A row of `ValueMapping.csv`.
pub(super) struct ValueRow {
    pub(super) object: String,
    pub(super) field: String,
    pub(super) raw: String,
    pub(super) value: String,
}

impl Folder {
    pub(super) fn field_rows(&self) -> Result<Vec<FieldRow>, Failure> {
        let rows = self.rows("FieldMapping.csv", &["ObjectName", "FieldName", "Target"])?;
        let rows = rows.into_iter().filter_map(|row| match row.as_slice() {
            [object, field, target] if !object.is_empty() && !target.is_empty() => Some(FieldRow {
                object: object.clone(),
                field: field.clone(),
                target: target.clone(),
            }),
            _ => None,
        });
        Ok(rows.collect())
    }

    pub(super) fn value_rows(&self) -> Result<Vec<ValueRow>, Failure> {
        let rows = self.rows(
            "ValueMapping.csv",
            &["ObjectName", "FieldName", "RawValue", "Value"],
        )?;
        let rows = rows.into_iter().filter_map(|row| match row.as_slice() {
            [object, field, raw, value] if !object.is_empty() && !field.is_empty() => {
                Some(ValueRow {
                    object: object.clone(),
                    field: field.clone(),
                    raw: raw.clone(),
                    value: value.clone(),
                })
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The columns of an object's file; none if there is no such file.
    pub(super) fn header(&self, object: &str) -> Result<Option<Vec<String>>, Failure> {
        let path = self.path.join(format!("{object}.csv"));
        if !path.is_file() {
            return Ok(None);
        }
        let mut reader = self.reader(&path, self.delimiter)?;
        let header = reader
            .headers()
            .map_err(|error| unreadable(&path, &error))?;
        Ok(Some(named(header).collect()))
    }

    /// Whether an object's file lies there.
    pub(super) fn holds(&self, object: &str) -> bool {
        self.path.join(format!("{object}.csv")).is_file()
    }

    /// The wanted columns of every row; nothing if the file isn't there.
    fn rows(&self, name: &str, wanted: &[&str]) -> Result<Vec<Vec<String>>, Failure> {
        let path = self.path.join(name);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let places = self.places(&path, wanted, self.delimiter)?;
        // A file that was cut with another delimiter has all of its header in one column.
        let (places, delimiter) = match places {
            Some(places) => (places, self.delimiter),
            None => match self.places(&path, wanted, ',')? {
                Some(places) => (places, ','),
                None => {
                    return Err(Failure::usage(
                        "invalid_header",
                        format!(
                            "its header has not all of the columns {}",
                            wanted.join(", ")
                        ),
                    )
                    .file(path.display().to_string())
                    .line(Some(1))
                    .hint("compare it with SFDMU's documentation of field and values mapping"));
                }
            },
        };
        let mut rows = Vec::new();
        for record in self.reader(&path, delimiter)?.records() {
            let record = record.map_err(|error| unreadable(&path, &error))?;
            let cell = |place: &usize| record.get(*place).unwrap_or_default().trim().to_owned();
            rows.push(places.iter().map(cell).collect());
        }
        Ok(rows)
    }

    fn places(
        &self,
        path: &Path,
        wanted: &[&str],
        delimiter: char,
    ) -> Result<Option<Vec<usize>>, Failure> {
        let mut reader = self.reader(path, delimiter)?;
        let header = reader.headers().map_err(|error| unreadable(path, &error))?;
        let names: Vec<String> = named(header).collect();
        let place = |wanted: &&str| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(wanted))
        };
        Ok(wanted.iter().map(place).collect())
    }

    fn reader(&self, path: &Path, delimiter: char) -> Result<csv::Reader<std::fs::File>, Failure> {
        ReaderBuilder::new()
            .delimiter(u8::try_from(delimiter).unwrap_or(b','))
            .flexible(true)
            .from_path(path)
            .map_err(|error| unreadable(path, &error))
    }
}

/// Names without blanks, and without the byte-order mark that the first may carry.
fn named(header: &StringRecord) -> impl Iterator<Item = String> {
    header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').trim().to_owned())
}

fn unreadable(path: &Path, error: &csv::Error) -> Failure {
    let line = error.position().map(csv::Position::line);
    // The reader's own message may quote a record, which is somebody's data.
    let message = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => format!("it can't be read: {error}"),
        _ => "it is no CSV".to_owned(),
    };
    Failure::usage("unreadable_file", message)
        .file(path.display().to_string())
        .line(line)
        .hint("save it as CSV in UTF-8")
}

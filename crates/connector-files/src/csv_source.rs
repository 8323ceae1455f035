//! CSV files as a source.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use connector::{Read, Sizing, Source, SourceObject, Split};
use csv::ByteRecord;
use model::migration::{CsvSettings, From, Object};
use model::{Failure, Slice};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::files::{self, FileFacts, unreadable};
use crate::parse::Parsed;
use crate::scan::Scan;

/// Slices cut in one call at most: cutting reads through the file.
const CUT_AT_ONCE: usize = 16;

/// A folder of CSV files.
pub fn csv_source(name: &str, settings: &CsvSettings) -> Result<Arc<dyn Source>, Failure> {
    let delimiter = u8::try_from(settings.delimiter).map_err(|_| {
        Failure::usage(
            "invalid_delimiter",
            "the delimiter is not one character of ASCII",
        )
        .connection(name)
    })?;
    Ok(Arc::new(CsvSource {
        folder: settings.folder.clone(),
        delimiter,
        null: settings.null.clone(),
    }))
}

struct CsvSource {
    folder: PathBuf,
    delimiter: u8,
    null: String,
}

/// What is remembered of the files: `SourceObject::details`.
#[derive(Serialize, Deserialize)]
struct Details {
    files: Vec<FileFacts>,
    /// Where the first record begins, in every file.
    starts: Vec<u64>,
}

/// A part of one file, or the records of some keys wherever they are.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Part {
    Range { file: usize, from: u64, to: u64 },
    Keys { keys: Vec<String> },
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    file: usize,
    at: u64,
}

#[async_trait]
impl Source for CsvSource {
    async fn describe(&self, object: &Object) -> Result<SourceObject, Failure> {
        let From::File(pattern) = &object.from else {
            return Err(Failure::usage("not_a_file", "a csv connection reads files")
                .hint("write `from: { file: \"…\" }`"));
        };
        let files = files::find(&self.folder, pattern)?;
        let mut header: Option<Vec<String>> = None;
        let mut starts = Vec::new();
        for file in &files {
            let (names, start) = self.header(&self.folder.join(&file.name))?;
            if header.as_ref().is_some_and(|header| *header != names) {
                return Err(Failure::usage(
                    "headers_differ",
                    format!("{} has another header than {}", file.name, files[0].name),
                )
                .hint("files of one pattern have the same columns in the same order"));
            }
            header = Some(names);
            starts.push(start);
        }
        let fields: Vec<Field> = header
            .unwrap_or_default()
            .into_iter()
            .map(|name| Field::new(name, DataType::Utf8, true))
            .collect();
        let schema = Schema::new(fields);
        let key = object
            .key
            .iter()
            .map(|name| column(&schema, name))
            .collect::<Result<_, _>>()?;
        Ok(SourceObject {
            object: object.clone(),
            schema: Arc::new(schema),
            key,
            key_is_unique: false,
            estimated_records: None,
            details: json!(Details { files, starts }),
        })
    }

    async fn split(
        &self,
        object: &SourceObject,
        cursor: Option<&serde_json::Value>,
        sizing: Sizing,
    ) -> Result<Split, Failure> {
        let details = details(object)?;
        let mut cursor: Cursor = match cursor {
            Some(cursor) => readable(cursor)?,
            None => Cursor {
                file: 0,
                at: details.starts[0],
            },
        };
        let mut slices = Vec::new();
        while let Some(file) = details.files.get(cursor.file) {
            if slices.len() >= sizing.slices.min(CUT_AT_ONCE) {
                return Ok(Split {
                    slices,
                    cursor: Some(json!(cursor)),
                });
            }
            let path = files::check(&self.folder, file)?;
            let (end, last) = self.cut(&path, cursor.at, sizing)?;
            if end > cursor.at {
                slices.push(slice(&Part::Range {
                    file: cursor.file,
                    from: cursor.at,
                    to: end,
                }));
            }
            cursor.at = end;
            if last {
                cursor.file += 1;
                cursor.at = details.starts.get(cursor.file).copied().unwrap_or_default();
            }
        }
        Ok(Split {
            slices,
            cursor: None,
        })
    }

    fn slice_of_keys(&self, _: &SourceObject, keys: &[String]) -> Result<Slice, Failure> {
        Ok(slice(&Part::Keys {
            keys: keys.to_vec(),
        }))
    }

    async fn read(
        &self,
        object: &SourceObject,
        slice: &Slice,
        budget: usize,
    ) -> Result<Read, Failure> {
        let details = details(object)?;
        let part: Part = readable(&slice.0)?;
        let mut parsed = Parsed::new(object.schema.clone(), &self.null);
        match &part {
            Part::Range { file, from, to } => {
                let facts = details
                    .files
                    .get(*file)
                    .ok_or_else(|| Failure::bug("a slice names no file"))?;
                let path = files::check(&self.folder, facts)?;
                parsed.read(&path, self.delimiter, (*from, *to), &|_| true)?;
                if parsed.bytes > budget && parsed.starts.len() > 1 {
                    return Ok(Read::TooBig(halves(&parsed.starts, *file, *to)));
                }
            }
            Part::Keys { keys } => {
                let wanted = self.by_key(object, keys)?;
                for (facts, start) in details.files.iter().zip(&details.starts) {
                    let path = files::check(&self.folder, facts)?;
                    parsed.read(&path, self.delimiter, (*start, facts.bytes), &wanted)?;
                }
            }
        }
        let (records, rejected) = parsed.finish()?;
        let epoch = details
            .files
            .iter()
            .map(|file| file.modified)
            .max()
            .unwrap_or_default();
        Ok(Read::Whole {
            records,
            rejected,
            epoch: format!("files of {epoch} ms"),
        })
    }

    async fn count(&self, object: &SourceObject) -> Result<u64, Failure> {
        let details = details(object)?;
        let mut records = 0;
        for (file, start) in details.files.iter().zip(&details.starts) {
            let path = files::check(&self.folder, file)?;
            let broken = |error| unreadable(&path, &error);
            let mut scan = Scan::new(&path, self.delimiter, *start).map_err(broken)?;
            while scan.next_end().map_err(broken)?.is_some() {
                records += 1;
            }
        }
        Ok(records)
    }
}

impl CsvSource {
    /// The columns' names, and where the first record begins.
    fn header(&self, path: &Path) -> Result<(Vec<String>, u64), Failure> {
        const MARK: &str = "\u{feff}";
        let invalid = |message: String| {
            Failure::usage("invalid_header", format!("{}: {message}", path.display()))
                .hint("the first line names the columns, in UTF-8, each once")
        };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.delimiter)
            .from_path(path)
            .map_err(|error| invalid(error.to_string()))?;
        let mut header = ByteRecord::new();
        if !reader
            .read_byte_record(&mut header)
            .map_err(|error| invalid(error.to_string()))?
        {
            return Err(invalid("the file is empty".to_owned()));
        }
        let mut names = Vec::new();
        for name in &header {
            let name =
                std::str::from_utf8(name).map_err(|_| invalid("a name is not UTF-8".to_owned()))?;
            let name = name
                .strip_prefix(MARK)
                .filter(|_| names.is_empty())
                .unwrap_or(name);
            if name.is_empty() || names.iter().any(|known| known == name) {
                return Err(invalid(format!(
                    "the name `{name}` is empty or there twice"
                )));
            }
            names.push(name.to_owned());
        }
        Ok((names, reader.position().byte()))
    }

    /// The end of a slice that begins here, and whether it is the file's last.
    fn cut(&self, path: &Path, from: u64, sizing: Sizing) -> Result<(u64, bool), Failure> {
        let broken = |error| unreadable(path, &error);
        let mut scan = Scan::new(path, self.delimiter, from).map_err(broken)?;
        let (mut end, mut records) = (from, 0);
        while let Some(next) = scan.next_end().map_err(broken)? {
            end = next;
            records += 1;
            if records >= sizing.records || end - from >= sizing.bytes as u64 {
                return Ok((end, false));
            }
        }
        Ok((end, true))
    }

    fn by_key(
        &self,
        object: &SourceObject,
        keys: &[String],
    ) -> Result<impl Fn(&ByteRecord) -> bool + use<>, Failure> {
        let columns = object
            .key
            .iter()
            .map(|name| {
                object
                    .schema
                    .index_of(name)
                    .map_err(|error| Failure::bug(error.to_string()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let keys: HashSet<String> = keys.iter().cloned().collect();
        let null = self.null.clone();
        Ok(move |record: &ByteRecord| {
            let parts: Vec<Option<String>> = columns
                .iter()
                .map(|column| {
                    record
                        .get(*column)
                        .map(|value| String::from_utf8_lossy(value).into_owned())
                })
                .map(|part| part.filter(|text| *text != null))
                .collect();
            let text = match parts.as_slice() {
                [Some(single)] => single.clone(),
                [None] => "null".to_owned(),
                _ => serde_json::Value::from(parts).to_string(),
            };
            keys.contains(&text)
        })
    }
}

fn column(schema: &Schema, name: &str) -> Result<String, Failure> {
    let names = || schema.fields().iter().map(|field| field.name());
    names()
        .find(|column| *column == name)
        .or_else(|| names().find(|column| column.to_lowercase() == name.to_lowercase()))
        .cloned()
        .ok_or_else(|| {
            let known: Vec<_> = names().cloned().collect();
            Failure::usage(
                "unknown_column",
                format!("the files have no column `{name}`"),
            )
            .hint(format!("there are: {}", known.join(", ")))
        })
}

/// Two ranges that tile the one that was too big.
fn halves(starts: &[u64], file: usize, to: u64) -> Vec<Slice> {
    let middle = starts[starts.len() / 2];
    [(starts[0], middle), (middle, to)]
        .into_iter()
        .map(|(from, to)| slice(&Part::Range { file, from, to }))
        .collect()
}

fn slice(part: &Part) -> Slice {
    Slice(json!(part))
}

fn details(object: &SourceObject) -> Result<Details, Failure> {
    readable(&object.details)
}

fn readable<T: for<'de> Deserialize<'de>>(value: &serde_json::Value) -> Result<T, Failure> {
    T::deserialize(value)
        .map_err(|error| Failure::bug(format!("a plan of files can't be read: {error}")))
}

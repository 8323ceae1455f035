//! CSV files as a source.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use connector::{Catalogue, Read, Sizing, Source, SourceObject, Split};
use csv::ByteRecord;
use model::migration::{CsvSettings, From, Object};
use model::{Failure, Slice};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::catalogue;
use crate::files::{self, FileFacts};
use crate::header;
use crate::parse::Parsed;
use crate::scan::{Place, Scan};

/// Slices cut in one call at most: cutting reads through the file.
const CUT_AT_ONCE: usize = 16;
/// Bytes of a look at the first records.
const LOOK: usize = 16 << 20;
/// Records from whose length the number of all is guessed.
const LOOKED_AT: u64 = 200;

/// A folder of CSV files.
pub fn csv_source(name: &str, settings: &CsvSettings) -> Result<Arc<dyn Source>, Failure> {
    let delimiter = u8::try_from(settings.delimiter)
        .ok()
        .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0))
        .ok_or_else(|| {
            Failure::usage(
                "invalid_delimiter",
                format!("{:?} can't separate columns", settings.delimiter),
            )
            .connection(name)
            .hint("name one ASCII character, such as `;` or \"\\t\"")
        })?;
    Ok(Arc::new(CsvSource {
        folder: settings.folder.clone(),
        delimiter,
        null: settings.null.clone(),
    }))
}

#[derive(Clone)]
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
    starts: Vec<Place>,
}

/// A part of one file, or the records of some keys wherever they are.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Part {
    Range { file: usize, from: Place, to: u64 },
    Keys { keys: Vec<String> },
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    file: usize,
    at: Place,
}

#[async_trait]
impl Source for CsvSource {
    async fn describe(&self, object: &Object) -> Result<SourceObject, Failure> {
        let (source, object) = (self.clone(), object.clone());
        aside(move || source.describe(&object)).await
    }

    async fn split(
        &self,
        object: &SourceObject,
        cursor: Option<&serde_json::Value>,
        sizing: Sizing,
    ) -> Result<Split, Failure> {
        let (source, object, cursor) = (self.clone(), object.clone(), cursor.cloned());
        aside(move || source.split(&object, cursor, sizing)).await
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
        let (source, object, slice) = (self.clone(), object.clone(), slice.clone());
        aside(move || source.read(&object, &slice, budget)).await
    }

    async fn count(&self, object: &SourceObject) -> Result<u64, Failure> {
        let (source, object) = (self.clone(), object.clone());
        aside(move || source.count(&object)).await
    }

    async fn first(
        &self,
        object: &SourceObject,
        most: u64,
    ) -> Result<Option<RecordBatch>, Failure> {
        let (source, object) = (self.clone(), object.clone());
        aside(move || source.first(&object, most)).await
    }

    async fn catalogue(&self, only: &[String]) -> Result<Catalogue, Failure> {
        let (source, only) = (self.clone(), only.to_vec());
        aside(move || catalogue::catalogue(&source.folder, source.delimiter, &only)).await
    }
}

/// Files are read where nobody waits for the thread.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::bug("reading a file panicked; the log has the place"))?
}

impl CsvSource {
    fn describe(&self, object: &Object) -> Result<SourceObject, Failure> {
        let From::File(pattern) = &object.from else {
            return Err(Failure::usage("not_a_file", "a csv connection reads files")
                .hint("write `from: { file: \"…\" }`"));
        };
        let files = files::find(&self.folder, pattern)?;
        let mut header: Option<Vec<String>> = None;
        let mut starts: Vec<Place> = Vec::new();
        for file in &files {
            let (names, start) = header::read(&self.folder.join(&file.name), self.delimiter)?;
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
            // The migration file itself refuses it for files.
            chunk_by: Vec::new(),
            key_is_unique: false,
            estimated_records: self.estimate(&files, &starts)?,
            details: json!(Details { files, starts }),
        })
    }

    fn split(
        &self,
        object: &SourceObject,
        cursor: Option<serde_json::Value>,
        sizing: Sizing,
    ) -> Result<Split, Failure> {
        let details = details(object)?;
        let mut cursor: Cursor = match cursor {
            Some(cursor) => readable(&cursor)?,
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
            if end != cursor.at {
                slices.push(slice(&Part::Range {
                    file: cursor.file,
                    from: cursor.at,
                    to: end.byte,
                }));
            }
            cursor.at = end;
            if last {
                cursor.file += 1;
                cursor.at = match details.starts.get(cursor.file) {
                    Some(start) => *start,
                    None => break,
                };
            }
        }
        Ok(Split {
            slices,
            cursor: None,
        })
    }

    fn read(&self, object: &SourceObject, slice: &Slice, budget: usize) -> Result<Read, Failure> {
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

    fn count(&self, object: &SourceObject) -> Result<u64, Failure> {
        let details = details(object)?;
        let mut records = 0;
        for (file, start) in details.files.iter().zip(&details.starts) {
            let path = files::check(&self.folder, file)?;
            let mut scan = Scan::new(&path, self.delimiter, *start)?;
            while scan.next_end()?.is_some() {
                records += 1;
            }
        }
        Ok(records)
    }

    /// Of the first file alone.
    fn first(&self, object: &SourceObject, most: u64) -> Result<Option<RecordBatch>, Failure> {
        let details = details(object)?;
        let (Some(facts), Some(start)) = (details.files.first(), details.starts.first()) else {
            return Ok(None);
        };
        let sizing = Sizing {
            records: most,
            bytes: LOOK,
            slices: 1,
        };
        let path = files::check(&self.folder, facts)?;
        let (end, _) = self.cut(&path, *start, sizing)?;
        let mut parsed = Parsed::new(object.schema.clone(), &self.null);
        parsed.read(&path, self.delimiter, (*start, end.byte), &|_| true)?;
        Ok(Some(parsed.finish()?.0))
    }

    /// A guess from the length of the first records.
    fn estimate(&self, files: &[FileFacts], starts: &[Place]) -> Result<Option<u64>, Failure> {
        let (Some(file), Some(start)) = (files.first(), starts.first()) else {
            return Ok(None);
        };
        let mut scan = Scan::new(&self.folder.join(&file.name), self.delimiter, *start)?;
        let (mut records, mut end) = (0, *start);
        while let Some(next) = scan.next_end()? {
            (records, end) = (records + 1, next);
            if records == LOOKED_AT {
                break;
            }
        }
        let all: u64 = files.iter().map(|file| file.bytes).sum();
        Ok((records > 0).then(|| all * records / (end.byte - start.byte).max(1)))
    }

    /// The end of a slice that begins here, and whether it is the file's last.
    fn cut(&self, path: &Path, from: Place, sizing: Sizing) -> Result<(Place, bool), Failure> {
        let mut scan = Scan::new(path, self.delimiter, from)?;
        let (mut end, mut records) = (from, 0);
        while let Some(next) = scan.next_end()? {
            end = next;
            records += 1;
            if records >= sizing.records || end.byte - from.byte >= sizing.bytes as u64 {
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
fn halves(starts: &[Place], file: usize, to: u64) -> Vec<Slice> {
    let middle = starts[starts.len() / 2];
    [(starts[0], middle.byte), (middle, to)]
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

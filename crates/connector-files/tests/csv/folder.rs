//! A folder of files for each test, and the little that reading them needs.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use connector::{Read, Sizing, Source, SourceObject};
use model::migration::{CsvSettings, Object};
use model::{Failure, Slice};
use rand::Rng;
use record::Refusal;

/// Enough for any slice of these tests.
pub(crate) const AMPLE: usize = 64 << 20;

pub(crate) struct Folder {
    folder: tempfile::TempDir,
    pub(crate) delimiter: char,
    pub(crate) null: String,
}

/// A record as its fields; none for null.
pub(crate) type Fields = Vec<Option<String>>;

/// Everything that was read of an object.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<Fields>,
    pub(crate) rejected: Vec<Refusal>,
    /// How often a slice proved too big.
    pub(crate) cut: usize,
}

impl Folder {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self {
            folder: tempfile::tempdir().unwrap(),
            delimiter: ',',
            null: String::new(),
        };
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn source(&self) -> Result<Arc<dyn Source>, Failure> {
        let settings = CsvSettings {
            folder: self.folder.path().to_owned(),
            delimiter: self.delimiter,
            null: self.null.clone(),
        };
        connector_files::csv_source("files", &settings)
    }

    pub(crate) async fn describe(
        &self,
        pattern: &str,
        key: &[&str],
    ) -> Result<SourceObject, Failure> {
        let object: Object = serde_json::from_value(serde_json::json!({
            "name": "things", "from": { "file": pattern }, "key": key, "to": "things"
        }))
        .unwrap();
        self.source()?.describe(&object).await
    }

    /// Reads all files of a pattern, in one slice each.
    pub(crate) async fn read(&self, pattern: &str) -> Result<Found, Failure> {
        let described = self.describe(pattern, &[]).await?;
        let slices = self.plan(&described, u64::MAX).await?;
        self.read_slices(&described, slices, AMPLE).await
    }

    /// Plans by a planner that dies at random before its cursor is stored, and is followed by another.
    pub(crate) async fn plan(
        &self,
        described: &SourceObject,
        records: u64,
    ) -> Result<Vec<Slice>, Failure> {
        let (mut slices, mut cursor) = (Vec::new(), None);
        loop {
            let (dies, records, wanted) = {
                let mut rng = rand::rng();
                let records = rng.random_range(records.div_ceil(2)..=records);
                (rng.random_bool(0.3), records, rng.random_range(1..5))
            };
            let sizing = Sizing {
                records,
                bytes: usize::MAX,
                slices: wanted,
            };
            let source = self.source()?;
            let split = source.split(described, cursor.as_ref(), sizing).await?;
            assert!(split.slices.len() <= wanted);
            if dies {
                continue;
            }
            slices.extend(split.slices);
            match split.cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(slices),
            }
        }
    }

    /// Reads slices, and the parts of those that prove too big.
    pub(crate) async fn read_slices(
        &self,
        described: &SourceObject,
        slices: Vec<Slice>,
        budget: usize,
    ) -> Result<Found, Failure> {
        let (source, mut slices) = (self.source()?, VecDeque::from(slices));
        let mut found = Found::default();
        while let Some(slice) = slices.pop_front() {
            match source.read(described, &slice, budget).await? {
                Read::TooBig(parts) => {
                    found.cut += 1;
                    slices.extend(parts);
                }
                Read::Whole {
                    records, rejected, ..
                } => {
                    assert_eq!(records.schema(), described.schema);
                    let columns: Vec<_> = records
                        .columns()
                        .iter()
                        .map(|column| column.as_string::<i32>())
                        .collect();
                    let text = |row: usize, column: &arrow::array::StringArray| {
                        column.is_valid(row).then(|| column.value(row).to_owned())
                    };
                    found.records.extend(
                        (0..records.num_rows())
                            .map(|row| columns.iter().map(|column| text(row, column)).collect()),
                    );
                    found.rejected.extend(rejected);
                }
            }
        }
        Ok(found)
    }
}

/// Fields of which none is null.
pub(crate) fn fields(values: &[&str]) -> Fields {
    values
        .iter()
        .map(|value| Some((*value).to_owned()))
        .collect()
}

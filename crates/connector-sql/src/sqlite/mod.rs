//! SQLite as a source: a file, read in read-only transactions, split by key ranges.

mod along;
mod catalogue;
mod cut;
mod database;
mod describe;
mod details;
mod failure;
mod kind;
mod moment;
mod predicate;
mod put;
mod read;
mod sample;
mod split;
mod value;
mod walk;

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use connector::{Catalogue, Read, Sizing, Source, SourceObject, Split};
use model::migration::{Object, SqlSettings};
use model::{Failure, Finding, Slice};

use crate::split::{KeySlice, LOOK, keys_slice, without_index};
use database::Database;
use details::Details;

/// A SQLite file to read from; `name` is the connection's, for errors.
///
/// The file is opened when first needed, read-only, and with it its write-ahead log if it has one; others may write to it meanwhile. Fails when the
/// url can't be understood. Later calls fail with `unreachable` (the run pauses) when the file is missing or may not be read.
pub fn sqlite_source(name: &str, settings: &SqlSettings) -> Result<Arc<dyn Source>, Failure> {
    Ok(Arc::new(SqliteSource {
        name: name.to_owned(),
        database: Database::new(name, settings)?,
    }))
}

struct SqliteSource {
    name: String,
    database: Database,
}

impl SqliteSource {
    /// Completes a failure's place.
    fn placed<T>(&self, object: &Object, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| failure.object(&object.name).connection(&self.name))
    }

    async fn counted(&self, object: &SourceObject) -> Result<u64, Failure> {
        let details = Details::of(object)?;
        let mut session = self.database.begin().await?;
        let sql = format!("select count(*) from {} q", details.relation);
        let count = session.integer(&sql).await?;
        count
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| Failure::bug("a count is not a number"))
    }
}

#[async_trait]
impl Source for SqliteSource {
    async fn describe(&self, object: &Object) -> Result<SourceObject, Failure> {
        self.placed(object, describe::describe(&self.database, object).await)
    }

    fn inspect(&self, object: &SourceObject) -> Vec<Finding> {
        match Details::of(object) {
            Ok(details) if details.table && !details.indexed => without_index(object),
            _ => None,
        }
        .into_iter()
        .collect()
    }

    async fn catalogue(&self, only: &[String]) -> Result<Catalogue, Failure> {
        let found = catalogue::catalogue(&self.database, only).await;
        found.map_err(|failure| failure.connection(&self.name))
    }

    async fn split(
        &self,
        object: &SourceObject,
        cursor: Option<&serde_json::Value>,
        sizing: Sizing,
    ) -> Result<Split, Failure> {
        let split = split::split(&self.database, object, cursor, sizing).await;
        self.placed(&object.object, split)
    }

    fn slice_of_keys(&self, object: &SourceObject, keys: &[String]) -> Result<Slice, Failure> {
        let by_row = object.key.is_empty()
            && !keys.is_empty()
            && keys.iter().all(|key| details::row_number(key).is_some());
        let slice = if object.key.is_empty() && !by_row {
            Err(Failure::usage(
                "no_key",
                "records of an object without a key can't be read again one by one",
            )
            .hint("name a `key` in the migration file, or run the whole object again"))
        } else {
            keys_slice(&object.key, keys)
        };
        self.placed(&object.object, slice)
    }

    async fn read(
        &self,
        object: &SourceObject,
        slice: &Slice,
        budget: usize,
    ) -> Result<Read, Failure> {
        let read = read::read(&self.database, object, slice, budget).await;
        self.placed(&object.object, read)
    }

    async fn count(&self, object: &SourceObject) -> Result<u64, Failure> {
        self.placed(&object.object, self.counted(object).await)
    }

    async fn first(
        &self,
        object: &SourceObject,
        most: u64,
    ) -> Result<Option<RecordBatch>, Failure> {
        let first = async {
            let mut details = Details::of(object)?;
            details.relation = format!("(select * from {} limit {most})", details.relation);
            // A part of a table has no row numbers of its own.
            (details.order, details.row_number) = (Vec::new(), None);
            let part = details.in_place_of(object)?;
            let whole = KeySlice::<value::Value>::Whole.slice()?;
            match read::read(&self.database, &part, &whole, LOOK).await? {
                Read::Whole { records, .. } => Ok(Some(records)),
                Read::TooBig(_) => Ok(None),
            }
        };
        self.placed(&object.object, first.await)
    }
}

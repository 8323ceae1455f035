//! PostgreSQL as a source: split by key ranges, read by binary `COPY` in read-only snapshots.

mod along;
mod catalog;
mod catalogue;
mod cut;
mod describe;
mod details;
mod ladder;
mod predicate;
mod read;
mod split;
mod statistics;

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use connector::{Catalogue, Read, Sizing, Source, SourceObject, Split};
use model::migration::{Object, SqlSettings};
use model::{Failure, Finding, Slice};

use super::connections::Connections;
use crate::split::{KeySlice, LOOK, keys_slice, without_index};
use details::Details;

/// A PostgreSQL database to read from; `name` is the connection's, for errors.
///
/// Nothing is opened before it is needed, and then few connections, named `stevedore`, with read-only transactions alone. Fails when the url
/// can't be understood. Later calls fail with `login_refused`, `unknown_database` or `unreachable` (the run pauses) when the server does not let
/// us in, and with a failure to retry when a connection breaks.
pub async fn postgres_source(
    name: &str,
    settings: &SqlSettings,
) -> Result<Arc<dyn Source>, Failure> {
    Ok(Arc::new(PostgresSource {
        name: name.to_owned(),
        connections: Connections::new(name, settings)?,
    }))
}

struct PostgresSource {
    name: String,
    connections: Connections,
}

impl PostgresSource {
    /// Completes a failure's place.
    fn placed<T>(&self, object: &Object, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| failure.object(&object.name).connection(&self.name))
    }
}

#[async_trait]
impl Source for PostgresSource {
    async fn describe(&self, object: &Object) -> Result<SourceObject, Failure> {
        self.placed(object, describe::describe(&self.connections, object).await)
    }

    async fn split(
        &self,
        object: &SourceObject,
        cursor: Option<&serde_json::Value>,
        sizing: Sizing,
    ) -> Result<Split, Failure> {
        let split = split::split(&self.connections, object, cursor, sizing).await;
        self.placed(&object.object, split)
    }

    fn slice_of_keys(&self, object: &SourceObject, keys: &[String]) -> Result<Slice, Failure> {
        let slice = if object.key.is_empty() {
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
        let read = read::read(&self.connections, object, slice, budget).await;
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
            details.relation = format!("(select * from {} s limit {most})", details.relation);
            let part = details.in_place_of(object)?;
            let whole = KeySlice::<String>::Whole.slice()?;
            match read::read(&self.connections, &part, &whole, LOOK).await? {
                Read::Whole { records, .. } => Ok(Some(records)),
                Read::TooBig(_) => Ok(None),
            }
        };
        self.placed(&object.object, first.await)
    }

    fn inspect(&self, object: &SourceObject) -> Vec<Finding> {
        let table = Details::of(object).ok().and_then(|details| details.table);
        match table {
            Some(table) if table.sampled && !table.indexed => without_index(object),
            _ => None,
        }
        .into_iter()
        .collect()
    }

    async fn catalogue(&self, only: &[String]) -> Result<Catalogue, Failure> {
        let found = catalogue::catalogue(&self.connections, only).await;
        found.map_err(|failure| failure.connection(&self.name))
    }
}

impl PostgresSource {
    async fn counted(&self, object: &SourceObject) -> Result<u64, Failure> {
        let details = Details::of(object)?;
        let mut session = self.connections.begin().await?;
        let sql = format!("select count(*)::text from {} q", details.relation);
        let count = session.text(&sql).await?;
        session.end().await?;
        count
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| Failure::bug("a count is not a number"))
    }
}

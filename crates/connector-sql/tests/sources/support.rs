//! What the tests share: a database of their own, objects, and a planner that is killed and resumed.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, Schema};
use connector::{Read, Sizing, Source, SourceObject};
use connector_sql::postgres_source;
use futures::FutureExt;
use model::migration::{Object, SqlSettings};
use model::{Secret, Slice};
use rand::Rng;
use record::Refusal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

pub(crate) fn server() -> String {
    std::env::var("STEVEDORE_TEST_POSTGRES")
        .expect("run `make test`, or set STEVEDORE_TEST_POSTGRES")
}

/// A database of the test's own.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
        connection.close().await.unwrap();
    }

    pub(crate) async fn source(&self) -> Arc<dyn Source> {
        postgres_source("legacy", &settings(&self.url))
            .await
            .unwrap()
    }

    pub(crate) async fn describe(&self, object: &Object) -> SourceObject {
        let described = self.source().await.describe(object).await;
        described.unwrap_or_else(|failure| panic!("{failure} {:?}", failure.hint))
    }
}

pub(crate) fn settings(url: &str) -> SqlSettings {
    SqlSettings {
        url: Secret::new(url),
        schema: None,
    }
}

/// Runs a test in a database of its own, which is dropped whatever becomes of the test.
pub(crate) async fn with_database<F: Future<Output = ()>>(test: impl FnOnce(Arc<Database>) -> F) {
    let server: PgConnectOptions = server().parse().unwrap();
    let name = format!("stevedore_sources_{:016x}", rand::rng().random::<u64>());
    let mut connection = server.connect().await.unwrap();
    let create = format!("create database {name} template template0 encoding 'UTF8'");
    sqlx::raw_sql(AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .unwrap();
    let url = server.clone().database(&name).to_url_lossy().to_string();
    let result = AssertUnwindSafe(test(Arc::new(Database { url })))
        .catch_unwind()
        .await;
    let drop = format!("drop database {name} with (force)");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut connection)
        .await
        .unwrap();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// An object as a migration file has it.
pub(crate) fn object(from: (&str, &str), key: &[&str]) -> Object {
    let from: serde_json::Map<_, _> = [(from.0.to_owned(), from.1.into())].into_iter().collect();
    serde_json::from_value(serde_json::json!({
        "name": "things", "from": from, "key": key, "to": "things"
    }))
    .unwrap()
}

/// Plans an object by a planner that dies at random, now before and now after its cursor is stored, and is followed by another.
pub(crate) async fn plan(
    source: &Arc<dyn Source>,
    object: &SourceObject,
    records: u64,
) -> Vec<Slice> {
    let mut slices = vec![];
    let mut cursor: Option<serde_json::Value> = None;
    for _ in 0..100_000 {
        let (wanted, records, dies) = {
            let mut rng = rand::rng();
            let records = rng.random_range(records.div_ceil(2)..=records * 2);
            (rng.random_range(1..9), records, rng.random_bool(0.3))
        };
        let sizing = Sizing {
            records,
            bytes: usize::MAX,
            slices: wanted,
        };
        let split = source.split(object, cursor.as_ref(), sizing).await.unwrap();
        assert!(!split.slices.is_empty() && split.slices.len() <= wanted);
        if dies {
            continue;
        }
        slices.extend(split.slices.iter().map(stored));
        cursor = split
            .cursor
            .map(|cursor| serde_json::from_str(&cursor.to_string()).unwrap());
        if cursor.is_none() {
            return slices;
        }
    }
    panic!("planning does not end");
}

fn stored(slice: &Slice) -> Slice {
    serde_json::from_str(&serde_json::to_string(slice).unwrap()).unwrap()
}

/// What reading all slices gave.
#[derive(Default)]
pub(crate) struct All {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) rejected: Vec<Refusal>,
    /// Slices that proved too big.
    pub(crate) cut: usize,
}

impl All {
    /// The values of the column `n`, sorted, those of rejected records included.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        let mut numbers: Vec<i64> = self
            .batches
            .iter()
            .flat_map(|batch| {
                let column = batch.column_by_name("n").unwrap();
                let column =
                    arrow::compute::cast(column, &arrow::datatypes::DataType::Int64).unwrap();
                column.as_primitive::<Int64Type>().values().to_vec()
            })
            .chain(
                self.rejected
                    .iter()
                    .map(|refusal| refusal.data["n"].as_i64().unwrap()),
            )
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Reads slices, and what they are cut into.
pub(crate) async fn read(
    source: &Arc<dyn Source>,
    object: &SourceObject,
    slices: Vec<Slice>,
    budget: usize,
) -> All {
    let mut all = All::default();
    let mut left = slices;
    while let Some(slice) = left.pop() {
        let read = source.read(object, &slice, budget).await;
        match read.unwrap_or_else(|failure| panic!("{failure} reading {slice:?}")) {
            Read::Whole {
                records,
                rejected,
                epoch,
            } => {
                assert!(!epoch.is_empty());
                assert_eq!(records.schema().fields(), object.schema.fields());
                all.batches.push(records);
                all.rejected.extend(rejected);
            }
            Read::TooBig(parts) => {
                assert!(parts.len() > 1, "{slice:?}");
                all.cut += 1;
                left.extend(parts.iter().map(stored));
            }
        }
    }
    all
}

/// The texts of a column in the order of reading.
pub(crate) fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    record::key_values(batch, column).unwrap()
}

pub(crate) fn type_of(schema: &Schema, column: &str) -> arrow::datatypes::DataType {
    schema.field_with_name(column).unwrap().data_type().clone()
}

/// A SQLite file of the test's own; it goes with its folder.
pub(crate) struct File {
    _folder: tempfile::TempDir,
    pub(crate) url: String,
}

impl File {
    pub(crate) async fn new(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("legacy.db");
        let file = Self {
            url: format!("sqlite://{}", path.display()),
            _folder: folder,
        };
        file.run(sql).await;
        file
    }

    pub(crate) async fn run(&self, sql: &str) {
        let url = format!("{}?mode=rwc", self.url);
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
        connection.close().await.unwrap();
    }

    pub(crate) fn source(&self) -> Arc<dyn Source> {
        connector_sql::sqlite_source("legacy", &settings(&self.url)).unwrap()
    }

    pub(crate) async fn describe(&self, object: &Object) -> SourceObject {
        let described = self.source().describe(object).await;
        described.unwrap_or_else(|failure| panic!("{failure} {:?}", failure.hint))
    }
}

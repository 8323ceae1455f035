//! A database of its own for each test, and the little that a load needs around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use connector::{Claim, LoadPlan, Loaded, OpenGate, Target, Writing};
use model::migration::{Operation, SqlSettings};
use model::{Attempt, ChunkNumber, ChunkRef, Failure, Pass, RunId, Secret};
use record::{Journey, Outcome, Payload, meta};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Dropped, it drops the database.
pub(crate) struct Database {
    server: String,
    name: String,
    pub(crate) target: Arc<dyn Target>,
}

impl Database {
    pub(crate) async fn new(sql: &str) -> Self {
        let server = std::env::var("STEVEDORE_TEST_POSTGRES")
            .expect("run `make test`, or set STEVEDORE_TEST_POSTGRES");
        let name = format!("target_{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(&server).await.expect("the server");
        let create = format!("create database {name}");
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut connection)
            .await
            .expect("created");
        let url = format!("{}/{name}", server.rsplit_once('/').expect("a url").0);
        let settings = SqlSettings {
            url: Secret::new(url),
            schema: None,
        };
        let target = connector_sql::postgres_target("target", &settings)
            .await
            .expect("a target");
        let database = Self {
            server,
            name,
            target,
        };
        database.run(sql).await;
        database
    }

    async fn connect(&self) -> PgConnection {
        let url = format!(
            "{}/{}",
            self.server.rsplit_once('/').expect("a url").0,
            self.name
        );
        PgConnection::connect(&url).await.expect("the database")
    }

    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .expect(sql);
    }

    /// Locks a table for as long as the connection is held.
    pub(crate) async fn lock(&self, table: &str) -> PgConnection {
        let mut connection = self.connect().await;
        let sql = format!("begin; lock table {table} in access exclusive mode");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .expect("locked");
        connection
    }

    /// Waits until a query says yes.
    pub(crate) async fn until(&self, sql: &'static str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut connection = self.connect().await;
        while !sqlx::query_scalar::<_, bool>(sql)
            .fetch_one(&mut connection)
            .await
            .expect(sql)
        {
            assert!(Instant::now() < deadline, "it never came to be: {sql}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every row as text, as a multiset.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        let sql = format!("select t::text from {table} t order by 1");
        let mut connection = self.connect().await;
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .expect("rows")
    }

    pub(crate) async fn plan(
        &self,
        table: &str,
        operation: Operation,
        key: &[&str],
        fields: &[&str],
    ) -> Result<LoadPlan, Failure> {
        let described = self.target.describe(table).await?;
        let plan = LoadPlan {
            run: RunId::new("r"),
            object: "things".into(),
            to: described.name.clone(),
            operation,
            key: key.iter().map(|key| (*key).to_owned()).collect(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            target: described,
            missing: Vec::new(),
            system: String::new(),
            keeps_ids: false,
        };
        self.target.prepare(&plan).await?;
        Ok(plan)
    }

    pub(crate) async fn load(
        &self,
        plan: &LoadPlan,
        claim: &Claim,
        batch: RecordBatch,
    ) -> Result<Loaded, Failure> {
        let Writing::Transactions(transactions) = self.target.writing() else {
            panic!("transactions")
        };
        transactions
            .load(plan, claim, payload(batch), &OpenGate)
            .await
    }

    /// Loads a chunk that nobody has claimed.
    pub(crate) async fn written(&self, plan: &LoadPlan, chunk: i64, batch: RecordBatch) -> Outcome {
        match self.load(plan, &claim(chunk, 1, &[]), batch).await {
            Ok(Loaded::Written(outcome)) => {
                assert!(outcome.books().balanced(), "{outcome:?}");
                outcome
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await.expect("the server");
                let sql = format!("drop database if exists {name} with (force)");
                let _ = sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut connection)
                    .await;
            });
        });
        let _ = dropped.join();
    }
}

pub(crate) fn claim(chunk: i64, attempt: i64, ancestors: &[i64]) -> Claim {
    Claim {
        chunk: ChunkRef {
            run: RunId::new("r"),
            object: "things".into(),
            chunk: ChunkNumber(chunk),
        },
        attempt: Attempt(attempt),
        ancestors: ancestors
            .iter()
            .map(|ancestor| ChunkNumber(*ancestor))
            .collect(),
    }
}

pub(crate) fn payload(records: RecordBatch) -> Payload {
    Payload {
        journey: Journey {
            pass: Pass::Records,
            ancestors: vec![],
            started_at: chrono::DateTime::from_timestamp(0, 0).expect("a time"),
            read_epoch: "1".into(),
            extracted: records.num_rows() as u64,
            transformed: records.num_rows() as u64,
            bytes: 0,
            source_checksum: String::new(),
            file: None,
        },
        records,
        rivals: None,
        refusals: vec![],
        changes: vec![],
    }
}

/// Mapped columns with their source keys, which are the rows' numbers.
pub(crate) fn mapped(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let rows = columns[0].1.len();
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..rows).map(|row| row.to_string()),
    ));
    let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    fields.push(Field::new(meta::KEY_COLUMN, DataType::Utf8, false));
    arrays.push(keys);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a batch")
}

/// Columns `id` and `name`.
pub(crate) fn things(rows: &[(Option<i64>, Option<&str>)]) -> RecordBatch {
    let ids: Int64Array = rows.iter().map(|row| row.0).collect();
    let names: StringArray = rows.iter().map(|row| row.1).collect();
    mapped(vec![
        (Field::new("id", DataType::Int64, true), Arc::new(ids)),
        (Field::new("name", DataType::Utf8, true), Arc::new(names)),
    ])
}

//! PostgreSQL as a target: one transaction per chunk holds claim, writes and outcome.

mod apply;
mod before;
mod claim;
mod column;
mod describe;
mod fence;
mod held;
mod ids;
mod inspect;
mod lacking;
mod load;
mod missing;
mod prepare;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use connector::{
    Claim, CountScope, Gate, Held, Intent, LoadPlan, Loaded, Pace, Target, TargetObject,
    Transactions, Writing,
};
use model::migration::SqlSettings;
use model::{Failure, Finding};
use record::Payload;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Postgres, Row};

use super::{failure, quote};

/// Connections of one process to one target.
const MOST: u32 = 8;
const CONNECTING: Duration = Duration::from_secs(10);

/// A PostgreSQL database that is written. Nothing is opened yet.
pub async fn postgres_target(
    name: &str,
    settings: &SqlSettings,
) -> Result<Arc<dyn Target>, Failure> {
    // The reason is not told: it could quote a part of the url, and the url holds the password.
    let options: PgConnectOptions = settings.url.expose().parse().map_err(|_| {
        Failure::usage("invalid_url", "the connection's url can't be understood")
            .connection(name)
            .hint("the form is postgres://user:password@host:port/database; write special characters of the password as %XX")
    })?;
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let pool = PgPoolOptions::new()
        .max_connections(MOST)
        .acquire_timeout(CONNECTING)
        .connect_lazy_with(options.application_name("stevedore"));
    Ok(Arc::new(PostgresTarget {
        name: name.to_owned(),
        place,
        schema: settings.schema.clone(),
        pool,
    }))
}

pub(super) struct PostgresTarget {
    name: String,
    place: String,
    /// Where names without a schema are looked up, in place of the database's own search path.
    schema: Option<String>,
    pool: PgPool,
}

/// The cluster's own number, and the database's within it.
const IDENTITY: &str = "select (select system_identifier from pg_control_system()) || '/' || oid from pg_database where datname = current_database()";

type Transaction = sqlx::Transaction<'static, Postgres>;

impl PostgresTarget {
    async fn begin(&self) -> Result<Transaction, Failure> {
        let mut transaction = self.pool.begin().await.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => {
                failure::unreachable(&self.place, "no connection came about in time")
                    .connection(&self.name)
            }
            error => failure::while_connecting(&error, &self.name, &self.place),
        })?;
        // Text is parsed and shown in one way, whatever the database is set to. We are never idle for long: a loader that is does not hold its locks for ever.
        let settings = "set local datestyle = 'ISO, MDY'; set local timezone = 'UTC'; set local intervalstyle = 'postgres'; \
                        set local lock_timeout = '60s'; set local idle_in_transaction_session_timeout = '5min';";
        self.run(&mut transaction, settings).await?;
        Ok(transaction)
    }

    /// Runs statements of ours.
    async fn run(&self, transaction: &mut Transaction, sql: &str) -> Result<(), Failure> {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        Ok(())
    }

    /// What a query of ours, which takes no values, answers.
    async fn rows(
        &self,
        transaction: &mut Transaction,
        sql: String,
    ) -> Result<Vec<PgRow>, Failure> {
        sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &sqlx::Error) -> Failure {
        failure::failure(error, &self.name)
    }

    /// The name as SQL, of `schema.table` as `describe` wrote it.
    fn quoted(table: &str) -> String {
        match table.split_once('.') {
            Some((schema, table)) => format!("{}.{}", quote::name(schema), quote::name(table)),
            None => quote::name(table),
        }
    }
}

#[async_trait]
impl Target for PostgresTarget {
    async fn describe(&self, to: &str) -> Result<TargetObject, Failure> {
        let mut transaction = self.begin().await?;
        self.describe_table(&mut transaction, to).await
    }

    async fn check(&self, plan: &LoadPlan) -> Result<(), Failure> {
        self.check_plan(plan)
    }

    async fn prepare(&self, plan: &LoadPlan) -> Result<(), Failure> {
        self.check_plan(plan)?;
        self.make_claims(plan).await
    }

    async fn held(&self, to: &str, keys: &RecordBatch) -> Result<Held, Failure> {
        self.held_keys(to, keys).await
    }

    async fn catalogue(&self) -> Result<Vec<String>, Failure> {
        let mut transaction = self.begin().await?;
        self.list_tables(&mut transaction).await
    }

    fn lacking(
        &self,
        plan: &LoadPlan,
        records: &RecordBatch,
        _new: &[bool],
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        Ok(lacking::lacking(plan, records))
    }

    fn writing(&self) -> Writing<'_> {
        Writing::Transactions(self)
    }

    async fn identity(&self) -> Result<String, Failure> {
        let mut transaction = self.begin().await?;
        sqlx::query_scalar(IDENTITY)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| self.failure(&error))
    }

    async fn count(&self, to: &str, scope: &CountScope) -> Result<u64, Failure> {
        let mut transaction = self.begin().await?;
        let mut sql = format!("select count(*) from {}", Self::quoted(to));
        if let CountScope::Stamped { field, value } = scope {
            sql += &format!(
                " where {}::text = {}",
                quote::name(field),
                quote::text(value)
            );
        }
        let row = sqlx::query(AssertSqlSafe(sql))
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| self.failure(&error))?;
        let count: i64 = row.try_get(0).map_err(|error| self.failure(&error))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    fn pace(&self) -> Pace {
        before::pace()
    }

    fn lasting(&self, plan: &LoadPlan) -> Vec<String> {
        before::lasting(plan)
    }

    async fn inspect(&self, intents: &[Intent]) -> Vec<Finding> {
        self.look(intents).await
    }
}

#[async_trait]
impl Transactions for PostgresTarget {
    async fn load(
        &self,
        plan: &LoadPlan,
        claim: &Claim,
        payload: Payload,
        gate: &dyn Gate,
    ) -> Result<Loaded, Failure> {
        self.load_chunk(plan, claim, payload, gate).await
    }

    fn unwritable(
        &self,
        plan: &LoadPlan,
        records: &RecordBatch,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        load::unwritable(plan, records)
    }
}

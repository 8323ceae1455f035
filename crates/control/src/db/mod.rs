//! One face for two engines: statements, transactions and rows of PostgreSQL and SQLite.
//! SQL is written once, in what both understand; `dialect` holds the few words that differ.

mod arg;
mod connect;
mod dialect;
mod row;
mod text;

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub(crate) use arg::{Arg, args};
pub(crate) use dialect::Engine;
pub(crate) use row::Row;

use crate::{Error, Result, Term};

/// No statement of ours takes this long on a database that works.
const DEADLINE: Duration = Duration::from_secs(20);

/// How many parameters one statement takes at most; SQLite allows 32,766, PostgreSQL 65,535.
const PARAMETERS: usize = 8_000;

#[derive(Clone)]
pub(crate) enum Db {
    Postgres(PgPool),
    Sqlite(SqliteDb),
}

/// SQLite has one writer at a time; ours queue for their turn instead of trying again and again. Reads go on beside it.
#[derive(Clone)]
pub(crate) struct SqliteDb {
    reads: SqlitePool,
    /// One connection: what it commits is on the disk.
    writes: SqlitePool,
    /// One connection: what it commits outlives the process, and is on the disk with the next commit of `writes`.
    marks: SqlitePool,
    turn: Arc<Mutex<()>>,
}

impl Db {
    /// Rows of a statement that changes nothing.
    pub(crate) async fn read(&self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>> {
        match self {
            Self::Postgres(_) => self.write(sql, args).await,
            Self::Sqlite(db) => fetch_sqlite(&db.reads, sql, args, true).await,
        }
    }

    /// The row of a statement that changes nothing and gives one at most.
    pub(crate) async fn read_one(&self, sql: &str, args: Vec<Arg>) -> Result<Option<Row>> {
        Ok(self.read(sql, args).await?.into_iter().next())
    }

    /// Rows that a changing statement returns. It is a transaction of its own.
    pub(crate) async fn write(&self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>> {
        match self {
            Self::Postgres(pool) => fetch_postgres(pool, sql, args, true).await,
            Self::Sqlite(db) => {
                let _turn = db.turn().await?;
                fetch_sqlite(&db.writes, sql, args, true).await
            }
        }
    }

    /// The number of rows that a changing statement concerned. It is a transaction of its own.
    pub(crate) async fn execute(&self, sql: &str, args: Vec<Arg>) -> Result<u64> {
        match self {
            Self::Postgres(pool) => execute_postgres(pool, sql, args).await,
            Self::Sqlite(db) => {
                let _turn = db.turn().await?;
                execute_sqlite(&db.writes, sql, args).await
            }
        }
    }

    /// As `execute`, for what only tells who is alive. A crash of the process loses nothing of it; one of the machine may, of that which no
    /// other write has followed, and there nobody is alive: so it does not wait for the disk.
    pub(crate) async fn mark(&self, sql: &str, args: Vec<Arg>) -> Result<u64> {
        match self {
            Self::Postgres(pool) => execute_postgres(pool, sql, args).await,
            Self::Sqlite(db) => {
                let _turn = db.turn().await?;
                execute_sqlite(&db.marks, sql, args).await
            }
        }
    }

    /// Begins a transaction that is rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Postgres(pool) => Tx::Postgres(in_time(pool.begin()).await?),
            Self::Sqlite(db) => {
                let turn = db.turn().await?;
                Tx::Sqlite(
                    in_time(db.writes.begin_with("begin immediate")).await?,
                    turn,
                )
            }
        })
    }

    /// Begins a transaction in which `term` is the leader's, to its end.
    pub(crate) async fn begin_as(&self, term: Term) -> Result<Tx> {
        let mut tx = self.begin().await?;
        if tx
            .fetch("select 1 as leads where {leads}", args![term])
            .await?
            .is_empty()
        {
            return Err(Error::Deposed(term));
        }
        Ok(tx)
    }

    /// Runs one statement under a term: it has the term as parameter 1 and `{leads}` among its conditions. If it returns no row,
    /// that is because of its other conditions; a deposed leader gets `Error::Deposed`.
    pub(crate) async fn write_as(&self, term: Term, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>> {
        let rows = self.write(sql, args).await?;
        // Terms only rise: whoever leads now led when the statement ran.
        if rows.is_empty()
            && self
                .read(
                    "select 1 as leads from leadership where term = $1",
                    args![term],
                )
                .await?
                .is_empty()
        {
            return Err(Error::Deposed(term));
        }
        Ok(rows)
    }
}

/// An open transaction. Dropped without `commit`, it has changed nothing.
pub(crate) enum Tx {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>, OwnedMutexGuard<()>),
}

impl SqliteDb {
    /// Waits for the turn to write, which lasts until what this gives is dropped.
    async fn turn(&self) -> Result<OwnedMutexGuard<()>> {
        let turn = Arc::clone(&self.turn).lock_owned();
        let turn = tokio::time::timeout(DEADLINE, turn).await;
        turn.map_err(|_| Error::Silent(DEADLINE))
    }
}

impl Tx {
    pub(crate) async fn fetch(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>> {
        self.fetch_with(sql, args, true).await
    }

    pub(crate) async fn fetch_one(&mut self, sql: &str, args: Vec<Arg>) -> Result<Option<Row>> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    /// For a statement whose text varies: it is not kept prepared, where it would push others out.
    pub(crate) async fn fetch_once(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>> {
        self.fetch_with(sql, args, false).await
    }

    async fn fetch_with(&mut self, sql: &str, args: Vec<Arg>, keep: bool) -> Result<Vec<Row>> {
        match self {
            Self::Postgres(tx) => fetch_postgres(&mut **tx, sql, args, keep).await,
            Self::Sqlite(tx, _) => fetch_sqlite(&mut **tx, sql, args, keep).await,
        }
    }

    pub(crate) async fn execute(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64> {
        in_time(self.run(sql, args, true)).await
    }

    /// For the rare statement that walks a whole object's rows.
    pub(crate) async fn execute_long(&mut self, sql: &str, args: Vec<Arg>) -> Result<u64> {
        self.run(sql, args, true).await
    }

    async fn run(&mut self, sql: &str, args: Vec<Arg>, keep: bool) -> Result<u64> {
        match self {
            Self::Postgres(tx) => {
                let sql = AssertSqlSafe(dialect::render(Engine::Postgres, sql));
                let query = sqlx::query_with(sql, arg::postgres(args)?).persistent(keep);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
            Self::Sqlite(tx, _) => {
                let sql = AssertSqlSafe(dialect::render(Engine::Sqlite, sql));
                let query = sqlx::query_with(sql, arg::sqlite(args)?).persistent(keep);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    /// Inserts rows of `columns` values each: `head` is `insert into t (…)`, `tail` what follows the values. Gives the number inserted.
    pub(crate) async fn insert_many(
        &mut self,
        head: &str,
        columns: usize,
        rows: Vec<Vec<Arg>>,
        tail: &str,
    ) -> Result<u64> {
        let per_statement = (PARAMETERS / columns).clamp(1, 500);
        let mut rows = rows.into_iter();
        let mut inserted = 0;
        while rows.len() > 0 {
            let batch: Vec<_> = rows.by_ref().take(per_statement).collect();
            let count = batch.len();
            let numbered = matches!(self, Self::Postgres(_));
            let mut parameter = 0;
            let mut values = String::with_capacity(count * columns * 6);
            for row in 0..count {
                values.push_str(if row == 0 { "(" } else { ", (" });
                for column in 0..columns {
                    if column > 0 {
                        values.push_str(", ");
                    }
                    if numbered {
                        parameter += 1;
                        let _ = write!(values, "${parameter}");
                    } else {
                        // A parameter with a name is looked for among all names, for each that is bound.
                        values.push('?');
                    }
                }
                values.push(')');
            }
            let sql = format!("{head} values {values} {tail}");
            let args = batch.into_iter().flatten().collect();
            inserted += in_time(self.run(&sql, args, count == per_statement || count == 1)).await?;
        }
        Ok(inserted)
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Postgres(tx) => in_time(tx.commit()).await,
            Self::Sqlite(tx, _turn) => in_time(tx.commit()).await,
        }
    }
}

async fn execute_postgres(pool: &PgPool, sql: &str, args: Vec<Arg>) -> Result<u64> {
    let sql = AssertSqlSafe(dialect::render(Engine::Postgres, sql));
    let query = sqlx::query_with(sql, arg::postgres(args)?);
    Ok(in_time(query.execute(pool)).await?.rows_affected())
}

async fn execute_sqlite(pool: &SqlitePool, sql: &str, args: Vec<Arg>) -> Result<u64> {
    let sql = AssertSqlSafe(dialect::render(Engine::Sqlite, sql));
    let query = sqlx::query_with(sql, arg::sqlite(args)?);
    Ok(in_time(query.execute(pool)).await?.rows_affected())
}

async fn fetch_postgres<'c, E>(on: E, sql: &str, args: Vec<Arg>, keep: bool) -> Result<Vec<Row>>
where
    E: sqlx::Executor<'c, Database = Postgres>,
{
    let sql = AssertSqlSafe(dialect::render(Engine::Postgres, sql));
    let query = sqlx::query_with(sql, arg::postgres(args)?).persistent(keep);
    let rows = in_time(query.fetch_all(on)).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

async fn fetch_sqlite<'c, E>(on: E, sql: &str, args: Vec<Arg>, keep: bool) -> Result<Vec<Row>>
where
    E: sqlx::Executor<'c, Database = Sqlite>,
{
    let sql = AssertSqlSafe(dialect::render(Engine::Sqlite, sql));
    let query = sqlx::query_with(sql, arg::sqlite(args)?).persistent(keep);
    let rows = in_time(query.fetch_all(on)).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

/// A peer that vanished without a word must not hold us for ever.
async fn in_time<T, E: Into<Error>>(
    work: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Error::Silent(DEADLINE)),
    }
}

/// As a statement takes it: whole milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// `$from, $from+1, …`: the parameters of a list of `count` values.
pub(crate) fn list(from: usize, count: usize) -> String {
    let parameters: Vec<_> = (from..from + count).map(|n| format!("${n}")).collect();
    parameters.join(", ")
}

//! The file, opened read-only for one piece of work at a time.
//! Opening costs about a millisecond, so no connection is kept that could hold up a checkpoint of the file's owner.

use std::time::Duration;

use model::Failure;
use model::migration::SqlSettings;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::failure::failure;
use super::value::Value;

/// At the same time, per source and process.
const MOST: usize = 4;
/// How long a writer of the file is waited for.
const BUSY: Duration = Duration::from_secs(30);

pub(super) struct Database {
    name: String,
    options: SqliteConnectOptions,
    schema: Option<String>,
    permits: Semaphore,
}

impl Database {
    pub(super) fn new(name: &str, settings: &SqlSettings) -> Result<Self, Failure> {
        let invalid = |message: &str| {
            Failure::usage("invalid_url", message)
                .connection(name)
                .hint("the form is sqlite:///absolute/path.db")
        };
        let url = settings.url.expose();
        let options: SqliteConnectOptions = url
            .parse()
            .map_err(|_| invalid("the connection's url can't be understood"))?;
        if !url.starts_with("sqlite:") {
            return Err(invalid("the connection's url is not one of a SQLite file"));
        }
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(invalid(
                "a database in memory can't be shared by the services",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            options: options
                .read_only(true)
                .create_if_missing(false)
                .busy_timeout(BUSY),
            schema: settings.schema.clone(),
            permits: Semaphore::new(MOST),
        })
    }

    /// Opens the file and begins a transaction, whose snapshot is taken by its first reading.
    pub(super) async fn begin(&self) -> Result<Session<'_>, Failure> {
        if let Some(schema) = self.schema.as_deref().filter(|schema| *schema != "main") {
            return Err(
                Failure::usage("unknown_schema", format!("there is no schema `{schema}`"))
                    .connection(&self.name)
                    .hint("a SQLite file has one schema, `main`; leave `schema` out"),
            );
        }
        let permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| Failure::bug("the connections are closed"))?;
        let path = self.options.get_filename();
        if !path.is_file() {
            return Err(Failure::pause(
                "unreachable",
                format!("there is no file {}", path.display()),
            )
            .connection(&self.name)
            .hint("check the path in the connection's url, which must be absolute: sqlite:///absolute/path.db"));
        }
        let connection = self
            .options
            .connect()
            .await
            .map_err(|error| failure(&error).connection(&self.name))?;
        let mut session = Session {
            connection,
            _permit: permit,
        };
        session.execute("begin").await?;
        let encoding = session.rows("pragma encoding", &[]).await?;
        let encoding = encoding
            .first()
            .and_then(|row| row.try_get::<String, _>(0).ok());
        if encoding.as_deref() != Some("UTF-8") {
            return Err(Failure::usage(
                "unsupported_encoding",
                format!(
                    "the file holds its text as {}",
                    encoding.unwrap_or_default()
                ),
            )
            .connection(&self.name)
            .hint("make a copy in UTF-8: sqlite3 old.db .dump | sqlite3 new.db"));
        }
        Ok(session)
    }
}

/// An open file in a read-only transaction; it is closed when dropped.
pub(super) struct Session<'a> {
    pub(super) connection: SqliteConnection,
    _permit: SemaphorePermit<'a>,
}

impl Session<'_> {
    pub(super) async fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connection)
            .await
            .map_err(|error| failure(&error))?;
        Ok(())
    }

    pub(super) async fn rows(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<SqliteRow>, Failure> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = value.bind(query);
        }
        query
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| failure(&error))
    }

    /// The rows of a statement, value by value.
    pub(super) async fn values(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<Vec<Option<Value>>>, Failure> {
        let rows = self.rows(sql, values).await?;
        rows.iter()
            .map(|row| {
                (0..row.len())
                    .map(|column| Value::of(row, column))
                    .collect::<Result<_, _>>()
                    .map_err(|error| failure(&error))
            })
            .collect()
    }

    /// The one number that a statement returns.
    pub(super) async fn integer(&mut self, sql: &str) -> Result<Option<i64>, Failure> {
        let rows = self.values(sql, &[]).await?;
        Ok(match rows.first().and_then(|row| row.first()) {
            Some(Some(Value::Integer(value))) => Some(*value),
            _ => None,
        })
    }
}

/// A name, quoted.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

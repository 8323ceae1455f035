//! The few connections that one source holds, opened when first needed and checked before they are used again.
//! A connection that was not handed back in order is closed: nothing half-read is ever read on.

use std::time::Duration;

use model::Failure;
use model::migration::SqlSettings;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::{failure, quote};

/// At the same time, per source and process.
const MOST: usize = 4;
const CONNECTING: Duration = Duration::from_secs(10);
const CHECKING: Duration = Duration::from_secs(5);

/// Read only, one snapshot, and every text form as ours expects it whatever the server's settings.
const BEGIN: &str = "begin isolation level repeatable read read only; \
    set local datestyle = 'ISO, MDY'; set local timezone = 'UTC'; \
    set local intervalstyle = 'postgres'; set local bytea_output = 'hex'; \
    set local extra_float_digits = 2; set local statement_timeout = 0; \
    set local idle_in_transaction_session_timeout = 0;";

pub(crate) struct Connections {
    name: String,
    place: String,
    options: PgConnectOptions,
    schema: Option<String>,
    permits: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

impl Connections {
    /// Nothing is opened yet.
    pub(crate) fn new(name: &str, settings: &SqlSettings) -> Result<Self, Failure> {
        // The reason is not told: it could quote a part of the url, and the url holds the password.
        let invalid = || {
            Failure::usage("invalid_url", "the connection's url can't be understood")
                .connection(name)
                .hint("the form is postgres://user:password@host:port/database; write special characters of the password as %XX")
        };
        let url = settings.url.expose();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(invalid());
        }
        let options: PgConnectOptions = url.parse().map_err(|_| invalid())?;
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        Ok(Self {
            name: name.to_owned(),
            place,
            options: options
                .application_name("stevedore")
                .statement_cache_capacity(0),
            schema: settings.schema.clone(),
            permits: Semaphore::new(MOST),
            idle: Mutex::new(vec![]),
        })
    }

    /// The schema in which names without one are looked up, where the connection sets it.
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Opens a read-only transaction with a snapshot of its own.
    pub(crate) async fn begin(&self) -> Result<Session<'_>, Failure> {
        let permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| Failure::bug("the connections are closed"))?;
        let connection = match self.idle().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut session = Session {
            connections: self,
            connection,
            _permit: permit,
        };
        session.execute(BEGIN).await?;
        if let Some(schema) = &self.schema {
            let path = format!("set local search_path = {}", quote::name(schema));
            session.execute(&path).await?;
        }
        Ok(session)
    }

    pub(crate) fn failure(&self, error: &sqlx::Error) -> Failure {
        failure::failure(error, &self.name)
    }

    async fn idle(&self) -> Option<PgConnection> {
        loop {
            let mut connection = self.idle.lock().await.pop()?;
            if let Ok(Ok(())) = timeout(CHECKING, connection.ping()).await {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        match timeout(CONNECTING, PgConnection::connect_with(&self.options)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(failure::while_connecting(&error, &self.name, &self.place)),
            Err(_) => Err(failure::unreachable(
                &self.place,
                &format!("no answer within {} seconds", CONNECTING.as_secs()),
            )
            .connection(&self.name)),
        }
    }
}

/// A read-only transaction. Dropped without `end`, its connection is closed.
pub(crate) struct Session<'a> {
    connections: &'a Connections,
    pub(crate) connection: PgConnection,
    _permit: SemaphorePermit<'a>,
}

impl Session<'_> {
    /// Hands the connection back for others.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        self.execute("rollback").await?;
        let Self {
            connections,
            connection,
            ..
        } = self;
        connections.idle.lock().await.push(connection);
        Ok(())
    }

    pub(crate) async fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connection)
            .await
            .map_err(|error| self.connections.failure(&error))?;
        Ok(())
    }

    /// All rows of a statement whose columns are text.
    pub(crate) async fn texts(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| self.failure(&error))?;
        rows.iter()
            .map(|row| {
                (0..row.len())
                    .map(|column| row.try_get_unchecked(column))
                    .collect::<Result<_, _>>()
                    .map_err(|error| self.failure(&error))
            })
            .collect()
    }

    /// The one text that a statement returns.
    pub(crate) async fn text(&mut self, sql: &str) -> Result<Option<String>, Failure> {
        let rows = self.texts(sql).await?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next())
            .flatten())
    }

    pub(crate) fn failure(&self, error: &sqlx::Error) -> Failure {
        self.connections.failure(error)
    }
}

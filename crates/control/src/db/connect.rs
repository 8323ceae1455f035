//! Opens the control database and brings its schema to this program's version, also when several services start at once.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use model::Secret;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool};
use tokio::time::Instant;

use super::{Db, SqliteDb};
use crate::{Error, Result};

static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// For each of our processes.
const POSTGRES_CONNECTIONS: u32 = 8;
const SQLITE_READERS: u32 = 4;

/// How long one waits for a free connection, or for another process that writes to the same SQLite file.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that was idle for so long is tried before it is used.
const RESTED: Duration = Duration::from_secs(2);

/// A process that froze in a transaction must not hold up others: its locks are taken from it, and it finds the transaction gone.
/// Read committed is what the conditions of our statements are made for: they look at a row's newest version after waiting for it.
const SESSION: &str = "set lock_timeout = '5s'; \
     set idle_in_transaction_session_timeout = '10s'; \
     set default_transaction_isolation = 'read committed'";

/// Others may be at the schema; that can take a while.
const MIGRATION_SESSION: &str = "set lock_timeout = '60s'";

impl Db {
    pub(crate) async fn open(url: &Secret) -> Result<Self> {
        let text = url.expose();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // Not with its cause: that may quote the URL.
            let options = PgConnectOptions::from_str(text).map_err(|_| {
                Error::Settings(
                    "the control database's URL can't be read as postgres://user:password@host:port/database; \
                     special characters in the password are written as %XX"
                        .to_owned(),
                )
            })?;
            open_postgres(options).await
        } else if text.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(text).map_err(|_| {
                Error::Settings(
                    "the control database's URL can't be read as sqlite:///path".to_owned(),
                )
            })?;
            open_sqlite(options).await
        } else {
            Err(Error::Settings(
                "the control database's URL begins neither with postgres:// nor with sqlite:///"
                    .to_owned(),
            ))
        }
    }

    pub(crate) async fn open_file(path: &Path) -> Result<Self> {
        open_sqlite(SqliteConnectOptions::new().filename(path)).await
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(db) => {
                db.reads.close().await;
                db.marks.close().await;
                db.writes.close().await;
            }
        }
    }
}

async fn open_postgres(options: PgConnectOptions) -> Result<Db> {
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("stevedore"),
    };
    let options = options.disable_statement_logging();
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let connected = super::in_time(options.connect()).await;
    let mut connection = connected.map_err(|error| match error {
        Error::Unavailable(cause) => Error::Unavailable(format!("{place}: {cause}").into()),
        error => error,
    })?;
    connection.execute(MIGRATION_SESSION).await?;
    let migrated = POSTGRES.run_direct(None, &mut connection, false).await;
    // Also after an error: it may still hold the migration lock.
    connection.close().await.ok();
    migrated.map_err(schema)?;
    Ok(Db::Postgres(pool(options)))
}

fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(PATIENCE)
        // A round trip saved for a connection in use: that it is dead, the statement itself finds out.
        .test_before_acquire(false)
        .before_acquire(|connection, seen| {
            Box::pin(async move { Ok(seen.idle_for < RESTED || connection.ping().await.is_ok()) })
        })
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION).await.map(|_| ()) })
        })
        .connect_lazy_with(options)
}

async fn open_sqlite(options: SqliteConnectOptions) -> Result<Db> {
    let path = options.get_filename().to_owned();
    // sqlx gives a database in memory such a name.
    if path.as_os_str().is_empty() || path.to_string_lossy().starts_with("file:") {
        return Err(Error::Settings(
            "the control database can't be in memory only: it is what survives a crash; name a file".to_owned(),
        ));
    }
    create_private(&path)?;
    let options = options
        .create_if_missing(true)
        // Most of it are blobs of hundreds of kilobytes.
        .page_size(16 << 10)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .disable_statement_logging();
    migrate_sqlite(&options).await?;
    let one = || {
        SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let writes = one().connect_lazy_with(options.clone());
    let lightly = options.clone().synchronous(SqliteSynchronous::Normal);
    let marks = one().connect_lazy_with(lightly);
    let reads = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "on"));
    Ok(Db::Sqlite(SqliteDb {
        reads,
        writes,
        marks,
        turn: Arc::default(),
    }))
}

/// The file holds data of records; SQLite gives its companions the same rights.
fn create_private(path: &Path) -> Result<()> {
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    match open.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::Settings(format!(
            "the control database {} can't be made: {error}",
            path.display()
        ))),
    }
}

/// SQLite has no lock beside its files: all migrations are one immediate transaction. Turning a new file to WAL takes a lock for
/// which SQLite does not always wait by itself.
async fn migrate_sqlite(options: &SqliteConnectOptions) -> Result<()> {
    let deadline = Instant::now() + PATIENCE * 3;
    loop {
        match try_migrate_sqlite(options).await {
            Err(error) if error.is_retryable() && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            done => return done,
        }
    }
}

async fn try_migrate_sqlite(options: &SqliteConnectOptions) -> Result<()> {
    let mut connection = options.connect().await?;
    let mut tx = connection.begin_with("begin immediate").await?;
    SQLITE
        .run_direct(None, &mut *tx, false)
        .await
        .map_err(schema)?;
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}

fn schema(error: MigrateError) -> Error {
    let (message, source) = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            match Error::from(error) {
                Error::Refused(error) => (
                    "the control database's schema can't be set up".to_owned(),
                    MigrateError::Execute(error),
                ),
                other => return other,
            }
        }
        MigrateError::VersionMissing(version) => (
            format!(
                "a newer Stevedore has brought the control database to schema version {version}; use that one, or another database"
            ),
            error,
        ),
        MigrateError::VersionMismatch(version) => (
            format!(
                "version {version} of the control database's schema is not the one this Stevedore knows; was it made by a development build?"
            ),
            error,
        ),
        other => (
            "the control database's schema can't be set up".to_owned(),
            other,
        ),
    };
    Error::Schema {
        message,
        source: Box::new(source),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// Without these, a coordinator that froze in a transaction would hold its successor up for ever.
    #[tokio::test]
    async fn sessions_give_way() {
        let server = std::env::var("STEVEDORE_TEST_POSTGRES")
            .expect("run `make test`, or set STEVEDORE_TEST_POSTGRES");
        let pool = pool(server.parse().unwrap());
        for (setting, wanted) in [
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("transaction_isolation", "read committed"),
        ] {
            let sql = "select current_setting($1)";
            let found: String = sqlx::query_scalar(sql)
                .bind(setting)
                .fetch_one(&pool)
                .await
                .unwrap();
            assert_eq!(found, wanted, "{setting}");
        }
    }
}

//! The database of an org: one connection that writes, behind a lock held for a chunk of records at most, each hold
//! one transaction; and connections that read, each reader seeing the records as they were when it began. A file is
//! kept and used by one org at a time; without one the database is temporary.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::layout::Layout;
use super::settle::{Misfit, check_kind};
use super::transaction::{Reading, Writing};
use super::{Store, temporary};
use crate::error::Error;
use crate::schema::catalogue::Catalogue;

/// Statements kept prepared per connection: some for each object.
const STATEMENTS: usize = 256;
/// Pages in memory, in KiB: for the one that writes, and for each that reads.
const WRITER_CACHE: i64 = 32 * 1024;
const READER_CACHE: i64 = 4 * 1024;
/// Connections that read and are kept while nobody reads.
const IDLE: usize = 8;

/// Whether the database still does what it is told.
#[derive(Debug, Default)]
pub(crate) struct Health {
    broken: AtomicBool,
    closed: AtomicBool,
}

impl Health {
    pub(super) fn fail(&self, error: &rusqlite::Error) {
        // The error of a store that was closed under its last callers is nobody's fault.
        if !self.closed.load(Ordering::Acquire) && !self.broken.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the records' database failed; nothing is written any more");
        }
    }

    pub(super) fn is_bad(&self) -> bool {
        self.broken.load(Ordering::Acquire) || self.closed.load(Ordering::Acquire)
    }
}

pub(crate) struct Database {
    writer: Mutex<Store>,
    readers: Mutex<Vec<Store>>,
    returned: Condvar,
    opening: Opening,
    health: Arc<Health>,
    era: u32,
    /// Held while the org runs, so that no second one uses the file.
    lock: Mutex<Option<File>>,
    /// Where the database is, if it is temporary.
    folder: Mutex<Option<TempDir>>,
}

/// What it takes to open one more connection.
struct Opening {
    path: PathBuf,
    layout: Arc<Layout>,
    user: crate::ids::RecordId,
}

impl Database {
    /// Opens the file, or makes it; without one, makes a database that goes when the org does.
    pub(crate) fn open(catalogue: &Catalogue, file: Option<&Path>) -> Result<Self, Error> {
        let (path, folder) = match file {
            Some(path) => (path.to_owned(), None),
            None => {
                let within = std::env::temp_dir();
                let folder = temporary::folder(&within).map_err(|source| Error::DataFile {
                    path: within,
                    source,
                })?;
                (folder.path().join(temporary::DATABASE), Some(folder))
            }
        };
        let failed = |source: io::Error| Error::DataFile {
            path: path.clone(),
            source,
        };
        let lock = lock(&path).map_err(failed)?.ok_or_else(|| Error::Data {
            path: path.clone(),
            what: "another rehearsal org is using it".to_owned(),
        })?;
        let sql = |error: rusqlite::Error| failed(io::Error::other(error));
        let connection = connect(&path, WRITER_CACHE).map_err(sql)?;
        let misfit = |misfit| match misfit {
            Misfit::Sql(error) => sql(error),
            Misfit::Other(what) => Error::Data {
                path: path.clone(),
                what,
            },
        };
        check_kind(&connection).map_err(misfit)?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))
            .map_err(sql)?;
        if mode != "wal" {
            let what = "its file system has no memory that SQLite's connections could share";
            return Err(misfit(Misfit::Other(what.to_owned())));
        }
        connection.execute_batch("BEGIN IMMEDIATE").map_err(sql)?;
        let layout = Layout::settle(catalogue, &connection).map_err(misfit)?;
        let era = connection
            .query_row(
                "UPDATE org SET starts = starts + 1 RETURNING starts - 1",
                (),
                |row| row.get(0),
            )
            .map_err(sql)?;
        connection.execute_batch("COMMIT").map_err(sql)?;
        let layout = Arc::new(layout);
        let health = Arc::<Health>::default();
        let opening = Opening {
            path: path.clone(),
            layout: Arc::clone(&layout),
            user: catalogue.user,
        };
        let mut writer = Store::new(catalogue.user, connection, layout, Arc::clone(&health));
        writer.load_counts(catalogue).map_err(sql)?;
        let reader = opening.reader(&health).map_err(sql)?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers: Mutex::new(vec![reader]),
            returned: Condvar::new(),
            opening,
            health,
            era,
            lock: Mutex::new(Some(lock)),
            folder: Mutex::new(folder),
        })
    }

    /// The records as they are now, and stay for this reader.
    pub(crate) fn read(&self) -> Reading<'_> {
        let store = self.reader();
        store.ask(|| store.connection.execute_batch("BEGIN"));
        Reading {
            database: self,
            store: Some(store),
        }
    }

    fn reader(&self) -> Store {
        let mut idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(store) = idle.pop() {
                return store;
            }
            match self.opening.reader(&self.health) {
                Ok(store) => return store,
                // Too many files are open, perhaps; those that have one will bring it back.
                Err(error) => tracing::warn!(%error, "no further connection to the records"),
            }
            let wait = self.returned.wait_timeout(idle, Duration::from_millis(100));
            (idle, _) = wait.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Keeps a connection for the next reader.
    pub(super) fn give_back(&self, store: Store) {
        let mut idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE && !self.health.is_bad() {
            idle.push(store);
            self.returned.notify_one();
        }
    }

    /// The records to be written: all that is done until this is dropped is one transaction.
    pub(crate) fn write(&self) -> Writing<'_> {
        let mut store = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        store.begin();
        Writing { store, keep: true }
    }

    /// The number before the first of what is numbered but not kept, such as jobs: no number of an earlier org on the
    /// same file is given again, so that nobody takes one job for another.
    pub(crate) fn numbers_from(&self) -> u64 {
        u64::from(self.era) << 32
    }

    /// Why an org can't start on this file.
    pub(crate) fn refuse(&self, what: &str) -> Error {
        Error::Data {
            path: self.opening.path.clone(),
            what: what.to_owned(),
        }
    }

    /// Whether nothing said from now on would be true: the disk is full, or gone, or the org has ended.
    pub(crate) fn is_broken(&self) -> bool {
        self.health.is_bad()
    }

    /// Ends writing, completes the file and lets go of it. Callers who are late write nothing any more.
    pub(crate) fn close(&self) {
        let store = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.health.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        // Without this the file would still be complete, but together with the log beside it.
        let done = store
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, "the records stay in two files");
        }
        self.readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let taken = |folder: &Mutex<Option<TempDir>>| {
            folder.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        drop(taken(&self.folder));
        drop(
            self.lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

/// The lock of a file, if nobody has it. Not on the database itself: to close one more handle of that would undo
/// SQLite's own locks.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut name = path.as_os_str().to_owned();
    name.push(temporary::LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn connect(path: &Path, cache: i64) -> rusqlite::Result<Connection> {
    // Not as a URI, which a file's name might look like.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(Duration::from_secs(10))?;
    // A crash of the org loses nothing; only one of the machine may, which a rehearsal can bear.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -{cache}; PRAGMA journal_size_limit = 67108864;"
    ))?;
    Ok(connection)
}

impl Opening {
    fn reader(&self, health: &Arc<Health>) -> rusqlite::Result<Store> {
        let connection = connect(&self.path, READER_CACHE)?;
        Ok(Store::new(
            self.user,
            connection,
            Arc::clone(&self.layout),
            Arc::clone(health),
        ))
    }
}

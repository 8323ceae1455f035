//! What an org is while it runs: its catalogue, records, jobs, query cursors, tokens and faults.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use crate::auth::Auth;
use crate::bulk::Jobs;
use crate::error::Error;
use crate::errors::ApiError;
use crate::faults::{Faults, Tokens};
use crate::furnish;
use crate::rest::cursors::Cursors;
use crate::schema::automation::Automation;
use crate::schema::catalogue::Catalogue;
use crate::settings::Pace;
use crate::store::database::Database;
use crate::store::transaction::{Reading, Writing};
use crate::values::moment::now;

/// Rows on a page of a query job's results, unless it is told otherwise.
const PAGE_ROWS: usize = 50_000;

pub(crate) struct Org {
    pub(crate) catalogue: Catalogue,
    /// The same, with the objects that only the tooling API shows.
    pub(crate) tooling: Catalogue,
    records: Database,
    pub(crate) jobs: Jobs,
    pub(crate) cursors: Cursors,
    pub(crate) auth: Auth,
    pub(crate) faults: Arc<Faults>,
    pub(crate) seed: u64,
    pace: Pace,
    page_rows: AtomicUsize,
    url: String,
    /// When it was started, in seconds.
    since: i64,
    calls: AtomicU64,
    tasks: Mutex<JoinSet<()>>,
}

impl Org {
    pub(crate) fn new(
        catalogue: Catalogue,
        records: Database,
        automation: &Automation,
        auth: Auth,
        pace: Pace,
        seed: u64,
        url: String,
    ) -> Result<Self, Error> {
        furnish::furnish(&catalogue, automation, &records)?;
        Ok(Self {
            jobs: Jobs::numbered_from(records.numbers_from()),
            cursors: Cursors::numbered_from(records.numbers_from()),
            records,
            auth,
            faults: Arc::default(),
            seed,
            pace,
            page_rows: AtomicUsize::new(PAGE_ROWS),
            url,
            since: now(),
            calls: AtomicU64::new(0),
            tasks: Mutex::default(),
            tooling: catalogue.for_tooling(),
            catalogue,
        })
    }

    /// No fault is left, and the fixed token is valid.
    pub(crate) fn clear_faults(&self) {
        self.faults.clear();
        self.auth.expire_fixed(false);
    }

    /// Ends sessions.
    pub(crate) fn expire(&self, tokens: Tokens) {
        self.auth.expire();
        if tokens == Tokens::All {
            self.auth.expire_fixed(true);
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    /// The records as they are now; what is written later is not seen by this reader.
    pub(crate) fn read(&self) -> Reading<'_> {
        self.records.read()
    }

    /// The records to be changed, by one caller at a time: what is done until this is dropped is one transaction.
    pub(crate) fn write(&self) -> Writing<'_> {
        self.records.write()
    }

    /// Whether the records' database has failed or was closed, so that no answer may say that something was stored.
    pub(crate) fn is_broken(&self) -> bool {
        self.records.is_broken()
    }

    /// The error of a job where the records have failed: what the database did not take is nobody's outcome, and what it
    /// did not give is nobody's row.
    pub(crate) fn still_sound(&self) -> Result<(), String> {
        if self.is_broken() {
            return Err("InternalServerError : The records could not be stored or read".to_owned());
        }
        Ok(())
    }

    /// Ends writing for good, and lets go of the data file.
    pub(crate) fn close(&self) {
        self.records.close();
    }

    /// Rows on a page of a query job's results, whatever more is asked for.
    pub(crate) fn page_rows(&self) -> usize {
        self.page_rows.load(Ordering::Relaxed)
    }

    pub(crate) fn set_page_rows(&self, rows: usize) {
        self.page_rows.store(rows.max(1), Ordering::Relaxed);
    }

    pub(crate) fn pace(&self) -> Pace {
        self.faults.pace().unwrap_or(self.pace)
    }

    /// Ids of the organization and the user.
    pub(crate) fn identity(&self) -> (String, String) {
        let text = |id| self.catalogue.id_text(id);
        (text(self.catalogue.organization), text(self.catalogue.user))
    }

    pub(crate) fn count_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Runs work that may take a while off the threads that serve connections.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let org = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&org))
            .await
            .map_err(|error| {
                tracing::error!(%error, "a call's work did not end");
                ApiError::new(
                    axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                    "UNKNOWN_EXCEPTION",
                    "An unexpected error occurred.",
                )
            })
    }

    /// Runs a job in the background until it ends or the org stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    pub(crate) fn abort_tasks(&self) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

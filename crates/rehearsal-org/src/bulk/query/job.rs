//! One query job: what was asked, how far it is, and the ids that matched. Rows are never kept: pages are written
//! from the records when they are asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::bulk::job::{State, job_id, job_number};
use crate::bulk::spec::Delimiter;
use crate::rest::packed::Packed;
use crate::soql::extract::Columns;
use crate::values::moment::now;

/// What a job was created to do.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) object: String,
    pub(super) query: String,
    /// `queryAll`: deleted records too.
    pub(super) deleted: bool,
    pub(super) delimiter: Delimiter,
    pub(super) crlf: bool,
    pub(super) api_version: String,
}

pub(super) struct QueryJob {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) spec: Spec,
    pub(super) created: i64,
    progress: Mutex<Progress>,
    /// Wakes a job that stands still, when it is aborted.
    pub(super) wake: Notify,
}

/// How far a job is.
pub(super) struct Progress {
    pub(super) state: State,
    pub(super) modified: i64,
    /// Who matched, and the columns; there from the moment the query ran.
    pub(super) matched: Option<Arc<Matched>>,
    pub(super) error: Option<String>,
    pub(super) busy: Duration,
}

/// The records that matched, as they were in one moment.
pub(super) struct Matched {
    pub(super) ids: Packed,
    pub(super) columns: Columns,
}

impl QueryJob {
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> State {
        self.progress().state
    }

    /// Enters a state if it may follow; says whether it did.
    pub(super) fn enter(&self, next: State) -> bool {
        let mut progress = self.progress();
        let may = progress.state.may_become(next);
        if may {
            progress.state = next;
            progress.modified = now();
        }
        may
    }
}

/// All query jobs, by number. Numbers are shared with ingest jobs, so that an id names one job.
#[derive(Default)]
pub(crate) struct QueryJobs {
    jobs: Mutex<BTreeMap<u64, Arc<QueryJob>>>,
    started: AtomicU64,
}

impl QueryJobs {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<QueryJob>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn create(&self, number: u64, spec: Spec) -> Arc<QueryJob> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let created = now();
        let job = Arc::new(QueryJob {
            number,
            id: job_id(number),
            spec,
            created,
            progress: Mutex::new(Progress {
                state: State::UploadComplete,
                modified: created,
                matched: None,
                error: None,
                busy: Duration::ZERO,
            }),
            wake: Notify::new(),
        });
        self.jobs().insert(number, Arc::clone(&job));
        job
    }

    /// How many there were, deleted ones too.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<QueryJob>> {
        self.jobs().get(&job_number(id)?).cloned()
    }

    pub(super) fn remove(&self, job: &QueryJob) {
        self.jobs().remove(&job.number);
    }

    /// Jobs with a number above `after`, oldest first.
    pub(super) fn after(&self, after: u64, most: usize) -> Vec<Arc<QueryJob>> {
        self.jobs()
            .range(after + 1..)
            .take(most)
            .map(|(_, job)| Arc::clone(job))
            .collect()
    }
}

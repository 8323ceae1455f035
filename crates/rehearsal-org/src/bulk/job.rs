//! One ingest job: how far it is, and which state may follow which.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::classic::ClassicJobs;
use super::content::{Content, Spool};
use super::query::QueryJobs;
use super::spec::Spec;
use super::table::Table;
use crate::ids::{id_text, parse_id};
use crate::values::moment::now;

const PREFIX: [u8; 3] = *b"750";

/// The states of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }

    pub(super) fn is_end(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }

    pub(super) fn may_become(self, next: Self) -> bool {
        match next {
            Self::Open => false,
            Self::UploadComplete => self == Self::Open,
            Self::InProgress => self == Self::UploadComplete,
            Self::JobComplete => self == Self::InProgress,
            Self::Failed => matches!(self, Self::UploadComplete | Self::InProgress),
            Self::Aborted => !self.is_end(),
        }
    }
}

/// The id of the job with this number.
pub(super) fn job_id(number: u64) -> String {
    id_text(PREFIX, number)
}

/// The number in a job's id.
pub(super) fn job_number(id: &str) -> Option<u64> {
    parse_id(id).filter(|id| id.prefix == PREFIX)?.serial
}

pub(super) struct Job {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) spec: Spec,
    pub(super) created: i64,
    progress: Mutex<Progress>,
    /// Held while a chunk is written: who aborts waits for it, so that results don't change after the answer.
    pub(super) gate: tokio::sync::Mutex<()>,
    /// Wakes a job that stands still, when it is aborted.
    pub(super) wake: Notify,
}

/// How far a job is.
pub(super) struct Progress {
    pub(super) state: State,
    pub(super) modified: i64,
    pub(super) upload: Upload,
    pub(super) table: Option<Arc<Table>>,
    pub(super) processed: usize,
    pub(super) failed: usize,
    pub(super) error: Option<String>,
    pub(super) busy: Duration,
}

pub(super) enum Upload {
    None,
    /// Being received.
    Running,
    Done(Content),
}

impl Job {
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> State {
        self.progress().state
    }
}

impl Progress {
    /// Enters a state if it may follow; says whether it did.
    pub(super) fn enter(&mut self, next: State) -> bool {
        let may = self.state.may_become(next);
        if may {
            self.state = next;
            self.modified = now();
        }
        may
    }
}

/// All jobs, by number.
#[derive(Default)]
pub(crate) struct Jobs {
    jobs: Mutex<BTreeMap<u64, Arc<Job>>>,
    pub(crate) queries: QueryJobs,
    pub(super) classic: ClassicJobs,
    last: AtomicU64,
    batches: AtomicU64,
    /// Where uploads are.
    pub(super) spool: Arc<Spool>,
}

impl Jobs {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No jobs; the first gets the number after this one.
    pub(crate) fn numbered_from(last: u64) -> Self {
        Self {
            last: AtomicU64::new(last),
            classic: ClassicJobs::numbered_from(last),
            ..Self::default()
        }
    }

    /// A number no job has had, of any kind.
    pub(super) fn next_number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn create(&self, spec: Spec) -> Arc<Job> {
        let number = self.next_number();
        let created = now();
        let job = Arc::new(Job {
            number,
            id: job_id(number),
            spec,
            created,
            progress: Mutex::new(Progress {
                state: State::Open,
                modified: created,
                upload: Upload::None,
                table: None,
                processed: 0,
                failed: 0,
                error: None,
                busy: Duration::ZERO,
            }),
            gate: tokio::sync::Mutex::default(),
            wake: Notify::new(),
        });
        self.jobs().insert(number, Arc::clone(&job));
        job
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Job>> {
        self.jobs().get(&job_number(id)?).cloned()
    }

    pub(super) fn remove(&self, job: &Job) {
        self.jobs().remove(&job.number);
    }

    /// Jobs with a number above `after`, oldest first.
    pub(super) fn after(&self, after: u64, most: usize) -> Vec<Arc<Job>> {
        self.jobs()
            .range(after + 1..)
            .take(most)
            .map(|(_, job)| Arc::clone(job))
            .collect()
    }

    /// Ten thousand rows count as one batch of the daily limit.
    pub(super) fn count_batches(&self, rows: usize) {
        self.batches
            .fetch_add(rows.div_ceil(10_000) as u64, Ordering::Relaxed);
    }

    pub(crate) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Aborted, Failed, InProgress, JobComplete, Open, UploadComplete};

    #[test]
    fn states_follow_each_other_one_way() {
        let all = [
            Open,
            UploadComplete,
            InProgress,
            JobComplete,
            Failed,
            Aborted,
        ];
        for from in all {
            for to in all {
                let allowed = matches!(
                    (from, to),
                    (Open, UploadComplete)
                        | (UploadComplete, InProgress | Failed)
                        | (InProgress, JobComplete | Failed)
                        | (Open | UploadComplete | InProgress, Aborted)
                );
                assert_eq!(from.may_become(to), allowed, "{from:?} to {to:?}");
            }
        }
    }
}

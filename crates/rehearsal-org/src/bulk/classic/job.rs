//! Jobs and their batches: what they are to do, how far they are, and what came of each row.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::format::{Format, Info, Told};
use crate::bulk::content::Content as Upload;
use crate::bulk::job::{job_id, job_number};
use crate::bulk::spec as two;
use crate::ids::{id_text, parse_id};
use crate::org::Org;
use crate::rest::packed::Packed;
use crate::soql::extract::Columns;
use crate::soql::shape::Shape;
use crate::values::moment::now;
use crate::write::Outcome;

const BATCH: [u8; 3] = *b"751";
const RESULT: [u8; 3] = *b"752";

/// What a job was created to do.
pub(super) struct Spec {
    pub(super) operation: String,
    pub(super) object: String,
    pub(super) kind: Kind,
    pub(super) content: Content,
    pub(super) serial: bool,
    pub(super) external_id: Option<String>,
    pub(super) assignment_rule: Option<String>,
    /// Records per batch of a query that is cut by ids.
    pub(super) chunk_size: Option<usize>,
    /// What the job was created in.
    pub(super) format: Format,
    pub(super) api_version: String,
}

pub(super) enum Kind {
    Ingest(two::Spec),
    /// `deleted`: over deleted records too.
    Query {
        deleted: bool,
    },
}

/// What batches and their results are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Csv,
    Json,
    Xml,
}

impl Content {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Xml => "XML",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobState {
    Open,
    Closed,
    Aborted,
}

impl JobState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Closed => "Closed",
            Self::Aborted => "Aborted",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchState {
    Queued,
    InProgress,
    Completed,
    Failed,
    NotProcessed,
}

impl BatchState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::InProgress => "InProgress",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::NotProcessed => "NotProcessed",
        }
    }

    pub(super) fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::InProgress)
    }
}

pub(super) struct ClassicJob {
    pub(super) id: String,
    pub(super) spec: Spec,
    pub(super) created: i64,
    progress: Mutex<JobProgress>,
    /// In a serial job, held by the batch under way.
    pub(super) turn: tokio::sync::Mutex<()>,
}

pub(super) struct JobProgress {
    pub(super) state: JobState,
    modified: i64,
    pub(super) batches: Vec<Arc<Batch>>,
}

pub(super) struct Batch {
    number: u64,
    pub(super) id: String,
    created: i64,
    /// As it was sent; that of the parts of a query is one.
    pub(super) request: Arc<Upload>,
    progress: Mutex<BatchProgress>,
    pub(super) wake: Notify,
}

pub(super) struct BatchProgress {
    pub(super) state: BatchState,
    pub(super) modified: i64,
    pub(super) message: Option<String>,
    /// What became of each row that was processed, in the order sent.
    pub(super) outcomes: Vec<Outcome>,
    /// How many rows there are.
    pub(super) rows: usize,
    pub(super) matched: Option<Arc<Matched>>,
    pub(super) busy: Duration,
}

/// What a query's batch found.
pub(super) struct Matched {
    pub(super) ids: Packed,
    pub(super) columns: Columns,
    pub(super) shape: Arc<Shape>,
}

impl Batch {
    pub(super) fn progress(&self) -> MutexGuard<'_, BatchProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a state, unless it has ended.
    pub(super) fn enter(&self, next: BatchState, message: Option<String>) -> bool {
        let mut progress = self.progress();
        if progress.state.is_end() {
            return false;
        }
        progress.state = next;
        progress.message = message;
        progress.modified = now();
        true
    }

    /// What it is called among those that hold parents: apart from the jobs of Bulk 2.0.
    pub(super) fn holder(&self) -> u64 {
        1 << 63 | self.number
    }

    /// The id of its one result.
    pub(super) fn result_id(&self) -> String {
        id_text(RESULT, self.number)
    }

    pub(super) fn info(&self, job: &ClassicJob) -> Info {
        let progress = self.progress();
        let busy = progress.busy.as_millis() as u64;
        let (processed, failed) = progress.counts();
        let mut info = vec![
            ("id", Told::Text(self.id.clone())),
            ("jobId", Told::Text(job.id.clone())),
            ("state", Told::Text(progress.state.name().to_owned())),
        ];
        if let Some(message) = &progress.message {
            info.push(("stateMessage", Told::Text(message.clone())));
        }
        info.extend([
            ("createdDate", Told::Moment(self.created)),
            ("systemModstamp", Told::Moment(progress.modified)),
            ("numberRecordsProcessed", Told::Number(processed)),
            ("numberRecordsFailed", Told::Number(failed)),
            ("totalProcessingTime", Told::Number(busy)),
            ("apiActiveProcessingTime", Told::Number(busy)),
            ("apexProcessingTime", Told::Number(0)),
        ]);
        info
    }
}

impl BatchProgress {
    /// Rows processed, and those of them that failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        match &self.matched {
            Some(matched) => (matched.ids.len() as u64, 0),
            None => {
                let failed = self.outcomes.iter().filter(|o| o.is_err()).count();
                (self.outcomes.len() as u64, failed as u64)
            }
        }
    }
}

impl ClassicJob {
    pub(super) fn progress(&self) -> MutexGuard<'_, JobProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn batch(&self, id: &str) -> Option<Arc<Batch>> {
        let number = parse_id(id).filter(|id| id.prefix == BATCH)?.serial?;
        let progress = self.progress();
        progress
            .batches
            .iter()
            .find(|b| b.number == number)
            .cloned()
    }

    /// Closes or aborts it; a batch that waits is not processed after an abort, one under way goes to its end.
    pub(super) fn change(&self, next: JobState) -> Result<(), String> {
        let mut progress = self.progress();
        if progress.state != JobState::Open && progress.state != next {
            let (from, to) = (progress.state.name(), next.name());
            return Err(format!("Job is {from}, it can't become {to}"));
        }
        progress.state = next;
        progress.modified = now();
        if next == JobState::Aborted {
            for batch in &progress.batches {
                let waits = batch.progress().state == BatchState::Queued;
                if waits {
                    let message = "Aborted by the client".to_owned();
                    batch.enter(BatchState::NotProcessed, Some(message));
                }
                batch.wake.notify_one();
            }
        }
        Ok(())
    }

    pub(super) fn info(&self, org: &Org) -> Info {
        let spec = &self.spec;
        let text = |text: &str| Told::Text(text.to_owned());
        let progress = self.progress();
        let mut info = vec![
            ("id", text(&self.id)),
            ("operation", text(&spec.operation)),
            ("object", text(&spec.object)),
            (
                "createdById",
                Told::Text(org.catalogue.id_text(org.catalogue.user)),
            ),
            ("createdDate", Told::Moment(self.created)),
            ("systemModstamp", Told::Moment(progress.modified)),
            ("state", text(progress.state.name())),
        ];
        if let Some(field) = &spec.external_id {
            info.push(("externalIdFieldName", text(field)));
        }
        let mode = if spec.serial { "Serial" } else { "Parallel" };
        info.extend([
            ("concurrencyMode", text(mode)),
            ("contentType", text(spec.content.name())),
        ]);
        let counted = |state| {
            let batches = progress.batches.iter();
            let count = batches.filter(|b| b.progress().state == state).count();
            Told::Number(count as u64)
        };
        let (mut processed, mut failed, mut busy) = (0, 0, 0);
        for batch in &progress.batches {
            let progress = batch.progress();
            let (rows, errors) = progress.counts();
            processed += rows;
            failed += errors;
            busy += progress.busy.as_millis() as u64;
        }
        let version = spec.api_version.parse().unwrap_or_default();
        info.extend([
            ("numberBatchesQueued", counted(BatchState::Queued)),
            ("numberBatchesInProgress", counted(BatchState::InProgress)),
            ("numberBatchesCompleted", counted(BatchState::Completed)),
            ("numberBatchesFailed", counted(BatchState::Failed)),
            (
                "numberBatchesTotal",
                Told::Number(progress.batches.len() as u64),
            ),
            ("numberRecordsProcessed", Told::Number(processed)),
            ("numberRetries", Told::Number(0)),
            ("apiVersion", Told::Version(version)),
        ]);
        if let Some(rule) = &spec.assignment_rule {
            info.push(("assignmentRuleId", text(rule)));
        }
        info.extend([
            ("numberRecordsFailed", Told::Number(failed)),
            ("totalProcessingTime", Told::Number(busy)),
            ("apiActiveProcessingTime", Told::Number(busy)),
            ("apexProcessingTime", Told::Number(0)),
        ]);
        info
    }
}

/// All jobs of this API, by number. Numbers are shared with Bulk API 2.0, so that an id names one job.
#[derive(Default)]
pub(crate) struct ClassicJobs {
    jobs: Mutex<BTreeMap<u64, Arc<ClassicJob>>>,
    last_batch: AtomicU64,
}

impl ClassicJobs {
    /// No jobs; the first batch gets the number after this one.
    pub(crate) fn numbered_from(last: u64) -> Self {
        Self {
            last_batch: AtomicU64::new(last),
            ..Self::default()
        }
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<ClassicJob>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs with their numbers.
    pub(super) fn all(&self) -> Vec<(u64, Arc<ClassicJob>)> {
        let jobs = self.jobs();
        jobs.iter().map(|(n, job)| (*n, Arc::clone(job))).collect()
    }

    pub(super) fn create(&self, number: u64, spec: Spec) -> Arc<ClassicJob> {
        let created = now();
        let job = Arc::new(ClassicJob {
            id: job_id(number),
            spec,
            created,
            progress: Mutex::new(JobProgress {
                state: JobState::Open,
                modified: created,
                batches: Vec::new(),
            }),
            turn: tokio::sync::Mutex::default(),
        });
        self.jobs().insert(number, Arc::clone(&job));
        job
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<ClassicJob>> {
        self.jobs().get(&job_number(id)?).cloned()
    }

    pub(super) fn batch(&self, request: Arc<Upload>) -> Arc<Batch> {
        let number = self.last_batch.fetch_add(1, Ordering::Relaxed) + 1;
        let created = now();
        Arc::new(Batch {
            number,
            id: id_text(BATCH, number),
            created,
            request,
            progress: Mutex::new(BatchProgress {
                state: BatchState::Queued,
                modified: created,
                message: None,
                outcomes: Vec::new(),
                rows: 0,
                matched: None,
                busy: Duration::ZERO,
            }),
            wake: Notify::new(),
        })
    }
}

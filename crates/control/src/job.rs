//! A bulk job as it is stored, and the way of its state.

use chrono::{DateTime, Utc};
use model::{Attempt, ChunkNumber, RunId};

use crate::Result;
use crate::db::Row;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Here alone.
    Stored,
    /// The target knows it; it takes data.
    Created,
    /// Closed: the target is processing it.
    Uploaded,
    /// Its results are handed on.
    Finished,
    /// Nothing of it counts; its chunks may go into other jobs.
    Abandoned,
}

impl JobState {
    pub const ALL: [Self; 5] = [
        Self::Stored,
        Self::Created,
        Self::Uploaded,
        Self::Finished,
        Self::Abandoned,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Created => "created",
            Self::Uploaded => "uploaded",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Somebody has to follow it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Stored | Self::Created | Self::Uploaded)
    }

    /// Onwards only. A finished job may be abandoned where its results are to be had no more.
    pub fn may_become(self, next: Self) -> bool {
        use JobState::{Abandoned, Created, Finished, Stored, Uploaded};
        match self {
            Stored => matches!(next, Created | Abandoned),
            Created => matches!(next, Uploaded | Abandoned),
            Uploaded => matches!(next, Finished | Abandoned),
            Finished => matches!(next, Abandoned),
            Abandoned => false,
        }
    }
}

/// How a job's records get to the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SentBy {
    /// By a job of the target's own, which works on it by itself.
    #[default]
    Job,
    /// By calls that answer at once; its manifests hold the rows. It is uploaded from the first call on.
    Calls,
}

impl SentBy {
    pub const ALL: [Self; 2] = [Self::Job, Self::Calls];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Calls => "calls",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Ours, made by the loader; storing the same job twice is storing it once.
    pub id: String,
    pub run: RunId,
    pub object: String,
    pub connection: String,
    pub records: u64,
    pub bytes: u64,
    pub sent_by: SentBy,
}

/// One chunk of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobChunk {
    pub chunk: ChunkNumber,
    pub attempt: Attempt,
    /// What the loader needs to tell the chunk's results from its neighbours'.
    pub manifest: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: String,
    pub run: RunId,
    pub object: String,
    pub connection: String,
    /// The target's own name of it, once it has one.
    pub remote_id: Option<String>,
    pub state: JobState,
    pub records: u64,
    pub bytes: u64,
    pub sent_by: SentBy,
    pub holder: Option<String>,
    pub until: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

/// A job that has a chunk, or one that the chunk was split from, and was not abandoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveJob {
    /// The chunk that was to be stored.
    pub chunk: ChunkNumber,
    pub job: String,
    pub state: JobState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredJob {
    Stored,
    /// Nothing was stored.
    Conflict {
        /// Chunks that are in other jobs.
        in_jobs: Vec<LiveJob>,
        /// Chunks that are not, or no longer, dispatched under their attempt.
        stale: Vec<ChunkNumber>,
    },
}

pub(crate) fn read_jobs(rows: &[Row]) -> Result<Vec<Job>> {
    rows.iter().map(read_job).collect()
}

pub(crate) fn read_job(row: &Row) -> Result<Job> {
    Ok(Job {
        id: row.text("id")?,
        run: row.run("run_id")?,
        object: row.text("object")?,
        connection: row.text("connection")?,
        remote_id: row.opt_text("remote_id")?,
        state: row.word("state", JobState::parse)?,
        records: row.count("records")?,
        bytes: row.count("bytes")?,
        sent_by: row.word("sent_by", SentBy::parse)?,
        holder: row.opt_text("holder")?,
        until: row.time("until")?,
        created_at: row.time("created_at")?,
    })
}

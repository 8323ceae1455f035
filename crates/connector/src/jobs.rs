//! Writing by bulk jobs: whole chunks fill a job, the target works on it by itself, its results are matched by a key that we loaded.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use model::Failure;

use crate::{Calls, JobBody, LoadPlan, SmallSets};

/// The code of a `Retry` by which a target asks to be left alone for a while.
pub const THROTTLED: &str = "throttled";

/// The calls of a bulk job, each on its own, so that any loader can go on where another stopped. The loader stores the job before `upload`.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Bytes that one job may hold.
    fn capacity(&self) -> usize;

    /// The records as the target wants them, without a header. One that can't be sent fails it, as `RejectRecord`: `unsendable` has them all.
    fn encode(&self, plan: &LoadPlan, records: &RecordBatch) -> Result<Bytes, Failure>;

    /// The records that can't be sent as they are, by their rows, each with the reason.
    fn unsendable(
        &self,
        plan: &LoadPlan,
        records: &RecordBatch,
    ) -> Result<Vec<(usize, Failure)>, Failure>;

    /// The records of results that are to be sent again, as the target wants them, without a header.
    fn encode_again(&self, plan: &LoadPlan, records: &[Sent]) -> Result<Bytes, Failure>;

    /// Has a field of a record sent as null, when it is sent again.
    fn clear(&self, sent: &mut Sent, field: &str);

    /// Makes records of an object that are not there, each whole and with its key. What is there already is left as it is. May be asked again after it was
    /// not answered: nothing is made twice.
    async fn make(
        &self,
        to: &str,
        records: &[serde_json::Map<String, serde_json::Value>],
    ) -> Result<Vec<Made>, Failure>;

    /// The loaded key of each record, as `Sent::key` will have it.
    fn keys(&self, plan: &LoadPlan, records: &RecordBatch) -> Result<Vec<String>, Failure>;

    /// Opens a job and returns its id in the target.
    async fn create(&self, plan: &LoadPlan) -> Result<String, Failure>;

    /// Fills an open job, once. `body` is what `encode` returned for its chunks.
    async fn upload(&self, plan: &LoadPlan, job: &str, body: JobBody) -> Result<(), Failure>;

    /// Closes the job: the target begins to write. The kill switch is read right before this.
    async fn close(&self, job: &str) -> Result<(), Failure>;

    /// Ends a job early. What is written stays written. A job that has ended is left alone.
    async fn abort(&self, job: &str) -> Result<(), Failure>;

    async fn status(&self, job: &str) -> Result<JobStatus, Failure>;

    /// Hands over every record that was sent, each once, in any order. The three kinds of results must add up to `uploaded`.
    async fn results(
        &self,
        plan: &LoadPlan,
        job: &str,
        uploaded: u64,
        each: &mut (dyn FnMut(Sent) + Send),
    ) -> Result<(), Failure>;

    /// Writing a few records without a job, where the target can.
    fn small_sets(&self) -> Option<&dyn SmallSets> {
        None
    }

    /// The calls that so many jobs take from opening to results when nothing goes wrong, each under way for so many seconds. For plans; sends nothing.
    fn calls(&self, jobs: u64, seconds_each: f64) -> Calls;
}

/// Where a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobStatus {
    /// Not closed: nothing is written, and nothing will be.
    Open,
    /// The target works on it.
    Running { processed: u64 },
    /// It ended, by itself or aborted; the results say what became of each record. A reason where the target gave it up.
    Ended { reason: Option<String> },
    /// It was given up because others held too many of its records. What it did not come to can be sent again, later.
    Contended,
    /// The target does not know it (any more).
    Unknown,
}

/// What became of a record that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    Made {
        id: String,
    },
    /// One with its key was there; its id, where that is told.
    WasThere {
        id: Option<String>,
    },
    Refused {
        code: String,
        message: String,
    },
}

/// One record as the results tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The loaded key, as `Jobs::keys` had it.
    pub key: String,
    pub verdict: Verdict,
    /// The fields as they were sent; of records that were written nobody asks for them, and they are left out.
    pub fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Created {
        id: String,
    },
    Updated {
        id: String,
    },
    Deleted {
        id: String,
    },
    Failed {
        code: String,
        message: String,
        fields: Vec<String>,
    },
    /// Records that it refers to are not there: the lookups that did not find theirs, as `LoadPlan::missing` has them by their fields.
    NoParent {
        lookups: Vec<String>,
        code: String,
        message: String,
        fields: Vec<String>,
    },
    /// Somebody else held a record that this one needs. It can be sent again, with less going on at once.
    Contended {
        code: String,
        message: String,
        fields: Vec<String>,
    },
    /// The job ended before it came to this record: it can be sent again.
    Unprocessed,
}

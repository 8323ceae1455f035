//! Faults as a document: what can be ordered by JSON over HTTP or by a flag, and what is left of it when it is asked
//! for. Everything in it is checked when it is read.

use serde::{Deserialize, Serialize};

use super::amount::{Share, Span};
use super::rule::CallRule;
use crate::settings::Pace;

/// Faults to be ordered together. What is `None` or empty changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// Begins the draws of everything that goes by chance anew, from this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The next rows of any write fail with `UNABLE_TO_LOCK_ROW`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_rows: Option<usize>,
    /// Each row of any write fails so by this chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_share: Option<Share>,
    /// Rows fail so whose parent another job has just written children of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_shared_parents: Option<bool>,
    /// Calls that fail or are cut off, the first rule that applies to a call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallRule>,
    /// Tokens that become invalid in the middle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_sessions: Option<Expiry>,
    /// API calls left of the day; after them every call is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<u64>,
    /// API calls answered at the same time; more are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_limit: Option<usize>,
    /// The next jobs that fail, each after some rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fail_jobs: Vec<JobFailure>,
    /// Jobs stand still once they have processed so many rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_jobs_after: Option<usize>,
    /// Every API call waits so long before it is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Span>,
    /// How long jobs stay in each state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<PacePlan>,
    /// Result files without rows are answered by 204.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_results_as_204: Option<bool>,
}

/// When tokens expire, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// API calls that still go through.
    pub after_calls: u64,
    /// Which tokens.
    #[serde(default)]
    pub tokens: Tokens,
}

/// Which tokens expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// Those that OAuth handed out.
    #[default]
    Oauth,
    /// The fixed one too: clients that can't get a new token are locked out until faults are cleared.
    All,
}

/// A job that ends as `Failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobFailure {
    /// Rows that are processed before, in chunks of 200.
    pub after_rows: usize,
    /// Its `errorMessage`.
    #[serde(default = "job_failure")]
    pub message: String,
}

/// How long jobs stay in each state; what is left out takes no time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PacePlan {
    /// In `UploadComplete`.
    pub queued: Span,
    /// In `InProgress`, after each chunk of 200 rows.
    pub per_chunk: Span,
    /// In `InProgress`, after the last chunk.
    pub finishing: Span,
}

/// What a job fails with that names no message of its own.
pub(super) fn job_failure() -> String {
    "InternalServerError : The job could not be completed after several retries".to_owned()
}

impl FaultPlan {
    /// Adds what `other` orders: rules and jobs after ours, rows to ours, and in place of ours what there is once.
    pub fn extend(&mut self, other: Self) {
        fn put<T>(ours: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *ours = theirs;
            }
        }
        if let Some(rows) = other.lock_rows {
            *self.lock_rows.get_or_insert(0) += rows;
        }
        self.calls.extend(other.calls);
        self.fail_jobs.extend(other.fail_jobs);
        put(&mut self.seed, other.seed);
        put(&mut self.lock_share, other.lock_share);
        put(&mut self.lock_shared_parents, other.lock_shared_parents);
        put(&mut self.expire_sessions, other.expire_sessions);
        put(&mut self.daily_limit, other.daily_limit);
        put(&mut self.concurrent_limit, other.concurrent_limit);
        put(&mut self.hold_jobs_after, other.hold_jobs_after);
        put(&mut self.latency, other.latency);
        put(&mut self.pace, other.pace);
        put(&mut self.empty_results_as_204, other.empty_results_as_204);
    }
}

impl From<PacePlan> for Pace {
    fn from(plan: PacePlan) -> Self {
        Self {
            queued: plan.queued.0,
            per_chunk: plan.per_chunk.0,
            finishing: plan.finishing.0,
        }
    }
}

impl From<Pace> for PacePlan {
    fn from(pace: Pace) -> Self {
        Self {
            queued: Span(pace.queued),
            per_chunk: Span(pace.per_chunk),
            finishing: Span(pace.finishing),
        }
    }
}

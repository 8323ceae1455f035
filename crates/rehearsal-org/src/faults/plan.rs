//! Faults as a document: what can be ordered by JSON over HTTP or by a flag, and what is left of it when it is asked
//! for. Everything in it is checked when it is read.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rule::CallRule;
use crate::error::Error;
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

/// A chance from 0 to 1, written `2.5%` or `0.025`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Share(f64);

/// A time, written `250ms`, `2s` or `1m`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

/// What a job fails with that names no message of its own.
pub(super) fn job_failure() -> String {
    "InternalServerError : The job could not be completed after several retries".to_owned()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl FaultPlan {
    /// Reads the JSON document, or the short form such as `lock-rows=500` (see the README for all of them).
    ///
    /// # Errors
    /// When it is neither; the text says what was expected.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            super::text::read(text.trim())
        };
        read.map_err(|problem| Error::Fault {
            text: text.to_owned(),
            problem,
        })
    }

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

impl Share {
    /// # Errors
    /// When it is not from 0 to 1.
    pub fn new(share: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(format!(
                "a share is from 0% to 100%, or from 0 to 1; this is {share}"
            ))
        }
    }

    /// From 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (digits, whole) = match text.strip_suffix('%') {
            Some(digits) => (digits, 100.0),
            None => (text, 1.0),
        };
        let number: f64 = digits
            .trim()
            .parse()
            .map_err(|_| format!("{text:?} is no share, which is written 2.5% or 0.025"))?;
        Self::new(number / whole)
    }
}

impl TryFrom<Written> for Share {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(share) => Self::new(share),
            Written::Text(text) => Self::read(&text),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded where the binary form shows: 0.07 * 100 is 7.000000000000001.
        write!(f, "{}%", (self.0 * 100.0 * 1e9).round() / 1e9)
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => 0,
        };
        match digits.trim().parse::<u32>() {
            Ok(number) if unit > 0 => Ok(Self(Duration::from_millis(u64::from(number) * unit))),
            _ => Err(format!(
                "{text:?} is no time, which is written 250ms, 2s or 1m"
            )),
        }
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        format!("{}ms", span.0.as_millis())
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

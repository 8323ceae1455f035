//! Writing a few records by calls that answer at once, where that costs fewer calls than a job of the target's own.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use model::Failure;

use crate::{Calls, Gate, LoadPlan, Sent};

/// Such a set is a job to the loader all the same: stored, with its rows, before anything is sent. What a lost call wrote is found out by asking which of the
/// records are there.
#[async_trait]
pub trait SmallSets: Send + Sync {
    /// Whether so many records, of so many bytes as `Jobs::encode` makes them, take fewer calls this way than as a job.
    fn is_small(&self, plan: &LoadPlan, records: u64, bytes: u64) -> bool;

    /// The calls that so many records take when nothing goes wrong. For plans; sends nothing.
    fn calls(&self, plan: &LoadPlan, records: u64) -> Calls;

    /// Records of one call at most.
    fn at_once(&self) -> usize;

    /// The records that `Jobs::encode` or `Jobs::encode_again` wrote, one by one, in their order.
    fn rows(&self, plan: &LoadPlan, encoded: &[u8]) -> Result<Vec<SmallRow>, Failure>;

    /// Which of these keys the target has now, each with its record's id.
    async fn there(
        &self,
        plan: &LoadPlan,
        keys: &[&str],
    ) -> Result<BTreeMap<String, String>, Failure>;

    /// Writes these by one call, each for itself, and tells what became of every one. `gate` is passed right before it. After a `Retry` nobody knows what was
    /// written; after any other failure nothing was.
    async fn write(
        &self,
        plan: &LoadPlan,
        rows: &[SmallRow],
        gate: &dyn Gate,
    ) -> Result<Vec<Sent>, Failure>;
}

/// One record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmallRow {
    /// As `Jobs::keys` has it.
    pub key: String,
    /// As `Jobs::encode` wrote it.
    pub row: Bytes,
}

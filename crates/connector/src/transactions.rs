//! Writing in transactions: one per chunk, which holds claim, writes and outcome.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use model::{Attempt, ChunkNumber, ChunkRef, Failure};
use record::{Outcome, Payload};

use crate::{Gate, LoadPlan};

/// An attempt's right to write a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub chunk: ChunkRef,
    pub attempt: Attempt,
    /// The chunks that this one was split from, nearest first.
    pub ancestors: Vec<ChunkNumber>,
}

/// What became of a claimed chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded {
    /// Written now.
    Written(Outcome),
    /// Written before, by another attempt; its stored outcome.
    Replayed(Outcome),
    /// An ancestor was written whole before the split was known; its stored outcome stands for this chunk's records too.
    Covered {
        ancestor: ChunkNumber,
        outcome: Outcome,
    },
    /// Children of this chunk have been claimed: it was split, and is not to be written whole. Nothing was written.
    WasSplit,
}

#[async_trait]
pub trait Transactions: Send + Sync {
    /// Writes a chunk, effectively once.
    ///
    /// One transaction takes the claim (the first committed claim of a chunk stands; ancestors are marked split, so that a zombie of the unsplit chunk can't
    /// commit), writes the records, and stores the outcome. `gate` is passed right before the commit. A record that the target refuses is refused alone; its
    /// neighbours are written. Blocks on another attempt's open claim rather than guessing its end.
    async fn load(
        &self,
        plan: &LoadPlan,
        claim: &Claim,
        payload: Payload,
        gate: &dyn Gate,
    ) -> Result<Loaded, Failure>;

    /// The records that `load` would fail before the target has seen them, by their rows, each with the reason. Sends nothing.
    fn unwritable(
        &self,
        plan: &LoadPlan,
        records: &RecordBatch,
    ) -> Result<Vec<(usize, Failure)>, Failure>;
}

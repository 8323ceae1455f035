//! Writing records, the same way for REST and Bulk: `column` resolves what a caller names, `draft` reads a
//! record's values, `save` checks and stores a chunk of drafts, `delete` removes records, `journal` takes back.

pub(crate) mod column;
pub(crate) mod delete;
pub(crate) mod draft;
pub(crate) mod journal;
pub(crate) mod save;

use crate::errors::RowError;
use crate::ids::RecordId;

/// The greatest number of records written in one transaction.
pub(crate) const CHUNK: usize = 200;

/// What became of one record.
pub(crate) type Outcome = Result<Saved, Vec<RowError>>;

/// A record that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) id: RecordId,
    pub(crate) created: bool,
}

/// What is to be done with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Insert,
    Update,
    /// By this field.
    Upsert(u16),
    Delete,
    HardDelete,
}

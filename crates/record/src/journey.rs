//! What a chunk picks up on its way: the times and counts that the audit row is made of.

use chrono::{DateTime, Utc};
use model::{ChunkNumber, Pass};
use serde::{Deserialize, Serialize};

/// Travels with a chunk from the extractor to the auditor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journey {
    pub pass: Pass,
    /// The chunks that this one was split from, nearest first.
    pub ancestors: Vec<ChunkNumber>,
    /// When the extractor took the chunk up.
    pub started_at: DateTime<Utc>,
    /// The snapshot, or else the time, at which the source was read.
    pub read_epoch: String,
    /// Records read, those included that could not be decoded.
    pub extracted: u64,
    /// Records that the mapping let through.
    #[serde(default)]
    pub transformed: u64,
    /// Size of the records in memory as they were read, in bytes.
    pub bytes: u64,
    /// Order-free checksum over the source's records, with its version.
    pub source_checksum: String,
    /// `file:` sources: what was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

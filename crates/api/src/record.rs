//! What happened to one record.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// `GET /api/runs/{run}/record`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordQuery {
    /// As the migration file names it.
    pub object: String,
    /// The source key as text; of several columns a JSON list.
    pub key: String,
}

/// A record of a run, by its source key. Of records that share it, each is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    pub run: String,
    pub object: String,
    pub key: String,
    /// Each time that it went down the line, the first first. What the last one says counts.
    pub passages: Vec<Passage>,
}

/// A record in one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    pub chunk: i64,
    /// The attempt at the chunk that counts, and the target's job that carried it.
    pub attempt: i64,
    pub job: Option<String>,
    /// When the chunk's outcome was complete.
    pub at: Option<DateTime<Utc>>,
    pub fate: String,
    /// Its id in the target, where it has one and it is known.
    pub target_id: Option<String>,
    /// Over the mapped fields, stamps left out.
    pub checksum: Option<String>,
    pub error: Option<RecordError>,
    /// Values that the target took otherwise than they were computed, as the file says.
    #[serde(default)]
    pub changed: Vec<RecordChange>,
}

/// Why a record was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordError {
    pub code: String,
    /// None where nothing but the code was kept.
    pub message: Option<String>,
    #[serde(default)]
    pub fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordChange {
    pub field: String,
    pub code: String,
    /// None where it was null.
    pub was: Option<String>,
}

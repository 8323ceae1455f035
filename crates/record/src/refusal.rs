//! A record that did not make it, with the reason, and its data for whoever has to mend it.

use model::{Failure, Fate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why one record was rejected by us, failed in the target, or was skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The source key as text; where there is none, the record's place in its chunk.
    pub key: String,
    /// `rejected`, `failed` or `skipped`.
    pub fate: Fate,
    /// Ours in snake case, or the target's own.
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The record: as it was read if we rejected it, as it was sent if the target failed it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
}

impl Refusal {
    /// A record that we reject.
    pub fn rejected(key: impl Into<String>, failure: Failure, data: Map<String, Value>) -> Self {
        Self {
            key: key.into(),
            fate: Fate::Rejected,
            code: failure.code,
            message: failure.message,
            fields: failure.place.field.into_iter().collect(),
            data,
        }
    }
}

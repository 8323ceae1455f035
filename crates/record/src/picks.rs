//! Records that a run is to move, where it is not to move all: picked for its sample, or the parents of such.

use model::Failure;
use serde::{Deserialize, Serialize};

use crate::hash_key;
use crate::wire::unreadable;

/// One record, by its source key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    pub object: String,
    /// The source key as text.
    pub key: String,
    /// It is moved for certain; without it, only if it is among the sample's lowest.
    pub wanted: bool,
}

/// What was picked of one chunk, or for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picks {
    pub picks: Vec<Pick>,
}

impl Picks {
    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(self)
            .map_err(|error| Failure::bug(format!("picks do not encode: {error}")))
    }

    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))
    }
}

/// The hash by which a record is picked, and known among those that are: the same in every run of a migration.
pub fn pick_hash(migration: &str, object: &str, key: &str) -> u128 {
    hash_key(&[migration, object, key])
}

//! The target keys of a chunk as hashes: what the pass for duplicates carries instead of the records.

use model::Failure;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::wire::unreadable;

/// One record's target key, hashed, and what is needed to choose among duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHash {
    /// `hash_key` of the target key, 32 hexadecimal digits.
    pub hash: String,
    /// The source key as text.
    pub source_key: String,
    /// The watermark as text that sorts like it; the highest is the latest.
    pub rank: Option<String>,
}

/// The keys of one chunk, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHashes {
    pub keys: Vec<KeyHash>,
}

impl KeyHash {
    /// The hash as a number.
    pub fn number(&self) -> Result<u128, Failure> {
        u128::from_str_radix(&self.hash, 16)
            .map_err(|_| unreadable("a key's hash is no hexadecimal number"))
    }
}

/// The hash of a target key: of its parts' canonical text, so that `("a", "b")` and `("ab", "")` differ.
pub fn hash_key(parts: &[&str]) -> u128 {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    xxh3_128(&bytes)
}

impl KeyHashes {
    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(self)
            .map_err(|error| Failure::bug(format!("key hashes do not encode: {error}")))
    }

    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))
    }
}

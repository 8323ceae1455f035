//! The target keys of a chunk as hashes: what the pass for duplicates carries instead of the records.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, RecordBatch, StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema};
use model::Failure;
use xxhash_rust::xxh3::xxh3_128;

use crate::wire::{decode_batch, encode_batch, unreadable};

/// One record's target key, hashed, and what is needed to choose among duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHash {
    /// `hash_key` of the target key.
    pub hash: u128,
    /// The source key as text.
    pub source_key: String,
    /// The watermark as text that sorts like it; the highest is the latest.
    pub rank: Option<String>,
}

/// The keys of one chunk, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHashes {
    pub keys: Vec<KeyHash>,
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
        let unencoded = |error| Failure::bug(format!("key hashes do not encode: {error}"));
        let mut hashes = FixedSizeBinaryBuilder::with_capacity(self.keys.len(), 16);
        let mut ranks = StringBuilder::new();
        for key in &self.keys {
            hashes
                .append_value(key.hash.to_be_bytes())
                .map_err(unencoded)?;
            ranks.append_option(key.rank.as_deref());
        }
        let sources = self.keys.iter().map(|key| Some(key.source_key.as_str()));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(hashes.finish()),
            Arc::new(sources.collect::<StringArray>()),
            Arc::new(ranks.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::new(schema()), columns).map_err(unencoded)?;
        encode_batch(&batch)
    }

    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        let batch = decode_batch(body)?;
        if batch.schema_ref().as_ref() != &schema() {
            return Err(unreadable("key hashes have other columns"));
        }
        let hashes = batch.column(0).as_fixed_size_binary();
        let sources = batch.column(1).as_string::<i32>();
        let ranks = batch.column(2).as_string::<i32>();
        let keys = (0..batch.num_rows()).map(|row| {
            let hash = <[u8; 16]>::try_from(hashes.value(row));
            Ok(KeyHash {
                hash: u128::from_be_bytes(hash.map_err(|_| unreadable("a hash is cut short"))?),
                source_key: sources.value(row).to_owned(),
                rank: ranks.is_valid(row).then(|| ranks.value(row).to_owned()),
            })
        });
        let keys = keys.collect::<Result<_, Failure>>()?;
        Ok(Self { keys })
    }
}

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("hash", DataType::FixedSizeBinary(16), false),
        Field::new("source_key", DataType::Utf8, false),
        Field::new("rank", DataType::Utf8, true),
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_were() {
        let key = |hash, rank: Option<&str>| KeyHash {
            hash,
            source_key: format!("ключ {hash}"),
            rank: rank.map(str::to_owned),
        };
        let keys = vec![key(1, None), key(u128::MAX, Some("")), key(0, Some("2024"))];
        let hashes = KeyHashes { keys };
        let body = hashes.encode().unwrap();
        assert_eq!(KeyHashes::decode(&body).unwrap(), hashes);
        assert!(KeyHashes::decode(&body[..body.len() / 2]).is_err());
        let none = KeyHashes::default();
        assert_eq!(KeyHashes::decode(&none.encode().unwrap()).unwrap(), none);
    }
}

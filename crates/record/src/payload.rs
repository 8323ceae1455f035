//! A chunk between extractor, transformer and loader.

use arrow::array::RecordBatch;
use model::Failure;
use serde::{Deserialize, Serialize};

use crate::wire::{decode_batch, encode_batch, join_parts, split_parts, unreadable};
use crate::{Journey, Refusal};

/// Records still on their way, and those already refused; together all that was extracted.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    pub journey: Journey,
    pub records: RecordBatch,
    pub refusals: Vec<Refusal>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    journey: Journey,
    refusals: Vec<Refusal>,
}

impl Payload {
    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        let head = serde_json::to_vec(&Head {
            journey: self.journey.clone(),
            refusals: self.refusals.clone(),
        })
        .map_err(|error| Failure::bug(format!("a payload does not encode: {error}")))?;
        Ok(join_parts(&[&head, &encode_batch(&self.records)?]))
    }

    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        let [head, records] = split_parts(body)?;
        let Head { journey, refusals } =
            serde_json::from_slice(head).map_err(|error| unreadable(&error.to_string()))?;
        Ok(Self {
            journey,
            records: decode_batch(records)?,
            refusals,
        })
    }
}

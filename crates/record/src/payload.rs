//! A chunk between extractor, transformer and loader.

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use bytes::Bytes;
use model::Failure;
use serde::{Deserialize, Serialize};

use crate::wire::{add_batch, add_part, split_parts, unreadable, view_batch};
use crate::{Change, Journey, Refusal, meta, record_json};

/// Records still on their way, and those already refused; together all that was extracted.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    pub journey: Journey,
    pub records: RecordBatch,
    /// Records of other chunks with the same target keys, where duplicates are merged; they are counted there.
    pub rivals: Option<RecordBatch>,
    pub refusals: Vec<Refusal>,
    /// Values of the records on their way that were changed, as the file says.
    pub changes: Vec<Change>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    journey: Journey,
    refusals: Vec<Refusal>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
}

impl Payload {
    /// Rejects some of the records, by their rows.
    pub fn reject(mut self, rejected: Vec<(usize, Failure)>) -> Result<Self, Failure> {
        let broken = |error| Failure::bug(format!("a payload does not hold together: {error}"));
        let keys = self
            .records
            .column_by_name(meta::KEY_COLUMN)
            .and_then(|column| column.as_string_opt::<i32>())
            .ok_or_else(|| Failure::bug("a mapped batch has no column of source keys"))?;
        let mut kept = vec![true; self.records.num_rows()];
        for (row, failure) in rejected {
            kept[row] = false;
            let data = record_json(&self.records, row);
            let refusal = Refusal::rejected(keys.value(row), failure, data);
            self.refusals.push(refusal);
        }
        let kept = BooleanArray::from(kept);
        self.records = filter_record_batch(&self.records, &kept).map_err(broken)?;
        Ok(self)
    }

    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        let head = serde_json::to_vec(&Head {
            journey: self.journey.clone(),
            refusals: self.refusals.clone(),
            changes: self.changes.clone(),
        })
        .map_err(|error| Failure::bug(format!("a payload does not encode: {error}")))?;
        let mut body = Vec::with_capacity(self.records.get_array_memory_size() + head.len());
        // First, so that values lie where processors want them.
        add_batch(&mut body, Some(&self.records))?;
        add_part(&mut body, &head);
        add_batch(&mut body, self.rivals.as_ref())?;
        Ok(body)
    }

    /// Its records stay in the body's memory.
    pub fn decode(body: &Bytes) -> Result<Self, Failure> {
        let [records, head, rivals] = split_parts(body)?;
        let Head {
            journey,
            refusals,
            changes,
        } = serde_json::from_slice(head).map_err(|error| unreadable(&error.to_string()))?;
        Ok(Self {
            journey,
            records: view_batch(body.slice_ref(records))?,
            rivals: (!rivals.is_empty())
                .then(|| view_batch(body.slice_ref(rivals)))
                .transpose()?,
            refusals,
            changes,
        })
    }
}

//! What a job remembers of a chunk: which of our records each result is about, and what was known of the chunk before.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, RecordBatch, StringArray};
use bytes::Bytes;
use connector::{Sent, Verdict};
use model::{Failure, Fate};
use record::{
    Checksum, Outcome, Payload, Refusal, decode_batch, encode_batch, join_parts, meta, split_parts,
};
use serde_json::{Map, Value};

/// One chunk of a job.
pub(crate) struct Manifest {
    /// What is settled already: records refused before, and those that an earlier job of the chunk settled.
    pub(crate) settled: Outcome,
    /// The records of this job.
    pub(crate) rows: Vec<Row>,
    /// Of a job for the rest of another: its records as they are to be sent. Only results had them, and those go with the other job.
    pub(crate) rest: Option<Bytes>,
}

/// A record that was sent.
pub(crate) struct Row {
    pub(crate) source_key: String,
    /// As it was sent, and as results have it.
    pub(crate) target_key: String,
    pub(crate) checksum: Option<Checksum>,
}

impl Manifest {
    pub(crate) fn new(payload: Payload, target_keys: Vec<String>) -> Result<Self, Failure> {
        let missing = || Failure::bug("a mapped batch has no column of source keys");
        let keys = payload
            .records
            .column_by_name(meta::KEY_COLUMN)
            .and_then(|column| column.as_string_opt::<i32>())
            .ok_or_else(missing)?;
        let checksums = payload
            .records
            .column_by_name(meta::CHECKSUM_COLUMN)
            .and_then(|column| column.as_fixed_size_binary_opt());
        let rows = target_keys
            .into_iter()
            .enumerate()
            .map(|(row, target_key)| Row {
                source_key: keys.value(row).to_owned(),
                target_key,
                checksum: checksums.and_then(|sums| Checksum::from_bytes(sums.value(row))),
            })
            .collect();
        Ok(Self {
            settled: Outcome::of_refused(payload.journey, payload.refusals),
            rows,
            rest: None,
        })
    }

    /// Settles each record by its result. Records that the job did not come to stay among `rows`; their results are returned.
    pub(crate) fn settle(&mut self, results: &mut HashMap<String, Vec<Sent>>) -> Vec<Sent> {
        let mut unprocessed = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            let Some(sent) = results.get_mut(&row.target_key).and_then(Vec::pop) else {
                let message = "the target's results do not mention this record";
                let failure = Failure::reject("result_missing", message);
                self.refuse(&row, failure, Vec::new(), Map::new());
                continue;
            };
            match sent.verdict {
                Verdict::Created { id } => self.push(row, id, Fate::Created),
                Verdict::Updated { id } => self.push(row, id, Fate::Updated),
                Verdict::Deleted { id } => self.push(row, id, Fate::Deleted),
                Verdict::Failed {
                    code,
                    message,
                    fields,
                } => {
                    let data = sent
                        .fields
                        .into_iter()
                        .map(|(name, value)| (name, Value::from(value)));
                    self.refuse(&row, Failure::reject(code, message), fields, data.collect());
                }
                Verdict::Unprocessed => {
                    unprocessed.push(sent);
                    self.rows.push(row);
                }
            }
        }
        unprocessed
    }

    fn push(&mut self, row: Row, id: String, fate: Fate) {
        self.settled
            .ledger
            .push(row.source_key, Some(id), fate, row.checksum);
    }

    fn refuse(
        &mut self,
        row: &Row,
        failure: Failure,
        fields: Vec<String>,
        data: Map<String, Value>,
    ) {
        let refusal = Refusal {
            key: row.source_key.clone(),
            fate: Fate::Failed,
            code: failure.code,
            message: failure.message,
            fields,
            data,
        };
        self.settled.refuse(refusal, row.checksum);
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Failure> {
        let encode = |error: arrow::error::ArrowError| {
            Failure::bug(format!("a manifest does not encode: {error}"))
        };
        let text = |of: fn(&Row) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(self.rows.iter().map(of)))
        };
        let mut checksums = FixedSizeBinaryBuilder::new(16);
        for row in &self.rows {
            match row.checksum {
                Some(checksum) => checksums
                    .append_value(checksum.to_bytes())
                    .map_err(encode)?,
                None => checksums.append_null(),
            }
        }
        let checksums: ArrayRef = Arc::new(checksums.finish());
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("source_key", text(|row| &row.source_key), false),
            ("target_key", text(|row| &row.target_key), false),
            ("checksum", checksums, true),
        ])
        .map_err(encode)?;
        let rest = self.rest.as_deref().unwrap_or_default();
        Ok(join_parts(&[
            &self.settled.encode()?,
            &encode_batch(&rows)?,
            rest,
        ]))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let [settled, rows, rest] = split_parts(bytes)?;
        let batch = decode_batch(rows)?;
        let unreadable = || Failure::bug("a stored manifest has other columns");
        let text = |column: usize| batch.columns().get(column)?.as_string_opt::<i32>();
        let (sources, targets) = text(0).zip(text(1)).ok_or_else(unreadable)?;
        let checksums = batch
            .columns()
            .get(2)
            .and_then(|column| column.as_fixed_size_binary_opt())
            .ok_or_else(unreadable)?;
        let rows = (0..batch.num_rows())
            .map(|row| Row {
                source_key: sources.value(row).to_owned(),
                target_key: targets.value(row).to_owned(),
                checksum: checksums
                    .is_valid(row)
                    .then(|| Checksum::from_bytes(checksums.value(row)))
                    .flatten(),
            })
            .collect();
        Ok(Self {
            settled: Outcome::decode(settled)?,
            rows,
            rest: (!rest.is_empty()).then(|| Bytes::copy_from_slice(rest)),
        })
    }
}

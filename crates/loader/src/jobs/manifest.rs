//! What a job remembers of a chunk: which of our records each result is about, and what was known of the chunk before.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use model::Failure;
use record::{
    Checksum, Outcome, Payload, decode_batch, encode_batch, join_parts, meta, split_parts,
};

/// One chunk of a job.
pub(crate) struct Manifest {
    /// What is settled already: records refused before, and those that an earlier job of the chunk settled.
    pub(crate) settled: Outcome,
    /// The records of this job.
    pub(crate) rows: Rows,
    /// Of a job for the rest of another, and of one that is sent by calls: its records as they are to be sent, which nobody else has.
    pub(crate) rest: Option<Bytes>,
    /// Of a job that is sent by calls: for each record whether the target had it before anything was sent. Empty where that does not matter.
    pub(crate) there: Vec<bool>,
    /// How many jobs before this one ended with records of the chunk that others held.
    pub(crate) contended: u32,
    /// How many jobs before this one ended with records whose parents were missing.
    pub(crate) orphaned: u32,
}

/// Records that were sent: their source keys, their keys as results have them, and their checksums. Columns, because a job has many.
pub(crate) struct Rows {
    batch: RecordBatch,
}

impl Manifest {
    pub(crate) fn new(payload: Payload, target_keys: Vec<String>) -> Result<Self, Failure> {
        let missing = |_| Failure::bug("a mapped batch has no column of source keys");
        let records = &payload.records;
        let schema = records.schema_ref();
        let sources = schema.index_of(meta::KEY_COLUMN).map_err(missing)?;
        let checksums = match records.column_by_name(meta::CHECKSUM_COLUMN) {
            Some(checksums) => Arc::clone(checksums),
            None => {
                let none = std::iter::repeat_n(None::<[u8; 16]>, records.num_rows());
                let none = FixedSizeBinaryArray::try_from_sparse_iter_with_size(none, 16);
                Arc::new(none.map_err(broken)?)
            }
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::clone(records.column(sources)),
            Arc::new(StringArray::from(target_keys)),
            checksums,
        ];
        let batch = RecordBatch::try_new(Arc::new(schema_of_rows()), columns).map_err(broken)?;
        Ok(Self {
            settled: Outcome::of_refused(payload.journey, payload.refusals, payload.changes),
            rows: Rows { batch },
            rest: None,
            there: Vec::new(),
            contended: 0,
            orphaned: 0,
        })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Failure> {
        let there: Vec<u8> = self.there.iter().map(|there| u8::from(*there)).collect();
        Ok(join_parts(&[
            &self.settled.encode()?,
            &encode_batch(&self.rows.batch)?,
            self.rest.as_deref().unwrap_or_default(),
            &[self.contended.to_le_bytes(), self.orphaned.to_le_bytes()].concat(),
            &there,
        ]))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let unreadable = || Failure::bug("a stored manifest has another form");
        let [settled, rows, rest, counts, there] = split_parts(bytes)?;
        let batch = decode_batch(rows)?;
        if batch.schema_ref().as_ref() != &schema_of_rows() {
            return Err(unreadable());
        }
        if !there.is_empty() && there.len() != batch.num_rows() {
            return Err(unreadable());
        }
        let count = |place: usize| {
            let bytes = counts.get(place * 4..place * 4 + 4);
            let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
            bytes.map(u32::from_le_bytes).ok_or_else(unreadable)
        };
        Ok(Self {
            settled: Outcome::decode(settled)?,
            rows: Rows { batch },
            rest: (!rest.is_empty()).then(|| Bytes::copy_from_slice(rest)),
            there: there.iter().map(|there| *there != 0).collect(),
            contended: count(0)?,
            orphaned: count(1)?,
        })
    }
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    pub(crate) fn source_key(&self, row: usize) -> &str {
        self.batch.column(0).as_string::<i32>().value(row)
    }

    pub(crate) fn target_key(&self, row: usize) -> &str {
        self.batch.column(1).as_string::<i32>().value(row)
    }

    /// The keys of all as results have them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.target_key(row))
    }

    pub(crate) fn checksum(&self, row: usize) -> Option<Checksum> {
        let checksums = self.batch.column(2).as_fixed_size_binary();
        let known = checksums.is_valid(row);
        known
            .then(|| Checksum::from_bytes(checksums.value(row)))
            .flatten()
    }

    /// The records at these places, in their order.
    pub(crate) fn only(&self, places: Vec<u32>) -> Result<Self, Failure> {
        let places = UInt32Array::from(places);
        let batch = take_record_batch(&self.batch, &places).map_err(broken)?;
        Ok(Self { batch })
    }
}

fn schema_of_rows() -> Schema {
    Schema::new(vec![
        Field::new("source_key", DataType::Utf8, false),
        Field::new("target_key", DataType::Utf8, false),
        Field::new("checksum", DataType::FixedSizeBinary(16), true),
    ])
}

fn broken(error: arrow::error::ArrowError) -> Failure {
    Failure::bug(format!("a manifest does not hold together: {error}"))
}

//! Records with one target key, merged: the latest is moved, and where it has nulls, the next latest that has a value stands in.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave;
use model::Failure;
use record::key_texts;

use crate::duplicates::{Duplicates, Standing};
use crate::mapper::Mapper;
use crate::reason::broken;

/// A record: 0 for the chunk's own or 1 for its rivals, and the row.
type Place = (usize, usize);

impl Mapper {
    /// The chunk's records, as they are mapped then. `rivals` are records of other chunks.
    pub fn merge(
        &self,
        records: &RecordBatch,
        rivals: Option<&RecordBatch>,
        duplicates: &Duplicates,
    ) -> Result<RecordBatch, Failure> {
        let winners = self.winners(records, rivals, duplicates)?;
        if winners.is_empty() {
            return Ok(records.clone());
        }
        let of_key: HashSet<String> = self.key_columns();
        let columns = records
            .schema_ref()
            .fields()
            .iter()
            .enumerate()
            .map(|(place, field)| {
                let own = records.column(place);
                // Another value there would make another key of it.
                if of_key.contains(field.name()) {
                    return Ok(own.clone());
                }
                let all: Vec<&dyn Array> = [Some(records), rivals]
                    .into_iter()
                    .flatten()
                    .map(|batch| batch.column(place).as_ref())
                    .collect();
                filled(own, &all, &winners)
            })
            .collect::<Result<Vec<ArrayRef>, Failure>>()?;
        RecordBatch::try_new(records.schema(), columns).map_err(broken)
    }

    /// The rows that are moved for others too, each with those others, the latest first.
    fn winners(
        &self,
        records: &RecordBatch,
        rivals: Option<&RecordBatch>,
        duplicates: &Duplicates,
    ) -> Result<Vec<(usize, Vec<Place>)>, Failure> {
        let mut places: HashMap<String, Vec<Place>> = HashMap::new();
        for (batch, records) in [Some(records), rivals].into_iter().flatten().enumerate() {
            let keys = key_texts(records, &self.source_key)?;
            for row in 0..records.num_rows() {
                let key = keys.value(row).to_owned();
                places.entry(key).or_default().push((batch, row));
            }
        }
        let keys = key_texts(records, &self.source_key)?;
        let hashes = self.row_hashes(records)?;
        let mut judge = duplicates.judge();
        let mut winners = Vec::new();
        for (row, hash) in hashes.into_iter().enumerate() {
            let Some(hash) = hash else { continue };
            let is_moved = judge(hash, keys.value(row)) == Standing::Moved;
            let merged = duplicates.merged(hash);
            if is_moved && !merged.is_empty() {
                let others = merged
                    .iter()
                    .filter_map(|key| places.get(key))
                    .flatten()
                    .copied()
                    .filter(|place| *place != (0, row));
                winners.push((row, others.collect()));
            }
        }
        Ok(winners)
    }
}

fn filled(
    own: &ArrayRef,
    all: &[&dyn Array],
    winners: &[(usize, Vec<Place>)],
) -> Result<ArrayRef, Failure> {
    let mut from: Vec<Place> = (0..own.len()).map(|row| (0, row)).collect();
    for (row, others) in winners {
        if own.is_null(*row) {
            let value = others
                .iter()
                .find(|(batch, other)| all[*batch].is_valid(*other));
            from[*row] = value.copied().unwrap_or((0, *row));
        }
    }
    interleave(all, &from).map_err(broken)
}

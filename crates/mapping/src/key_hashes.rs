//! The target keys of records as hashes: what the pass over keys carries, and by which duplicates are known.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use arrow::util::display::array_value_to_string;
use model::{Failure, Fate};
use record::{KeyHash, KeyHashes, hash_key, key_texts};

use crate::by_id::ParentIds;
use crate::computed::Computed;
use crate::mapper::Mapper;
use crate::reason::{Reason, broken};
use crate::rules::Rule;

impl Mapper {
    /// The source's columns that `key_hashes` needs.
    pub fn key_pass_columns(&self) -> Vec<String> {
        let mut needed = self.key_columns();
        needed.extend(self.source_key.iter().cloned());
        needed.extend(self.rules.iter().flat_map(Rule::columns));
        needed.extend(self.ranked_by.clone());
        let names = self.source.fields().iter().map(|column| column.name());
        names
            .filter(|name| needed.contains(*name))
            .cloned()
            .collect()
    }

    /// The target key of each record, hashed. Records without one, and those that a rule refuses, are left out: they are refused when they are mapped.
    /// The records may have the columns alone that are needed.
    pub fn key_hashes(&self, records: &RecordBatch) -> Result<KeyHashes, Failure> {
        let records = &self.filled_up(records)?;
        let mut reasons = self.ruled(records);
        let hashes = self.hashed(records, &mut reasons)?;
        let keys = key_texts(records, &self.source_key)?;
        let ranks = self.ranks(records)?;
        Ok(KeyHashes {
            keys: (0..records.num_rows())
                .filter(|row| reasons[*row].is_none())
                .map(|row| KeyHash {
                    hash: hashes[row],
                    source_key: keys.value(row).to_owned(),
                    rank: ranks.as_ref().and_then(|ranks| ranks[row].clone()),
                })
                .collect(),
        })
    }

    /// The target key of each record, hashed, whether or not it has one; none for those that a rule refuses.
    pub(crate) fn row_hashes(&self, records: &RecordBatch) -> Result<Vec<Option<u128>>, Failure> {
        let mut reasons = self.ruled(records);
        let ruled_out: Vec<bool> = reasons.iter().map(Option::is_some).collect();
        let hashes = self.hashed(records, &mut reasons)?;
        let known = hashes.into_iter().zip(ruled_out);
        Ok(known
            .map(|(hash, ruled_out)| (!ruled_out).then_some(hash))
            .collect())
    }

    /// The records with all columns of the source, in their places: those that were left out are null.
    fn filled_up(&self, records: &RecordBatch) -> Result<RecordBatch, Failure> {
        if records.num_columns() == self.source.fields().len() {
            return Ok(records.clone());
        }
        let (rows, mut columns) = (records.num_rows(), Vec::new());
        let mut fields: Vec<FieldRef> = Vec::new();
        for field in self.source.fields() {
            match records.column_by_name(field.name()) {
                Some(column) => {
                    columns.push(column.clone());
                    fields.push(field.clone());
                }
                None => {
                    columns.push(new_null_array(field.data_type(), rows));
                    fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
                }
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .map_err(broken)
    }

    fn hashed(
        &self,
        records: &RecordBatch,
        reasons: &mut [Option<Reason>],
    ) -> Result<Vec<u128>, Failure> {
        let columns = self
            .key_computed()
            .map(|field| {
                let field = field?;
                if let Some(keys) = field.keys_of_ids(records) {
                    for row in (0..keys.len()).filter(|row| keys.is_null(*row)) {
                        let failure = Failure::reject("missing_key", "the record has no key");
                        let fate = Fate::Rejected;
                        reasons[row].get_or_insert(Reason { fate, failure });
                    }
                    return Ok(keys);
                }
                Ok(field.compute(records, &ParentIds::default(), reasons)?.0)
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        self.hashes(&columns)
    }

    fn key_computed(&self) -> impl Iterator<Item = Result<&Computed, Failure>> {
        self.key_fields.iter().map(|key| {
            self.computed
                .iter()
                .find(|field| field.column.name() == key)
                .ok_or_else(|| Failure::bug(format!("the key field `{key}` is not mapped")))
        })
    }

    /// The source's columns that the target key is computed from.
    pub(crate) fn key_columns(&self) -> HashSet<String> {
        self.key_computed()
            .flatten()
            .flat_map(|field| field.expression.columns())
            .collect()
    }

    pub(crate) fn hashes(&self, columns: &[ArrayRef]) -> Result<Vec<u128>, Failure> {
        let texts = columns
            .iter()
            .zip(&self.case_folds)
            .map(|(column, folds)| {
                let text = cast(column, &DataType::Utf8).map_err(broken)?;
                let text = text.as_string::<i32>();
                Ok(text
                    .iter()
                    .map(|text| {
                        let text = text.unwrap_or_default();
                        if *folds {
                            text.to_lowercase()
                        } else {
                            text.to_owned()
                        }
                    })
                    .collect::<Vec<_>>())
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let rows = columns.first().map_or(0, |column| column.len());
        Ok((0..rows)
            .map(|row| {
                let parts: Vec<&str> = texts.iter().map(|column| column[row].as_str()).collect();
                hash_key(&parts)
            })
            .collect())
    }

    /// The watermark as text that sorts like it.
    fn ranks(&self, records: &RecordBatch) -> Result<Option<Vec<Option<String>>>, Failure> {
        let Some(column) = self
            .ranked_by
            .as_deref()
            .and_then(|name| records.column_by_name(name))
        else {
            return Ok(None);
        };
        let ranks = if column.data_type().is_numeric() {
            let doubles = cast(column, &DataType::Float64).map_err(broken)?;
            let doubles = doubles.as_primitive::<Float64Type>();
            // The bits of a double sort like it once the sign is turned.
            doubles
                .iter()
                .map(|value| {
                    value.map(|value| {
                        let bits = value.to_bits();
                        let sorted = if value.is_sign_negative() {
                            !bits
                        } else {
                            bits | 1 << 63
                        };
                        format!("{sorted:016x}")
                    })
                })
                .collect()
        } else {
            (0..column.len())
                .map(|row| {
                    column
                        .is_valid(row)
                        .then(|| array_value_to_string(column, row).unwrap_or_default())
                })
                .collect()
        };
        Ok(Some(ranks))
    }
}

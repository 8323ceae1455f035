//! A compiled mapping, applied to batches: target fields out, and the refused records with their reasons.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::{DataType, Field as Column, Schema, SchemaRef};
use model::{Failure, Fate};
use record::{Change, Checksum, Refusal, checksums, key_texts, meta, record_json};

use crate::by_id::{ParentIds, ParentKeys};
use crate::computed::{Changed, Computed};
use crate::duplicates::{Duplicates, Standing};
use crate::reason::{Reason, broken};
use crate::rules::Rule;

/// A field that has the same value in every record.
pub(crate) struct Stamp {
    pub(crate) column: Column,
    /// One row.
    pub(crate) value: ArrayRef,
}

/// An object's mapping. Serves many batches at once.
pub struct Mapper {
    pub(crate) computed: Vec<Computed>,
    stamps: Vec<Stamp>,
    fields: Vec<String>,
    pub(crate) key_fields: Vec<String>,
    /// For each key field: keys that differ only in case are one key.
    pub(crate) case_folds: Vec<bool>,
    one_to_one: bool,
    pub(crate) source: SchemaRef,
    pub(crate) source_key: Vec<String>,
    /// The watermark's column, where the latest of duplicates is moved.
    pub(crate) ranked_by: Option<String>,
    /// Computed for what they refuse, and not sent.
    pub(crate) guards: Vec<Computed>,
    /// Records of which nothing is set but their key are skipped.
    pub(crate) skips_unlinked: bool,
    pub(crate) rules: Vec<Rule>,
}

/// A mapped batch. Every record that came in is in one of the two, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// The target's fields, with our columns of source key and checksum.
    pub records: RecordBatch,
    pub refusals: Vec<Refusal>,
    /// The values in `records` that the file had changed, record by record.
    pub changes: Vec<Change>,
}

impl Mapper {
    pub(crate) fn new(
        computed: Vec<Computed>,
        stamps: Vec<Stamp>,
        key_fields: Vec<String>,
        case_folds: Vec<bool>,
        one_to_one: bool,
        source: SchemaRef,
        source_key: Vec<String>,
    ) -> Result<Self, Failure> {
        let fields: Vec<String> = computed
            .iter()
            .map(|field| field.sent_as.clone())
            .chain(stamps.iter().map(|stamp| stamp.column.name().clone()))
            .collect();
        for (place, name) in fields.iter().enumerate() {
            if fields[..place].contains(name) {
                return Err(Failure::usage("field_twice", format!("`{name}` is filled twice"))
                    .field(name)
                    .hint("names that differ only in case, or a lookup and its field, are one field"));
            }
        }
        Ok(Self {
            computed,
            stamps,
            fields,
            key_fields,
            case_folds,
            one_to_one,
            source,
            source_key,
            ranked_by: None,
            guards: Vec::new(),
            skips_unlinked: false,
            rules: Vec::new(),
        })
    }

    /// Sets what records have to fulfil.
    pub(crate) fn with_rules(mut self, rules: Vec<Rule>) -> Self {
        self.rules = rules;
        self
    }

    /// The fields that are sent, in the target's own spelling, stamps last. A lookup by a relation is `relation.key`, `Account.External_Id__c`.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The fields by which a record is found in the target.
    pub fn key_fields(&self) -> &[String] {
        &self.key_fields
    }

    /// Whether duplicates have to be looked for over the whole object first.
    pub fn needs_key_pass(&self, key_is_unique: bool) -> bool {
        let keeps_apart = key_is_unique && self.one_to_one;
        !self.key_fields.is_empty() && !keeps_apart
    }

    /// Whether ids of parents are needed to apply it.
    pub fn asks_for_ids(&self) -> bool {
        self.computed.iter().any(|field| field.by_id.is_some())
    }

    /// The parents whose ids are needed to map these records.
    pub fn parent_keys(&self, records: &RecordBatch) -> Result<ParentKeys, Failure> {
        let mut wanted = ParentKeys::new();
        for field in &self.computed {
            let Some(by_id) = &field.by_id else { continue };
            let (keys, _) = field.expression.evaluate(records);
            for (_, parent, key) in by_id.references(&keys, records)? {
                wanted.entry(parent).or_default().insert(key);
            }
        }
        Ok(wanted)
    }

    /// `ids` are those of the parents that `parent_keys` asks for.
    pub fn apply(
        &self,
        records: &RecordBatch,
        duplicates: &Duplicates,
        ids: &ParentIds,
    ) -> Result<Mapped, Failure> {
        let mut reasons = self.ruled(records);
        let ruled_out: Vec<bool> = reasons.iter().map(Option::is_some).collect();
        let mut columns = Vec::with_capacity(self.fields.len());
        let mut changed = Vec::new();
        for field in &self.computed {
            let (column, of_field) = field.compute(records, ids, &mut reasons)?;
            columns.push(column);
            changed.extend(of_field);
        }
        for guard in &self.guards {
            guard.compute(records, ids, &mut reasons)?;
        }
        if self.skips_unlinked {
            self.skip_unlinked(&columns, &changed, &mut reasons);
        }
        let keys = key_texts(records, &self.source_key)?;
        if !duplicates.is_empty() {
            self.judge(
                records,
                &columns,
                &keys,
                duplicates,
                &ruled_out,
                &mut reasons,
            )?;
        }
        // Of a record that is not moved, nothing was changed.
        changed.retain(|changed| reasons[changed.row].is_none());
        changed.sort_by_key(|changed| changed.row);
        let changes = changed
            .into_iter()
            .map(|changed| {
                let (key, was) = (keys.value(changed.row), changed.was.as_deref());
                Change::new(key, changed.field, changed.code, was)
            })
            .collect();
        let mapped = self.batch(records.num_rows(), columns, &keys)?;
        let kept: BooleanArray = reasons
            .iter()
            .map(|reason| Some(reason.is_none()))
            .collect();
        let mapped = filter_record_batch(&mapped, &kept).map_err(broken)?;
        let refusals = reasons
            .into_iter()
            .enumerate()
            .filter_map(|(row, reason)| {
                let Reason { fate, failure } = reason?;
                // Who is skipped on purpose has nothing to be mended, and there may be many.
                let data = match fate {
                    Fate::Skipped => Default::default(),
                    _ => record_json(records, row),
                };
                let refusal = Refusal::rejected(keys.value(row), failure, data);
                Some(Refusal { fate, ..refusal })
            })
            .collect();
        Ok(Mapped {
            records: with_checksums(mapped)?,
            refusals,
            changes,
        })
    }

    /// A record whose lookup became null is sent for all that, and what it was stays on record.
    fn skip_unlinked(
        &self,
        columns: &[ArrayRef],
        changed: &[Changed<'_>],
        reasons: &mut [Option<Reason>],
    ) {
        let changed: HashSet<usize> = changed.iter().map(|changed| changed.row).collect();
        let links: Vec<_> = self
            .computed
            .iter()
            .zip(columns)
            .filter(|(field, _)| !self.key_fields.contains(field.column.name()))
            .map(|(_, column)| column)
            .collect();
        for (row, reason) in reasons.iter_mut().enumerate() {
            let is_unlinked = links.iter().all(|link| link.is_null(row));
            if reason.is_none() && is_unlinked && !changed.contains(&row) {
                *reason = Some(Reason {
                    fate: Fate::Skipped,
                    failure: Failure::reject("nothing_to_link", "the record refers to nothing"),
                });
            }
        }
    }

    /// What the rules say of each record. Those that they refuse are no rivals of others, wherever duplicates are looked for.
    pub(crate) fn ruled(&self, records: &RecordBatch) -> Vec<Option<Reason>> {
        let mut reasons = Vec::new();
        reasons.resize_with(records.num_rows(), || None);
        for rule in &self.rules {
            rule.apply(records, &mut reasons);
        }
        reasons
    }

    /// Refuses records whose target key others have as well.
    fn judge(
        &self,
        records: &RecordBatch,
        columns: &[ArrayRef],
        keys: &StringArray,
        duplicates: &Duplicates,
        ruled_out: &[bool],
        reasons: &mut [Option<Reason>],
    ) -> Result<(), Failure> {
        let key_columns: Vec<ArrayRef> = self
            .key_fields
            .iter()
            .filter_map(|key| self.fields.iter().position(|field| field == key))
            .map(|place| {
                let of_ids = self.computed.get(place);
                let of_ids = of_ids.and_then(|field| field.keys_of_ids(records));
                of_ids.unwrap_or_else(|| columns[place].clone())
            })
            .collect();
        let hashes = self.hashes(&key_columns)?;
        let mut standing = duplicates.judge();
        for (row, reason) in reasons.iter_mut().enumerate() {
            if ruled_out[row] {
                continue;
            }
            let standing = standing(hashes[row], keys.value(row));
            // Of what is not moved for another's sake, nobody needs to know what else is wrong.
            if reason.is_some() && !matches!(standing, Standing::Skipped { .. }) {
                continue;
            }
            let (fate, code, message) = match standing {
                Standing::Moved => continue,
                Standing::Skipped { winner } => (
                    Fate::Skipped,
                    "duplicate_skipped",
                    format!("the record {winner} has the same target key, and stands for it"),
                ),
                Standing::Rejected { keys } => (
                    Fate::Rejected,
                    "duplicate_key",
                    format!(
                        "these records have the same target key: {}",
                        keys.join(", ")
                    ),
                ),
            };
            let mut failure = Failure::reject(code, message);
            if let Some(field) = self.key_fields.first() {
                failure = failure.field(field);
            }
            *reason = Some(Reason { fate, failure });
        }
        Ok(())
    }

    fn batch(
        &self,
        rows: usize,
        mut columns: Vec<ArrayRef>,
        keys: &StringArray,
    ) -> Result<RecordBatch, Failure> {
        let repeat = UInt32Array::from(vec![0; rows]);
        for stamp in &self.stamps {
            columns.push(take(&stamp.value, &repeat, None).map_err(broken)?);
        }
        columns.push(Arc::new(keys.clone()));
        let fields: Vec<Column> = self
            .computed
            .iter()
            .map(|field| field.column.clone())
            .chain(self.stamps.iter().map(|stamp| stamp.column.clone()))
            .chain([Column::new(meta::KEY_COLUMN, DataType::Utf8, false)])
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(broken)
    }
}

fn with_checksums(batch: RecordBatch) -> Result<RecordBatch, Failure> {
    let sums = checksums(&batch)?;
    let bytes = sums.iter().map(|sum: &Checksum| Some(sum.to_bytes()));
    let column = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 16).map_err(broken)?;
    let mut fields: Vec<Arc<Column>> = batch.schema_ref().fields().iter().cloned().collect();
    fields.push(Arc::new(Column::new(
        meta::CHECKSUM_COLUMN,
        DataType::FixedSizeBinary(16),
        true,
    )));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(column));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(broken)
}

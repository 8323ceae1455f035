//! The per-record memory of a chunk, as one batch: key, target id, fate, checksum.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, RecordBatch, StringBuilder,
    StringDictionaryBuilder,
};
use arrow::datatypes::{DataType, Field, Int8Type, Schema};
use model::{Books, Failure, Fate};

use crate::Checksum;

/// One extracted record's fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// The source key as text.
    pub key: String,
    /// The record's id in the target, where it has one and it is known.
    pub target_id: Option<String>,
    pub fate: Fate,
    /// Over the mapped fields; none for records that were never mapped.
    pub checksum: Option<Checksum>,
}

/// A row for every extracted record of a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub rows: Vec<LedgerRow>,
}

impl Ledger {
    pub fn push(
        &mut self,
        key: impl Into<String>,
        target_id: Option<String>,
        fate: Fate,
        checksum: Option<Checksum>,
    ) {
        self.rows.push(LedgerRow {
            key: key.into(),
            target_id,
            fate,
            checksum,
        });
    }

    /// The sums of the fates; `extracted` is what was read, told by the journey and not by these rows.
    pub fn books(&self, extracted: u64) -> Books {
        let mut books = Books {
            extracted,
            ..Books::default()
        };
        for row in &self.rows {
            books.count(row.fate);
        }
        books
    }

    pub fn to_batch(&self) -> Result<RecordBatch, Failure> {
        let mut keys = StringBuilder::new();
        let mut ids = StringBuilder::new();
        let mut fates = StringDictionaryBuilder::<Int8Type>::new();
        let mut checksums = FixedSizeBinaryBuilder::new(16);
        for row in &self.rows {
            keys.append_value(&row.key);
            ids.append_option(row.target_id.as_deref());
            fates.append_value(row.fate.as_str());
            match row.checksum {
                None => checksums.append_null(),
                Some(checksum) => checksums
                    .append_value(checksum.to_bytes())
                    .map_err(|error| Failure::bug(format!("a ledger does not encode: {error}")))?,
            }
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(keys.finish()),
            Arc::new(ids.finish()),
            Arc::new(fates.finish()),
            Arc::new(checksums.finish()),
        ];
        RecordBatch::try_new(Arc::new(schema()), columns)
            .map_err(|error| Failure::bug(format!("a ledger does not encode: {error}")))
    }

    pub fn from_batch(batch: &RecordBatch) -> Result<Self, Failure> {
        if batch.schema_ref().as_ref() != &schema() {
            return Err(crate::wire::unreadable("a ledger has other columns"));
        }
        let keys = batch.column(0).as_string::<i32>();
        let ids = batch.column(1).as_string::<i32>();
        let fates = arrow::compute::cast(batch.column(2), &DataType::Utf8)
            .map_err(|error| crate::wire::unreadable(&error.to_string()))?;
        let fates = fates.as_string::<i32>();
        let checksums = batch.column(3).as_fixed_size_binary();
        let rows = (0..batch.num_rows())
            .map(|row| {
                let fate = Fate::parse(fates.value(row))
                    .ok_or_else(|| crate::wire::unreadable("a ledger has an unknown fate"))?;
                Ok(LedgerRow {
                    key: keys.value(row).to_owned(),
                    target_id: ids.is_valid(row).then(|| ids.value(row).to_owned()),
                    fate,
                    checksum: checksums
                        .is_valid(row)
                        .then(|| Checksum::from_bytes(checksums.value(row)))
                        .flatten(),
                })
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self { rows })
    }
}

fn schema() -> Schema {
    let fate = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    Schema::new(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("target_id", DataType::Utf8, true),
        Field::new("fate", fate, false),
        Field::new("checksum", DataType::FixedSizeBinary(16), true),
    ])
}

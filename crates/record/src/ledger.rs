//! The per-record memory of a chunk, as one batch: key, target id, fate, checksum, error.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, RecordBatch, StringBuilder,
    StringDictionaryBuilder, new_null_array,
};
use arrow::datatypes::{DataType, Field, Int8Type, Int32Type, Schema};
use model::{Books, Failure, Fate};

use crate::{Checksum, Refusal};

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
    /// The code of what was wrong, where it was refused; the failed records have the rest.
    pub error: Option<String>,
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
            error: None,
        });
    }

    /// A record that was refused.
    pub(crate) fn push_refused(&mut self, refusal: &Refusal, checksum: Option<Checksum>) {
        self.rows.push(LedgerRow {
            key: refusal.key.clone(),
            target_id: None,
            fate: refusal.fate,
            checksum,
            error: Some(refusal.code.clone()),
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
        let mut errors = StringDictionaryBuilder::<Int32Type>::new();
        for row in &self.rows {
            keys.append_value(&row.key);
            ids.append_option(row.target_id.as_deref());
            fates.append_value(row.fate.as_str());
            errors.append_option(row.error.as_deref());
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
            Arc::new(errors.finish()),
        ];
        RecordBatch::try_new(Arc::new(schema()), columns)
            .map_err(|error| Failure::bug(format!("a ledger does not encode: {error}")))
    }

    pub fn from_batch(batch: &RecordBatch) -> Result<Self, Failure> {
        let batch = &with_errors(batch)?;
        if batch.schema_ref().as_ref() != &schema() {
            return Err(crate::wire::unreadable("a ledger has other columns"));
        }
        let keys = batch.column(0).as_string::<i32>();
        let ids = batch.column(1).as_string::<i32>();
        let fates = texts(batch.column(2))?;
        let fates = fates.as_string::<i32>();
        let checksums = batch.column(3).as_fixed_size_binary();
        let errors = texts(batch.column(4))?;
        let errors = errors.as_string::<i32>();
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
                    error: errors.is_valid(row).then(|| errors.value(row).to_owned()),
                })
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self { rows })
    }
}

/// The first version of the ledger had no errors.
fn with_errors(batch: &RecordBatch) -> Result<RecordBatch, Failure> {
    let schema = Arc::new(schema());
    let errors = schema.field(4);
    if batch.num_columns() != 4 {
        return Ok(batch.clone());
    }
    let mut columns = batch.columns().to_vec();
    columns.push(new_null_array(errors.data_type(), batch.num_rows()));
    RecordBatch::try_new(schema, columns)
        .map_err(|error| crate::wire::unreadable(&error.to_string()))
}

fn texts(column: &ArrayRef) -> Result<ArrayRef, Failure> {
    arrow::compute::cast(column, &DataType::Utf8)
        .map_err(|error| crate::wire::unreadable(&error.to_string()))
}

fn schema() -> Schema {
    let few = |of| DataType::Dictionary(Box::new(of), Box::new(DataType::Utf8));
    Schema::new(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("target_id", DataType::Utf8, true),
        Field::new("fate", few(DataType::Int8), false),
        Field::new("checksum", DataType::FixedSizeBinary(16), true),
        Field::new("error", few(DataType::Int32), true),
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_the_first_version_is_read_without_errors() {
        let mut ledger = Ledger::default();
        ledger.push("1", Some("001".to_owned()), Fate::Created, None);
        let failure = Failure::reject("too_long", "too long");
        let refusal = Refusal::rejected("2", failure, serde_json::Map::new());
        ledger.push_refused(&refusal, Some(Checksum(7)));
        let batch = ledger.to_batch().unwrap();
        assert_eq!(Ledger::from_batch(&batch).unwrap(), ledger);
        assert_eq!(ledger.rows[1].error.as_deref(), Some("too_long"));
        let first = batch.project(&[0, 1, 2, 3]).unwrap();
        ledger.rows[1].error = None;
        assert_eq!(Ledger::from_batch(&first).unwrap(), ledger);
        assert!(Ledger::from_batch(&batch.project(&[0, 1]).unwrap()).is_err());
    }
}

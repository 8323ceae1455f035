//! A run that follows on a sample leaves out what the sample has moved, as if it were not there.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use connector::SourceObject;
use control::Control;
use model::{Failure, RunId};
use record::{key_texts, pick_hash};

pub(crate) async fn left_out(
    control: &Control,
    migration: &str,
    sample: &RunId,
    object: &SourceObject,
    records: RecordBatch,
) -> Result<RecordBatch, Failure> {
    let name = &object.object.name;
    let keys = key_texts(&records, &object.key)?;
    // Second passes are objects of their own, and so are their hashes.
    let hashes: Vec<[u8; 16]> = keys
        .iter()
        .flatten()
        .map(|key| pick_hash(migration, name, key).to_be_bytes())
        .collect();
    let moved = control.moved(sample, name, &hashes).await?;
    if moved.is_empty() {
        return Ok(records);
    }
    let kept: BooleanArray = hashes
        .iter()
        .map(|hash| Some(!moved.contains(hash)))
        .collect();
    filter_record_batch(&records, &kept)
        .map_err(|error| Failure::bug(format!("a batch does not hold together: {error}")))
}

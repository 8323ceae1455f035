//! Records of other chunks that are to be merged with some of this one: read by their keys, and sent along.

use arrow::array::{Array, RecordBatch};
use connector::{Read, Source, SourceObject};
use control::Control;
use model::{ChunkRef, Failure};
use record::key_texts;

/// More of them are no chunk's errand.
const MOST: i64 = 10_000;

pub(crate) async fn of(
    control: &Control,
    source: &dyn Source,
    object: &SourceObject,
    chunk: &ChunkRef,
    records: &RecordBatch,
) -> Result<Option<RecordBatch>, Failure> {
    let own = key_texts(records, &object.key)?;
    let own: Vec<&str> = (0..own.len()).map(|row| own.value(row)).collect();
    let mut rivals = control.rivals(chunk, &own, MOST + 1).await?;
    for key in &own {
        rivals.remove(*key);
    }
    if rivals.is_empty() {
        return Ok(None);
    }
    if rivals.len() as i64 > MOST {
        return Err(Failure::chunk(
            "too_many_duplicates",
            format!("more than {MOST} records of other chunks have target keys of this one"),
        )
        .hint("they are too many to be merged: choose another `on_duplicate_key`, or another target key"));
    }
    let keys: Vec<String> = rivals.into_iter().collect();
    let slice = source.slice_of_keys(object, &keys)?;
    match source.read(object, &slice, usize::MAX).await? {
        Read::Whole { records, .. } => Ok(Some(records)),
        Read::TooBig(_) => Err(Failure::bug("a slice passed a budget without end")),
    }
}

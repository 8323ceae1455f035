//! A second pass links records that are moved. Those that were not, in the first, are left out of it: an upsert would make new ones of them.

use std::collections::HashSet;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use control::Control;
use model::{ChunkRef, Failure};
use record::{Payload, Refusal, key_texts, record_json};

use crate::mappers::Mapping;

/// The payload without the records that `first` did not move; these are refused, so that a retry of the first pass links them as well.
pub(crate) async fn leave_out(
    control: &Control,
    chunk: &ChunkRef,
    first: &str,
    mapping: &Mapping,
    payload: &Payload,
) -> Result<Payload, Failure> {
    if let Some(why) = control.chunk_failure(&chunk.run, first).await? {
        return Err(Failure::chunk(
            "not_moved",
            format!("chunks of `{first}` were not moved, so their records can't be linked: {why}"),
        )
        .hint("`stevedore retry` moves and then links them"));
    }
    let records = &payload.records;
    let keys = key_texts(records, &mapping.key)?;
    let asked: Vec<&str> = (0..records.num_rows()).map(|row| keys.value(row)).collect();
    let absent: HashSet<String> = control.not_moved(&chunk.run, first, &asked).await?;
    let mut payload = payload.clone();
    if absent.is_empty() {
        return Ok(payload);
    }
    for (row, key) in asked.iter().enumerate() {
        if absent.contains(*key) {
            let message =
                format!("it was not moved as a record of `{first}`, so it can't be linked");
            let failure = Failure::reject("not_moved", message);
            let refusal = Refusal::rejected(*key, failure, record_json(records, row));
            payload.refusals.push(refusal);
        }
    }
    let kept: BooleanArray = asked
        .iter()
        .map(|key| Some(!absent.contains(*key)))
        .collect();
    payload.records = filter_record_batch(records, &kept)
        .map_err(|error| Failure::bug(format!("a payload does not hold together: {error}")))?;
    Ok(payload)
}

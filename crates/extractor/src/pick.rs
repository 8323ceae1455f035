//! The pass that picks a sample: a slice is read, and of its records those are told whose keys' hashes are of the sample. Nothing else of them is sent.

use model::{Failure, Sample};
use record::{Pick, Picks, Refusal, key_texts, pick_hash};

use arrow::array::RecordBatch;
use connector::SourceObject;

pub(crate) fn picks(
    migration: &str,
    object: &SourceObject,
    sample: Sample,
    records: &RecordBatch,
    rejected: &[Refusal],
) -> Result<Picks, Failure> {
    let name = &object.object.name;
    let keys = key_texts(records, &object.key)?;
    let keys = keys.iter().flatten();
    let rejected = rejected.iter().map(|refusal| refusal.key.as_str());
    let mut taken: Vec<(u128, &str)> = keys
        .chain(rejected)
        .map(|key| (pick_hash(migration, name, key), key))
        .filter(|(hash, _)| sample.takes(*hash))
        .collect();
    taken.sort_unstable();
    taken.dedup();
    if let Sample::Records(most) = sample {
        // No more of one slice can be among the lowest of all.
        taken.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
    let pick = |(_, key): (u128, &str)| Pick {
        object: name.clone(),
        key: key.to_owned(),
        wanted: matches!(sample, Sample::Percent(_)),
    };
    Ok(Picks {
        picks: taken.into_iter().map(pick).collect(),
    })
}

//! What the control database knows of the duplicates of one chunk's target keys.

use control::{Control, DuplicateKey};
use mapping::{Duplicates, Rival};
use model::migration::OnDuplicateKey;
use model::{ChunkRef, Failure};
use record::KeyHashes;

pub(crate) async fn among(
    control: &Control,
    chunk: &ChunkRef,
    policy: OnDuplicateKey,
    keys: &KeyHashes,
) -> Result<Duplicates, Failure> {
    let hashes: Vec<_> = keys.keys.iter().map(|key| key.hash.to_be_bytes()).collect();
    let most = Duplicates::needed(policy);
    let found = control.duplicates(chunk, &hashes, most).await?;
    let rivals = found.into_iter().map(|found| rival(chunk, found));
    Ok(Duplicates::decide(policy, rivals.collect()))
}

/// A part of a chunk, or a retry, had no number yet when the keys were read: there a record is known by its source key alone.
fn rival(chunk: &ChunkRef, found: DuplicateKey) -> Rival {
    Rival {
        hash: u128::from_be_bytes(found.hash),
        occurrence: if found.is_in_chunk {
            found.occurrence
        } else {
            0
        },
        is_here: found.chunk == chunk.chunk || !found.is_in_chunk,
        source_key: found.source_key,
    }
}

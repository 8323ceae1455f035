//! Duplicates of the target key over the whole object, and which of them is moved.

use std::collections::HashMap;

use model::migration::OnDuplicateKey;
use record::KeyHash;

/// What is known of an object's duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duplicates {
    by_hash: HashMap<u128, Duplicate>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Duplicate {
    /// The source key of the one that is moved, if one is.
    winner: Option<String>,
    /// The source keys of all, as far as a message shows them.
    keys: Vec<String>,
}

/// What a record with a duplicated target key comes to.
pub(crate) enum Standing<'a> {
    /// It is the one that is moved.
    Moved,
    /// Another is moved.
    Skipped { winner: &'a str },
    /// None of them is moved.
    Rejected { keys: &'a [String] },
}

/// Keys that a message shows at most.
const SHOWN: usize = 5;

impl Duplicates {
    pub fn none() -> Self {
        Self::default()
    }

    /// Decides among records whose target keys occur more than once. They come with the latest of each key first, and otherwise in the
    /// source's order: chunk by chunk, as they were read.
    pub fn decide(policy: OnDuplicateKey, keys: Vec<KeyHash>) -> Self {
        let mut by_hash: HashMap<u128, (Vec<KeyHash>, usize)> = HashMap::new();
        for key in keys {
            let Ok(hash) = u128::from_str_radix(&key.hash, 16) else {
                continue;
            };
            by_hash.entry(hash).or_default().0.push(key);
        }
        let by_hash = by_hash
            .into_iter()
            .map(|(hash, (keys, _))| {
                let winner = match policy {
                    OnDuplicateKey::Reject => None,
                    OnDuplicateKey::KeepLatest | OnDuplicateKey::Skip => keys.first(),
                };
                let duplicate = Duplicate {
                    winner: winner.map(|key| key.source_key.clone()),
                    keys: keys
                        .into_iter()
                        .take(SHOWN)
                        .map(|key| key.source_key)
                        .collect(),
                };
                (hash, duplicate)
            })
            .collect();
        Self { by_hash }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    pub(crate) fn standing(&self, hash: u128, source_key: &str) -> Standing<'_> {
        match self.by_hash.get(&hash) {
            None => Standing::Moved,
            Some(Duplicate {
                winner: Some(winner),
                ..
            }) if winner == source_key => Standing::Moved,
            Some(Duplicate {
                winner: Some(winner),
                ..
            }) => Standing::Skipped { winner },
            Some(Duplicate { winner: None, keys }) => Standing::Rejected { keys },
        }
    }
}

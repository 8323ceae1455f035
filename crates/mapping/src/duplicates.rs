//! Duplicates of the target key over the whole object, and which of them is moved.

use std::collections::HashMap;

use model::migration::OnDuplicateKey;

/// A record whose target key others have as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// The target key, hashed.
    pub hash: u128,
    /// The source key as text.
    pub source_key: String,
    /// Which of the records of its chunk with this source and target key it is, from 0.
    pub occurrence: u64,
    /// It is of the chunk that is mapped.
    pub is_here: bool,
}

/// What a chunk has to know of its object's duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duplicates {
    by_hash: HashMap<u128, Group>,
}

/// The records with one target key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Group {
    /// The one that is moved, if one is.
    winner: Option<Rival>,
    /// Their source keys, as far as a message shows them.
    keys: Vec<String>,
    /// Where they are merged: all their source keys, the latest first.
    merged: Vec<String>,
}

/// What a record with a duplicated target key comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing<'a> {
    /// It is the one that is moved.
    Moved,
    /// Another stands for it.
    Skipped { winner: &'a str },
    /// None of them is moved.
    Rejected { keys: &'a [String] },
}

impl Duplicates {
    /// Source keys that a message shows at most.
    const SHOWN: usize = 5;

    /// Rivals of one target key that a decision needs at most.
    pub fn needed(policy: OnDuplicateKey) -> i64 {
        match policy {
            OnDuplicateKey::Merge => 100,
            _ => 5,
        }
    }

    pub fn none() -> Self {
        Self::default()
    }

    /// Decides among rivals. They come with the latest of each key first, and otherwise in the source's order: chunk by chunk, as they were read.
    pub fn decide(policy: OnDuplicateKey, rivals: Vec<Rival>) -> Self {
        let mut by_hash: HashMap<u128, Group> = HashMap::new();
        for rival in rivals {
            let group = by_hash.entry(rival.hash).or_default();
            if group.keys.len() < Self::SHOWN {
                group.keys.push(rival.source_key.clone());
            }
            if policy == OnDuplicateKey::Merge {
                group.merged.push(rival.source_key.clone());
            }
            if policy != OnDuplicateKey::Reject && group.winner.is_none() {
                group.winner = Some(rival);
            }
        }
        Self { by_hash }
    }

    /// The source keys of the records that are merged under a target key, the latest first.
    pub(crate) fn merged(&self, hash: u128) -> &[String] {
        self.by_hash
            .get(&hash)
            .map_or(&[], |group| group.merged.as_slice())
    }

    /// No record of the chunk has a rival.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Judges the records of a chunk, which come in its order.
    pub(crate) fn judge<'a>(&'a self) -> impl FnMut(u128, &str) -> Standing<'a> {
        let mut seen: HashMap<(u128, String), u64> = HashMap::new();
        move |hash, source_key| {
            let Some(group) = self.by_hash.get(&hash) else {
                return Standing::Moved;
            };
            let count = seen.entry((hash, source_key.to_owned())).or_default();
            let occurrence = *count;
            *count += 1;
            match &group.winner {
                None => Standing::Rejected { keys: &group.keys },
                Some(winner)
                    if winner.is_here
                        && winner.source_key == source_key
                        && winner.occurrence == occurrence =>
                {
                    Standing::Moved
                }
                Some(winner) => Standing::Skipped {
                    winner: &winner.source_key,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rival(hash: u128, source_key: &str, occurrence: u64, is_here: bool) -> Rival {
        Rival {
            hash,
            source_key: source_key.to_owned(),
            occurrence,
            is_here,
        }
    }

    #[test]
    fn one_of_each_key_is_moved() {
        let rivals = vec![rival(1, "a", 0, true), rival(1, "b", 0, true)];
        let kept = Duplicates::decide(OnDuplicateKey::KeepLatest, rivals.clone());
        let mut judge = kept.judge();
        assert_eq!(judge(1, "b"), Standing::Skipped { winner: "a" });
        assert_eq!(judge(1, "a"), Standing::Moved);
        assert_eq!(judge(2, "c"), Standing::Moved, "nobody has its key as well");
        let rejected = Duplicates::decide(OnDuplicateKey::Reject, rivals);
        let keys = ["a".to_owned(), "b".to_owned()];
        assert_eq!(rejected.judge()(1, "a"), Standing::Rejected { keys: &keys });
    }

    #[test]
    fn records_with_the_same_source_key_are_told_apart() {
        let rivals = vec![rival(1, "a", 1, true), rival(1, "a", 0, true)];
        let kept = Duplicates::decide(OnDuplicateKey::KeepLatest, rivals);
        let mut judge = kept.judge();
        let skipped = Standing::Skipped { winner: "a" };
        assert_eq!(judge(1, "a"), skipped);
        assert_eq!(judge(1, "a"), Standing::Moved);
        assert_eq!(judge(1, "a"), skipped);
        let elsewhere = Duplicates::decide(OnDuplicateKey::Skip, vec![rival(1, "a", 0, false)]);
        assert_eq!(elsewhere.judge()(1, "a"), skipped);
    }
}

//! A slice of an object: a half-open range with ends that may be open, the records whose key is null, or a list of keys.
//! Together the range slices of a plan and the one of null keys hold every record once.

use model::{Failure, Slice};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Section;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeySlice<K> {
    /// All records: the object has no key.
    Whole,
    /// From a bound, inclusive, to a bound, exclusive, in the database's own order of `chunk_by` and key, none of them null. A bound may be the values of
    /// `chunk_by` alone: all that have these lie above it.
    Range {
        from: Option<Vec<K>>,
        to: Option<Vec<K>>,
    },
    /// The same along the key, of records in which a column of `chunk_by` is null.
    Parentless {
        from: Option<Vec<K>>,
        to: Option<Vec<K>>,
    },
    /// Records of whose key some part is null.
    Nulls,
    /// Records whose key has one of these texts.
    Keys(Vec<String>),
}

/// A section, and from where to where in it.
pub(crate) type Range<'a, K> = (Section, Option<&'a [K]>, Option<&'a [K]>);

impl<K: Serialize + DeserializeOwned> KeySlice<K> {
    pub(crate) fn parse(slice: &Slice) -> Result<Self, Failure> {
        serde_json::from_value(slice.0.clone()).map_err(|error| {
            Failure::chunk(
                "unreadable_slice",
                format!("a slice of this object can't be understood: {error}"),
            )
            .hint("services of different versions share one broker; bring them to one version")
        })
    }

    /// The section and the bounds of a slice that can be cut.
    pub(crate) fn range(&self) -> Option<Range<'_, K>> {
        match self {
            Self::Range { from, to } => Some((Section::Keyed, from.as_deref(), to.as_deref())),
            Self::Parentless { from, to } => {
                Some((Section::Parentless, from.as_deref(), to.as_deref()))
            }
            Self::Whole | Self::Nulls | Self::Keys(_) => None,
        }
    }

    pub(crate) fn slice(&self) -> Result<Slice, Failure> {
        serde_json::to_value(self)
            .map(Slice)
            .map_err(|error| Failure::bug(format!("a slice does not encode: {error}")))
    }
}

/// The slices of a section between cuts, which lie in order strictly between `from` and `to`.
pub(crate) fn tile<K: Clone>(
    section: Section,
    from: Option<Vec<K>>,
    cuts: Vec<Vec<K>>,
    to: Option<Vec<K>>,
) -> Vec<KeySlice<K>> {
    let mut from = from;
    let mut slices = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts {
        slices.push(section.slice(from.replace(cut.clone()), Some(cut)));
    }
    slices.push(section.slice(from, to));
    slices
}

/// Cuts a list of keys into parts, none when there is but one key.
pub(crate) fn cut_keys(keys: &[String], part: usize) -> Option<Vec<Vec<String>>> {
    if keys.len() < 2 {
        return None;
    }
    let part = part.clamp(1, keys.len().div_ceil(2));
    Some(keys.chunks(part).map(<[String]>::to_vec).collect())
}

/// A slice of the records with these keys, which must have been written by `record::key_texts` for `key`.
pub(crate) fn keys_slice(key: &[String], keys: &[String]) -> Result<Slice, Failure> {
    for text in keys {
        let fits = key.len() < 2
            || serde_json::from_str::<Vec<Option<String>>>(text)
                .is_ok_and(|parts| parts.len() == key.len());
        if !fits {
            return Err(Failure::usage(
                "unreadable_key",
                format!("`{text}` is not a key of {} parts", key.len()),
            )
            .key(text));
        }
    }
    let mut keys = keys.to_vec();
    keys.sort();
    keys.dedup();
    KeySlice::<String>::Keys(keys).slice()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_without_gap() {
        let slices = tile(Section::Keyed, None, vec![vec![1], vec![5]], None);
        let ends: Vec<_> = slices
            .iter()
            .map(|slice| match slice {
                KeySlice::Range { from, to } => (from.clone(), to.clone()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            ends,
            [
                (None, Some(vec![1])),
                (Some(vec![1]), Some(vec![5])),
                (Some(vec![5]), None)
            ]
        );
    }

    #[test]
    fn slices_are_plain_json_and_damage_is_noticed() {
        let slice = KeySlice::Range {
            from: Some(vec!["a".to_owned()]),
            to: None,
        };
        let stored = slice.slice().unwrap();
        assert_eq!(
            stored.0.to_string(),
            r#"{"range":{"from":["a"],"to":null}}"#
        );
        assert_eq!(KeySlice::parse(&stored).unwrap(), slice);
        let damaged = Slice(serde_json::json!({"rnage": {}}));
        assert_eq!(
            KeySlice::<String>::parse(&damaged).unwrap_err().code,
            "unreadable_slice"
        );
    }

    #[test]
    fn keys_of_several_parts_are_lists() {
        let key = ["a".to_owned(), "b".to_owned()];
        assert!(keys_slice(&key, &["[\"1\",null]".to_owned()]).is_ok());
        assert!(keys_slice(&key, &["1".to_owned()]).is_err());
        assert_eq!(cut_keys(&["a".to_owned()], 1), None);
        let keys: Vec<_> = (0..5).map(|n| n.to_string()).collect();
        assert_eq!(cut_keys(&keys, 99).unwrap().concat(), keys);
    }
}

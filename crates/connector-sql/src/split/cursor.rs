//! Where planning goes on: from a key, or with the records whose key is null.
//! A planner that dies goes on from its last stored cursor, and what it cuts from there joins what it had cut before.

use connector::Split;
use model::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{KeySlice, tile};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Cursor<K> {
    /// The ranges up to this key, exclusive, are cut.
    At(Vec<K>),
    /// All ranges are cut, the slice of null keys is not.
    Nulls,
}

impl<K: Serialize + DeserializeOwned> Cursor<K> {
    pub(crate) fn parse(cursor: &serde_json::Value) -> Result<Self, Failure> {
        serde_json::from_value(cursor.clone()).map_err(|error| {
            Failure::chunk(
                "unreadable_cursor",
                format!("the place where planning stopped can't be understood: {error}"),
            )
            .hint("services of different versions share one database; bring them to one version")
        })
    }

    fn value(&self) -> Result<serde_json::Value, Failure> {
        serde_json::to_value(self)
            .map_err(|error| Failure::bug(format!("a cursor does not encode: {error}")))
    }
}

/// The slices between `from` and the cuts after it, `wanted` at most. `last` says that no cut follows those given.
pub(crate) fn stretch<K: Clone + Serialize + DeserializeOwned>(
    from: Option<Vec<K>>,
    mut cuts: Vec<Vec<K>>,
    last: bool,
    nullable: bool,
    wanted: usize,
) -> Result<Split, Failure> {
    let wanted = wanted.max(1);
    let ends = last && cuts.len() < wanted;
    cuts.truncate(wanted);
    let at = cuts.last().cloned();
    let mut slices = tile(from, cuts, None);
    let mut cursor = None;
    if ends {
        if nullable && slices.len() < wanted {
            slices.push(KeySlice::Nulls);
        } else if nullable {
            cursor = Some(Cursor::Nulls);
        }
    } else {
        let at = at.ok_or_else(|| Failure::bug("planning stands still"))?;
        slices.pop();
        cursor = Some(Cursor::At(at));
    }
    Ok(Split {
        slices: slices
            .iter()
            .map(KeySlice::slice)
            .collect::<Result<_, _>>()?,
        cursor: cursor.as_ref().map(Cursor::value).transpose()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Plans 0..10 by tens of a key, `wanted` at a time.
    fn plan(wanted: usize, nullable: bool) -> Vec<String> {
        let mut slices = vec![];
        let mut from = None::<Vec<i64>>;
        loop {
            let start = from.as_ref().map_or(0, |from| from[0]);
            let cuts: Vec<_> = (start + 1..10).map(|n| vec![n]).take(wanted).collect();
            let last = start + 1 + cuts.len() as i64 == 10;
            let split = stretch(from.clone(), cuts, last, nullable, wanted).unwrap();
            assert!(split.slices.len() <= wanted && !split.slices.is_empty());
            slices.extend(split.slices.iter().map(|slice| slice.0.to_string()));
            match split.cursor.map(|cursor| Cursor::parse(&cursor).unwrap()) {
                Some(Cursor::At(at)) => from = Some(at),
                Some(Cursor::Nulls) => {
                    slices.push("\"nulls\"".to_owned());
                    return slices;
                }
                None => return slices,
            }
        }
    }

    #[test]
    fn a_plan_is_the_same_in_any_stretches() {
        let whole = plan(100, true);
        assert_eq!(whole.len(), 11);
        for wanted in 1..12 {
            assert_eq!(plan(wanted, true), whole, "{wanted} at a time");
            assert_eq!(plan(wanted, false), whole[..10], "{wanted} at a time");
        }
    }
}

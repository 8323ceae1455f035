//! A part of an object: a range of ids, half open with open ends, or a list of keys.

use model::{Failure, Slice};
use serde::{Deserialize, Serialize};

use super::ids;
use crate::describe::ID;
use crate::soql;

/// Records from one id on, before another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
}

/// Records with these keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    field: String,
    keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Part {
    Keys(Keys),
    Range(Range),
}

impl Range {
    /// The ids between two, in so many pieces of equal width; the first and the last are open.
    pub(super) fn between(first: &str, last: &str, pieces: u64) -> Vec<Self> {
        let whole = || vec![Self::default()];
        let (Some((head, low)), Some((other, high))) = (ids::number(first), ids::number(last))
        else {
            return whole();
        };
        // Ids of several instances can't be counted through.
        if head != other || high <= low {
            return whole();
        }
        let width = u128::from(high - low) + 1;
        let pieces = u128::from(pieces).min(width);
        let cuts = (1..pieces).map(|piece| {
            // Below `width`, which fits.
            let number = low + (width * piece / pieces) as u64;
            ids::id(head, number)
        });
        Self::default().cut(cuts)
    }

    /// This range cut at these ids, which are in it and in order.
    pub(super) fn cut(&self, cuts: impl Iterator<Item = String>) -> Vec<Self> {
        let mut ranges = Vec::new();
        let mut from = self.from.clone();
        for cut in cuts {
            ranges.push(Self {
                from: from.replace(cut.clone()),
                before: Some(cut),
            });
        }
        ranges.push(Self {
            from,
            before: self.before.clone(),
        });
        ranges
    }

    pub(super) fn slice(&self) -> Result<Slice, Failure> {
        slice(self)
    }
}

impl Part {
    pub(super) fn of(slice: &Slice) -> Result<Self, Failure> {
        serde_json::from_value(slice.0.clone())
            .map_err(|error| Failure::bug(format!("a stored slice can't be read: {error}")))
    }

    /// As a condition of SOQL; empty for everything.
    pub(super) fn condition(&self) -> String {
        match self {
            Self::Keys(Keys { field, keys }) => {
                let keys: Vec<_> = keys
                    .iter()
                    .map(|key| format!("'{}'", soql::escaped(key)))
                    .collect();
                format!("{field} IN ({})", keys.join(", "))
            }
            Self::Range(Range { from, before }) => {
                let from = from
                    .iter()
                    .map(|id| format!("{ID} >= '{}'", soql::escaped(id)));
                let before = before
                    .iter()
                    .map(|id| format!("{ID} < '{}'", soql::escaped(id)));
                from.chain(before).collect::<Vec<_>>().join(" AND ")
            }
        }
    }
}

pub(super) fn of_keys(field: &str, keys: &[String]) -> Result<Slice, Failure> {
    slice(&Keys {
        field: field.to_owned(),
        keys: keys.to_vec(),
    })
}

fn slice<T: Serialize>(part: &T) -> Result<Slice, Failure> {
    serde_json::to_value(part)
        .map(Slice)
        .map_err(|error| Failure::bug(format!("a slice does not serialise: {error}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_tile_all_ids() {
        let ranges = Range::between("001D00000000000AAA", "001D00000000009AAA", 3);
        let ends: Vec<_> = ranges
            .iter()
            .map(|range| {
                (
                    range.from.clone().unwrap_or_default(),
                    range.before.clone().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(ends.len(), 3);
        assert!(ends[0].0.is_empty() && ends[2].1.is_empty(), "open ends");
        assert_eq!(ends[0].1, ends[1].0);
        assert_eq!(ends[1].1, ends[2].0);
        assert_eq!(ends[0].1, "001D00000000003");
        assert_eq!(
            Range::between("001D00000000000", "001E00000000009", 3).len(),
            1
        );
        assert_eq!(
            Range::between("001D00000000000", "001D00000000001", 9).len(),
            2
        );
    }

    #[test]
    fn conditions_can_not_be_left() {
        let slice = of_keys("Key__c", &["a'b".to_owned(), "c".to_owned()]).unwrap();
        assert_eq!(
            Part::of(&slice).unwrap().condition(),
            r"Key__c IN ('a\'b', 'c')"
        );
        let range = Range {
            from: Some("001".to_owned()),
            before: Some("002".to_owned()),
        };
        assert_eq!(
            Part::of(&range.slice().unwrap()).unwrap().condition(),
            "Id >= '001' AND Id < '002'"
        );
        assert_eq!(
            Part::of(&Range::default().slice().unwrap())
                .unwrap()
                .condition(),
            ""
        );
    }
}

//! Where planning goes on: from a bound, or with the first records of a section.
//! A planner that dies goes on from its last stored cursor, and what it cuts from there joins what it had cut before.

use connector::Split;
use model::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{KeySlice, Section, Sections, tile};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Cursor<K> {
    /// The ranges up to this bound, exclusive, are cut.
    At(Vec<K>),
    /// All ranges are cut, and those of records without a parent up to this bound, if any.
    Parentless(Option<Vec<K>>),
    /// Only the slice of null keys is not cut.
    Nulls,
}

/// A stretch of planning: sections are cut one after another until enough slices are there.
pub(crate) struct Planning<K> {
    sections: Sections,
    wanted: usize,
    slices: Vec<KeySlice<K>>,
    /// What is cut next, and from which bound on.
    at: Option<(Section, Option<Vec<K>>)>,
}

/// What is to be cut next.
pub(crate) struct Next<K> {
    pub(crate) section: Section,
    pub(crate) from: Option<Vec<K>>,
    /// Slices at most.
    pub(crate) wanted: usize,
}

impl<K: Clone + Serialize + DeserializeOwned> Planning<K> {
    pub(crate) fn resume(
        cursor: Option<&serde_json::Value>,
        sections: Sections,
        wanted: usize,
    ) -> Result<Self, Failure> {
        let cursor: Option<Cursor<K>> = match cursor {
            None => None,
            Some(cursor) => Some(serde_json::from_value(cursor.clone()).map_err(|error| {
                Failure::chunk(
                    "unreadable_cursor",
                    format!("the place where planning stopped can't be understood: {error}"),
                )
                .hint(
                    "services of different versions share one database; bring them to one version",
                )
            })?),
        };
        Ok(Self {
            sections,
            wanted: wanted.max(1),
            slices: vec![],
            at: Some(match cursor {
                None => (Section::Keyed, None),
                Some(Cursor::At(bound)) => (Section::Keyed, Some(bound)),
                Some(Cursor::Parentless(bound)) => (Section::Parentless, bound),
                Some(Cursor::Nulls) => (Section::Nulls, None),
            }),
        })
    }

    /// None when everything is cut, or as much as is wanted.
    pub(crate) fn next(&self) -> Option<Next<K>> {
        let (section, from) = self.at.clone()?;
        let wanted = self.wanted - self.slices.len();
        (wanted > 0).then_some(Next {
            section,
            from,
            wanted,
        })
    }

    /// Adds the slices between the place that is next and the cuts after it. `last` says that no cut of the section follows those given.
    pub(crate) fn add(&mut self, mut cuts: Vec<Vec<K>>, last: bool) -> Result<(), Failure> {
        let (section, from) = self.at.take().ok_or_else(cut_already)?;
        let wanted = self.wanted - self.slices.len();
        let ends = last && cuts.len() < wanted;
        cuts.truncate(wanted);
        let at = cuts.last().cloned();
        self.slices.extend(tile(section, from, cuts, None));
        self.at = if ends {
            section.next(self.sections).map(|section| (section, None))
        } else {
            let at = at.ok_or_else(|| Failure::bug("planning stands still"))?;
            self.slices.pop();
            Some((section, Some(at)))
        };
        Ok(())
    }

    pub(crate) fn split(self) -> Result<Split, Failure> {
        let slices = self.slices.iter().map(KeySlice::slice);
        let cursor = match self.at {
            None => None,
            Some((Section::Keyed, at)) => Some(Cursor::At(at.ok_or_else(cut_already)?)),
            Some((Section::Parentless, at)) => Some(Cursor::Parentless(at)),
            Some((Section::Nulls, _)) => Some(Cursor::Nulls),
        };
        Ok(Split {
            slices: slices.collect::<Result<_, _>>()?,
            cursor: cursor
                .map(serde_json::to_value)
                .transpose()
                .map_err(|error| Failure::bug(format!("a cursor does not encode: {error}")))?,
        })
    }
}

fn cut_already() -> Failure {
    Failure::bug("a plan is asked for what it does not have")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Plans 0..10 by a key in each section, `wanted` slices at a time.
    fn plan(wanted: usize, parentless: bool, nulls: bool) -> Vec<String> {
        let sections = Sections { parentless, nulls };
        let mut slices = vec![];
        let mut cursor = None;
        loop {
            let mut planning = Planning::<i64>::resume(cursor.as_ref(), sections, wanted).unwrap();
            while let Some(next) = planning.next() {
                let start = next.from.map_or(0, |from| from[0]);
                let cuts: Vec<_> = match next.section {
                    Section::Nulls => vec![],
                    _ => (start + 1..10).map(|n| vec![n]).take(next.wanted).collect(),
                };
                let last = next.section == Section::Nulls || start + 1 + cuts.len() as i64 == 10;
                planning.add(cuts, last).unwrap();
            }
            let split = planning.split().unwrap();
            assert!(split.slices.len() <= wanted && !split.slices.is_empty());
            slices.extend(split.slices.iter().map(|slice| slice.0.to_string()));
            cursor = split.cursor;
            if cursor.is_none() {
                return slices;
            }
        }
    }

    #[test]
    fn a_plan_is_the_same_in_any_stretches() {
        for (parentless, nulls, count) in [
            (false, false, 10),
            (false, true, 11),
            (true, false, 20),
            (true, true, 21),
        ] {
            let whole = plan(100, parentless, nulls);
            assert_eq!(whole.len(), count);
            for wanted in 1..22 {
                assert_eq!(plan(wanted, parentless, nulls), whole, "{wanted} at a time");
            }
        }
    }

    #[test]
    fn cursors_of_earlier_versions_are_read() {
        let sections = Sections {
            parentless: false,
            nulls: true,
        };
        for (cursor, section, from) in [
            (
                serde_json::json!({ "at": [7] }),
                Section::Keyed,
                Some(vec![7]),
            ),
            (serde_json::json!("nulls"), Section::Nulls, None),
        ] {
            let planning = Planning::<i64>::resume(Some(&cursor), sections, 1).unwrap();
            let next = planning.next().unwrap();
            assert_eq!((next.section, next.from), (section, from));
        }
    }
}

//! Lookups by the ids that the target gave: the child's reference is the parent's key in the source, and whoever applies the mapping says which id that is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use model::Failure;
use record::array_texts;

use crate::expression::Expression;

/// The ids of parents, by object and source key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParentIds {
    known: HashMap<String, HashMap<String, String>>,
    assumed: bool,
    foreseen: BTreeSet<String>,
}

/// The keys of parents whose ids are wanted, by object.
pub type ParentKeys = BTreeMap<String, BTreeSet<String>>;

/// A field that takes the id of a parent.
pub(crate) struct ById {
    /// The objects of the file that the parent may be of.
    pub(crate) parents: Vec<String>,
    /// Which of them it is, where there are several.
    pub(crate) which: Option<Expression>,
    /// What becomes of a record whose parent is not known.
    pub(crate) otherwise: Unknown,
    /// What an id looks like, where one is only foreseen.
    pub(crate) like: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Rejects,
    /// The field is null then.
    Clears,
    /// The record is left out on purpose: it was so before.
    Skips,
}

/// A parent of which no id is known.
pub(crate) struct NoParent {
    pub(crate) row: usize,
    pub(crate) key: String,
    pub(crate) message: String,
}

impl ParentIds {
    /// For a look at records before a run: each key is taken for the id of its record.
    pub fn assumed() -> Self {
        Self {
            assumed: true,
            ..Self::default()
        }
    }

    /// For a dry run: records of these objects would have ids, whichever these are.
    pub fn foreseen(parents: BTreeSet<String>) -> Self {
        Self {
            foreseen: parents,
            ..Self::default()
        }
    }

    pub fn insert(&mut self, parent: &str, key: String, id: String) {
        match self.known.get_mut(parent) {
            Some(ids) => ids.insert(key, id),
            None => self
                .known
                .entry(parent.to_owned())
                .or_default()
                .insert(key, id),
        };
    }

    fn id<'a>(&'a self, parent: &str, key: &'a str) -> Option<&'a str> {
        let known = self.known.get(parent).and_then(|ids| ids.get(key));
        known
            .map(String::as_str)
            .or_else(|| self.assumed.then_some(key))
    }
}

impl ById {
    /// The rows that refer to a parent, with its object and its key.
    pub(crate) fn references(
        &self,
        keys: &ArrayRef,
        records: &RecordBatch,
    ) -> Result<Vec<(usize, String, String)>, Failure> {
        let which = match &self.which {
            Some(which) => Some(array_texts(&which.evaluate(records).0)?),
            None => None,
        };
        let references = array_texts(keys)?.into_iter().enumerate();
        Ok(references
            .filter_map(|(row, key)| {
                let parent = match &which {
                    Some(which) => which[row]
                        .as_ref()
                        .filter(|name| self.parents.contains(name)),
                    None => self.parents.first(),
                };
                // A kind that is none of them is refused where that is looked at.
                Some((row, parent?.clone(), key?))
            })
            .collect())
    }

    /// The ids in the place of the keys, and the rows whose parent is not known.
    pub(crate) fn apply(
        &self,
        keys: &ArrayRef,
        records: &RecordBatch,
        ids: &ParentIds,
    ) -> Result<(ArrayRef, Vec<NoParent>), Failure> {
        let mut found: Vec<Option<String>> = vec![None; keys.len()];
        let mut missing = Vec::new();
        for (row, parent, key) in self.references(keys, records)? {
            match ids.id(&parent, &key) {
                Some(id) => found[row] = Some(id.to_owned()),
                None if ids.foreseen.contains(&parent) && self.otherwise != Unknown::Skips => {
                    found[row] = Some(self.like.to_owned());
                }
                None => missing.push(NoParent {
                    row,
                    message: format!(
                        "no record of `{parent}` with the key {key} is known to have been moved"
                    ),
                    key,
                }),
            }
        }
        Ok((Arc::new(StringArray::from(found)), missing))
    }
}

//! The records of a query: found by an index where a key, a reference or an id has to match, else by looking at all,
//! one after the other; never held.

use std::io;

use super::ast::Comparison;
use super::filter::{Operand, Set, Test};
use super::order::Sorter;
use super::path::Path;
use super::plan::{OfRecord, Plan};
use crate::ids::RecordId;
use crate::schema::catalogue::{Catalogue, Home};
use crate::store::{Fields, Found, Store};

/// Among more keys than these, and than a quarter of the records, each is not looked up for itself.
const FEW: usize = 1000;

/// Where a query looks, and what passes.
pub(super) struct Matching<'a> {
    catalogue: &'a Catalogue,
    store: &'a Store,
    object: u16,
    filter: Option<&'a Test<Path>>,
    deleted: bool,
    /// What is asked of each record.
    fields: Fields,
}

impl<'a> Matching<'a> {
    /// The records of a query.
    pub(super) fn new(catalogue: &'a Catalogue, store: &'a Store, plan: &'a Plan<'_>) -> Self {
        Self {
            catalogue,
            store,
            object: plan.object.index,
            filter: plan.filter.as_ref(),
            deleted: plan.deleted,
            fields: plan.fields(catalogue),
        }
    }

    /// With one more field asked of each record.
    pub(super) fn with(mut self, path: &Path) -> Self {
        path.add_own(self.catalogue, self.object, &mut self.fields);
        self
    }

    /// How many there are, if that is known without looking.
    pub(super) fn known_count(&self) -> Option<usize> {
        (self.filter.is_none() && !self.deleted).then(|| self.store.count(self.object))
    }

    /// The first of them, in the order they were created.
    pub(super) fn first(&self, most: usize) -> Vec<RecordId> {
        if self.filter.is_none() {
            return self
                .store
                .ids(self.object, self.deleted)
                .take(most)
                .collect();
        }
        let mut ids = Vec::new();
        self.each(&mut |record| {
            if ids.len() < most {
                ids.push(record.id);
            }
            ids.len() < most
        });
        ids
    }

    /// Shows each record in the order they were created, until told to stop.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&OfRecord<'_>) -> bool) {
        let mut show = |id, row: &crate::store::Row| {
            let record = OfRecord {
                catalogue: self.catalogue,
                store: self.store,
                id,
                row,
            };
            !self.filter.is_none_or(|test| test.holds(&record)) || visit(&record)
        };
        match self.filter.and_then(|test| self.candidates(test)) {
            Some(mut serials) => {
                serials.sort_unstable();
                serials.dedup();
                for serial in serials {
                    let id = self.id(serial);
                    let row = self
                        .store
                        .row(id)
                        .filter(|row| self.deleted || !row.deleted);
                    if row.is_some_and(|row| !show(id, &row)) {
                        return;
                    }
                }
            }
            None => self
                .store
                .scan(self.object, self.deleted, Some(&self.fields), &mut show),
        }
    }

    /// Shows one record, whether it passes or not.
    pub(super) fn one(&self, id: RecordId, visit: &mut dyn FnMut(&OfRecord<'_>)) {
        if let Some(row) = self.store.row(id) {
            visit(&OfRecord {
                catalogue: self.catalogue,
                store: self.store,
                id,
                row: &row,
            });
        }
    }

    /// The records that were sorted.
    pub(super) fn sorted(&self, sorter: Sorter<'_>) -> io::Result<Vec<RecordId>> {
        sorter.finish(self.object)
    }

    fn id(&self, serial: u32) -> RecordId {
        RecordId {
            object: self.object,
            serial,
        }
    }

    /// Records that may pass, among them all that do; `None` where no index tells.
    pub(super) fn candidates(&self, test: &Test<Path>) -> Option<Vec<u32>> {
        match test {
            Test::All(parts) => parts.iter().find_map(|part| self.candidates(part)),
            Test::Any(parts) => {
                let each: Option<Vec<Vec<u32>>> =
                    parts.iter().map(|p| self.candidates(p)).collect();
                each.map(|each| each.concat())
            }
            Test::Compare(path, Comparison::Equal, operand) => match operand {
                Operand::Id(Some(id)) => self.by_ids(path, &mut std::iter::once(*id)),
                Operand::Id(None) => Some(Vec::new()),
                Operand::Text { text, .. } => self.by_keys(path, &mut std::iter::once(text)),
                _ => None,
            },
            Test::In(path, set, false) if self.is_few(set) => {
                if set.only_texts() {
                    self.by_keys(path, &mut set.texts.iter())
                } else if set.only_ids() {
                    self.by_ids(path, &mut set.ids.iter().copied())
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    fn is_few(&self, set: &Set) -> bool {
        let keys = set.texts.len() + set.ids.len();
        keys <= FEW || keys <= self.store.count(self.object) / 4
    }

    /// The records that are these, or refer to them.
    fn by_ids(&self, path: &Path, ids: &mut dyn Iterator<Item = RecordId>) -> Option<Vec<u32>> {
        let (object, field) = path.leaves[0];
        let is_id = self.catalogue.at(object).at(field).home == Home::Id;
        match path.hops.as_slice() {
            [] if is_id => {
                let own = ids.filter(|id| id.object == self.object);
                Some(own.map(|id| id.serial).collect())
            }
            [] => self.children(field, ids),
            // The id of a parent is what the reference to it holds.
            [hop] if is_id => self.children(*hop, ids),
            _ => None,
        }
    }

    /// The records that have a key, or whose parent has it.
    fn by_keys(&self, path: &Path, keys: &mut dyn Iterator<Item = &String>) -> Option<Vec<u32>> {
        let indexed =
            |(object, field): &(u16, u16)| self.catalogue.at(*object).at(*field).index.is_some();
        // Deleted records are in no index.
        if self.deleted || !path.leaves.iter().all(indexed) {
            return None;
        }
        let mut found = Vec::new();
        for key in keys {
            for (object, field) in &path.leaves {
                let serials = match self.store.find_key(self.catalogue, *object, *field, key) {
                    Found::None => Vec::new(),
                    Found::One(serial) => vec![serial],
                    Found::Many(serials) => serials.into_iter().collect(),
                };
                let object = *object;
                found.extend(
                    serials
                        .into_iter()
                        .map(|serial| RecordId { object, serial }),
                );
            }
        }
        match path.hops.as_slice() {
            [] => Some(found.into_iter().map(|id| id.serial).collect()),
            [hop] => self.children(*hop, &mut found.into_iter()),
            _ => None,
        }
    }

    fn children(
        &self,
        field: u16,
        parents: &mut dyn Iterator<Item = RecordId>,
    ) -> Option<Vec<u32>> {
        if self.deleted {
            return None;
        }
        let mut found = Vec::new();
        for parent in parents {
            found.extend(self.store.children(self.object, field, parent)?);
        }
        Some(found)
    }
}

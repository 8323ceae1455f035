//! The desk from which an org's first records are added, in an order that gives each the same id at every start.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::RecordId;
use crate::schema::catalogue::Catalogue;
use crate::store::{Row, Store};
use crate::values::Value;
use crate::values::moment::now;
use crate::values::parse::parse;

/// Where records are added.
pub(crate) struct Desk<'a> {
    pub(crate) catalogue: &'a Catalogue,
    store: &'a mut Store,
    /// How many of each object so far: each has its number from the start.
    added: HashMap<u16, u32>,
    fits: bool,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue, store: &'a mut Store) -> Self {
        Self {
            catalogue,
            store,
            added: HashMap::new(),
            fits: true,
        }
    }

    /// Whether the records that were there are those that were to be added.
    pub(crate) fn fits(&self) -> bool {
        self.fits
    }

    /// The id of the record of that number; empty where the schema has no such object.
    pub(crate) fn id(&self, object: &str, serial: u32) -> String {
        let id = |object| RecordId { object, serial };
        self.catalogue
            .any_object(object)
            .map(|o| self.catalogue.id_text(id(o.index)))
            .unwrap_or_default()
    }

    /// Adds a record unless it is there. What nobody can change is known by its first two values; the rest may be as
    /// it was left.
    pub(crate) fn add(&mut self, name: &str, values: &[(&str, &str)]) {
        let Some((id, row)) = self.next(name, values) else {
            return;
        };
        let object = self.catalogue.at(id.object);
        match self.store.row(id) {
            None => self.insert(id, row),
            Some(known) if !object.writable => {
                let named = values
                    .iter()
                    .take(2)
                    .filter_map(|(name, _)| object.field(name));
                self.fits &= named.into_iter().all(|f| known.get(f) == row.get(f));
            }
            Some(_) => {}
        }
    }

    /// Adds a record that tells of the schema, or makes the one of its number tell of the schema as it is now.
    pub(crate) fn tell(&mut self, name: &str, values: &[(&str, &str)]) {
        let Some((id, row)) = self.next(name, values) else {
            return;
        };
        match self.store.row(id) {
            None => self.insert(id, row),
            Some(known) => self.update(id, known, &row, values),
        }
    }

    /// Of the record added last, makes these values what they would be in a new one.
    pub(crate) fn renew(&mut self, name: &str, values: &[(&str, &str)]) {
        let Some(object) = self.catalogue.any_object(name) else {
            return;
        };
        let id = RecordId {
            object: object.index,
            serial: self.added.get(&object.index).copied().unwrap_or_default(),
        };
        if let Some(known) = self.store.row(id) {
            self.update(id, known, &self.row(id.object, values), values);
        }
    }

    fn insert(&mut self, id: RecordId, row: Row) {
        // One that was there and was erased for good is not given a new number.
        if id.serial > self.store.last(id.object) {
            self.fits &= self.store.insert(self.catalogue, id.object, row) == id;
        }
    }

    fn update(&mut self, id: RecordId, known: Arc<Row>, wanted: &Row, values: &[(&str, &str)]) {
        let object = self.catalogue.at(id.object);
        let mut row = Arc::unwrap_or_clone(Arc::clone(&known));
        for field in values.iter().filter_map(|(name, _)| object.field(name)) {
            let value = wanted.get(field).cloned();
            row.set(field, value.unwrap_or(Value::Null));
        }
        if row != *known {
            self.store.put(self.catalogue, id, row);
        }
    }

    /// The number that is next, and the row it is to have; nothing where the schema has no such object.
    fn next(&mut self, name: &str, values: &[(&str, &str)]) -> Option<(RecordId, Row)> {
        let object = self.catalogue.any_object(name)?.index;
        let serial = self.added.entry(object).or_default();
        *serial += 1;
        let id = RecordId {
            object,
            serial: *serial,
        };
        Some((id, self.row(object, values)))
    }

    /// Fields that a schema's own version of an object lacks, or of another type, are left out.
    fn row(&self, object: u16, values: &[(&str, &str)]) -> Row {
        let object = self.catalogue.at(object);
        let mut row = Row::new(now(), values.len());
        for (name, text) in values {
            if let Some(field) = object.field(name)
                && let Ok(value) = parse(self.catalogue, object.at(field), text)
            {
                row.set(field, value);
            }
        }
        row
    }
}

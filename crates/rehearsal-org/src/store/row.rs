//! One record: its fields that have a value, sorted by field, and what the system keeps of it.

use crate::values::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// Only fields with a value, in the order of fields.
    cells: Vec<(u16, Value)>,
    /// Seconds from the epoch.
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) deleted: bool,
}

impl Row {
    pub(crate) fn new(now: i64, cells: usize) -> Self {
        Self {
            cells: Vec::with_capacity(cells),
            created: now,
            modified: now,
            deleted: false,
        }
    }

    pub(crate) fn get(&self, field: u16) -> Option<&Value> {
        let place = self.place(field).ok()?;
        Some(&self.cells[place].1)
    }

    pub(crate) fn set(&mut self, field: u16, value: Value) {
        match (self.place(field), value) {
            (Ok(place), Value::Null) => {
                self.cells.remove(place);
            }
            (Ok(place), value) => self.cells[place].1 = value,
            (Err(_), Value::Null) => {}
            (Err(place), value) => self.cells.insert(place, (field, value)),
        }
    }

    /// Fields with a value, in the order of fields.
    pub(super) fn cells(&self) -> &[(u16, Value)] {
        &self.cells
    }

    /// Makes it empty, to be filled again by [`Row::set`].
    pub(super) fn clear(&mut self) {
        self.cells.clear();
    }

    fn place(&self, field: u16) -> Result<usize, usize> {
        // Records are mostly filled from the first field to the last.
        match self.cells.last() {
            Some((last, _)) if *last < field => Err(self.cells.len()),
            None => Err(0),
            _ => self.cells.binary_search_by_key(&field, |(f, _)| *f),
        }
    }
}

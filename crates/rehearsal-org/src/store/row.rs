//! One record: its fields that have a value, sorted by field, and what the system keeps of it.

use crate::ids::RecordId;
use crate::values::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// Only fields with a value, in the order of fields.
    cells: Vec<(u16, Value)>,
    /// Seconds from the epoch.
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) deleted: bool,
    /// Records not deleted that refer to this one, counted once per reference; so that deletes need not search.
    pub(crate) children: u32,
}

impl Row {
    pub(crate) fn new(now: i64, cells: usize) -> Self {
        Self {
            cells: Vec::with_capacity(cells),
            created: now,
            modified: now,
            deleted: false,
            children: 0,
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

    pub(crate) fn references(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.cells.iter().filter_map(|(_, value)| match value {
            Value::Ref(id) => Some(*id),
            _ => None,
        })
    }

    fn place(&self, field: u16) -> Result<usize, usize> {
        self.cells.binary_search_by_key(&field, |(f, _)| *f)
    }
}

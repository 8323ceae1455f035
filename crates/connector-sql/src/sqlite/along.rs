//! Columns to cut along, as SQLite reads them. Bounds are values that a statement is given.

use super::database::quoted;
use super::details::{Details, OrderColumn};
use super::value::Value;
use crate::split::{self, Ordered, Section};

pub(super) type Along<'a> = split::Along<'a, OrderColumn>;

impl Details {
    pub(super) fn along(&self, section: Section) -> Along<'_> {
        Along::of(section, &self.chunk_by, &self.order)
    }

    /// The key alone, of whichever records.
    pub(super) fn along_key(&self) -> Along<'_> {
        Along {
            columns: self.order.iter().collect(),
            parents: 0,
            conditions: vec![],
        }
    }
}

impl Along<'_> {
    /// A comparison of the columns with values to be bound.
    pub(super) fn bound(&self, comparison: &str, bound: &[Value]) -> String {
        let values: Vec<_> = bound
            .iter()
            .map(|value| value.placeholder().to_string())
            .collect();
        self.compared(comparison, &values)
    }
}

impl Ordered for OrderColumn {
    fn sql(&self) -> String {
        format!("q.{}", quoted(&self.name))
    }

    fn nullable(&self) -> bool {
        self.nullable
    }
}

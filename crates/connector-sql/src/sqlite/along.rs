//! What the records of a section are cut and ordered along: the columns of the key, after those of `chunk_by` where no parent is missing.

use super::database::quoted;
use super::details::{Details, OrderColumn};
use super::value::Value;
use crate::split::Section;

pub(super) struct Along<'a> {
    columns: Vec<&'a OrderColumn>,
    /// How many of them come before the key's.
    pub(super) parents: usize,
    /// What holds of the section's records and no others.
    pub(super) conditions: Vec<String>,
}

impl<'a> Along<'a> {
    pub(super) fn of(details: &'a Details, section: Section) -> Self {
        let parents = match section {
            Section::Keyed => details.chunk_by.as_slice(),
            Section::Parentless | Section::Nulls => &[],
        };
        let columns: Vec<_> = parents.iter().chain(&details.order).collect();
        let conditions = match section {
            Section::Keyed => not_null(&columns),
            Section::Parentless => {
                let mut conditions = vec![any_null(&details.chunk_by)];
                conditions.extend(not_null(&columns));
                conditions
            }
            Section::Nulls => vec![any_null(&details.order)],
        };
        Self {
            columns,
            parents: parents.len(),
            conditions,
        }
    }

    /// The key alone, of whichever records.
    pub(super) fn key(details: &'a Details) -> Self {
        Self {
            columns: details.order.iter().collect(),
            parents: 0,
            conditions: vec![],
        }
    }

    /// `q."a"` for each column.
    pub(super) fn columns(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.sql()).collect()
    }

    /// `q."a",q."b"`
    pub(super) fn list(&self) -> String {
        self.columns().join(",")
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// A comparison of the columns with values to be bound.
    pub(super) fn bound(&self, comparison: &str, bound: &[Value]) -> String {
        let values: Vec<_> = bound.iter().map(Value::placeholder).collect();
        let columns = self.columns();
        match (
            &columns[..bound.len().min(columns.len())],
            values.as_slice(),
        ) {
            ([column], [value]) => format!("{column} {comparison} {value}"),
            (columns, values) => {
                format!(
                    "({}) {comparison} ({})",
                    columns.join(","),
                    values.join(",")
                )
            }
        }
    }
}

impl OrderColumn {
    /// `q."a"`
    pub(super) fn sql(&self) -> String {
        format!("q.{}", quoted(&self.name))
    }
}

fn any_null(columns: &[OrderColumn]) -> String {
    let nulls: Vec<_> = columns
        .iter()
        .map(|column| format!("{} is null", column.sql()))
        .collect();
    format!("({})", nulls.join(" or "))
}

/// For the columns that allow it.
fn not_null(columns: &[&OrderColumn]) -> Vec<String> {
    columns
        .iter()
        .filter(|column| column.nullable)
        .map(|column| format!("{} is not null", column.sql()))
        .collect()
}

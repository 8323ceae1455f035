//! What the records of a section are cut and ordered along: the columns of the key, after those of `chunk_by` where no parent is missing.
//! Bounds compare as the columns' index does, by their own types and collations.

use super::details::{Details, KeyColumn};
use crate::postgres::quote;
use crate::split::Section;

pub(super) struct Along<'a> {
    pub(super) columns: Vec<&'a KeyColumn>,
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
        let columns: Vec<_> = parents.iter().chain(&details.key).collect();
        let conditions = match section {
            Section::Keyed => not_null(&columns),
            Section::Parentless => {
                let mut conditions = vec![any_null(&details.chunk_by)];
                conditions.extend(not_null(&columns));
                conditions
            }
            Section::Nulls => vec![any_null(&details.key)],
        };
        Self {
            columns,
            parents: parents.len(),
            conditions,
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

    /// `q."a"::text,q."b"::text`
    pub(super) fn texts(&self) -> String {
        let texts: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{}::text", column.sql()))
            .collect();
        texts.join(",")
    }

    /// A name for each column: `k0`, `k1`.
    pub(super) fn names(&self) -> Vec<String> {
        (0..self.columns.len()).map(|n| format!("k{n}")).collect()
    }

    /// `q."a" as k0` for each column.
    pub(super) fn named(&self) -> String {
        let named: Vec<String> = self
            .columns()
            .iter()
            .zip(self.names())
            .map(|(column, name)| format!("{column} as {name}"))
            .collect();
        named.join(",")
    }

    /// A bound as values of its columns, `('1'::int4,'a'::text)`.
    pub(super) fn values(&self, bound: &[String]) -> String {
        let values: Vec<_> = self
            .columns
            .iter()
            .zip(bound)
            .map(|(column, text)| column.value(text))
            .collect();
        format!("({})", values.join(","))
    }

    pub(super) fn bound(&self, comparison: &str, bound: &[String]) -> String {
        let columns = self.columns();
        let columns = columns[..bound.len().min(columns.len())].join(",");
        format!("({columns}) {comparison} {}", self.values(bound))
    }
}

impl KeyColumn {
    /// `q."a"`
    pub(super) fn sql(&self) -> String {
        format!("q.{}", quote::name(&self.name))
    }

    /// A text as a value of the column.
    pub(super) fn value(&self, text: &str) -> String {
        format!("{}::{}", quote::text(text), self.cast)
    }
}

fn any_null(columns: &[KeyColumn]) -> String {
    let nulls: Vec<_> = columns
        .iter()
        .map(|column| format!("{} is null", column.sql()))
        .collect();
    format!("({})", nulls.join(" or "))
}

/// For the columns that allow it.
fn not_null(columns: &[&KeyColumn]) -> Vec<String> {
    columns
        .iter()
        .filter(|column| column.nullable)
        .map(|column| format!("{} is not null", column.sql()))
        .collect()
}

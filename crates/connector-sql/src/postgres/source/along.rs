//! Columns to cut along, as PostgreSQL reads them. Bounds compare as the columns' index does, by their own types and collations.

use super::details::{Details, KeyColumn};
use crate::postgres::quote;
use crate::split::{self, Ordered, Section};

pub(super) type Along<'a> = split::Along<'a, KeyColumn>;

impl Details {
    pub(super) fn along(&self, section: Section) -> Along<'_> {
        Along::of(section, &self.chunk_by, &self.key)
    }
}

impl Along<'_> {
    /// `q."a"::text,q."b"::text`
    pub(super) fn texts(&self) -> String {
        let texts: Vec<String> = self
            .columns()
            .iter()
            .map(|column| format!("{column}::text"))
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

    /// A bound as values of its columns, `'1'::int4` and `'a'::text`.
    pub(super) fn values(&self, bound: &[String]) -> Vec<String> {
        self.columns
            .iter()
            .zip(bound)
            .map(|(column, text)| column.value(text))
            .collect()
    }

    pub(super) fn bound(&self, comparison: &str, bound: &[String]) -> String {
        self.compared(comparison, &self.values(bound))
    }
}

impl Ordered for KeyColumn {
    fn sql(&self) -> String {
        format!("q.{}", quote::name(&self.name))
    }

    fn nullable(&self) -> bool {
        self.nullable
    }
}

impl KeyColumn {
    /// A text as a value of the column.
    pub(super) fn value(&self, text: &str) -> String {
        format!("{}::{}", quote::text(text), self.cast)
    }
}

//! What the records of a section are cut and ordered along: the columns of the key, after those of `chunk_by` where no parent is missing.

use super::Section;

/// A column that records can be cut along.
pub(crate) trait Ordered {
    /// `q."a"`
    fn sql(&self) -> String;
    fn nullable(&self) -> bool;
}

pub(crate) struct Along<'a, C> {
    pub(crate) columns: Vec<&'a C>,
    /// How many of them come before the key's.
    pub(crate) parents: usize,
    /// What holds of the section's records and no others.
    pub(crate) conditions: Vec<String>,
}

impl<'a, C: Ordered> Along<'a, C> {
    pub(crate) fn of(section: Section, chunk_by: &'a [C], key: &'a [C]) -> Self {
        let parents = match section {
            Section::Keyed => chunk_by,
            Section::Parentless | Section::Nulls => &[],
        };
        let columns: Vec<_> = parents.iter().chain(key).collect();
        let conditions = match section {
            Section::Keyed => not_null(&columns),
            Section::Parentless => {
                let mut conditions = vec![any_null(chunk_by)];
                conditions.extend(not_null(&columns));
                conditions
            }
            Section::Nulls => vec![any_null(key)],
        };
        Self {
            columns,
            parents: parents.len(),
            conditions,
        }
    }

    /// `q."a"` for each column.
    pub(crate) fn columns(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.sql()).collect()
    }

    /// `q."a",q."b"`
    pub(crate) fn list(&self) -> String {
        self.columns().join(",")
    }

    /// The columns, or the first of them, compared with as many values.
    pub(crate) fn compared(&self, comparison: &str, values: &[String]) -> String {
        let columns = self.columns();
        let columns = &columns[..values.len().min(columns.len())];
        match (columns, values) {
            ([column], [value]) => format!("{column} {comparison} {value}"),
            _ => format!(
                "({}) {comparison} ({})",
                columns.join(","),
                values.join(",")
            ),
        }
    }
}

fn any_null<C: Ordered>(columns: &[C]) -> String {
    let nulls: Vec<_> = columns
        .iter()
        .map(|column| format!("{} is null", column.sql()))
        .collect();
    format!("({})", nulls.join(" or "))
}

/// For the columns that allow it.
fn not_null<C: Ordered>(columns: &[&C]) -> Vec<String> {
    columns
        .iter()
        .filter(|column| column.nullable())
        .map(|column| format!("{} is not null", column.sql()))
        .collect()
}

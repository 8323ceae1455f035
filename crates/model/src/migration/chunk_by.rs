//! What has to hold where an object is cut along other columns than its key.

use super::{From, Object};
use crate::Failure;

impl Object {
    /// What the file alone tells.
    pub(super) fn check_chunk_by(&self) -> Result<(), Failure> {
        let Some(first) = self.chunk_by.first() else {
            return Ok(());
        };
        if let From::File(_) = self.from {
            return Err(Failure::usage(
                "no_chunk_by",
                format!("a file is read in its own order, not along `{first}`"),
            )
            .hint(format!(
                "leave `chunk_by` out, and sort the file by `{first}` before the run"
            )));
        }
        check_repeats(&self.chunk_by, &self.key)
    }
}

/// Columns and key as a source that can be cut along columns spells them.
pub fn check_chunk_by(columns: &[String], key: &[String]) -> Result<(), Failure> {
    match columns.first() {
        Some(first) if key.is_empty() => Err(Failure::usage(
            "no_chunk_by",
            "records without a key can't be cut along other columns: nothing would tell them apart",
        )
        .field(first)
        .hint("name under `key` the columns that identify a record, or leave `chunk_by` out")),
        _ => check_repeats(columns, key),
    }
}

fn check_repeats(columns: &[String], key: &[String]) -> Result<(), Failure> {
    for (place, column) in columns.iter().enumerate() {
        let repeated = |message: String, hint: String| {
            Err(Failure::usage("repeated_column", message)
                .field(column)
                .hint(hint))
        };
        if columns[..place].contains(column) {
            return repeated(
                format!("`chunk_by` names `{column}` twice"),
                "name each column once".to_owned(),
            );
        }
        if key.contains(column) {
            return repeated(
                format!("`chunk_by` names `{column}`, which is part of the key"),
                format!(
                    "leave `chunk_by` out and write `{column}` first under `key`: chunks are cut along the key's columns in their order"
                ),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_add_to_a_key_that_is_there() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let code = |columns: &[&str], key: &[&str]| {
            let checked = check_chunk_by(&names(columns), &names(key));
            checked.err().map(|failure| failure.code)
        };
        assert_eq!(code(&["parent"], &["id"]), None);
        assert_eq!(code(&[], &[]), None);
        assert_eq!(code(&["parent"], &[]).as_deref(), Some("no_chunk_by"));
        assert_eq!(
            code(&["a", "a"], &["id"]).as_deref(),
            Some("repeated_column")
        );
        assert_eq!(
            code(&["parent"], &["id", "parent"]).as_deref(),
            Some("repeated_column")
        );
    }
}

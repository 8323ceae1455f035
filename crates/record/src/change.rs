//! A value that was changed on its way, as the migration file says: never silently.

use serde::{Deserialize, Serialize};

/// One value that the target would have refused and that is moved as another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The source key of its record, as text.
    pub key: String,
    /// The target's field.
    pub field: String,
    /// Why it would have been refused, in snake case.
    pub code: String,
    /// The value as it was computed, as text, shortened; none where it was null.
    pub was: Option<String>,
}

impl Change {
    /// Characters of a value that are kept.
    pub const LONGEST: usize = 500;

    pub fn new(
        key: impl Into<String>,
        field: impl Into<String>,
        code: impl Into<String>,
        was: Option<&str>,
    ) -> Self {
        Self {
            key: key.into(),
            field: field.into(),
            code: code.into(),
            was: was.map(shortened),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(Change::LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

//! What can't be carried over: each with its reason and the way out, told in the file at its place and by the verb.

use serde::Serialize;

/// One thing of a project that the migration file does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Loss {
    /// The object in the project; none for a setting of the whole.
    pub(crate) object: Option<String>,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) way_out: String,
}

impl Loss {
    pub(super) fn new(
        what: impl Into<String>,
        why: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            object: None,
            what: what.into(),
            why: why.into(),
            way_out: way_out.into(),
        }
    }

    pub(super) fn of(mut self, object: &str) -> Self {
        self.object = Some(object.to_owned());
        self
    }

    /// As it stands in the file.
    pub(super) fn comment(&self) -> String {
        format!(
            "NOT CARRIED OVER: {}: {}. Way out: {}.",
            self.what, self.why, self.way_out
        )
    }
}

//! What can go wrong, and the one decision about it.
//! A failure's kind is chosen where it arises; the line acts on the kind and never looks at the text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the line does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Passing trouble: the same again, after a pause that grows.
    Retry,
    /// Contention: only the records that failed again, fewer at a time.
    RetryAlone,
    /// This record can't be moved; its neighbours can.
    RejectRecord,
    /// This chunk can't be moved; the run goes on without it.
    FailChunk,
    /// Nothing more can be moved until a person, or time, mends something: credentials, quota, target down.
    PauseRun,
    /// The run was paused or stopped while this was under way; nothing of it was written.
    Halted,
    /// The migration file or the command is wrong.
    Usage,
    /// Ours.
    Bug,
}

/// Where it went wrong; every part that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// In the migration file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// An error that a person may read and the line can act on. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// A stable word for scripts and groupings, in snake case or the target's own code.
    pub code: String,
    /// What happened, in a sentence, without its place.
    pub message: String,
    #[serde(default)]
    pub place: Box<Place>,
    /// The way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(kind: FailureKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            place: Box::default(),
            hint: None,
        }
    }

    pub fn retry(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::Retry, code, message)
    }

    pub fn reject(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::RejectRecord, code, message)
    }

    pub fn chunk(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::FailChunk, code, message)
    }

    pub fn pause(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::PauseRun, code, message)
    }

    pub fn halted() -> Self {
        Self::new(
            FailureKind::Halted,
            "halted",
            "the run is paused or stopped",
        )
    }

    pub fn usage(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, code, message)
    }

    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Bug, "bug", message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn connection(mut self, name: impl Into<String>) -> Self {
        self.place.connection.get_or_insert(name.into());
        self
    }

    #[must_use]
    pub fn object(mut self, name: impl Into<String>) -> Self {
        self.place.object.get_or_insert(name.into());
        self
    }

    #[must_use]
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.place.field.get_or_insert(name.into());
        self
    }

    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.place.key.get_or_insert(key.into());
        self
    }

    #[must_use]
    pub fn line(mut self, line: Option<u64>) -> Self {
        self.place.line = self.place.line.or(line);
        self
    }

    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.place.file.get_or_insert(file.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (&self.file, self.line) {
            (Some(file), Some(line)) => parts.push(format!("{file}:{line}")),
            (Some(file), None) => parts.push(file.clone()),
            (None, Some(line)) => parts.push(format!("line {line}")),
            (None, None) => {}
        }
        for (word, value) in [
            ("connection", &self.connection),
            ("object", &self.object),
            ("field", &self.field),
            ("key", &self.key),
        ] {
            if let Some(value) = value {
                parts.push(format!("{word} {value}"));
            }
        }
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_place_from_the_outside_in() {
        let failure = Failure::usage("unknown_column", "no column `nmae`")
            .field("Name")
            .object("accounts")
            .file("crm.yaml")
            .line(Some(12));
        assert_eq!(
            failure.to_string(),
            "crm.yaml:12, object accounts, field Name: no column `nmae`"
        );
    }

    #[test]
    fn the_innermost_name_stands() {
        let failure = Failure::bug("x").object("inner").object("outer");
        assert_eq!(failure.place.object.as_deref(), Some("inner"));
    }
}

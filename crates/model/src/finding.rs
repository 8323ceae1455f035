//! What was found by looking at the systems before a run: in order, doubtful, or in the way.

use serde::{Deserialize, Serialize};

use crate::Failure;

/// How much a finding stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Ok,
    /// A run is possible; somebody should know this first.
    Warning,
    /// A run would fail, or not do what is wanted.
    Problem,
}

impl Grade {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub grade: Grade,
    /// A stable word for scripts: `login`, `api_calls`, `trigger`.
    pub code: String,
    #[serde(default)]
    pub connection: Option<String>,
    /// The migration's object; none where a system as a whole is meant.
    #[serde(default)]
    pub object: Option<String>,
    /// In a sentence.
    pub what: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Finding {
    pub fn new(grade: Grade, code: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            grade,
            code: code.into(),
            connection: None,
            object: None,
            what: what.into(),
            hint: None,
        }
    }

    pub fn ok(code: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Grade::Ok, code, what)
    }

    pub fn warning(code: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Grade::Warning, code, what)
    }

    pub fn problem(code: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(Grade::Problem, code, what)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn object(mut self, name: impl Into<String>) -> Self {
        self.object.get_or_insert(name.into());
        self
    }

    #[must_use]
    pub fn connection(mut self, name: impl Into<String>) -> Self {
        self.connection.get_or_insert(name.into());
        self
    }
}

impl From<Failure> for Finding {
    /// A failure of something that was tried: a problem.
    fn from(failure: Failure) -> Self {
        let what = match &failure.place.field {
            Some(field) => format!("field {field}: {}", failure.message),
            None => failure.message,
        };
        Self {
            connection: failure.place.connection,
            object: failure.place.object,
            hint: failure.hint,
            ..Self::problem(failure.code, what)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_becomes_a_problem_in_its_place() {
        let failure = Failure::usage("unknown_field", "there is none")
            .field("Nmae")
            .object("accounts")
            .connection("org")
            .hint("write `Name`");
        let finding = Finding::from(failure).object("others");
        assert_eq!(
            (finding.grade, finding.what.as_str()),
            (Grade::Problem, "field Nmae: there is none")
        );
        assert_eq!(finding.object.as_deref(), Some("accounts"));
        assert_eq!(finding.connection.as_deref(), Some("org"));
        assert_eq!(finding.hint.as_deref(), Some("write `Name`"));
        assert!(Grade::Problem > Grade::Warning && Grade::Warning > Grade::Ok);
    }
}

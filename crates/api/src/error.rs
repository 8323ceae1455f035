//! An error as the API and `--json` print it.

use model::{Failure, FailureKind, Place};
use serde::{Deserialize, Serialize};

/// `{"error":{…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEnvelope {
    pub error: ErrorBody,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub code: String,
    /// With its place: object, field, key.
    pub message: String,
    #[serde(default)]
    pub file: Option<String>,
    #[serde(default)]
    pub line: Option<u64>,
    #[serde(default)]
    pub hint: Option<String>,
    /// What the line would do about it; the CLI's exit code follows from it.
    pub kind: FailureKind,
}

impl From<Failure> for ErrorEnvelope {
    fn from(failure: Failure) -> Self {
        let place = Place {
            file: None,
            line: None,
            ..(*failure.place).clone()
        };
        let place = place.to_string();
        let message = match place.as_str() {
            "" => failure.message,
            place => format!("{place}: {}", failure.message),
        };
        Self {
            error: ErrorBody {
                code: failure.code,
                message,
                file: failure.place.file,
                line: failure.place.line,
                hint: failure.hint,
                kind: failure.kind,
            },
        }
    }
}

impl From<ErrorEnvelope> for Failure {
    fn from(ErrorEnvelope { error }: ErrorEnvelope) -> Self {
        let mut failure = Self::new(error.kind, error.code, error.message);
        failure.place.file = error.file;
        failure.place.line = error.line;
        failure.hint = error.hint;
        failure
    }
}

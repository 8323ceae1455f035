//! What can go wrong with the control database, told apart by what the caller may do about it.
//! No variant ever holds a connection URL, so none can show a password.

use std::error::Error as StdError;
use std::time::Duration;

use model::{Failure, FailureKind};

use crate::Term;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Passing trouble: down, restarting, locked, full. The same call may be made again; whether a write took effect is not known.
    #[error("the control database can't be used right now")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// No answer within the time that any statement should take.
    #[error("the control database did not answer within {} seconds", .0.as_secs())]
    Silent(Duration),
    /// Another coordinator leads. Nothing was changed.
    #[error("this coordinator no longer leads: its term {0} is over")]
    Deposed(Term),
    /// What was asked is not allowed in the present state. Nothing was changed.
    #[error("{0}")]
    Illegal(String),
    #[error("there is no {0}")]
    NotFound(String),
    /// A stored value that no version of ours writes.
    #[error("the control database holds what can't be read: {0}")]
    Corrupt(String),
    /// The URL, the credentials or the database itself are not as they should be; a person has to mend it.
    #[error("{0}")]
    Settings(String),
    /// The schema can't be brought to this program's version.
    #[error("{message}")]
    Schema {
        message: String,
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// A statement that the database does not accept: a fault of ours.
    #[error("the control database refused a statement")]
    Refused(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Silent(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::BeginFailed => Self::Unavailable(Box::new(error)),
            E::Database(database) => match database.code().as_deref() {
                Some(code) if is_passing(code) => Self::Unavailable(Box::new(error)),
                Some(code) if is_setting(code) => Self::Settings(format!(
                    "the control database does not let us in: {}",
                    database.message()
                )),
                _ => Self::Refused(error),
            },
            E::ColumnDecode { index, source } => Self::Corrupt(format!("column {index}: {source}")),
            _ => Self::Refused(error),
        }
    }
}

/// PostgreSQL: SQLSTATE (appendix A of its manual). SQLite: the extended result code as a decimal number (<https://sqlite.org/rescode.html>).
fn is_passing(code: &str) -> bool {
    if let (true, Ok(number)) = (code.len() != 5, code.parse::<u32>()) {
        // BUSY, LOCKED, IOERR, FULL, CANTOPEN, PROTOCOL
        return matches!(number & 0xff, 5 | 6 | 10 | 13 | 14 | 15);
    }
    // connection exceptions, out of resources, operator intervention, system errors
    ["08", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        // read-only after a fail-over, idle in a transaction, serialisation, deadlock, lock timeout
        || matches!(code, "25006" | "25P03" | "40001" | "40P01" | "55P03")
}

/// Wrong password, no such role, no such database, no right to it.
fn is_setting(code: &str) -> bool {
    code.len() == 5 && (code.starts_with("28") || matches!(code, "3D000" | "42501"))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = with_causes(&error);
        match error {
            Error::Unavailable(_) | Error::Silent(_) => {
                Self::retry("control_database_unavailable", message)
                    .hint("look whether the control database runs and can be reached")
            }
            Error::Deposed(_) => Self::new(FailureKind::Retry, "deposed", message),
            Error::Illegal(_) => Self::usage("illegal_state", message),
            Error::NotFound(_) => Self::usage("not_found", message),
            Error::Settings(_) => Self::usage("control_database_settings", message)
                .hint("set STEVEDORE__DATABASE__URL to postgres://… or sqlite:///…"),
            Error::Schema { .. } => Self::usage("control_database_schema", message),
            Error::Corrupt(_) => Self::new(FailureKind::Bug, "control_database_corrupt", message),
            Error::Refused(_) => Self::bug(message),
        }
    }
}

/// The message with those of its causes; a cause that a message repeats already is left out.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_trouble_is_told_from_lasting() {
        for code in [
            "57P01", "08006", "53300", "40P01", "55P03", "5", "517", "13",
        ] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["23505", "42P01", "28P01", "19", "2067", "1"] {
            assert!(!is_passing(code), "{code}");
        }
    }

    #[test]
    fn a_failure_tells_the_cause_once() {
        let failure = Failure::from(Error::from(sqlx::Error::PoolTimedOut));
        assert_eq!(failure.kind, FailureKind::Retry);
        assert_eq!(failure.message.matches("pool timed out").count(), 1);
    }
}

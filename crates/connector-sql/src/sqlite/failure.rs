//! What an error of SQLite means for the run, decided by its result code.
//! <https://www.sqlite.org/rescode.html>

use model::{Failure, FailureKind};
use sqlx::Error;

pub(super) fn failure(error: &Error) -> Failure {
    match error {
        Error::Database(error) => {
            let code: i64 = error
                .code()
                .and_then(|code| code.parse().ok())
                .unwrap_or_default();
            let (kind, word, hint) = meaning(code & 0xff);
            let failure = Failure::new(kind, word, error.message());
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        Error::Io(error) => Failure::pause("unreachable", error.to_string()),
        other => Failure::bug(format!("SQLite's answer was not understood: {other}")),
    }
}

fn meaning(code: i64) -> (FailureKind, &'static str, Option<&'static str>) {
    use FailureKind::{FailChunk, PauseRun, Retry};
    match code {
        1 => (
            PauseRun,
            "schema_changed",
            Some("put the source's schema back, or start a new run"),
        ),
        3 | 14 | 23 => (
            PauseRun,
            "unreachable",
            Some("check that the file and its folder can be read by the service's user"),
        ),
        5 | 6 => (Retry, "contention", None),
        7 | 10 | 13 => (
            PauseRun,
            "database_out_of_resources",
            Some("check disk and memory of this machine, then resume"),
        ),
        11 | 26 => (
            PauseRun,
            "source_damaged",
            Some("check the file with `pragma integrity_check`; is it a SQLite database?"),
        ),
        _ => (FailChunk, "source_error", None),
    }
}

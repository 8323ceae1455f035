//! What an error of the database means for the run, decided by its SQLSTATE.
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use model::{Failure, FailureKind};
use sqlx::Error;

/// An error while a statement ran.
pub(crate) fn failure(error: &Error, connection: &str) -> Failure {
    of(error).connection(connection)
}

/// An error while a connection was opened.
pub(crate) fn while_connecting(error: &Error, connection: &str, place: &str) -> Failure {
    match error {
        Error::Io(cause) => unreachable(place, &cause.to_string()),
        Error::Tls(cause) => Failure::pause(
            "unreachable",
            format!("no encrypted connection to {place}: {cause}"),
        )
        .hint("check the server's certificate, or `sslmode` and `sslrootcert` in the connection's url"),
        Error::Protocol(_) => Failure::pause(
            "unreachable",
            format!("what answers at {place} does not speak PostgreSQL's protocol"),
        )
        .hint("check host and port in the connection's url"),
        other => of(other),
    }
    .connection(connection)
}

pub(crate) fn unreachable(place: &str, reason: &str) -> Failure {
    Failure::pause("unreachable", format!("{place} can't be reached: {reason}"))
        .hint("check host and port in the connection's url, and that the server runs and lets this machine in")
}

fn of(error: &Error) -> Failure {
    match error {
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            let (kind, word, hint) = meaning(&code);
            let failure = Failure::new(kind, word, error.message());
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        Error::Io(error) => Failure::retry(
            "connection_lost",
            format!("the connection to the database was lost: {error}"),
        ),
        Error::Tls(error) => Failure::retry(
            "connection_lost",
            format!("the connection to the database was lost: {error}"),
        ),
        // A server that goes away in the middle of a message.
        Error::Protocol(error) => Failure::retry(
            "connection_lost",
            format!("the database's answer broke off: {error}"),
        ),
        other => Failure::bug(format!("the database's answer was not understood: {other}")),
    }
}

fn meaning(code: &str) -> (FailureKind, &'static str, Option<&'static str>) {
    use FailureKind::{FailChunk, PauseRun, Retry, Usage};
    match code {
        "28000" | "28P01" => (
            PauseRun,
            "login_refused",
            Some("check user and password in the connection's url, and the server's pg_hba.conf"),
        ),
        "3D000" => (
            PauseRun,
            "unknown_database",
            Some("check the database's name in the connection's url"),
        ),
        "42501" => (
            PauseRun,
            "no_right",
            Some("grant the connection's user `select` on the table and `usage` on its schema"),
        ),
        "42P01" | "42703" | "42704" | "3F000" => (
            PauseRun,
            "schema_changed",
            Some("put the source's schema back, or start a new run"),
        ),
        "40001" | "40P01" | "55P03" => (Retry, "contention", None),
        "57014" => (Retry, "statement_cancelled", None),
        "53300" => (
            Retry,
            "too_many_connections",
            Some("raise `max_connections`, or run fewer services"),
        ),
        "57P01" | "57P02" | "57P03" | "57P05" => (Retry, "server_restarting", None),
        _ if code.starts_with("08") => (Retry, "connection_lost", None),
        _ if code.starts_with("53") || code.starts_with("58") => (
            PauseRun,
            "database_out_of_resources",
            Some("free memory or disk on the database server, then resume"),
        ),
        _ if code.starts_with("22") => (
            FailChunk,
            "source_error",
            Some("the database itself can't compute these records; mend them, or the query"),
        ),
        _ if code.starts_with("XX") => (
            FailChunk,
            "source_damaged",
            Some("the database reports damage in these records; see its log"),
        ),
        _ if code.starts_with("42") => (
            Usage,
            "invalid_query",
            Some("run the query by hand in the source"),
        ),
        _ => (FailChunk, "source_error", None),
    }
}

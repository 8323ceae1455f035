//! Exit codes: 2 wrong usage or migration file; 1 failed; 4 stopped or paused; 5 reconciliation mismatch; 3 completed with more rejected or
//! failed records than the file accepts; 0.

use std::process::ExitCode;

use api::RunView;
use model::{Failure, FailureKind, RunStatus};

pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const OVER_LIMIT: u8 = 3;
pub(crate) const HALTED: u8 = 4;
pub(crate) const MISMATCH: u8 = 5;

pub(crate) fn of_failure(failure: &Failure) -> u8 {
    match failure.kind {
        FailureKind::Usage | FailureKind::RejectRecord | FailureKind::FailChunk => USAGE,
        _ => FAILED,
    }
}

/// The code of a run that has come to rest.
pub(crate) fn of_run(run: &RunView) -> u8 {
    match run.summary.status {
        RunStatus::Failed => FAILED,
        RunStatus::Paused | RunStatus::Stopped => HALTED,
        RunStatus::Mismatched => MISMATCH,
        RunStatus::Completed if run.over_limit => OVER_LIMIT,
        RunStatus::Completed | RunStatus::Pending | RunStatus::Running | RunStatus::Reconciling => {
            DONE
        }
    }
}

/// Help and version are no errors; anything else clap refuses is.
pub(crate) fn of_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args().any(|arg| arg == "--json") {
        let text = error.to_string();
        let message = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        let failure =
            Failure::usage("usage", message).hint("`stevedore --help` lists verbs and options");
        crate::output::Output::new(true).failure(failure);
    } else {
        // Nothing is left to be done where even this can't be printed.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { USAGE } else { DONE })
}

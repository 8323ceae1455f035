//! Follows a run until it comes to rest. An interrupt leaves the run as it is and says how to stop or rejoin it.

use std::time::Duration;

use api::{Halt, RunView};
use model::{AutomationState, Failure, RunStatus};
use tokio::time::Instant;

use crate::embedded::Reached;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::{exit, verbs};

/// Between two looks at a run; shorter while it is young, so that a small one is not waited for when it has ended.
const EVERY: Duration = Duration::from_millis(250);
const AT_FIRST: Duration = Duration::from_millis(50);
/// A coordinator that does not answer may be restarting.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn by(reason: Option<String>) -> Halt {
    Halt {
        by: verbs::asker(),
        reason,
        drain: false,
    }
}

/// How many looks in a row have to find a run at rest: what was asked of one that was there may take the coordinator a moment to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Looks {
    One,
    Two,
}

/// Shows progress, then the summary; returns the exit code.
pub(crate) async fn to_end(
    reached: Reached,
    output: &Output,
    run: &str,
    looks: Looks,
) -> Result<u8, Failure> {
    let followed = tokio::select! {
        followed = follow(&reached, run, looks) => followed.map(Some),
        () = interrupted() => Ok(None),
    };
    let embedded = reached.serving.is_some();
    if let Some(serving) = reached.serving {
        serving.leave().await;
    }
    let Some(view) = followed? else {
        eprintln!(
            "\ninterrupted; run {run} is not stopped{}",
            if embedded {
                ", but nothing works on it now"
            } else {
                ""
            }
        );
        eprintln!("  stevedore resume {run}   goes on with it and follows it");
        eprintln!("  stevedore stop {run}     stops it");
        return Ok(exit::HALTED);
    };
    output.print(&output::summary(&view), || output::describe(&view));
    let code = exit::of_run(&view);
    if !output.is_json() {
        advise(&view, code);
    }
    Ok(code)
}

fn advise(run: &RunView, code: u8) {
    let id = &run.summary.run;
    match code {
        exit::HALTED => eprintln!("\n  stevedore resume {id}   goes on with it"),
        _ if run.objects.iter().any(|object| object.books.refused() > 0) => {
            eprintln!("\n  stevedore failures {id}   shows what was rejected or failed, and why");
        }
        _ => {}
    }
}

async fn follow(reached: &Reached, run: &str, looks: Looks) -> Result<RunView, Failure> {
    let mut progress = Progress::new();
    let begun = Instant::now();
    let mut answered = begun;
    let enough = match looks {
        Looks::One => 1,
        Looks::Two => 2,
    };
    let mut at_rest = 0;
    let mut told = false;
    loop {
        match reached.client.run(run).await {
            Ok(view) => {
                answered = Instant::now();
                progress.show(&view);
                if let Some(automation) = view.automation.as_ref().filter(|_| !told)
                    && automation.state == AutomationState::Off
                {
                    told = true;
                    progress.say(&output::switched_off(automation));
                }
                at_rest = if rests(&view) { at_rest + 1 } else { 0 };
                if at_rest >= enough {
                    progress.end();
                    return Ok(view);
                }
            }
            Err(failure)
                if failure.kind == model::FailureKind::Retry && answered.elapsed() < PATIENCE => {}
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep((begun.elapsed() / 20).clamp(AT_FIRST, EVERY)).await;
    }
}

/// Nothing more happens unless somebody asks.
fn rests(run: &RunView) -> bool {
    let wanted = run.summary.desired_state.may_write();
    let status = run.summary.status;
    if run
        .automation
        .as_ref()
        .is_some_and(|automation| !automation.rests(status))
    {
        return false;
    }
    match status {
        RunStatus::Completed | RunStatus::Failed | RunStatus::Mismatched => true,
        RunStatus::Paused | RunStatus::Stopped => !wanted,
        RunStatus::Pending | RunStatus::Running | RunStatus::Reconciling => false,
    }
}

pub(crate) async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

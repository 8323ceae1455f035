//! The target's own automation, switched off before a run writes and on again after: a loop of its own, so that an org that does not answer holds no
//! other run up. It takes no input but what is stored, and can go on from anywhere; the steering only says what a run needs, and waits for it.

mod back;
mod choose;
mod off;

use std::time::Duration;

use control::{OpenAutomation, Run, Term};
use model::{AutomationState, Failure, FailureKind, RunStatus};

use crate::leader::{Leader, Reign, is_deposed};

pub(crate) use choose::{chosen, refuse_unknown_names, switches};

/// How often what is open is looked at when nobody calls.
const LOOK: Duration = Duration::from_millis(500);
/// Tries to switch off before the run is paused.
const TRIES: u64 = 5;
/// The longest pause between two tries to switch on again.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is to be done next about one run's automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    SwitchOff,
    SwitchOn,
    Wait,
}

fn next(open: &OpenAutomation) -> Next {
    use AutomationState::{Off, On, Planned, Restoring, Wanted};
    let automation = &open.automation;
    if !open.due && !automation.restore_asked {
        return Next::Wait;
    }
    match (automation.state, open.status) {
        (On, _) => Next::Wait,
        (Restoring, _) => Next::SwitchOn,
        (Wanted | Planned, RunStatus::Running) => Next::SwitchOff,
        // What the target still works on would meet it.
        (_, RunStatus::Stopped) if open.jobs > 0 && !automation.restore_asked => Next::Wait,
        (
            _,
            RunStatus::Stopped
            | RunStatus::Reconciling
            | RunStatus::Completed
            | RunStatus::Failed
            | RunStatus::Mismatched,
        ) => Next::SwitchOn,
        (_, RunStatus::Paused) if automation.restore_asked => Next::SwitchOn,
        (Off, RunStatus::Running) | (_, RunStatus::Pending | RunStatus::Paused) => Next::Wait,
    }
}

impl Leader {
    /// Sees to every run's automation, again and again; returns when the term is lost.
    pub(crate) async fn mind_automation(&self, term: Term) -> Failure {
        loop {
            if let Err(failure) = self.look_at_automation(term).await {
                if is_deposed(&failure) {
                    return failure;
                }
                tracing::warn!(%failure, "the automation of runs could not be looked at");
            }
            tokio::select! {
                () = self.switches.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn look_at_automation(&self, term: Term) -> Result<(), Failure> {
        for open in self.line.control.open_automation().await? {
            let run = &open.automation.run;
            let next = next(&open);
            let done = match next {
                Next::Wait => continue,
                Next::SwitchOff => self.switch_off(term, run, open.automation.state).await,
                Next::SwitchOn => self.switch_on(term, run, open.automation.state).await,
            };
            match done {
                Ok(()) => {}
                Err(failure) if is_deposed(&failure) => return Err(failure),
                Err(failure) => self.not_switched(term, &open, next, failure).await?,
            }
            self.line.news.notify_one();
        }
        Ok(())
    }

    async fn not_switched(
        &self,
        term: Term,
        open: &OpenAutomation,
        next: Next,
        failure: Failure,
    ) -> Result<(), Failure> {
        let (control, run) = (&self.line.control, &open.automation.run);
        let tries = open.automation.tries;
        let passes = failure.kind == FailureKind::Retry && tries + 1 < TRIES;
        if next == Next::SwitchOff && !passes {
            let mut reason = format!("the target's automation can't be switched off: {failure}");
            if let Some(hint) = &failure.hint {
                reason = format!("{reason}; {hint}");
            }
            tracing::error!(%run, reason, "pauses by itself");
            control
                .give_automation_up(term, run, &failure, &reason)
                .await?;
            return Ok(());
        }
        let pause = pause_after(tries);
        tracing::warn!(%run, %failure, ?next, again_in = ?pause, "the target's automation could not be set");
        control
            .automation_failed(term, run, &failure, pause)
            .await?;
        Ok(())
    }
}

/// A second, doubling.
fn pause_after(tries: u64) -> Duration {
    let doublings = u32::try_from(tries.min(16)).unwrap_or_default();
    Duration::from_secs(1 << doublings).min(PATIENCE)
}

impl Reign {
    /// Whether what the file wants off is off. Nothing is dispatched before.
    pub(crate) async fn automation_is_off(&self, run: &Run) -> Result<bool, Failure> {
        // Only what writes needs anything switched off.
        if !run.kind.writes() {
            return Ok(true);
        }
        let line = &self.leader.line;
        if !line.catalog.run(&run.id).await?.migration.automation.asks() {
            return Ok(true);
        }
        let automation = line.control.automation(&run.id).await?;
        Ok(match automation.map(|automation| automation.state) {
            Some(AutomationState::Off) => true,
            Some(AutomationState::Wanted | AutomationState::Planned) => false,
            None | Some(AutomationState::Restoring | AutomationState::On) => {
                line.control.want_automation_off(self.term, &run.id).await?;
                self.leader.switches.notify_one();
                false
            }
        })
    }

    /// Whether all is on again, or at least was tried, so that a run may end: what could not be set is tried again after its end.
    pub(crate) async fn automation_is_settled(&self, run: &Run) -> Result<bool, Failure> {
        let automation = self.leader.line.control.automation(&run.id).await?;
        let settled = automation.is_none_or(|automation| match automation.state {
            AutomationState::On => true,
            AutomationState::Restoring => automation.tries > 0,
            AutomationState::Wanted | AutomationState::Planned | AutomationState::Off => false,
        });
        if !settled {
            self.leader.switches.notify_one();
        }
        Ok(settled)
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use control::RunAutomation;
    use model::RunId;

    use super::*;

    fn open(state: AutomationState, status: RunStatus) -> OpenAutomation {
        OpenAutomation {
            automation: RunAutomation {
                run: RunId::new("r"),
                state,
                by_hand: None,
                error: None,
                tries: 0,
                try_at: Utc::now(),
                restore_asked: false,
            },
            status,
            due: true,
            jobs: 0,
        }
    }

    #[test]
    fn what_is_off_goes_on_again_whenever_its_run_ends_or_is_stopped() {
        use AutomationState::{Off, Planned, Restoring, Wanted};
        use RunStatus::{Completed, Failed, Mismatched, Reconciling, Stopped};
        for state in [Wanted, Planned, Off, Restoring] {
            for status in [Completed, Failed, Mismatched, Reconciling, Stopped] {
                assert_eq!(
                    next(&open(state, status)),
                    Next::SwitchOn,
                    "{state:?} {status:?}"
                );
            }
        }
        assert_eq!(next(&open(Off, RunStatus::Running)), Next::Wait);
        assert_eq!(next(&open(Planned, RunStatus::Running)), Next::SwitchOff);
    }

    #[test]
    fn a_pause_leaves_it_off_unless_somebody_asks() {
        let mut paused = open(AutomationState::Off, RunStatus::Paused);
        assert_eq!(next(&paused), Next::Wait);
        paused.automation.restore_asked = true;
        assert_eq!(next(&paused), Next::SwitchOn);
    }

    #[test]
    fn jobs_under_way_and_the_time_of_the_next_try_are_waited_for_unless_somebody_asks() {
        let mut stopped = open(AutomationState::Off, RunStatus::Stopped);
        stopped.jobs = 1;
        assert_eq!(next(&stopped), Next::Wait);
        stopped.due = false;
        stopped.automation.restore_asked = true;
        assert_eq!(next(&stopped), Next::SwitchOn);
    }

    #[test]
    fn patience_grows_to_an_end() {
        let pauses = [0, 1, 2, 3, 40].map(|tries| pause_after(tries).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 300]);
    }
}

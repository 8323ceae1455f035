//! Switching on again: each item is brought back to how it was, unless somebody else has changed it since or another run needs it off.

use connector::{Automation, same_state};
use control::{AutomationItem, NewItem, Term};
use model::{AutomationState, Failure, FailureKind, RunId, SwitchState};

use super::off::named;
use super::switches;
use crate::leader::{Leader, is_deposed};

impl Leader {
    pub(super) async fn switch_on(
        &self,
        term: Term,
        run: &RunId,
        state: AutomationState,
    ) -> Result<(), Failure> {
        let control = &self.line.control;
        let restoring = AutomationState::Restoring;
        if state != restoring && !control.set_automation(term, run, state, restoring).await? {
            return Ok(());
        }
        let items = control.automation_items(run).await?;
        let owed: Vec<_> = items.iter().filter(|item| item.state.is_owed()).collect();
        if !owed.is_empty() {
            let pinned = self.line.catalog.run(run).await?;
            let target = self.connections.target(&pinned.migration).await?;
            let switches = switches(target.as_ref(), &pinned.migration)?;
            self.switch_all_on(term, run, switches, &owed).await?;
        }
        let on = AutomationState::On;
        if control.set_automation(term, run, restoring, on).await? {
            tracing::info!(%run, "the target's automation is on again");
        }
        Ok(())
    }

    /// One item's trouble is its own; the first is told.
    async fn switch_all_on(
        &self,
        term: Term,
        run: &RunId,
        switches: &dyn Automation,
        owed: &[&AutomationItem],
    ) -> Result<(), Failure> {
        let control = &self.line.control;
        let place = switches.place().await?;
        let others = control.automation_owed_by_others(&place, run).await?;
        let mut first = None;
        for item in owed {
            let set =
                |state, note| control.set_automation_item(term, run, &item.item.id, state, note);
            if let Some(other) = others.iter().find(|other| other.item.id == item.item.id) {
                let note = format!("run {} needs it off, and switches it on", other.run);
                set(SwitchState::HandedOn, Some(&note)).await?;
                continue;
            }
            let failure = match self.switch_one_on(term, switches, item).await {
                Ok((state, note)) => {
                    set(state, note).await?;
                    tracing::info!(%run, name = item.item.name, state = state.as_str(), "switched on again");
                    continue;
                }
                Err(failure) if is_deposed(&failure) => return Err(failure),
                Err(failure) => failure,
            };
            set(SwitchState::Failed, Some(&failure.message)).await?;
            let unanswered = failure.kind == FailureKind::Retry || failure.code == "unreachable";
            first.get_or_insert(named(failure, item, "on again"));
            if unanswered {
                // The others would meet the same.
                break;
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn switch_one_on(
        &self,
        term: Term,
        switches: &dyn Automation,
        item: &AutomationItem,
    ) -> Result<(SwitchState, Option<&'static str>), Failure> {
        let control = &self.line.control;
        let NewItem {
            id, kind, was, off, ..
        } = &item.item;
        let Some(now) = switches.state(*kind, id).await? else {
            return Ok((SwitchState::Left, Some("it is there no more")));
        };
        if same_state(&now, was) {
            return Ok((SwitchState::OnAgain, None));
        }
        if !same_state(&now, off) {
            let note = if same_state(&now, &switches.off(*kind, &now)) {
                "somebody else has changed it since, and it is off: it is left so; switch it on by hand if it is to be on"
            } else {
                "somebody else has changed it since, and it is on: it is left so"
            };
            return Ok((SwitchState::Left, Some(note)));
        }
        // Written down by the leader right before it is done: one that froze and woke gets no further.
        control
            .set_automation_item(
                term,
                &item.run,
                id,
                item.state,
                Some("is being switched on"),
            )
            .await?;
        switches.set(*kind, id, was).await?;
        match switches.state(*kind, id).await? {
            Some(now) if !same_state(&now, was) => Err(Failure::pause(
                "not_switched_on",
                "the target took the change, and then told another state than was sent",
            )
            .hint("look at it in the target")),
            _ => Ok((SwitchState::OnAgain, None)),
        }
    }
}

//! Switching off: what is to be off is stored with how it was, then set item by item, and each read back.

use connector::{Automation, Intent, same_state};
use control::{AutomationItem, NewItem, Term};
use model::{AutomationState, Failure, RunId, SwitchState};
use service::PinnedRun;

use super::{chosen, switches};
use crate::leader::Leader;

/// How switching one item off ended.
enum Ended {
    Off,
    /// It is on in another way than when it was looked up: it has to be looked up again.
    Changed,
    /// The run is halted.
    Halted,
}

impl Leader {
    pub(super) async fn switch_off(
        &self,
        term: Term,
        run: &RunId,
        state: AutomationState,
    ) -> Result<(), Failure> {
        let control = &self.line.control;
        let pinned = self.line.catalog.run(run).await?;
        let target = self.connections.target(&pinned.migration).await?;
        let switches = switches(target.as_ref(), &pinned.migration)?;
        if state == AutomationState::Wanted && !self.plan_switches(term, &pinned, switches).await? {
            return Ok(());
        }
        for item in control.automation_items(run).await? {
            if !item.state.is_owed() {
                continue;
            }
            let ended = self.switch_one_off(term, switches, &item).await;
            match ended.map_err(|failure| named(failure, &item, "off"))? {
                Ended::Off => {}
                Ended::Halted => return Ok(()),
                Ended::Changed => {
                    let (from, to) = (AutomationState::Planned, AutomationState::Wanted);
                    control.set_automation(term, run, from, to).await?;
                    return Ok(());
                }
            }
        }
        let (from, to) = (AutomationState::Planned, AutomationState::Off);
        if control.set_automation(term, run, from, to).await? {
            tracing::info!(%run, "the target's automation is off");
        }
        Ok(())
    }

    /// Stores what is to be switched off. False if that is no longer wanted.
    async fn plan_switches(
        &self,
        term: Term,
        pinned: &PinnedRun,
        switches: &dyn Automation,
    ) -> Result<bool, Failure> {
        let control = &self.line.control;
        let place = switches.place().await?;
        let acting = switches.acting(&intents(pinned)).await?;
        let chosen = chosen(&pinned.migration.automation, acting);
        let own = control.automation_items(&pinned.id).await?;
        let others = control
            .automation_owed_by_others(&place, &pinned.id)
            .await?;
        let mut items = Vec::new();
        for (acting, id) in chosen.items {
            if acting.active {
                let Some(was) = switches.state(acting.kind, &id).await? else {
                    continue;
                };
                let off = switches.off(acting.kind, &was);
                if same_state(&was, &off) {
                    continue;
                }
                items.push(NewItem {
                    id,
                    kind: acting.kind,
                    name: acting.name,
                    object: acting.object,
                    was,
                    off,
                });
            } else if own
                .iter()
                .any(|own| own.item.id == id && own.state.is_owed())
            {
                // It is off because of this run, and how it was is known.
            } else if let Some(other) = others.iter().find(|other| other.item.id == id) {
                // Another run has it off: whichever of the two ends last switches it on.
                items.push(other.item.clone());
            }
        }
        let by_hand = serde_json::to_value(&chosen.by_hand)
            .map_err(|error| Failure::bug(format!("a checklist does not serialise: {error}")))?;
        let planned = control.plan_automation(term, &pinned.id, &place, &items, &by_hand);
        Ok(planned.await?)
    }

    async fn switch_one_off(
        &self,
        term: Term,
        switches: &dyn Automation,
        item: &AutomationItem,
    ) -> Result<Ended, Failure> {
        let (control, run) = (&self.line.control, &item.run);
        let NewItem { id, kind, .. } = &item.item;
        let set = |state, note| control.set_automation_item(term, run, id, state, note);
        let Some(now) = switches.state(*kind, id).await? else {
            set(SwitchState::Left, Some("it is there no more")).await?;
            return Ok(Ended::Off);
        };
        let is_off = |state: &serde_json::Value| same_state(state, &switches.off(*kind, state));
        if is_off(&now) {
            set(SwitchState::Off, None).await?;
            return Ok(Ended::Off);
        }
        if !same_state(&now, &item.item.was) {
            return Ok(Ended::Changed);
        }
        if !control.run(run).await?.desired.may_write() {
            return Ok(Ended::Halted);
        }
        // Written down by the leader right before it is done: one that froze and woke gets no further.
        set(item.state, Some("is being switched off")).await?;
        if let Err(failure) = switches.set(*kind, id, &item.item.off).await {
            set(SwitchState::Failed, Some(&failure.message)).await?;
            return Err(failure);
        }
        let now = switches.state(*kind, id).await?;
        if !now.is_none_or(|now| is_off(&now)) {
            let failure = Failure::pause(
                "not_switched_off",
                "the target took the change, and then told that it is still on",
            );
            set(SwitchState::Failed, Some(&failure.message)).await?;
            return Err(failure.hint("look at it in the target, then resume"));
        }
        set(SwitchState::Off, None).await?;
        tracing::info!(%run, kind = kind.as_str(), name = item.item.name, "switched off");
        Ok(Ended::Off)
    }
}

/// What the run does to the target's objects.
fn intents(pinned: &PinnedRun) -> Vec<Intent> {
    let objects = pinned.objects.iter();
    let mut intents: Vec<_> = objects
        .map(|(name, object)| Intent {
            object: name.clone(),
            to: object.plan.to.clone(),
            operation: object.plan.operation,
            key: object.plan.key.clone(),
            fields: object.plan.fields.clone(),
            records: None,
        })
        .collect();
    intents.sort_by(|a, b| a.object.cmp(&b.object));
    intents
}

/// A failure with the item that it is about.
pub(super) fn named(mut failure: Failure, item: &AutomationItem, way: &str) -> Failure {
    let (kind, name) = (item.item.kind.one(), &item.item.name);
    failure.message = format!(
        "the {kind} `{name}` can't be switched {way}: {}",
        failure.message
    );
    failure
}

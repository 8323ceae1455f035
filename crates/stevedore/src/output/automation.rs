//! What a run has switched off of its target's automation, for people.

use api::{AutomationView, ByHand};
use model::{AutomationState, SwitchState};

use super::table;

/// Said once, when a run begins to write.
pub(crate) fn switched_off(automation: &AutomationView) -> String {
    let off: Vec<_> = automation
        .items
        .iter()
        .filter(|item| item.state == SwitchState::Off)
        .map(|item| item.name.as_str())
        .collect();
    let mut text = match off.as_slice() {
        [] => "nothing had to be switched off in the target\n".to_owned(),
        off => format!(
            "switched off in the target until the run's end: {}\n",
            off.join(", ")
        ),
    };
    text += &checklist(&automation.by_hand);
    text
}

/// All of it, with the way out where something is off that should not be.
pub(crate) fn automation(run: &str, automation: &AutomationView) -> String {
    let owed = automation.owed();
    let way = format!("`stevedore automation {run} --restore`");
    let mut text = match automation.state {
        AutomationState::Wanted | AutomationState::Planned => {
            "  automation: being switched off; nothing is written before\n".to_owned()
        }
        AutomationState::Off => format!(
            "  automation: {owed} switched off in the target, and on again at the run's end or when it is stopped; while it is paused they stay off, and {way} \
             switches them on\n"
        ),
        AutomationState::Restoring => format!(
            "  automation: OPEN, {owed} still to be switched on again; {way} tries at once\n"
        ),
        AutomationState::On => "  automation: nothing of this run is off\n".to_owned(),
    };
    if let Some(failure) = &automation.error {
        text += &format!("    {failure}\n");
        if let Some(hint) = &failure.hint {
            text += &format!("    {hint}\n");
        }
        if let Some(again) = automation.try_at {
            text += &format!("    tried again after {}\n", again.format("%H:%M:%S UTC"));
        }
    }
    if automation.jobs_under_way > 0 && automation.state != AutomationState::On {
        text += &format!(
            "    a stopped run's stays off until {} jobs under way in the target have ended\n",
            automation.jobs_under_way
        );
    }
    if !automation.items.is_empty() {
        let rows = automation.items.iter().map(|item| {
            vec![
                item.kind.clone(),
                item.name.clone(),
                word(item.state).to_owned(),
                item.note.clone().unwrap_or_default(),
            ]
        });
        text += &table(&["kind", "name", "state", "note"], rows);
    }
    text += &checklist(&automation.by_hand);
    text
}

fn word(state: SwitchState) -> &'static str {
    match state {
        SwitchState::Planned => "planned",
        SwitchState::Off => "off",
        SwitchState::Failed => "FAILED",
        SwitchState::OnAgain => "on again",
        SwitchState::Left => "left",
        SwitchState::HandedOn => "handed on",
    }
}

fn checklist(by_hand: &[ByHand]) -> String {
    let mut text = String::new();
    if !by_hand.is_empty() {
        text += "  stays on, because no API switches it off; by hand, where it is not wanted:\n";
    }
    for item in by_hand {
        text += &format!("  [ ] {}\n      {}\n", item.what, item.way);
    }
    text
}

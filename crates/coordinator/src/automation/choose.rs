//! What of a target's automation a migration file chooses, and what is left for people to switch off.

use api::ByHand;
use connector::{Acting, Automation, Intent, Switch, Target};
use model::Failure;
use model::migration::{Automation as Choice, Migration};

/// What acts on a run's records, by what becomes of it.
pub(crate) struct Chosen {
    /// Chosen, and an API switches it; some of it may be off already.
    pub(crate) items: Vec<(Acting, String)>,
    /// Active, and no API switches it.
    pub(crate) by_hand: Vec<ByHand>,
}

/// The switches of a target of whose automation the file chooses something.
pub(crate) fn switches<'a>(
    target: &'a dyn Target,
    migration: &Migration,
) -> Result<&'a dyn Automation, Failure> {
    target.automation().ok_or_else(|| {
        Failure::usage(
            "no_automation",
            "`automation` says what of the target's own is switched off, and nothing of this target can be",
        )
        .connection(&migration.target)
        .hint("take `automation` out of the file")
    })
}

/// Sorts what acts on records by what the file says of it.
pub(crate) fn chosen(choice: &Choice, acting: Vec<Acting>) -> Chosen {
    let mut chosen = Chosen {
        items: Vec::new(),
        by_hand: Vec::new(),
    };
    for one in acting {
        match &one.switch {
            Switch::Api { id } if choice.chooses(one.kind, &one.name) => {
                let id = id.clone();
                chosen.items.push((one, id));
            }
            Switch::Api { .. } => {}
            Switch::Hand { way } if one.active => chosen.by_hand.push(ByHand {
                kind: one.kind.as_str().to_owned(),
                way: way.clone(),
                name: one.name,
                object: one.object,
                what: one.what,
            }),
            Switch::Hand { .. } => {}
        }
    }
    chosen
}

/// Refuses a name that the target does not have: a rule that is misspelt would stay on.
pub(crate) async fn refuse_unknown_names(
    target: &dyn Target,
    migration: &Migration,
    intents: &[Intent],
) -> Result<(), Failure> {
    let acting = switches(target, migration)?.acting(intents).await?;
    let known = |name: &&String| acting.iter().any(|one| one.name.eq_ignore_ascii_case(name));
    let Some(name) = migration.automation.names().find(|name| !known(name)) else {
        return Ok(());
    };
    let names: Vec<_> = acting
        .iter()
        .filter(|one| matches!(one.switch, Switch::Api { .. }))
        .map(|one| one.name.as_str())
        .collect();
    Err(Failure::usage(
        "unknown_automation",
        format!(
            "`automation` names `{name}`, and nothing of that name acts on the objects of this file"
        ),
    )
    .connection(&migration.target)
    .hint(match names.as_slice() {
        [] => "nothing that acts on them can be switched off".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    }))
}

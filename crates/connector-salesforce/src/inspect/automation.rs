//! What the org does by itself when records of an object are written, as findings: what is active, and how each is switched off.

use connector::{Acting, Switch};
use model::migration::{AutomationKind, Operation};
use model::{Failure, Finding};

use crate::automation::listing::{Listing, Told};
use crate::client::Client;
use crate::describe::Described;

/// Findings about one object that these operations are done to.
pub(super) async fn inspect(
    listing: &mut Listing,
    client: &Client,
    described: &Described,
    operations: &[Operation],
) -> Vec<Finding> {
    let told = listing.of(client, described, operations).await;
    findings(&described.object.name, told)
}

fn findings(object: &str, told: Vec<Told>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut none = Vec::new();
    let mut refused: Vec<(String, Vec<AutomationKind>)> = Vec::new();
    let asked = !told.is_empty();
    for (kind, told) in told {
        match told {
            Ok(found) => {
                let before = findings.len();
                findings.extend(found.into_iter().filter(|one| one.active).map(finding));
                if findings.len() == before {
                    none.push(plural(kind));
                }
            }
            Err(failure) => {
                let reason = last_line(&failure.message).to_owned();
                match refused.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, kinds)) => kinds.push(kind),
                    None => refused.push((reason, vec![kind])),
                }
            }
        }
    }
    for (reason, kinds) in refused {
        findings.push(not_told(object, &kinds, &reason));
    }
    if asked && !none.is_empty() {
        findings.push(Finding::ok(
            "automation",
            format!("{object} has no active {}", none.join(", ")),
        ));
    }
    findings
}

fn finding(acting: Acting) -> Finding {
    let code = match acting.kind {
        AutomationKind::Triggers => "trigger",
        AutomationKind::ValidationRules => "validation_rule",
        AutomationKind::WorkflowRules => "workflow_rule",
        AutomationKind::DuplicateRules => "duplicate_rule",
        AutomationKind::Flows => "flow",
    };
    let hint = match acting.switch {
        Switch::Hand { way } => way,
        Switch::Api { .. } => format!(
            "list it as `{}`, or all of its kind as `{}`, under `automation: {{ switch_off: […] }}` of the migration file: a run then switches it off, and on \
             again at its end; or deactivate it under {}, and activate it again after the load",
            acting.name,
            acting.kind.as_str(),
            setup(acting.kind)
        ),
    };
    Finding::warning(code, acting.what).hint(hint)
}

fn not_told(object: &str, kinds: &[AutomationKind], reason: &str) -> Finding {
    let joined = |of: fn(AutomationKind) -> &'static str| {
        let words: Vec<_> = kinds.iter().map(|kind| of(*kind)).collect();
        words.join(", ")
    };
    let names = joined(plural);
    Finding::warning(
        "automation_not_told",
        format!("the org does not tell of its {names} on {object}: {reason}"),
    )
    .hint(format!(
        "the user needs \"View Setup and Configuration\"; or look by hand: {}",
        joined(setup)
    ))
}

fn plural(kind: AutomationKind) -> &'static str {
    match kind {
        AutomationKind::Triggers => "Apex triggers",
        AutomationKind::ValidationRules => "validation rules",
        AutomationKind::WorkflowRules => "workflow rules",
        AutomationKind::DuplicateRules => "duplicate rules",
        AutomationKind::Flows => "flows and processes",
    }
}

/// Where a person finds them.
fn setup(kind: AutomationKind) -> &'static str {
    match kind {
        AutomationKind::Triggers => "Setup > Object Manager > Triggers",
        AutomationKind::ValidationRules => "Setup > Object Manager > Validation Rules",
        AutomationKind::WorkflowRules => "Setup > Workflow Rules",
        AutomationKind::DuplicateRules => "Setup > Duplicate Rules",
        AutomationKind::Flows => "Setup > Flows",
    }
}

/// What of an object stands for a kind of which the org tells nothing.
pub(crate) fn untold(object: &str, kind: AutomationKind, failure: &Failure) -> Acting {
    let found = not_told(object, &[kind], last_line(&failure.message));
    Acting {
        kind,
        name: format!("{object}.?"),
        object: object.to_owned(),
        active: true,
        what: found.what,
        switch: Switch::Hand {
            way: found.hint.unwrap_or_default(),
        },
    }
}

/// A query that is refused comes back with itself before the reason.
fn last_line(message: &str) -> &str {
    message.trim_end().lines().last().unwrap_or_default()
}

//! The org's own automation: what acts on records that are loaded, and the switches of it.
//! Source: Tooling API guide, ValidationRule, WorkflowRule and FlowDefinition. Their `Metadata` is always sent whole, as it was read.

pub(crate) mod listing;

use async_trait::async_trait;
use connector::{Acting, Automation, Intent};
use model::migration::AutomationKind;
use model::{Failure, FailureKind};
use serde_json::{Value, json};

use crate::client::Call;
use crate::inspect::automation::untold;
use crate::query::{rows, text};
use crate::soql::escaped;
use crate::target::SalesforceTarget;
use listing::Listing;

/// The column of a flow's metadata that says which version is active; 0: none.
const VERSION: &str = "activeVersionNumber";

#[async_trait]
impl Automation for SalesforceTarget {
    async fn place(&self) -> Result<String, Failure> {
        let query = "SELECT Id FROM Organization";
        let found = rows(self.client(), &["query"], query).await?;
        let id = found.first().map(|row| text(row, "Id")).unwrap_or_default();
        if id.is_empty() {
            return Err(Failure::pause(
                "no_organization",
                "the org does not tell its id, by which runs into the same org know of each other",
            )
            .hint("the user needs to see the object Organization"));
        }
        Ok(id.to_owned())
    }

    async fn acting(&self, intents: &[Intent]) -> Result<Vec<Acting>, Failure> {
        let mut listing = Listing::default();
        let mut all = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for intent in intents {
            let described = self.descriptions().of(&intent.to).await?;
            let object = &described.object.name;
            if seen.contains(object) {
                continue;
            }
            seen.push(object.clone());
            let same = |other: &&Intent| other.to.eq_ignore_ascii_case(object);
            let operations: Vec<_> = intents.iter().filter(same).map(|o| o.operation).collect();
            for (kind, told) in listing.of(self.client(), &described, &operations).await {
                match told {
                    Ok(acting) => all.extend(acting),
                    // What a person has to see to anyway, a person can look up too.
                    Err(failure) if !kind.can_be_switched() && !passes(&failure) => {
                        all.push(untold(object, kind, &failure));
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(all)
    }

    async fn state(&self, kind: AutomationKind, id: &str) -> Result<Option<Value>, Failure> {
        let query = format!(
            "SELECT Metadata FROM {} WHERE Id='{}'",
            entity(kind)?,
            escaped(id)
        );
        let found = rows(self.client(), &["tooling", "query"], &query).await?;
        let metadata = found.into_iter().next();
        let metadata = metadata.and_then(|mut row| row.get_mut("Metadata").map(Value::take));
        Ok(match (kind, metadata) {
            (_, None | Some(Value::Null)) => None,
            // The rest of a flow's metadata is no part of the switch; without an active version the number is 0 or null.
            (AutomationKind::Flows, Some(metadata)) => {
                let version = metadata.get(VERSION).and_then(Value::as_u64);
                Some(json!({ VERSION: version.unwrap_or_default() }))
            }
            (_, metadata) => metadata,
        })
    }

    fn off(&self, kind: AutomationKind, state: &Value) -> Value {
        let mut off = state.clone();
        let (switch, to) = match kind {
            AutomationKind::Flows => (VERSION, json!(0)),
            _ => ("active", json!(false)),
        };
        if let Value::Object(metadata) = &mut off {
            metadata.insert(switch.to_owned(), to);
        }
        off
    }

    async fn set(&self, kind: AutomationKind, id: &str, state: &Value) -> Result<(), Failure> {
        let path = ["tooling", "sobjects", entity(kind)?, id];
        let body = json!({ "Metadata": state });
        // Switching on again has to work beyond the budget of calls too, and switching off is of no use without it.
        let call = Call::patch(&path, &body).settling();
        self.client().done(call).await.map_err(|error| {
            let mut failure = Failure::from(error);
            if failure.code == "no_access" {
                failure.hint = None;
                failure = failure.hint(match kind {
                    AutomationKind::Flows => "the user needs the permission \"Manage Flow\"",
                    _ => "the user needs the permission \"Customize Application\"",
                });
            }
            failure
        })
    }
}

fn passes(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Retry | FailureKind::RetryAlone)
        || failure.code == "unreachable"
}

/// The object of the tooling API that holds a kind's switches.
fn entity(kind: AutomationKind) -> Result<&'static str, Failure> {
    match kind {
        AutomationKind::ValidationRules => Ok("ValidationRule"),
        AutomationKind::WorkflowRules => Ok("WorkflowRule"),
        AutomationKind::Flows => Ok("FlowDefinition"),
        AutomationKind::Triggers | AutomationKind::DuplicateRules => {
            Err(Failure::bug(format!("a {} was to be switched", kind.one())))
        }
    }
}

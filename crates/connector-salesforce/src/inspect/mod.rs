//! What stands in the way of a load, or acts on what is loaded, as the org tells it. Reads only; what the org does not tell is a finding too.

pub(crate) mod automation;
mod limits;
mod object;

use connector::Intent;
use model::Finding;
use serde_json::Value;

use crate::automation::listing::Listing;
use crate::client::{Call, Client};
use crate::descriptions::Descriptions;
use crate::errors::CallError;
use crate::query::{rows, text};

pub(crate) async fn inspect(
    client: &Client,
    descriptions: &Descriptions,
    intents: &[Intent],
) -> Vec<Finding> {
    // The smallest call that needs a session.
    let reached: Result<Value, CallError> = client.json(Call::get(&[])).await;
    if let Err(error) = reached {
        return vec![Finding::from(model::Failure::from(error))];
    }
    let mut findings = vec![organization(client).await];
    findings.extend(limits::inspect(client, intents).await);
    let mut seen: Vec<String> = Vec::new();
    let mut listing = Listing::default();
    for intent in intents {
        let place = |finding: Finding| finding.object(&intent.object);
        match descriptions.of(&intent.to).await {
            Ok(described) => {
                let about = object::inspect(client, intent, &described).await;
                findings.extend(about.into_iter().map(place));
                // Several objects of the file may go into one of the org.
                let name = &described.object.name;
                if !seen.contains(name) {
                    seen.push(name.clone());
                    let operations: Vec<_> = intents
                        .iter()
                        .filter(|other| other.to.eq_ignore_ascii_case(name))
                        .map(|other| other.operation)
                        .collect();
                    let acts =
                        automation::inspect(&mut listing, client, &described, &operations).await;
                    findings.extend(acts.into_iter().map(place));
                }
            }
            Err(failure) => findings.push(place(failure.into())),
        }
    }
    findings
}

/// Who answers, and whether it is the real thing.
async fn organization(client: &Client) -> Finding {
    let query = "SELECT Name, OrganizationType, IsSandbox FROM Organization";
    let found = rows(client, &["query"], query).await;
    let Some(org) = found.ok().and_then(|found| found.into_iter().next()) else {
        return Finding::ok("login", "the org lets us in");
    };
    let kind = match org.get("IsSandbox").and_then(Value::as_bool) {
        Some(true) => "a sandbox",
        Some(false) => "no sandbox",
        None => "not known to be a sandbox",
    };
    Finding::ok(
        "login",
        format!(
            "the org `{}` lets us in ({}, {kind})",
            text(&org, "Name"),
            text(&org, "OrganizationType")
        ),
    )
}

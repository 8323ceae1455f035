//! What stands in the way of a load, or acts on what is loaded, as the org tells it. Reads only; what the org does not tell is a finding too.

pub(crate) mod automation;
mod limits;
mod object;

use connector::Intent;
use model::Finding;
use serde_json::Value;

use crate::automation::listing::Listing;
use crate::client::{Call, Client};
use crate::errors::CallError;
use crate::target::SalesforceTarget;

/// Pages of a query that are followed.
const PAGES: usize = 10;

pub(crate) async fn inspect(target: &SalesforceTarget, intents: &[Intent]) -> Vec<Finding> {
    let client = target.client();
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
        match target.described(&intent.to).await {
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

/// All rows of a query; `door` is `query` or `tooling/query`.
pub(crate) async fn rows(
    client: &Client,
    door: &[&str],
    soql: &str,
) -> Result<Vec<Value>, CallError> {
    let mut page: Value = client.json(Call::get(door).query("q", soql)).await?;
    let mut rows = Vec::new();
    for _ in 0..PAGES {
        if let Some(Value::Array(records)) = page.get_mut("records").map(Value::take) {
            rows.extend(records);
        }
        // Behind the path of this door stands a cursor.
        let next = page.get("nextRecordsUrl").and_then(Value::as_str);
        let Some(cursor) = next.and_then(|next| next.rsplit('/').next()) else {
            break;
        };
        let mut segments = door.to_vec();
        segments.push(cursor);
        page = client.json(Call::get(&segments)).await?;
    }
    Ok(rows)
}

/// A field of a row, or of a parent of it, `EntityDefinition.QualifiedApiName`; empty where it is null.
pub(crate) fn text<'a>(row: &'a Value, path: &str) -> &'a str {
    let found = path.split('.').try_fold(row, |value, name| value.get(name));
    found.and_then(Value::as_str).unwrap_or_default()
}

//! The org's objects with their lookups: those that people keep records in and that have some.

use std::collections::HashMap;

use connector::{Catalogue, Listed, Parent, TargetObject};
use model::migration::From;
use model::{Failure, Finding};
use serde::Deserialize;

use crate::client::{Call, Client};
use crate::describe::{ID, describe, global};

/// Names of one call, so that its address stays short enough for the org.
const COUNTED_AT_ONCE: usize = 200;

#[derive(Deserialize)]
struct Counts {
    #[serde(rename = "sObjects")]
    sobjects: Vec<Count>,
}

#[derive(Deserialize)]
struct Count {
    name: String,
    count: u64,
}

pub(super) async fn catalogue(client: &Client, only: &[String]) -> Result<Catalogue, Failure> {
    let all = global(client).await?;
    // What is asked for by its name may be anything.
    let named = |name: &str| !only.is_empty() && Catalogue::wants(only, name);
    let wanted = all.iter().filter(|entry| match only.is_empty() {
        true => entry.is_business(),
        false => entry.queryable && named(&entry.name),
    });
    let wanted: Vec<&str> = wanted.map(|entry| entry.name.as_str()).collect();
    let counts = counts(client, &wanted).await?;
    let mut catalogue = Catalogue::default();
    let mut empty = Vec::new();
    for name in &wanted {
        if !named(name) && counts.get(*name).is_none_or(|count| *count == 0) {
            empty.push(*name);
            continue;
        }
        catalogue
            .objects
            .push(listed(&describe(client, name).await?.object));
    }
    if !empty.is_empty() {
        let what = format!("no records, and so left out: {}", empty.join(", "));
        catalogue.left_out.push(
            Finding::ok("left_out", what).hint("name those that are wanted all the same: --only"),
        );
    }
    Ok(catalogue)
}

async fn counts(client: &Client, names: &[&str]) -> Result<HashMap<String, u64>, Failure> {
    let mut counts = HashMap::new();
    for names in names.chunks(COUNTED_AT_ONCE) {
        let call = Call::get(&["limits", "recordCount"]).query("sObjects", &names.join(","));
        let answer: Counts = client.json(call).await?;
        counts.extend(answer.sobjects.into_iter().map(|of| (of.name, of.count)));
    }
    Ok(counts)
}

fn listed(object: &TargetObject) -> Listed {
    let to_each = object.relations.iter().flat_map(|relation| {
        relation.to.iter().map(|to| Parent {
            columns: vec![relation.field.clone()],
            from: From::Table(to.clone()),
            to: vec![ID.to_owned()],
        })
    });
    Listed {
        from: From::Table(object.name.clone()),
        name: object.name.clone(),
        // Other unique fields may be null.
        keys: vec![vec![ID.to_owned()]],
        parents: to_each.collect(),
    }
}

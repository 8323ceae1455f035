//! Which records are there: asked before a small set is written, and again when an answer was lost.

use std::collections::BTreeMap;

use connector::LoadPlan;
use model::Failure;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::{Call, Client};
use crate::describe::ID;
use crate::key::{self, KeyForm};
use crate::soql;

/// Bytes of one query as it is written: an address of some 16 KB is refused, and escapes make it up to three times as long.
const LONGEST: usize = 5_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    records: Vec<Map<String, Value>>,
    done: bool,
}

pub(super) async fn there(
    client: &Client,
    plan: &LoadPlan,
    keys: &[&str],
) -> Result<BTreeMap<String, String>, Failure> {
    let field = key::field(plan)?;
    let form = KeyForm::of(field);
    let alike = |key: &str| match field.case_sensitive || form != KeyForm::Text {
        true => key.to_owned(),
        false => key.to_lowercase(),
    };
    let mut found = BTreeMap::new();
    for query in queries(&plan.to, &field.name, form, keys)? {
        let page: Page = client
            .json(Call::get(&["query"]).query("q", &query))
            .await?;
        if !page.done {
            return Err(Failure::bug(format!(
                "the org has more records of these keys than keys were asked for; is `{}` unique?",
                field.name
            ))
            .field(&field.name));
        }
        for record in &page.records {
            let key = match record.get(&field.name) {
                Some(Value::String(text)) => form.normal(text),
                Some(number @ Value::Number(_)) => form.normal(&number.to_string()),
                _ => continue,
            };
            if let Some(id) = record.get(ID).and_then(Value::as_str) {
                found.insert(alike(&key), id.to_owned());
            }
        }
    }
    let there = keys
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), found.get(&alike(key))?.clone())));
    Ok(there.collect())
}

/// As few queries as their length allows.
fn queries(
    object: &str,
    field: &str,
    form: KeyForm,
    keys: &[&str],
) -> Result<Vec<String>, Failure> {
    let select = if field == ID {
        ID.to_owned()
    } else {
        format!("{ID}, {field}")
    };
    let head = format!(
        "SELECT {select} FROM {} WHERE {field} IN (",
        soql::name(object)?
    );
    let mut queries: Vec<String> = Vec::new();
    for key in keys {
        let literal = match form {
            KeyForm::Number => key::digits(key),
            KeyForm::Text | KeyForm::Id => format!("'{}'", soql::escaped(key)),
        };
        match queries.last_mut() {
            Some(query) if query.len() + literal.len() < LONGEST => {
                query.push_str(", ");
                query.push_str(&literal);
            }
            _ => queries.push(format!("{head}{literal}")),
        }
    }
    for query in &mut queries {
        query.push(')');
    }
    Ok(queries)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_usual_keys_are_one_query_and_long_ones_several() {
        let keys: Vec<_> = (0..200).map(|n| format!("LEGACY_{n:06}")).collect();
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let short = queries("Account", "Key__c", KeyForm::Text, &keys).unwrap();
        assert_eq!(short.len(), 1);
        assert!(short[0].starts_with(
            "SELECT Id, Key__c FROM Account WHERE Key__c IN ('LEGACY_000000', 'LEGACY_000001'"
        ));
        let long = "x".repeat(255);
        let long = queries("Account", "Key__c", KeyForm::Text, &[&*long; 200]).unwrap();
        assert!(long.len() > 8 && long.iter().all(|query| query.len() < LONGEST + 300));
        let asked: usize = long.iter().map(|query| query.matches("x'").count()).sum();
        assert_eq!(asked, 200);
    }

    #[test]
    fn keys_stand_in_a_query_as_what_they_are() {
        let texts = queries("Account", "Key__c", KeyForm::Text, &["a'b"]).unwrap();
        assert_eq!(
            texts,
            [r"SELECT Id, Key__c FROM Account WHERE Key__c IN ('a\'b')"]
        );
        let numbers = ["12", "9e8", "-125e-2"];
        let numbers = queries("Account", "No__c", KeyForm::Number, &numbers).unwrap();
        assert_eq!(
            numbers,
            ["SELECT Id, No__c FROM Account WHERE No__c IN (12, 900000000, -1.25)"]
        );
        let ids = queries("Account", "Id", KeyForm::Id, &["001D000000IqhSLIAZ"]).unwrap();
        assert_eq!(
            ids,
            ["SELECT Id FROM Account WHERE Id IN ('001D000000IqhSLIAZ')"]
        );
        assert!(queries("Account; x", "Id", KeyForm::Id, &[]).is_err());
    }
}
